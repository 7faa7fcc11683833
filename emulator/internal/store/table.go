package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// Table is a set of rows by key, the same in every sandbox. Rows are stored as JSON behind a version byte, so a later
// submeter can tell old rows from new ones.
type Table[T any] struct {
	name    string
	prefix  []byte
	version byte
	upgrade func(version byte, stored []byte) (T, error)
}

// NewTable describes a table whose rows have the shape T, as version 1. Names are unique over all vendors:
// metronome/customers.
func NewTable[T any](name string) Table[T] {
	return Table[T]{name: name, prefix: append([]byte(name), 0), version: 1}
}

// Upgraded returns the table with rows of a newer version; upgrade makes a row of one stored under an older version.
func (t Table[T]) Upgraded(version byte, upgrade func(version byte, stored []byte) (T, error)) Table[T] {
	t.version, t.upgrade = version, upgrade
	return t
}

// Get returns the row of key.
func (t Table[T]) Get(tx *Tx, key string) (row T, ok bool) {
	stored, ok := tx.get(t.key(key))
	if !ok {
		return row, false
	}
	return t.decode(tx, key, stored), true
}

// Has says whether key has a row, without decoding it.
func (t Table[T]) Has(tx *Tx, key string) bool {
	_, ok := tx.get(t.key(key))
	return ok
}

// Put writes the row of key.
func (t Table[T]) Put(tx *Tx, key string, row T) {
	data, err := json.Marshal(row)
	tx.fail(err)
	tx.put(t.key(key), []byte{t.version}, data)
}

// Delete removes the row of key, if there is one.
func (t Table[T]) Delete(tx *Tx, key string) { tx.delete(t.key(key)) }

// Prefix walks the rows whose key begins with prefix, in ascending order of the keys' bytes. The transaction must not
// write the table meanwhile.
func (t Table[T]) Prefix(tx *Tx, prefix string) iter.Seq2[string, T] {
	return t.walk(tx, prefix, nil, false)
}

// From walks the rows whose key begins with prefix and is not below from, ascending.
func (t Table[T]) From(tx *Tx, prefix, from string) iter.Seq2[string, T] {
	return t.walk(tx, prefix, t.key(from), false)
}

// Backward walks the rows whose key begins with prefix, last key first.
func (t Table[T]) Backward(tx *Tx, prefix string) iter.Seq2[string, T] {
	return t.walk(tx, prefix, nil, true)
}

// BackwardFrom walks the rows whose key begins with prefix and is not above from, last key first.
func (t Table[T]) BackwardFrom(tx *Tx, prefix, from string) iter.Seq2[string, T] {
	return t.walk(tx, prefix, t.key(from), true)
}

func (t Table[T]) walk(tx *Tx, prefix string, from []byte, reverse bool) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for k, v := range tx.scan(t.key(prefix), from, reverse) {
			key := prefix + string(k)
			if !yield(key, t.decode(tx, key, v)) {
				return
			}
		}
	}
}

func (t Table[T]) key(key string) []byte {
	return append(append(make([]byte, 0, len(t.prefix)+len(key)), t.prefix...), key...)
}

func (t Table[T]) decode(tx *Tx, key string, stored []byte) (row T) {
	var err error
	if len(stored) == 0 {
		tx.Corrupt(fmt.Sprintf("row %q of %s", key, t.name), errors.New("it has no version"))
	}
	switch version := stored[0]; {
	case version == t.version:
		err = json.Unmarshal(stored[1:], &row)
	case t.upgrade != nil && version < t.version:
		row, err = t.upgrade(version, stored[1:])
	default:
		err = fmt.Errorf("version %d, this submeter knows up to %d", version, t.version)
	}
	if err != nil {
		tx.Corrupt(fmt.Sprintf("row %q of %s", key, t.name), err)
	}
	return row
}

// Blobs is a table of bytes that the store does not look into.
type Blobs struct{ prefix []byte }

// NewBlobs describes a table of bytes.
func NewBlobs(name string) Blobs { return Blobs{prefix: append([]byte(name), 0)} }

// Get returns the bytes of key, valid until the transaction ends.
func (b Blobs) Get(tx *Tx, key string) ([]byte, bool) { return tx.get(b.key(key)) }

// Put writes the bytes of key.
func (b Blobs) Put(tx *Tx, key string, data []byte) { tx.put(b.key(key), data) }

// InLayer walks the bytes that one layer of the transaction's stack holds itself under keys that begin with prefix. They are
// valid until the next step.
func (b Blobs) InLayer(tx *Tx, l *Layer, prefix string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for k, v := range tx.scanLayer(l, b.key(prefix)) {
			if !yield(prefix+string(k), v) {
				return
			}
		}
	}
}

func (b Blobs) key(key string) []byte {
	return append(append(make([]byte, 0, len(b.prefix)+len(key)), b.prefix...), key...)
}
