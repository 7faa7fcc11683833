package metronome

import (
	"errors"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

const (
	defaultPageRows = 200 // of a page of usage // MET-002
	maxGroups       = 200 // that a query answers when it names none
)

// usageQuery is the body of POST /v1/usage.
type usageQuery struct {
	grid      grid
	customers []string      // nil: all active ones
	metrics   []usageMetric // nil: all active ones
}

type usageMetric struct {
	id      string
	groupBy *string
	values  []string // nil: those seen in the range
}

type usageRow struct {
	CustomerID         string              `json:"customer_id"`
	BillableMetricID   string              `json:"billable_metric_id"`
	BillableMetricName string              `json:"billable_metric_name"`
	Start              string              `json:"start_timestamp"`
	End                string              `json:"end_timestamp"`
	Value              quantity            `json:"value"`
	Groups             map[string]quantity `json:"groups,omitzero"`
}

// usagePlace is where a walk through usage goes on: at a window of a pair of customer and metric.
type usagePlace struct {
	Customer string `json:"c"`
	Metric   string `json:"m"`
	Window   int    `json:"w"`
}

func (a *API) listUsage(c echo.Context) error {
	body, err := readBody(c.Request())
	if err != nil {
		return err
	}
	query, err := decodeUsage(c, body)
	if err != nil {
		return err
	}
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		if err := query.check(tx, who); err != nil {
			return nil, err
		}
		var from usagePlace
		switch err := readCursor(c, who, &from); {
		case errors.Is(err, errNothingMore):
			return list[usageRow]{Data: []usageRow{}}, nil
		case err != nil:
			return nil, err
		}
		rows, next := query.page(tx, who, from)
		page := list[usageRow]{Data: rows}
		if next != nil {
			page.NextPage, err = writeCursor(c, who, next)
		}
		return page, err
	})
}

// check refuses what no page could answer.
func (q *usageQuery) check(tx *store.Tx, who caller) error {
	if who.Conformance {
		return nil // MET-051
	}
	if err := q.grid.check(); err != nil {
		return err
	}
	for _, id := range q.customers {
		if who.UnknownIDsRefused && !customers.has(tx, who.environment, id) {
			return errNoCustomer(id) // MET-009
		}
	}
	for _, m := range q.metrics {
		if m.groupBy == nil && !who.UnknownIDsRefused {
			continue
		}
		row, ok := metrics.get(tx, who.environment, m.id)
		switch {
		case !ok && who.UnknownIDsRefused:
			return errNoBillableMetric(m.id) // MET-009
		case ok && m.groupBy != nil && !row.groupsBy([]string{*m.groupBy}):
			return errNotAGroupKey([]string{*m.groupBy}, m.id) // MET-007
		}
	}
	return nil
}

// check refuses a range that the vendor refuses: both bounds lie at midnight UTC, whatever the window size.
func (g grid) check() error {
	switch {
	case !isMidnight(g.from) || !isMidnight(g.to):
		return errNotMidnight()
	case !g.from.Before(g.to):
		return errReversedRange()
	}
	return nil
}

// page makes one page: rows by customer, then metric, then time, of one pair of them alone, unless pages are to be
// packed. It tells where the next page begins, if there is one. // MET-001, MET-002
func (q *usageQuery) page(tx *store.Tx, who caller, from usagePlace) (rows []usageRow, next *usagePlace) {
	size := who.PageRows
	if size == 0 {
		size = defaultPageRows
	}
	rows = []usageRow{}
	windows := q.grid.windows()
	for pair := range q.pairs(tx, who, from) {
		if len(rows) > 0 && (!who.PackedPages || len(rows) == size) {
			return rows, &pair.place
		}
		window := 0
		if pair.place.Customer == from.Customer && pair.place.Metric == from.Metric {
			window = min(max(from.Window, 0), windows)
		}
		n := min(size-len(rows), windows-window)
		rows = append(rows, q.rows(tx, who, pair, window, n)...)
		if window+n < windows {
			pair.place.Window = window + n
			return rows, &pair.place
		}
	}
	return rows, nil
}

