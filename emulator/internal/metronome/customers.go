package metronome

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

const maxNameLength = 160 // characters; what is longer is cut

// customerBody is a customer as it is answered when created or renamed.
type customerBody struct {
	ID            string            `json:"id"`
	ExternalID    string            `json:"external_id"` // deprecated: the first identifier that events can use
	IngestAliases []string          `json:"ingest_aliases"`
	Name          string            `json:"name"`
	CustomFields  map[string]string `json:"custom_fields"`
}

// customerDetail is a customer as it is read.
type customerDetail struct {
	customerBody
	CustomerConfig        customerConfig      `json:"customer_config"`
	CreatedAt             string              `json:"created_at"`
	UpdatedAt             string              `json:"updated_at"`
	ArchivedAt            *string             `json:"archived_at"`
	CurrentBillableStatus *billableStatusBody `json:"current_billable_status,omitempty"`
}

type customerConfig struct {
	SalesforceAccountID *string `json:"salesforce_account_id"`
}

func customerBodyOf(row customer) customerBody {
	body := customerBody{
		ID: row.ID, ExternalID: row.ID, IngestAliases: row.Aliases, Name: row.Name, CustomFields: row.CustomFields,
	}
	if len(row.Aliases) > 0 {
		body.ExternalID = row.Aliases[0]
	} else {
		body.IngestAliases = []string{}
	}
	if body.CustomFields == nil {
		body.CustomFields = map[string]string{}
	}
	return body
}

func customerDetailOf(row customer, now time.Time) customerDetail {
	return customerDetail{
		customerBody: customerBodyOf(row), CustomerConfig: customerConfig{row.Salesforce},
		CreatedAt: inMillis(row.Created), UpdatedAt: inMillis(row.Updated), ArchivedAt: inMillisOrNull(row.Archived),
		CurrentBillableStatus: statusAt(row, now),
	}
}

// customer returns the customer of an id, archived or not. What is no UUID is no customer's id. // MET-021
func (w caller) customer(tx *store.Tx, id string) (customer, error) {
	id = lowered(id)
	row, ok := customers.get(tx, w.environment, id)
	if ok {
		return row, nil
	}
	if w.Conformance {
		return customer{ID: id, Name: id, Created: tx.Now, Updated: tx.Now}, nil // MET-051
	}
	return row, errNoCustomer(id)
}

type createCustomerRequest struct {
	Name         string            `json:"name"`
	Aliases      []string          `json:"ingest_aliases"`
	ExternalID   string            `json:"external_id"`
	CustomFields map[string]string `json:"custom_fields"`
	Providers    json.RawMessage   `json:"customer_billing_provider_configurations"`
	Revenue      json.RawMessage   `json:"customer_revenue_system_configurations"`
	Legacy       json.RawMessage   `json:"billing_config"`
}

type customerResponse struct {
	Data customerBody `json:"data"`
}

func (a *API) createCustomer(c echo.Context) error {
	var req createCustomerRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		if !who.Conformance && (deliversTwice(req.Providers) || deliversTwice(req.Revenue)) {
			return nil, errDeliveryTwice()
		}
		row := customer{
			ID: store.NewUUID(tx, "metronome/customer"), Name: shortened(req.Name), CustomFields: req.CustomFields,
			Created: tx.Now, Updated: tx.Now,
		}
		if req.Providers != nil || req.Revenue != nil || req.Legacy != nil {
			row.Billing = &billing{Providers: req.Providers, Revenue: req.Revenue, Legacy: req.Legacy}
		}
		aliases := req.Aliases
		if req.ExternalID != "" && !slices.Contains(aliases, req.ExternalID) {
			aliases = slices.Insert(aliases, 0, req.ExternalID) // MET-043
		}
		if _, taken := who.setAliases(tx, &row, aliases); taken {
			return nil, errCustomerExists()
		}
		if err := who.claimCustomFields(tx, entityCustomer, row.ID, nil, row.CustomFields); err != nil {
			return nil, err
		}
		customers.put(tx, who.environment, row)
		return customerResponse{customerBodyOf(row)}, nil
	})
}

