package ledger

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"github.com/submeter/submeter/emulator/internal/store"
)

// Function is how the values of a window become one.
type Function string

// The functions. Sum counts a value that is no number as 0; the others leave it out.
const (
	Count  Function = "count"  // matching events, whatever their values
	Sum    Function = "sum"    // exact
	Min    Function = "min"    // least number
	Max    Function = "max"    // greatest number
	Latest Function = "latest" // number of the latest event that has one; of two at one instant the later to arrive
	Unique Function = "unique" // distinct values of the field, compared as text
)

// Query asks for one value per window, and per group where GroupBy is given.
type Query struct {
	Streams []string // one named twice counts once
	Filter  Filter
	After   uint64 // only events later than this position of the ledger; see Position

	// Windows are the bounds, ascending: window i is from Windows[i] up to, not including, Windows[i+1].
	Windows []time.Time

	Function Function
	Field    string   // unused by Count
	GroupBy  []string // fields whose values split a window; none: no split
}

// Result is the value of one window and group that at least one event matched.
type Result struct {
	Window  int // into Query.Windows
	Group   []Part
	Events  int                 // that matched
	Numbers int                 // that matched and had a number in Field; not counted by Unique
	Value   decimal.NullDecimal // not valid: Min, Max or Latest met no number
}

// Part is the value of one GroupBy field; not Present when the events lack it.
type Part struct {
	Text    string
	Present bool
}

// Aggregate answers a query: results by window, then by group, groups in ascending order of their texts and those that
// lack a field last. Windows and groups that no event matched have no result.
func (l Ledger) Aggregate(tx *store.Tx, q Query) []Result {
	if len(q.Windows) < 2 {
		return nil
	}
	a := newAggregation(q)
	for _, v := range slices.Backward(l.stack(tx)) {
		a.add(v)
	}
	return a.results()
}

func (a *aggregation) results() []Result {
	results := make([]Result, 0, len(a.groups))
	for key, acc := range a.groups {
		window, group := parts(key)
		results = append(results, Result{
			Window: window, Group: group, Events: acc.events, Numbers: acc.numbers, Value: acc.value(a.function),
		})
	}
	slices.SortFunc(results, func(x, y Result) int {
		return cmp.Or(cmp.Compare(x.Window, y.Window), slices.CompareFunc(x.Group, y.Group, comparePart))
	})
	return results
}

// appendPart appends one part of a group's key: its text after its length, so that no two groups look alike.
func appendPart(key, text []byte, present bool) []byte {
	if !present {
		return append(key, 0)
	}
	return append(binary.AppendUvarint(key, uint64(len(text))+1), text...)
}

// parts takes a group's key apart: the window, then the parts.
func parts(key string) (window int, group []Part) {
	data := []byte(key)
	w, n := binary.Uvarint(data)
	for data = data[n:]; len(data) > 0; {
		size, n := binary.Uvarint(data)
		data = data[n:]
		if size == 0 {
			group = append(group, Part{})
			continue
		}
		group = append(group, Part{Text: string(data[:size-1]), Present: true})
		data = data[size-1:]
	}
	return int(w), group
}

func comparePart(a, b Part) int {
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
