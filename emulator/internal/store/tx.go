package store

import (
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"
)

// Tx is one transaction on one sandbox: one consistent view, one instant. An operation of a vendor's API is one Tx.
//
// Rows that cannot be read or written (a damaged file, a full disk) end the transaction: View or Update returns the
// cause. So a rule reads like the rule it is, with no error of the machine in its way.
type Tx struct {
	// Now is the sandbox's time, the same throughout the transaction.
	Now time.Time

	tx      *bbolt.Tx
	stack   []*Layer // top first
	buckets []*bbolt.Bucket
	local   map[string]any
	commit  []func()
	written int
}

const (
	tombstone = 0 // first byte of a deleted row's value
	live      = 1 // first byte of any other
)

// failure carries a machine's error out of a transaction by panic; View and Update turn it into their result.
type failure struct{ err error }

// View runs fn on a consistent view of the sandbox.
func (sb *Sandbox) View(fn func(*Tx) error) error {
	if err := sb.store.usable(); err != nil {
		return err
	}
	return sb.store.db.View(func(tx *bbolt.Tx) error {
		return run(newTx(tx, sb.top.Load(), sb.Now()), fn)
	})
}

// Update runs fn and keeps what it wrote, unless it returns an error or panics: then nothing was written. Writers
// run one after another, over all sandboxes. fn must not begin another transaction.
func (sb *Sandbox) Update(fn func(*Tx) error) error {
	s := sb.store
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	var t *Tx
	err := s.db.Update(func(tx *bbolt.Tx) error {
		t = newTx(tx, sb.top.Load(), sb.Now())
		return run(t, fn)
	})
	if err != nil {
		return err
	}
	t.stack[0].rows += t.written
	for _, after := range t.commit {
		after()
	}
	return nil
}

func newTx(tx *bbolt.Tx, top *Layer, now time.Time) *Tx {
	t := &Tx{Now: now, tx: tx}
	for l := top; l != nil; l = l.parent {
		t.stack = append(t.stack, l)
		t.buckets = append(t.buckets, tx.Bucket(l.bucket()))
	}
	return t
}

func run(t *Tx, fn func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = f.err
		}
	}()
	return fn(t)
}

func (t *Tx) fail(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// OnCommit runs fn after this transaction is in the file and before the next writer starts.
func (t *Tx) OnCommit(fn func()) { t.commit = append(t.commit, fn) }

// Local returns what this transaction keeps under name, made by fresh on first use.
func (t *Tx) Local(name string, fresh func() any) any {
	v, ok := t.local[name]
	if !ok {
		v = fresh()
		if t.local == nil {
			t.local = map[string]any{}
		}
		t.local[name] = v
	}
	return v
}

// Stack returns the layers that this transaction reads, topmost first.
func (t *Tx) Stack() []*Layer { return t.stack }

// get returns the value of key from the topmost layer that has it. It is valid until the transaction ends.
func (t *Tx) get(key []byte) ([]byte, bool) {
	for _, b := range t.buckets {
		if b == nil {
			continue
		}
		if v := b.Get(key); v != nil {
			return v[1:], v[0] == live
		}
	}
	return nil, false
}

func (t *Tx) put(key, value []byte) {
	t.write(key, append([]byte{live}, value...))
}

func (t *Tx) delete(key []byte) {
	if _, ok := t.get(key); !ok {
		return
	}
	if len(t.stack) == 1 {
		t.fail(t.top().Delete(key))
		return
	}
	t.write(key, []byte{tombstone})
}

func (t *Tx) write(key, value []byte) {
	t.fail(t.top().Put(key, value))
	t.written++
}

func (t *Tx) top() *bbolt.Bucket {
	if t.buckets[0] == nil {
		b, err := t.tx.CreateBucketIfNotExists(t.stack[0].bucket())
		t.fail(err)
		t.buckets[0] = b
	}
	return t.buckets[0]
}

// scan walks the live rows whose key begins with prefix, in key order from the key from on (nil: from the first).
func (t *Tx) scan(prefix, from []byte, reverse bool) iter.Seq2[[]byte, []byte] {
	buckets := make([]*bbolt.Bucket, 0, len(t.buckets))
	for _, b := range t.buckets {
		if b != nil {
			buckets = append(buckets, b)
		}
	}
	return func(yield func(k, v []byte) bool) {
		for k, v := range mergeRows(buckets, prefix, from, reverse) {
			if v[0] == live && !yield(k[len(prefix):], v[1:]) {
				return
			}
		}
	}
}

// scanLayer walks the rows of one layer of the stack alone.
func (t *Tx) scanLayer(l *Layer, prefix []byte) iter.Seq2[[]byte, []byte] {
	for i, layer := range t.stack {
		if layer == l && t.buckets[i] != nil {
			return func(yield func(k, v []byte) bool) {
				for k, v := range mergeRows(t.buckets[i:i+1], prefix, nil, false) {
					if v[0] == live && !yield(k[len(prefix):], v[1:]) {
						return
					}
				}
			}
		}
	}
	return func(func(k, v []byte) bool) {}
}

// Corrupt ends the transaction because a row cannot be understood.
func (t *Tx) Corrupt(what string, err error) {
	t.fail(fmt.Errorf("stored %s cannot be read: %w", what, err))
}