// shortened cuts a name that is too long.
func shortened(name string) string {
	if utf8.RuneCountInString(name) <= maxNameLength {
		return name
	}
	return string([]rune(name)[:maxNameLength])
}

// deliversTwice says whether a billing configuration names the way to deliver invoices by kind and by id at once. // MET-065
func deliversTwice(configurations json.RawMessage) bool {
	var list []struct {
		Method *string `json:"delivery_method"`
		ID     *string `json:"delivery_method_id"`
	}
	if configurations == nil || json.Unmarshal(configurations, &list) != nil {
		return false
	}
	for _, one := range list {
		if one.Method != nil && one.ID != nil {
			return true
		}
	}
	return false
}

type getCustomerResponse struct {
	Data customerDetail `json:"data"`
}

func (a *API) getCustomer(c echo.Context) error {
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		row, err := who.customer(tx, c.Param("customer_id"))
		if err != nil {
			return nil, err
		}
		return getCustomerResponse{customerDetailOf(row, tx.Now)}, nil
	})
}

func (a *API) listCustomers(c echo.Context) error {
	wanted := customerFilter{
		ids: joinedOrRepeated(c, "customer_ids"), alias: c.QueryParam("ingest_alias"),
		byAlias: c.QueryParams().Has("ingest_alias"), accounts: joinedOrRepeated(c, "salesforce_account_ids"),
		archived: c.QueryParam("only_archived") == "true",
	}
	for i, id := range wanted.ids {
		wanted.ids[i] = lowered(id)
	}
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		rows := func(place string) iter.Seq2[string, customer] { return wanted.from(tx, who, place) }
		return listPage(c, who, rows, func(row customer) customerDetail { return customerDetailOf(row, tx.Now) })
	})
}

// customerFilter is what listCustomers can ask for; a customer has to meet all of it.
type customerFilter struct {
	ids      []string // nil: any
	accounts []string // nil: any
	alias    string
	byAlias  bool
	archived bool // archived customers instead of active ones
}

// from walks the customers that meet the filter, from a place in the list on.
func (f customerFilter) from(tx *store.Tx, who caller, place string) iter.Seq2[string, customer] {
	all := customers.from(tx, who.environment, place)
	if f.byAlias { // at most one, and it is known where
		owner, _ := aliasOwners.Get(tx, in(who.environment, f.alias))
		all = only(tx, who, place, owner)
	}
	return func(yield func(string, customer) bool) {
		for place, row := range all {
			if f.passes(row) && !yield(place, row) {
				return
			}
		}
	}
}

func (f customerFilter) passes(row customer) bool {
	switch {
	case f.archived != (row.Archived != nil):
		return false
	case f.ids != nil && !slices.Contains(f.ids, row.ID): // an id that is no UUID is nobody's // MET-021
		return false
	case f.accounts != nil && (row.Salesforce == nil || !slices.Contains(f.accounts, *row.Salesforce)):
		return false
	}
	return true
}

// only walks the customer of an id, if there is one and it stands at or after a place.
func only(tx *store.Tx, who caller, place, id string) iter.Seq2[string, customer] {
	return func(yield func(string, customer) bool) {
		row, ok := customers.get(tx, who.environment, id)
		if at := placeOf(row.Created, row.ID); ok && at >= place {
			yield(at, row)
		}
	}
}

// joinedOrRepeated reads a list from the query, in which clients join the values with commas, repeat the parameter, or
// both. It is nil when the parameter is absent.
func joinedOrRepeated(c echo.Context, name string) []string {
	repeated, ok := c.QueryParams()[name]
	if !ok {
		return nil
	}
	return strings.Split(strings.Join(repeated, ","), ",")
}
