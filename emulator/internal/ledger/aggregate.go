package ledger

import (
	"encoding/binary"

	"github.com/shopspring/decimal"
)

// aggregation is a query being answered, one index after another.
type aggregation struct {
	function Function
	scope    scope
	fields   []string // the one whose values are taken, then those whose values split a window
	bounds   []moment
	groups   map[string]*accumulator // by window and group, see appendPart
	key      []byte                  // room for a group's key
	text     []byte                  // room for a value
}

func newAggregation(q Query) *aggregation {
	a := &aggregation{
		function: q.Function, fields: append([]string{q.Field}, q.GroupBy...), groups: map[string]*accumulator{},
	}
	for _, w := range q.Windows {
		a.bounds = append(a.bounds, momentOf(w))
	}
	a.scope = scope{
		streams: once(q.Streams), filter: q.Filter, after: q.After, from: a.bounds[0], to: a.bounds[len(a.bounds)-1],
	}
	return a
}

// add adds the events of one index.
func (a *aggregation) add(v view) {
	r, ok := v.read(a.scope, a.fields)
	if !ok {
		return
	}
	for _, runs := range r.lanes {
		a.addLane(r, runs)
	}
}

func (a *aggregation) addLane(r *reading, runs [][]uint32) {
	var acc *accumulator
	window, field, by := 0, r.fields[0], r.fields[1:]
	for _, run := range runs {
		for _, slot := range run {
			if !r.passes(slot) {
				continue
			}
			for !r.events[slot].moment().before(a.bounds[window+1]) {
				window++
				acc = nil
			}
			if acc == nil || len(by) > 0 { // events of one window and no group follow one another
				acc = a.accumulator(r, slot, window, by)
			}
			acc.events++
			if value, present := r.value(slot, field); present {
				a.addValue(acc, r, value, slot)
			}
		}
	}
}

// accumulator returns that of the window and of the group of an event.
func (a *aggregation) accumulator(r *reading, slot uint32, window int, by []fieldCode) *accumulator {
	a.key = binary.AppendUvarint(a.key[:0], uint64(window))
	for _, field := range by {
		value, present := r.value(slot, field)
		a.text = r.appendText(a.text[:0], value)
		a.key = appendPart(a.key, a.text, present && value.kind != kindNested)
	}
	acc, ok := a.groups[string(a.key)]
	if !ok {
		acc = &accumulator{}
		a.groups[string(a.key)] = acc
	}
	return acc
}

// accumulator is the running value of one window and group.
type accumulator struct {
	events  int
	numbers int
	sum     exactSum
	best    amount // of min, max, latest
	at      moment // of latest
	number  uint64 // of latest
	plain   map[plainNumber]struct{}
	texts   map[string]struct{}
}

// plainNumber is the text of a plain decimal.
type plainNumber struct {
	mantissa int64
	scale    uint8
}

// addValue adds the value that the event in a slot has in the query's field.
func (a *aggregation) addValue(acc *accumulator, r *reading, value cell, slot uint32) {
	if a.function == Unique {
		a.addUnique(acc, r, value)
		return
	}
	if value.kind != kindNumber && value.kind != kindOdd {
		return
	}
	acc.numbers++
	switch a.function {
	case Sum:
		acc.sum.add(r.amount(value))
	case Min, Max:
		v := r.amount(value)
		if c := v.compare(acc.best); acc.numbers == 1 || a.function == Min && c < 0 || a.function == Max && c > 0 {
			acc.best = v
		}
	case Latest:
		at, number := r.events[slot].moment(), r.number(slot)
		if acc.numbers == 1 || acc.at.before(at) || acc.at == at && acc.number < number {
			acc.best, acc.at, acc.number = r.amount(value), at, number
		}
	case Count, Unique:
	}
}

// addUnique counts a value among the distinct ones. A plain decimal goes by its number, which costs less than its text
// and is as good: no other text reads like it.
func (a *aggregation) addUnique(acc *accumulator, r *reading, value cell) {
	switch value.kind {
	case kindNumber:
		if acc.plain == nil {
			acc.plain = map[plainNumber]struct{}{}
		}
		acc.plain[plainNumber{value.payload, value.scale}] = struct{}{}
	case kindText, kindOdd:
		if acc.texts == nil {
			acc.texts = map[string]struct{}{}
		}
		a.text = r.appendText(a.text[:0], value)
		if _, known := acc.texts[string(a.text)]; !known {
			acc.texts[string(a.text)] = struct{}{}
		}
	case kindNested, kindAbsent:
	}
}

func (acc *accumulator) value(f Function) decimal.NullDecimal {
	switch f {
	case Count:
		return decimal.NewNullDecimal(decimal.NewFromInt(int64(acc.events)))
	case Sum:
		return decimal.NewNullDecimal(acc.sum.total())
	case Unique:
		return decimal.NewNullDecimal(decimal.NewFromInt(int64(len(acc.plain) + len(acc.texts))))
	case Min, Max, Latest:
	}
	if acc.numbers == 0 {
		return decimal.NullDecimal{}
	}
	return decimal.NewNullDecimal(acc.best.decimal())
}