// usagePair is a customer and a metric that a query asks for.
type usagePair struct {
	place    usagePlace
	customer customer
	metric   billableMetric
	wanted   usageMetric
}

// pairs walks customers, and the metrics for each of them, from a place on.
func (q *usageQuery) pairs(tx *store.Tx, who caller, from usagePlace) iter.Seq[usagePair] {
	return func(yield func(usagePair) bool) {
		for customerPlace, customer := range q.customersFrom(tx, who, from.Customer) {
			metricPlace := ""
			if customerPlace == from.Customer {
				metricPlace = from.Metric
			}
			for place, m := range q.metricsFrom(tx, who, metricPlace) {
				m.customer, m.place = customer, usagePlace{Customer: customerPlace, Metric: place}
				if !yield(m) {
					return
				}
			}
		}
	}
}

// customersFrom walks the customers asked for, in the order of the request, or else all active ones. Ids that nobody
// has are passed over. // MET-008, MET-009
func (q *usageQuery) customersFrom(tx *store.Tx, who caller, place string) iter.Seq2[string, customer] {
	if q.customers != nil {
		return asked(q.customers, place, func(id string) (customer, bool) {
			return customers.get(tx, who.environment, id)
		})
	}
	return customerFilter{}.from(tx, who, place)
}

// metricsFrom is customersFrom for metrics.
func (q *usageQuery) metricsFrom(tx *store.Tx, who caller, place string) iter.Seq2[string, usagePair] {
	if q.metrics != nil {
		return asked(q.metrics, place, func(wanted usageMetric) (usagePair, bool) {
			row, ok := metrics.get(tx, who.environment, wanted.id)
			return usagePair{metric: row, wanted: wanted}, ok
		})
	}
	return func(yield func(string, usagePair) bool) {
		for place, row := range who.metricsFrom(tx, place, false) {
			if !yield(place, usagePair{metric: row}) {
				return
			}
		}
	}
}

// asked walks what a request lists; the place of an element is its number.
func asked[A, R any](listed []A, place string, find func(A) (R, bool)) iter.Seq2[string, R] {
	first, _ := strconv.Atoi(place)
	return func(yield func(string, R) bool) {
		for i := max(first, 0); i < len(listed); i++ {
			if row, ok := find(listed[i]); ok && !yield(strconv.Itoa(i), row) {
				return
			}
		}
	}
}

// rows makes the rows of n windows of a pair from the first on: one each, also where no event matched, also before the
// customer or the metric was made. // MET-003
func (q *usageQuery) rows(tx *store.Tx, who caller, pair usagePair, first, n int) []usageRow {
	bounds := q.grid.bounds(first, n)
	rows := make([]usageRow, n)
	for i := range rows {
		rows[i] = usageRow{
			CustomerID: pair.customer.ID, BillableMetricID: pair.metric.ID, BillableMetricName: pair.metric.Name,
			Start: inSeconds(bounds[i]), End: inSeconds(bounds[i+1]),
		}
	}
	meter := who.meter(tx, pair.customer, pair.metric)
	for _, result := range meter.aggregate(bounds, nil) {
		rows[result.Window].Value = quantity(result.Value) // over all groups, and those without one // MET-005
	}
	if pair.wanted.groupBy == nil {
		return rows
	}
	key := *pair.wanted.groupBy
	groups := pair.wanted.values
	if groups == nil {
		groups = meter.groups([]time.Time{q.grid.from, q.grid.to}, key)
	}
	for i := range rows { // every window shows every group // MET-006
		rows[i].Groups = make(map[string]quantity, len(groups))
		for _, group := range groups {
			rows[i].Groups[group] = quantity{}
		}
	}
	for _, result := range meter.aggregate(bounds, []string{key}) {
		if part := result.Group[0]; part.Present && slices.Contains(groups, part.Text) {
			rows[result.Window].Groups[part.Text] = quantity(result.Value)
		}
	}
	return rows
}
