package m3ter

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

// rawColumns are the columns of measurements as they came: what all have, then the fields of the selected meters.
func (p usagePlan) rawColumns() []string {
	columns := []string{
		"uid", "meterId", "meterCode", "accountId", "accountCode", "timestamp", "endTimestamp", "receivedAt",
	}
	for _, m := range p.Meters {
		for _, name := range m.Columns {
			if !slices.Contains(columns[8:], name) {
				columns = append(columns, name)
			}
		}
	}
	return columns
}

// rawRecords are the measurements of a selection, the latest first, among those that had arrived when the ledger stood at
// position. The code of an account is the one that the measurement was sent with.
func (p usagePlan) rawRecords(c *call, from, until time.Time, position uint64) iter.Seq[usageRecord] {
	columns := p.rawColumns()
	places := make(map[string]int, len(columns))
	for i, name := range columns[8:] {
		places[name] = i + 8
	}
	newest := newestFirst{call: c, plan: p, position: position}
	for _, m := range p.Meters {
		newest.streams = append(newest.streams, p.streams(c, m))
	}
	return func(yield func(usageRecord) bool) {
		newest.walk(from, until, func(m plannedMeter, stored ledger.Stored) bool {
			_, account, _ := strings.Cut(stored.Stream, "/")
			cells := make([]string, len(columns))
			cells[0], cells[1], cells[2] = quote(uidOf(c.tx, stored)), quote(m.ID), quote(m.Code)
			cells[3], cells[4] = quote(account), quote(stored.Type)
			cells[5], cells[7] = quote(precise(stored.Time)), quote(precise(stored.Arrived))
			for _, f := range stored.Fields {
				if f.Name == endField {
					cells[6] = f.JSON
				} else if i, ok := places[f.Name]; ok {
					cells[i] = f.JSON
				}
			}
			return yield(usageRecord{columns: columns, cells: cells})
		})
	}
}

// newestFirst walks measurements against the order of time, which the ledger does not. It counts them in slices of the
// period, the last slice first, until a slice is small enough to be turned round in memory.
type newestFirst struct {
	*call
	plan     usagePlan
	streams  [][]string // of each meter of the plan
	position uint64
}

const (
	slicesOfPeriod = 16
	turnable       = 4096 // measurements that are held at once
)

// walk yields the measurements of a period until yield answers false; then it answers false, too. Measurements of one
// instant come by meter and then as they arrived.
func (n *newestFirst) walk(from, until time.Time, yield func(plannedMeter, ledger.Stored) bool) bool {
	if !from.Before(until) {
		return true
	}
	bounds, counts := n.count(from, until)
	total := 0
	for _, count := range counts {
		total += count
	}
	if total <= turnable {
		return n.turn(from, until, yield)
	}
	for i := len(counts) - 1; i >= 0; i-- {
		begin, end := bounds[i], bounds[i+1]
		switch {
		case counts[i] == 0:
		case counts[i] <= turnable:
			if !n.turn(begin, end, yield) {
				return false
			}
		case end.Sub(begin) <= time.Nanosecond:
			for m, stored := range n.scan(begin, end) {
				if !yield(m, stored) {
					return false
				}
			}
		case !n.walk(begin, end, yield):
			return false
		}
	}
	return true
}

// count returns how many measurements there are in each slice of a period.
func (n *newestFirst) count(from, until time.Time) (bounds []time.Time, counts []int) {
	step := max(until.Sub(from)/slicesOfPeriod, time.Nanosecond) // a period of more than 292 years counts as one of 292
	for at := from; at.Before(until) && len(bounds) < slicesOfPeriod; at = at.Add(step) {
		bounds = append(bounds, at)
	}
	bounds = append(bounds, until)
	counts = make([]int, len(bounds)-1)
	for i, m := range n.plan.Meters {
		q := ledger.Query{
			Streams: n.streams[i], Filter: ledger.Filter{Fields: m.conditions()}, Windows: bounds, Function: ledger.Count,
		}
		for _, r := range usageOf(n.org).Aggregate(n.tx, q) {
			counts[r.Window] += r.Events
		}
	}
	return bounds, counts
}

// scan walks a period in order of time, meter by meter.
func (n *newestFirst) scan(from, until time.Time) iter.Seq2[plannedMeter, ledger.Stored] {
	return func(yield func(plannedMeter, ledger.Stored) bool) {
		for i, m := range n.plan.Meters {
			all := usageOf(n.org).Scan(n.tx, ledger.Selection{
				Streams: n.streams[i], Filter: ledger.Filter{Fields: m.conditions()}, From: from, Before: until,
			})
			for stored := range all {
				if stored.Number <= n.position && !yield(m, stored) {
					return
				}
			}
		}
	}
}

// turn holds the measurements of a period in memory and yields them against the order of time.
func (n *newestFirst) turn(from, until time.Time, yield func(plannedMeter, ledger.Stored) bool) bool {
	type found struct {
		meter  plannedMeter
		stored ledger.Stored
	}
	var held []found
	for m, stored := range n.scan(from, until) {
		held = append(held, found{m, stored})
	}
	slices.SortStableFunc(held, func(a, b found) int { return b.stored.Time.Compare(a.stored.Time) })
	for _, f := range held {
		if !yield(f.meter, f.stored) {
			return false
		}
	}
	return true
}

// uidOf is the uid of a measurement; one that came without gets one, always the same (M3T-034).
func uidOf(tx *store.Tx, s ledger.Stored) string {
	if s.ID != "" {
		return s.ID
	}
	return store.UUID(store.Entropy(store.Seed(tx), "m3ter/uid", s.Number))
}
