package m3ter

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/shopspring/decimal"
)

const searchPageSize = 10 // the one default that is documented

// searchTerm is one condition of a searchQuery: name~North.
type searchTerm struct{ field, comparator, value string }

// comparators in the order they are looked for: those of two characters before their first.
var comparators = []string{">=", "<=", ":", "~", ">", "<"}

func parseSearch(text string) ([]searchTerm, error) {
	var terms []searchTerm
	for part := range strings.SplitSeq(text, "$") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		at, found := len(part), ""
		for _, comparator := range comparators {
			if i := strings.Index(part, comparator); i > 0 && i < at {
				at, found = i, comparator
			}
		}
		if found == "" || strings.TrimSpace(part[:at]) == "" {
			return nil, errInvalid("searchQuery: the term %s has no comparator", part)
		}
		terms = append(terms, searchTerm{
			field: strings.TrimSpace(part[:at]), comparator: found, value: strings.TrimSpace(part[at+len(found):]),
		})
	}
	return terms, nil
}

// search answers a search call. A hit is found among the fields of the answer; the token of a further page is the number
// of its first hit (M3T-051).
func (e *entity[T]) search(fields ...string) echo.HandlerFunc {
	return func(c echo.Context) error {
		l := readListing(c, 100)
		if !l.query.Has("pageSize") {
			l.size = searchPageSize
		}
		return view(c, func(c *call) (any, error) {
			terms, err := parseSearch(l.query.Get("searchQuery"))
			if err != nil && !c.rules.Conformance {
				return nil, err
			}
			for _, t := range terms {
				if !slices.Contains(fields, t.field) && !c.rules.Conformance {
					return nil, errInvalid("searchQuery: %s is not one of %s", t.field, strings.Join(fields, ", "))
				}
			}
			hits, err := e.hits(c, l, terms)
			if err != nil {
				return nil, err
			}
			return cutHits(c, l, hits)
		})
	}
}

// hit is an entity as a search sees it: by the names of the answer's fields.
type hit struct {
	shown  any
	fields map[string]json.RawMessage
}

// hits returns everything found, newest first unless sortBy says otherwise.
func (e *entity[T]) hits(c *call, l listing, terms []searchTerm) ([]hit, error) {
	var found []hit
	for r := range e.rows.Before(c.tx, c.org, 0) {
		h := hit{shown: e.answer(c, r.Value)}
		text, err := encode(h.shown)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &h.fields); err != nil {
			return nil, err
		}
		if h.matches(terms, l.query.Get("operator") == "OR") {
			found = append(found, h)
		}
	}
	if field := l.query.Get("sortBy"); field != "" {
		slices.SortStableFunc(found, func(a, b hit) int { return compareText(a.text(field), b.text(field)) })
		if l.query.Get("sortOrder") == "DESC" {
			slices.Reverse(found)
		}
	}
	return found, nil
}

func (h hit) matches(terms []searchTerm, anyOf bool) bool {
	if len(terms) == 0 {
		return true
	}
	for _, t := range terms {
		if t.matches(h) == anyOf {
			return anyOf
		}
	}
	return !anyOf
}

// text returns the value of a field as it would be written in a query.
func (h hit) text(field string) string {
	raw := h.fields[field]
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func (t searchTerm) matches(h hit) bool {
	switch t.field {
	case "ids", "codes": // alternatives
		return slices.Contains(strings.Split(t.value, ","), h.text(strings.TrimSuffix(t.field, "s")))
	}
	value := h.text(t.field)
	switch t.comparator {
	case ":":
		return value == t.value
	case "~":
		return strings.HasPrefix(strings.ToLower(value), strings.ToLower(t.value))
	}
	if value == "" {
		return false
	}
	switch order := compareText(sortable(value), sortable(t.value)); t.comparator {
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	default:
		return order <= 0
	}
}

// compareText orders numbers as numbers and everything else as text.
func compareText(a, b string) int {
	x, errX := parseNumber(a)
	y, errY := parseNumber(b)
	if errX == nil && errY == nil {
		return decimal.Decimal.Cmp(x, y)
	}
	return cmp.Compare(a, b)
}

func cutHits(c *call, l listing, hits []hit) (any, error) {
	from, err := strconv.Atoi(l.query.Get("fromDocument"))
	if err != nil || from < 0 {
		from = 0
	}
	if l.token != "" {
		if from, err = strconv.Atoi(l.token); err != nil || from < 0 {
			if !c.rules.Conformance {
				return nil, errInvalid("nextToken is not a token of this search")
			}
			from = 0
		}
	}
	from = min(from, len(hits))
	until := min(from+l.size, len(hits))
	var p page[any]
	for _, h := range hits[from:until] {
		p.Data = append(p.Data, h.shown)
	}
	if until < len(hits) {
		p.NextToken = strconv.Itoa(until)
	}
	return p, nil
}

// The fields that searches know. Those of accounts are documented, of the others a part (M3T-051).
var (
	accountSearchFields = []string{
		"name", "code", "currency", "purchaseOrderNumber", "parentAccountId", "codes", "id", "createdBy", "dtCreated",
		"lastModifiedBy", "ids",
	}
	commitmentSearchFields = []string{
		"id", "ids", "accountId", "contractId", "amount", "currency", "startDate", "endDate", "createdBy", "dtCreated",
		"dtLastModified", "lastModifiedBy",
	}
	billSearchFields = []string{
		"id", "ids", "accountId", "accountCode", "billDate", "billJobId", "billTotal", "billingFrequency", "createdBy",
		"currency", "dtApproved", "dtCreated", "dtLastModified", "dueDate", "endDate", "externalInvoiceDate",
		"lastModifiedBy", "locked", "startDate", "status",
	}
)
