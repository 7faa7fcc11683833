// Package series keeps numbers sampled over time and adds them up over any range.
//
// Samples are not rows. Those that come together are one value in the store, encoded compactly; beside each layer of the store stands
// an index of the samples in it, kept in memory: per series a tree by instant whose nodes know their totals. A frozen
// layer's index is shared by all its forks; a reading merges the indexes of its stack. So what a range costs depends
// neither on the samples in it nor on those outside, beyond their logarithm.
//
// An instant has one sample: a later one takes the place of an earlier, across layers too.
package series

import (
	"slices"
	"strings"

	"github.com/submeter/submeter/emulator/internal/store"
)

// Set is series by key: the meters of a vendor.
type Set struct{ name string }

// New describes a set. Names are unique over all vendors and hold no NUL: cognite/meters.
func New(name string) Set { return Set{name: name} }

// Sample is the value of a series at an instant.
type Sample struct {
	At    int64 // milliseconds since 1970, UTC
	Value float64
}

// Limit is the greatest magnitude of a value that keeps the sums of any number of samples finite.
const Limit = 1e300

// Append adds samples in any order; of several at one instant the last one counts, and it takes the place of an
// older sample. It returns how many instants had no sample before this transaction. Readings see the samples once the
// transaction has committed. Values are finite and not beyond Limit.
func (s Set) Append(tx *store.Tx, key string, samples []Sample) (added int) {
	stack := s.stack(tx)
	added = stack.count(key, samples)
	pending := tx.Local("series-pending/"+s.name, func() any { return new(uint64) }).(*uint64)
	for chunk := range slices.Chunk(samples, maxBatch) {
		*pending++
		batches.Put(tx, logKey(s.name, stack[0].position()+*pending), encodeBatch(key, chunk))
	}
	kept, top := slices.Clone(samples), stack[0]
	tx.OnCommit(func() { top.apply(key, kept, (len(kept)+maxBatch-1)/maxBatch) })
	return added
}

// Series is one series as a transaction sees it.
type Series struct {
	stack stack
	parts []*part // of the layers that have samples, topmost first
}

// Read returns the series of a key; one without samples when the key is not known.
func (s Set) Read(tx *store.Tx, key string) Series {
	r := Series{stack: s.stack(tx)}
	for _, ix := range r.stack {
		if p := ix.part(key); p != nil {
			r.parts = append(r.parts, p)
		}
	}
	return r
}

// Total adds up the samples from first to last, both included.
func (r Series) Total(first, last int64) (t Total) {
	for _, p := range r.parts {
		own, hidden := p.total(first, last)
		t = t.Plus(own).minus(hidden)
	}
	return t
}

// First returns the earliest sample.
func (r Series) First() (earliest Sample, ok bool) {
	for _, p := range r.parts {
		if s, found := p.first(); found && (!ok || s.At < earliest.At) {
			earliest, ok = s, true
		}
	}
	return earliest, ok
}

// Before returns the latest sample earlier than at.
func (r Series) Before(at int64) (latest Sample, ok bool) {
	for _, p := range r.parts {
		if s, found := p.before(at); found && (!ok || s.At > latest.At) {
			latest, ok = s, true
		}
	}
	return latest, ok
}

// Warm loads the indexes of all sets that the sandbox can read, so that the first reading does not wait.
func Warm(tx *store.Tx) {
	names := map[string]bool{}
	for _, layer := range tx.Stack() {
		for key := range batches.InLayer(tx, layer, "") {
			name, _, _ := strings.Cut(key, "\x00")
			names[name] = true
		}
	}
	for name := range names {
		Set{name: name}.stack(tx)
	}
}
