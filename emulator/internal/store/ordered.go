package store

import (
	"encoding/binary"
	"iter"
	"math"
)

// Ordered is a table whose rows keep the order they were inserted in, within a group: the customers of an
// environment, the accounts of an organization. A row is found by group and id, and walked in order.
type Ordered[T any] struct {
	rows      Table[orderedRow[T]]
	positions Table[uint64]
	name      string
}

type orderedRow[T any] struct {
	ID  string `json:"id"`
	Row T      `json:"row"`
}

// Row is a row of an Ordered table with its place.
type Row[T any] struct {
	ID       string
	Position uint64 // ascending with insertion, from 1, never used twice within a group
	Value    T
}

// NewOrdered describes an ordered table, as version 1. Names are unique over all vendors: metronome/customers.
func NewOrdered[T any](name string) Ordered[T] {
	return Ordered[T]{rows: NewTable[orderedRow[T]](name), positions: NewTable[uint64](name + "#position"), name: name}
}

// Get returns the row of id.
func (o Ordered[T]) Get(tx *Tx, group, id string) (row T, ok bool) {
	position, ok := o.positions.Get(tx, join(group, id))
	if !ok {
		return row, false
	}
	r, ok := o.rows.Get(tx, place(group, position))
	return r.Row, ok
}

// Has says whether id has a row.
func (o Ordered[T]) Has(tx *Tx, group, id string) bool { return o.positions.Has(tx, join(group, id)) }

// Put replaces the row of id, which keeps its place, or inserts it at the end.
func (o Ordered[T]) Put(tx *Tx, group, id string, row T) {
	position, ok := o.positions.Get(tx, join(group, id))
	if !ok {
		position = Next(tx, o.name+"\x00"+group)
		o.positions.Put(tx, join(group, id), position)
	}
	o.rows.Put(tx, place(group, position), orderedRow[T]{ID: id, Row: row})
}

// Delete removes the row of id, if there is one.
func (o Ordered[T]) Delete(tx *Tx, group, id string) {
	if position, ok := o.positions.Get(tx, join(group, id)); ok {
		o.rows.Delete(tx, place(group, position))
		o.positions.Delete(tx, join(group, id))
	}
}

// After walks the rows of group inserted after position, oldest first; 0 walks them all.
func (o Ordered[T]) After(tx *Tx, group string, position uint64) iter.Seq[Row[T]] {
	if position == math.MaxUint64 {
		return func(func(Row[T]) bool) {} // a position from a cursor may be anything
	}
	return o.walk(group, o.rows.From(tx, join(group, ""), place(group, position+1)))
}

// Before walks the rows of group inserted before position, newest first; 0 walks them all.
func (o Ordered[T]) Before(tx *Tx, group string, position uint64) iter.Seq[Row[T]] {
	if position == 0 {
		return o.walk(group, o.rows.Backward(tx, join(group, "")))
	}
	return o.walk(group, o.rows.BackwardFrom(tx, join(group, ""), place(group, position-1)))
}

func (o Ordered[T]) walk(group string, rows iter.Seq2[string, orderedRow[T]]) iter.Seq[Row[T]] {
	return func(yield func(Row[T]) bool) {
		for key, r := range rows {
			position := binary.BigEndian.Uint64([]byte(key[len(group)+1:]))
			if !yield(Row[T]{ID: r.ID, Position: position, Value: r.Row}) {
				return
			}
		}
	}
}

// join separates a group from what follows with a byte that no id holds.
func join(group, rest string) string { return group + "\x00" + rest }

func place(group string, position uint64) string {
	return join(group, string(encodeID(position)))
}
