package m3ter

import (
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// listing is what a list call asks for.
type listing struct {
	query url.Values
	size  int
	token string
}

// readListing reads the parameters that all lists share. Without pageSize a page is as long as it may be (M3T-015);
// that a given one lies in the endpoint's range is the document's business.
func readListing(c echo.Context, most int) listing {
	query := c.QueryParams()
	size, err := strconv.Atoi(query.Get("pageSize"))
	if err != nil || size < 1 || size > most {
		size = most
	}
	return listing{query: query, size: size, token: query.Get("nextToken")}
}

// values returns the values of an array parameter, repeated or joined with commas or both; blank ones are ignored
// (M3T-016).
func (l listing) values(param string) []string {
	var values []string
	for _, joined := range l.query[param] {
		for value := range strings.SplitSeq(joined, ",") {
			if value = strings.TrimSpace(value); value != "" {
				values = append(values, value)
			}
		}
	}
	return values
}

// binding ties a token to the list and the filters it was given out for.
func (l listing) binding(c *call, what string) string {
	filters := url.Values{}
	for name := range l.query {
		if name != "pageSize" && name != "nextToken" {
			filters[name] = l.values(name)
		}
	}
	return what + nul + c.org + nul + filters.Encode()
}

// page is the envelope of every list; the token is absent on the last page.
type page[A any] struct {
	Data      list[A] `json:"data"`
	NextToken string  `json:"nextToken,omitempty"`
}

// cut takes one page of rows that keep accepts, newest first, and only then ends it: no page is empty while it
// carries a token.
func cut[T, A any](c *call, l listing, what string, rows store.Ordered[T], keep func(store.Row[T]) bool,
	show func(store.Row[T]) A,
) (page[A], error) {
	binding, position := l.binding(c, what), uint64(0)
	if l.token != "" {
		if err := wire.DecodeCursor(l.token, binding, &position); err != nil && !c.rules.Conformance {
			return page[A]{}, errInvalid("nextToken is not a token of this list")
		}
	}
	return pageOf(l.size, binding, rows.Before(c.tx, c.org, position), keep, show)
}

func pageOf[T, A any](size int, binding string, rows iter.Seq[store.Row[T]], keep func(store.Row[T]) bool,
	show func(store.Row[T]) A,
) (page[A], error) {
	var (
		p    page[A]
		last uint64
	)
	for r := range rows {
		if !keep(r) {
			continue
		}
		if len(p.Data) == size {
			var err error
			p.NextToken, err = wire.EncodeCursor(binding, last)
			return p, err
		}
		p.Data, last = append(p.Data, show(r)), r.Position
	}
	return p, nil
}

// filter is a parameter of a list. It returns the test that rows must pass; all filters of a call must agree.
type filter[T any] struct {
	param string
	test  func(c *call, l listing) (func(row[T]) bool, error)
}

// by declares a filter that keeps rows whose value is one of those asked for; ids that nobody has match nothing.
func by[T any](param string, value func(*T) string) filter[T] {
	return filter[T]{param: param, test: func(_ *call, l listing) (func(row[T]) bool, error) {
		asked := l.values(param)
		return func(r row[T]) bool {
			return len(asked) == 0 || slices.Contains(asked, value(&r.Fields))
		}, nil
	}}
}

// byAny declares a filter over a field that holds several values.
func byAny[T any](param string, values func(*T) []string) filter[T] {
	return filter[T]{param: param, test: func(_ *call, l listing) (func(row[T]) bool, error) {
		asked := l.values(param)
		return func(r row[T]) bool {
			return len(asked) == 0 || slices.ContainsFunc(values(&r.Fields), func(v string) bool {
				return slices.Contains(asked, v)
			})
		}, nil
	}}
}

// between declares a pair of filters over a date or date-time: start included, end excluded.
func between[T any](start, end string, value func(*T) string) filter[T] {
	return filter[T]{param: start, test: func(c *call, l listing) (func(row[T]) bool, error) {
		from, until := sortable(l.query.Get(start)), sortable(l.query.Get(end))
		return func(r row[T]) bool {
			v := sortable(value(&r.Fields))
			return (from == "" || v >= from) && (until == "" || v != "" && v < until)
		}, nil
	}}
}

// sortable writes a date-time so that the order of texts is the order of time, also against plain dates.
func sortable(text string) string {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return micro(t)
	}
	return text
}

// list answers GET of the collection.
func (e *entity[T]) list(most int) echo.HandlerFunc {
	return func(c echo.Context) error {
		l := readListing(c, most)
		return view(c, func(c *call) (any, error) { return e.listed(c, l, e.kind, nil) })
	}
}

// listed takes one page of the rows that pass the filters of the call and only, where it is given.
func (e *entity[T]) listed(c *call, l listing, what string, only func(row[T]) bool) (any, error) {
	tests, err := e.tests(c, l)
	if err != nil {
		return nil, err
	}
	if only != nil {
		tests = append(tests, only)
	}
	keep := func(r store.Row[row[T]]) bool {
		for _, test := range tests {
			if !test(r.Value) {
				return false
			}
		}
		return true
	}
	return cut(c, l, what, e.rows, keep, func(r store.Row[row[T]]) any {
		if e.inList != nil {
			return e.inList(c, r.Value)
		}
		return e.answer(c, r.Value)
	})
}

func (e *entity[T]) tests(c *call, l listing) ([]func(row[T]) bool, error) {
	ids, byCode := l.values("ids"), l.values("codes")
	tests := []func(row[T]) bool{func(r row[T]) bool {
		return (len(ids) == 0 || slices.Contains(ids, r.ID)) &&
			(len(byCode) == 0 || e.code != nil && slices.Contains(byCode, e.code(&r.Fields)))
	}}
	for _, f := range e.filters {
		test, err := f.test(c, l)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return tests, nil
}

// eachBatch is how many rows each reads before it hands them on.
const eachBatch = 256

// each walks the entities of the caller's organization, oldest first. Between two of them the caller may write.
func each[T any](c *call, rows store.Ordered[row[T]]) iter.Seq[row[T]] {
	return func(yield func(row[T]) bool) {
		for position := uint64(0); ; {
			batch := make([]row[T], 0, eachBatch)
			for r := range rows.After(c.tx, c.org, position) {
				batch, position = append(batch, r.Value), r.Position
				if len(batch) == eachBatch {
					break
				}
			}
			for _, r := range batch {
				if !yield(r) {
					return
				}
			}
			if len(batch) < eachBatch {
				return
			}
		}
	}
}

// cutSlice takes one page of a list that is part of an entity, in its own order.
func cutSlice[A any](c *call, l listing, what string, all []A) (page[A], error) {
	binding, from := l.binding(c, what), 0
	if l.token != "" {
		if err := wire.DecodeCursor(l.token, binding, &from); err != nil && !c.rules.Conformance {
			return page[A]{}, errInvalid("nextToken is not a token of this list")
		}
	}
	from = min(max(from, 0), len(all))
	until := min(from+l.size, len(all))
	p := page[A]{Data: all[from:until]}
	if until == len(all) {
		return p, nil
	}
	var err error
	p.NextToken, err = wire.EncodeCursor(binding, until)
	return p, err
}
