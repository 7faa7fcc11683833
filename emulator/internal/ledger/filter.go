package ledger

import "slices"

// Filter says which events a query counts: those that pass every part.
type Filter struct {
	Types    []string // the event's type is one of these; empty: any type
	NotTypes []string // and none of these
	Fields   []FieldFilter
}

// FieldFilter is a condition on one field. Values are compared as text: 60 equals "60", true equals "true". A field
// that is null counts as absent; an object or an array is present and equals nothing.
type FieldFilter struct {
	Name   string
	Exists *bool    // true: must be present; false: must be absent; nil: either
	In     []string // must be present and one of these; nil: no such condition
	NotIn  []string // must not be one of these; an absent field passes
}

// compiledFilter is a filter in the terms of one index: its dictionary's numbers in place of texts.
type compiledFilter struct {
	never    bool // no event of this index can pass
	types    []uint32
	notTypes []uint32
	fields   []compiledField
}

type compiledField struct {
	FieldFilter
	name  uint32
	known bool // some event of the index has the field
	in    []cell
	notIn []cell
}

func (ix *index) compile(f Filter) compiledFilter {
	c := compiledFilter{notTypes: ix.codes(f.NotTypes), types: ix.codes(f.Types)}
	c.never = len(f.Types) > 0 && len(c.types) == 0
	for _, field := range f.Fields {
		cf := compiledField{FieldFilter: field, in: ix.literals(field.In), notIn: ix.literals(field.NotIn)}
		cf.name, cf.known = ix.texts.find(field.Name)
		c.fields = append(c.fields, cf)
	}
	return c
}

// codes returns the dictionary's numbers of the texts it has.
func (ix *index) codes(texts []string) []uint32 {
	var codes []uint32
	for _, t := range texts {
		if code, ok := ix.texts.find(t); ok {
			codes = append(codes, code)
		}
	}
	return codes
}

// literals returns the values of a filter as cells of this index. A text that no event has has none.
func (ix *index) literals(texts []string) []cell {
	var cells []cell
	for _, t := range texts {
		if mantissa, scale, ok := plainDecimal(t); ok {
			cells = append(cells, cell{kind: kindNumber, scale: scale, payload: mantissa})
			continue
		}
		code, ok := ix.texts.find(t)
		if !ok {
			continue
		}
		cells = append(cells, cell{kind: kindText, payload: int64(code)})
		if place, ok := ix.odds[code]; ok {
			cells = append(cells, cell{kind: kindOdd, payload: int64(place)})
		}
	}
	return cells
}

func (c *compiledFilter) passes(f *frame, slot uint32) bool {
	kind := f.events[slot].kind
	if len(c.types) > 0 && !slices.Contains(c.types, kind) || slices.Contains(c.notTypes, kind) {
		return false
	}
	for i := range c.fields {
		if !c.fields[i].passes(f, slot) {
			return false
		}
	}
	return true
}

func (c *compiledField) passes(f *frame, slot uint32) bool {
	var (
		value   cell
		present bool
	)
	if c.known {
		value, present = f.field(slot, c.name)
	}
	if c.Exists != nil && *c.Exists != present {
		return false
	}
	if c.In != nil && !(present && contains(c.in, value)) {
		return false
	}
	return !present || !contains(c.notIn, value)
}

func contains(cells []cell, v cell) bool {
	for _, c := range cells {
		if c.kind == v.kind && c.scale == v.scale && c.payload == v.payload {
			return true
		}
	}
	return false
}
