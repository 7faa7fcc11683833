package metronome

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

type listUsageWithGroupsRequest struct {
	CustomerID    string              `json:"customer_id"`
	MetricID      string              `json:"billable_metric_id"`
	WindowSize    string              `json:"window_size"`
	StartingOn    *time.Time          `json:"starting_on"`
	EndingBefore  *time.Time          `json:"ending_before"`
	CurrentPeriod bool                `json:"current_period"`
	GroupKey      []string            `json:"group_key"`
	GroupFilters  map[string][]string `json:"group_filters"`
	GroupBy       *struct {
		Key    string   `json:"key"`
		Values []string `json:"values"`
	} `json:"group_by"`
}

type usageGroupRow struct {
	StartingOn   string            `json:"starting_on"`
	EndingBefore string            `json:"ending_before"`
	GroupKey     *string           `json:"group_key"`
	GroupValue   *string           `json:"group_value"`
	Group        map[string]string `json:"group,omitzero"`
	Value        quantity          `json:"value"`
}

// groupPlace is where a walk through groups goes on: at a window, and at a group of it when usage is grouped.
type groupPlace struct {
	Window int           `json:"w"`
	Group  []ledger.Part `json:"g,omitempty"`
}

func (a *API) listUsageWithGroups(c echo.Context) error {
	var req listUsageWithGroupsRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		query, err := req.query(tx, who)
		if err != nil {
			return nil, err
		}
		absent := defaultLimit
		if len(query.keys) > 1 {
			absent = maxLimit
		}
		limit, err := limitOf(c, who, absent)
		if err != nil {
			return nil, err
		}
		page, from := list[usageGroupRow]{Data: []usageGroupRow{}}, groupPlace{}
		switch err := readCursor(c, who, &from); {
		case errors.Is(err, errNothingMore):
			return page, nil
		case err != nil:
			return nil, err
		}
		for place, row := range query.rows(from, limit) {
			if len(page.Data) == limit {
				page.NextPage, err = writeCursor(c, who, place)
				return page, err
			}
			page.Data = append(page.Data, row)
		}
		return page, nil
	})
}

// groupQuery is what a request for groups comes to.
type groupQuery struct {
	meter   meter
	grid    grid
	keys    []string // none: ungrouped
	filters map[string][]string
}

func (r listUsageWithGroupsRequest) query(tx *store.Tx, who caller) (groupQuery, error) {
	customer, err := who.customer(tx, r.CustomerID) // MET-010
	if err != nil {
		return groupQuery{}, err
	}
	metric, err := who.metric(tx, r.MetricID) // MET-010
	if err != nil {
		return groupQuery{}, err
	}
	query := groupQuery{meter: who.meter(tx, customer, metric), keys: r.GroupKey, filters: r.GroupFilters}
	if r.GroupBy != nil && r.GroupKey == nil {
		query.keys = []string{r.GroupBy.Key}
		query.filters = map[string][]string{r.GroupBy.Key: r.GroupBy.Values}
	}
	if who.Conformance { // MET-051
		query.grid = r.lenientGrid(tx.Now)
		return query, nil
	}
	if err := r.checkGroups(metric, query.keys); err != nil {
		return groupQuery{}, err
	}
	query.grid, err = r.grid(who, customer)
	return query, err
}

func (r listUsageWithGroupsRequest) checkGroups(metric billableMetric, keys []string) error {
	if r.GroupKey != nil && r.GroupBy != nil {
		return errGroupKeyAndGroupBy()
	}
	for _, key := range slices.Sorted(maps.Keys(r.GroupFilters)) {
		if !slices.Contains(keys, key) {
			return errFilterNotGrouped(key)
		}
	}
	if len(keys) > 0 && !metric.groupsBy(keys) {
		return errNotAGroupKey(keys, metric.ID)
	}
	return nil
}

// grid is the range asked for. No customer has a contract or a plan here, so none has a billing period. // MET-013
func (r listUsageWithGroupsRequest) grid(who caller, c customer) (grid, error) {
	dates := r.StartingOn != nil || r.EndingBefore != nil
	switch {
	case r.CurrentPeriod && dates:
		return grid{}, errPeriodAndDates()
	case r.CurrentPeriod && who.PeriodOfPlan:
		return grid{}, errNoPeriod(c.ID, "plan")
	case r.CurrentPeriod:
		return grid{}, errNoPeriod(c.ID, "contract")
	case r.StartingOn == nil || r.EndingBefore == nil:
		return grid{}, errDatesMissing()
	}
	g := grid{from: r.StartingOn.UTC(), to: r.EndingBefore.UTC(), size: windowSizeOf(r.WindowSize)}
	return g, g.check()
}

