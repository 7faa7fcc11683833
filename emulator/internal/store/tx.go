package store

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"
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
	publish []func()
	commit  []func()
	dirty   bool // something was written or deleted
	written int  // rows
}

const (
	tombstone = 0 // first byte of a deleted row's value
	live      = 1 // first byte of any other
)

// failure carries a machine's error out of a transaction by panic; View and Update turn it into their result.
type failure struct{ err error }

// View runs fn on a consistent view of the sandbox.
func (sb *Sandbox) View(fn func(*Tx) error) error {
	if err := sb.store.failure(); err != nil {
		return err
	}
	tx, w, err := sb.begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return run(newTx(tx, w), fn)
}

// begin begins a transaction that reads, together with the world that the file holds at that moment.
func (sb *Sandbox) begin() (*bbolt.Tx, *world, error) {
	sb.turn.RLock()
	defer sb.turn.RUnlock()
	if sb.gone.Load() {
		return nil, nil, ErrDropped
	}
	tx, err := sb.store.db.Begin(false)
	if errors.Is(err, bberrors.ErrDatabaseNotOpen) {
		err = ErrClosed
	}
	return tx, sb.world.Load(), err
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
	if sb.gone.Load() {
		return ErrDropped
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing, once committed
	t := newTx(tx, sb.world.Load())
	if err := run(t, fn); err != nil {
		return err
	}
	if t.dirty { // a transaction that wrote nothing costs the file nothing
		for _, publish := range t.publish {
			publish()
		}
		if err := s.commit(tx); err != nil {
			return err
		}
		t.stack[0].rows += t.written
		sb.writes.Add(1)
	}
	for _, after := range t.commit {
		after()
	}
	return nil
}

func newTx(tx *bbolt.Tx, w *world) *Tx {
	depth := w.top.depth()
	t := &Tx{Now: w.clock.Now(), tx: tx, stack: make([]*Layer, 0, depth), buckets: make([]*bbolt.Bucket, 0, depth)}
	for l := w.top; l != nil; l = l.parent {
		t.stack = append(t.stack, l)
		t.buckets = append(t.buckets, tx.Bucket(l.name))
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

// BeforeCommit runs fn when all that this transaction writes is written, just before it is committed: to bring what is kept
// in memory up to date for those who read the commit. A transaction that began before must not see what fn does; it
// has a lower Version.
func (t *Tx) BeforeCommit(fn func()) { t.publish = append(t.publish, fn) }

// Version numbers the states of the file. What a transaction with Version v wrote is seen by itself and by every
// transaction with Version v or above, and by no other.
func (t *Tx) Version() uint64 { return uint64(t.tx.ID()) }

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
func (t *Tx) get(key []byte) ([]byte, bool) { return t.getBelow(0, key) }

// getBelow is get without the layers above the one given.
func (t *Tx) getBelow(layer int, key []byte) ([]byte, bool) {
	for _, b := range t.buckets[layer:] {
		if b == nil {
			continue
		}
		if stored := b.Get(key); stored != nil {
			return t.open(key, stored)
		}
	}
	return nil, false
}

// open returns the value of a row as it is stored; false when that is a tombstone.
func (t *Tx) open(key, stored []byte) (value []byte, ok bool) {
	if len(stored) == 0 || stored[0] > live {
		t.Corrupt(fmt.Sprintf("row %q", key), errors.New("it begins with none of the marks known"))
	}
	return stored[1:], stored[0] == live
}

// put writes a row: the parts of its value, one after the other.
func (t *Tx) put(key []byte, parts ...[]byte) {
	size := 1
	for _, p := range parts {
		size += len(p)
	}
	stored := append(make([]byte, 0, size), live)
	for _, p := range parts {
		stored = append(stored, p...)
	}
	t.write(key, stored)
}

// delete hides the row of a lower layer behind a tombstone, and just removes one that only the top layer has.
func (t *Tx) delete(key []byte) {
	if _, ok := t.get(key); !ok {
		return
	}
	if _, ok := t.getBelow(1, key); ok {
		t.write(key, []byte{tombstone})
		return
	}
	t.fail(t.top().Delete(key))
	t.dirty = true
}

func (t *Tx) write(key, stored []byte) {
	t.fail(t.top().Put(key, stored))
	t.dirty = true
	t.written++
}

func (t *Tx) top() *bbolt.Bucket {
	if t.buckets[0] == nil {
		b, err := t.tx.CreateBucketIfNotExists(t.stack[0].name)
		t.fail(err)
		t.buckets[0] = b
	}
	return t.buckets[0]
}

// scan walks the live rows whose key begins with prefix, in key order from the key from on (nil: from the first).
func (t *Tx) scan(prefix, from []byte, reverse bool) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		t.walk(t.buckets, prefix, from, reverse, yield)
	}
}

// scanLayer walks the rows of one layer of the stack alone.
func (t *Tx) scanLayer(l *Layer, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		if i := slices.Index(t.stack, l); i >= 0 {
			t.walk(t.buckets[i:i+1], prefix, nil, false, yield)
		}
	}
}

func (t *Tx) walk(buckets []*bbolt.Bucket, prefix, from []byte, reverse bool, yield func(k, v []byte) bool) {
	for k, stored := range mergeRows(buckets, prefix, from, reverse) {
		if value, ok := t.open(k, stored); ok && !yield(k[len(prefix):], value) {
			return
		}
	}
}

// Corrupt ends the transaction because a row cannot be understood.
func (t *Tx) Corrupt(what string, err error) {
	t.fail(fmt.Errorf("stored %s cannot be read: %w", what, err))
}
