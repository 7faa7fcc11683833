package ledger

import "slices"

// scope is which events a query reads.
type scope struct {
	streams []string // ascending, each once
	all     bool     // every stream
	filter  Filter
	after   uint64 // only events later than this position
	from    moment
	to      moment // not included
}

func once(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// reading is what a query needs of one index: taken under its lock, read without.
type reading struct {
	frame
	view   view
	filter compiledFilter
	after  uint32 // slots before this one are not asked for
	fields []fieldCode
	lanes  [][][]uint32 // the runs of each stream
}

// fieldCode is a field in the terms of one index.
type fieldCode struct {
	code  uint32
	known bool // some event of the index has the field
}

// read begins to read an index; ok is false when no event in it can be asked for.
func (v view) read(s scope, fields []string) (r *reading, ok bool) {
	if v.position() <= s.after {
		return nil, false
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	r = &reading{frame: v.frame(), view: v, filter: v.compile(s.filter)}
	if r.filter.never {
		return nil, false
	}
	if s.after > v.base {
		r.after = uint32(s.after - v.base)
	}
	for _, name := range fields {
		code, known := v.texts.find(name)
		r.fields = append(r.fields, fieldCode{code, known})
	}
	add := func(t *timeline) {
		if runs := t.between(v.events, s.from, s.to); runs != nil {
			r.lanes = append(r.lanes, runs)
		}
	}
	if s.all {
		for _, t := range v.streams {
			add(t)
		}
		return r, true
	}
	for _, name := range s.streams {
		if t, ok := v.streams[name]; ok {
			add(t)
		}
	}
	return r, true
}

// passes says whether the event in a slot of a lane is asked for.
func (r *reading) passes(slot uint32) bool {
	return slot >= r.after && slot < r.limit && r.filter.passes(&r.frame, slot)
}

// value returns the cell of one of the query's fields.
func (r *reading) value(slot uint32, f fieldCode) (c cell, present bool) {
	if !f.known {
		return cell{}, false
	}
	return r.field(slot, f.code)
}