// lenientGrid takes any range, and today for one that is not given. // MET-051
func (r listUsageWithGroupsRequest) lenientGrid(now time.Time) grid {
	today := now.Truncate(24 * time.Hour)
	g := grid{from: today, to: today.AddDate(0, 0, 1), size: windowSizeOf(r.WindowSize)}
	if r.StartingOn != nil && r.EndingBefore != nil {
		g.from, g.to = r.StartingOn.UTC(), r.EndingBefore.UTC()
	}
	return g
}

// maxWindowsAtOnce bounds how many windows one look into the ledger covers: ranges have no greatest length.
const maxWindowsAtOnce = 2000

// rows walks the rows from a place on, at least enough of them that the caller sees whether more than limit follow.
// Grouped rows are those that have usage, by window and then group; ungrouped, each window has a row. // MET-011
func (q groupQuery) rows(from groupPlace, limit int) iter.Seq2[groupPlace, usageGroupRow] {
	return func(yield func(groupPlace, usageGroupRow) bool) {
		atOnce := maxWindowsAtOnce
		if len(q.keys) == 0 {
			atOnce = limit + 1
		}
		windows := q.grid.windows()
		for first := max(from.Window, 0); first < windows; first += atOnce {
			bounds := q.grid.bounds(first, min(atOnce, windows-first))
			for place, row := range q.chunk(bounds) {
				place.Window += first
				if !place.before(from) && !yield(place, row) {
					return
				}
			}
		}
	}
}

// chunk walks the rows of a few windows.
func (q groupQuery) chunk(bounds []time.Time) iter.Seq2[groupPlace, usageGroupRow] {
	results := q.meter.aggregate(bounds, q.keys)
	if len(q.keys) == 0 {
		dense := make([]ledger.Result, len(bounds)-1)
		for i := range dense {
			dense[i].Window = i
		}
		for _, result := range results {
			dense[result.Window] = result
		}
		results = dense
	}
	return func(yield func(groupPlace, usageGroupRow) bool) {
		for _, result := range results {
			place := groupPlace{Window: result.Window, Group: result.Group}
			if q.keeps(result.Group) && !yield(place, q.row(bounds, result)) {
				return
			}
		}
	}
}

// keeps says whether a group passes the filters; an empty one passes everything.
func (q groupQuery) keeps(group []ledger.Part) bool {
	for i, part := range group {
		if values := q.filters[q.keys[i]]; len(values) > 0 && !(part.Present && slices.Contains(values, part.Text)) {
			return false
		}
	}
	return true
}

// row shows a group. Events that lack a property are a group, too: the property is missing from it. // MET-012
func (q groupQuery) row(bounds []time.Time, result ledger.Result) usageGroupRow {
	row := usageGroupRow{
		StartingOn: inSeconds(bounds[result.Window]), EndingBefore: inSeconds(bounds[result.Window+1]),
		Value: quantity(result.Value),
	}
	if len(q.keys) == 0 {
		return row
	}
	row.Group = map[string]string{}
	for i, part := range result.Group {
		if part.Present {
			row.Group[q.keys[i]] = part.Text
		}
	}
	if len(q.keys) == 1 {
		row.GroupKey = &q.keys[0]
		if part := result.Group[0]; part.Present {
			row.GroupValue = &part.Text
		}
	}
	return row
}

// before says whether a place comes before another in a walk.
func (p groupPlace) before(o groupPlace) bool {
	if p.Window != o.Window {
		return p.Window < o.Window
	}
	return slices.CompareFunc(p.Group, o.Group, comparePart) < 0
}

// comparePart orders groups as the ledger does: by text, those that lack the property last.
func comparePart(a, b ledger.Part) int {
	switch {
	case a.Present && b.Present:
		return strings.Compare(a.Text, b.Text)
	case a.Present:
		return -1
	case b.Present:
		return 1
	}
	return 0
}
