package metronome

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

// meter adds up the usage of one customer and metric. A window or group that no event matched has no value at all,
// which is not the same as zero: not even a count is zero then. // MET-004
type meter struct {
	tx      *store.Tx
	events  ledger.Ledger
	query   ledger.Query
	silent  bool                 // an SQL metric: there is no interpreter, so it has no value // MET-041
	keyless *decimal.NullDecimal // what matches come to when the metric has no key to aggregate
}

var functions = map[string]ledger.Function{
	aggregateCount:  ledger.Count,
	aggregateSum:    ledger.Sum, // text that is no number adds 0; MAX and LATEST leave it out // MET-037, MET-060
	aggregateMax:    ledger.Max,
	aggregateLatest: ledger.Latest, // the level itself, not its change; none is carried over // MET-039
	aggregateUnique: ledger.Unique,
}

func (w caller) meter(tx *store.Tx, c customer, m billableMetric) meter {
	meter := meter{
		tx: tx, events: eventsOf(w.environment), silent: m.SQL != nil,
		query: ledger.Query{
			Streams: w.streams(tx, c), Filter: m.filter(), After: m.after(w), Function: functions[m.Aggregation],
		},
	}
	switch {
	case m.Aggregation == aggregateCount:
	case m.Key != nil:
		meter.query.Field = *m.Key
	default: // SUM and UNIQUE of nothing are 0, there is no MAX or LATEST of nothing // MET-057
		sums := m.Aggregation == aggregateSum || m.Aggregation == aggregateUnique
		meter.query.Function, meter.keyless = ledger.Count, &decimal.NullDecimal{Valid: sums}
	}
	return meter
}

// streams are the customer_ids under which a customer's usage may have been sent: its id and its aliases of now, for
// usage follows an alias. What is the id of another customer belongs to that one, alias or not. // MET-035
func (w caller) streams(tx *store.Tx, c customer) []string {
	streams := []string{c.ID}
	for _, alias := range c.Aliases {
		if alias != c.ID && !customers.has(tx, w.environment, alias) {
			streams = append(streams, alias)
		}
	}
	return streams
}

// aggregate answers a value for each window and group that an event matched.
func (m meter) aggregate(bounds []time.Time, groupBy []string) []ledger.Result {
	if m.silent {
		return nil
	}
	m.query.Windows, m.query.GroupBy = bounds, groupBy
	results := m.events.Aggregate(m.tx, m.query)
	if m.keyless != nil {
		for i := range results {
			results[i].Value = *m.keyless
		}
	}
	return results
}

// groups returns the first values of a property in a range, sorted. // MET-006
func (m meter) groups(bounds []time.Time, key string) []string {
	m.query.Function = ledger.Count
	groups := []string{}
	for _, result := range m.aggregate(bounds, []string{key}) {
		if part := result.Group[0]; part.Present && len(groups) < maxGroups {
			groups = append(groups, part.Text)
		}
	}
	return groups
}

// groupsBy says whether usage of the metric can be split by a simple key, or by all members of a compound one, in any
// order. What an SQL metric can be split by only its text knows. // MET-007, MET-061
func (m billableMetric) groupsBy(keys []string) bool {
	if m.SQL != nil {
		return true
	}
	wanted := slices.Sorted(slices.Values(keys))
	return slices.ContainsFunc(m.GroupKeys, func(group []string) bool {
		return slices.Equal(slices.Sorted(slices.Values(group)), wanted)
	})
}
