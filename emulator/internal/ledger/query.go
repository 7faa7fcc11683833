package ledger

import (
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
	Streams []string
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
	Numbers int                 // that matched and had a number in Field
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
	a := &aggregation{query: q, bounds: make([]int64, len(q.Windows)), groups: map[groupKey]*accumulator{}}
	for i, w := range q.Windows {
		a.bounds[i] = instant(w)
	}
	stack := l.stack(tx)
	for i := len(stack) - 1; i >= 0; i-- {
		a.run(stack[i])
	}
	return a.results()
}

type groupKey struct {
	window int
	group  string // the parts, each with its length, so that no two groups look alike
}

type aggregation struct {
	query  Query
	bounds []int64
	groups map[groupKey]*accumulator
}

// run adds the events of one index.
func (a *aggregation) run(ix *index) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.base+uint64(len(ix.events)) <= a.query.After {
		return
	}
	filter := ix.compile(a.query.Filter)
	if filter.never {
		return
	}
	field, hasField := ix.texts.find(a.query.Field)
	groupBy := make([]groupField, len(a.query.GroupBy))
	for i, name := range a.query.GroupBy {
		groupBy[i].code, groupBy[i].known = ix.texts.find(name)
	}
	end := a.bounds[len(a.bounds)-1]
	for _, name := range a.query.Streams {
		tree, ok := ix.streams[name]
		if !ok {
			continue
		}
		window := 0
		var last *accumulator // events of one window and no group follow one another
		lastWindow := -1
		tree.Ascend(place{time: a.bounds[0]}, func(p place) bool {
			if p.time >= end {
				return false
			}
			e := &ix.events[p.slot]
			if ix.base+uint64(p.slot)+1 <= a.query.After || !filter.passes(ix, e) {
				return true
			}
			for p.time >= a.bounds[window+1] {
				window++
			}
			if last == nil || lastWindow != window || len(groupBy) > 0 {
				last, lastWindow = a.accumulator(ix, e, window, groupBy), window
			}
			value, present := cell{}, false
			if hasField {
				value, present = ix.field(e, field)
			}
			last.add(a.query.Function, ix, value, present, p.time, ix.base+uint64(p.slot))
			return true
		})
	}
}

type groupField struct {
	code  uint32
	known bool
}

func (a *aggregation) accumulator(ix *index, e *entry, window int, groupBy []groupField) *accumulator {
	var group []byte
	for _, g := range groupBy {
		value, present := cell{}, false
		if g.known {
			value, present = ix.field(e, g.code)
		}
		if !present || value.kind == kindNested {
			group = append(group, 0)
			continue
		}
		text := ix.text(value)
		group = binary.AppendUvarint(group, uint64(len(text))+1)
		group = append(group, text...)
	}
	key := groupKey{window: window, group: string(group)}
	acc, ok := a.groups[key]
	if !ok {
		acc = &accumulator{}
		a.groups[key] = acc
	}
	return acc
}

func (a *aggregation) results() []Result {
	results := make([]Result, 0, len(a.groups))
	for key, acc := range a.groups {
		results = append(results, Result{
			Window: key.window, Group: parts(key.group), Events: acc.events, Numbers: acc.numbers,
			Value: acc.value(a.query.Function),
		})
	}
	slices.SortFunc(results, func(x, y Result) int {
		if x.Window != y.Window {
			return x.Window - y.Window
		}
		return slices.CompareFunc(x.Group, y.Group, comparePart)
	})
	return results
}

func parts(group string) []Part {
	var list []Part
	for data := []byte(group); len(data) > 0; {
		size, n := binary.Uvarint(data)
		data = data[n:]
		if size == 0 {
			list = append(list, Part{})
			continue
		}
		list = append(list, Part{Text: string(data[:size-1]), Present: true})
		data = data[size-1:]
	}
	return list
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

// accumulator is the running value of one window and group.
type accumulator struct {
	events  int
	numbers int
	sum     exactSum
	best    decimal.Decimal // of min, max, latest
	time    int64           // of latest
	number  uint64          // of latest
	unique  map[string]struct{}
}

func (acc *accumulator) add(f Function, ix *index, value cell, present bool, time int64, number uint64) {
	acc.events++
	if !present {
		return
	}
	if f == Unique {
		if value.kind != kindNested {
			if acc.unique == nil {
				acc.unique = map[string]struct{}{}
			}
			acc.unique[ix.text(value)] = struct{}{}
		}
		return
	}
	if value.kind != kindNumber && value.kind != kindOdd {
		return
	}
	acc.numbers++
	switch f {
	case Sum:
		if value.kind == kindNumber {
			acc.sum.add(value.payload, value.scale)
		} else {
			acc.sum.addBig(ix.odd[value.payload].number)
		}
	case Min, Max:
		if d := ix.number(value); acc.numbers == 1 || f == Min && d.LessThan(acc.best) || f == Max && d.GreaterThan(acc.best) {
			acc.best = d
		}
	case Latest:
		if acc.numbers == 1 || time > acc.time || time == acc.time && number > acc.number {
			acc.best, acc.time, acc.number = ix.number(value), time, number
		}
	case Count, Unique:
	}
}

// number returns the decimal of a cell of kind number or odd.
func (ix *index) number(c cell) decimal.Decimal {
	if c.kind == kindOdd {
		return ix.odd[c.payload].number
	}
	return decimal.New(c.payload, -int32(c.scale))
}

func (acc *accumulator) value(f Function) decimal.NullDecimal {
	switch f {
	case Count:
		return decimal.NewNullDecimal(decimal.NewFromInt(int64(acc.events)))
	case Sum:
		return decimal.NewNullDecimal(acc.sum.total())
	case Unique:
		return decimal.NewNullDecimal(decimal.NewFromInt(int64(len(acc.unique))))
	case Min, Max, Latest:
	}
	return decimal.NullDecimal{Decimal: acc.best, Valid: acc.numbers > 0}
}
