// Package ledger keeps metered events and adds them up, exactly.
//
// Events are not rows. An accepted batch is one value in the store, under the number of its first event; beside each
// layer of the store stands an index of the events in it, kept in memory: which ids were seen, and per stream the
// events in order of time, decoded and compact. A frozen layer's index is shared by all its forks; a query merges the
// indexes of its stack. So what a query costs depends on the events it reads, not on those it does not.
package ledger

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/submeter/submeter/emulator/internal/store"
)

// Ledger is the metered events of one scope: an environment of Metronome, an organization of m3ter.
type Ledger struct {
	name   string
	dedupe time.Duration
}

// New describes a ledger. Names are unique over all vendors and hold no NUL: metronome/PRODUCTION. An event whose ID
// was accepted within dedupe before it is a duplicate; 0: for ever.
func New(name string, dedupe time.Duration) Ledger {
	return Ledger{name: name, dedupe: dedupe}
}

// Event is one metered event.
type Event struct {
	ID     string // for deduplication; an event with no ID is never a duplicate
	Stream string // what queries read by: a customer's id or alias, an account and meter
	Type   string
	Time   time.Time // decides the window; kept to the nanosecond
	Fields []Field   // in the order received; a later one of the same name counts
}

// Field is one measured or describing field of an event.
type Field struct {
	Name string
	JSON string // the value as received, a valid JSON value
}

// Stored is an event as the ledger has it.
type Stored struct {
	Event
	Number    uint64    // position in the ledger, from 1
	Arrived   time.Time // sandbox time
	Duplicate bool      // kept and found, never counted
}

// Append adds a batch at the sandbox's time and says of each event whether it was a duplicate. Later reads see the
// batch once the transaction has committed. A batch is appended at most once at a time.
func (l Ledger) Append(tx *store.Tx, b *Batch) (duplicates []bool) {
	if len(b.events) == 0 {
		return nil
	}
	stack, pending := l.stack(tx), l.pending(tx)
	arrived, oldest := tx.Now.UnixMicro(), int64(math.MinInt64)
	if l.dedupe > 0 {
		oldest = tx.Now.Add(-l.dedupe).UnixMicro() + 1
	}
	duplicates = make([]bool, len(b.events))
	for i := range b.events {
		if e := &b.events[i]; e.ID != "" {
			duplicates[i] = pending.ids[e.ID] || l.seen(tx, stack, e, oldest)
			pending.ids[e.ID] = true
		}
	}
	batches.Put(tx, logKey(l.name, stack.position()+pending.events+1), b.seal(arrived, duplicates))
	pending.events += uint64(len(b.events))
	top := stack[0].index
	tx.BeforeCommit(func() { top.apply(b, duplicates, arrived, tx.Version()) })
	return duplicates
}

// pending is what a transaction has appended and not yet committed.
type pending struct {
	events uint64
	ids    map[string]bool
}

func (l Ledger) pending(tx *store.Tx) *pending {
	return tx.Local("ledger/"+l.name, func() any { return &pending{ids: map[string]bool{}} }).(*pending)
}

// seen says whether an event of the same ID was accepted at oldest (microseconds) or later.
func (l Ledger) seen(tx *store.Tx, stack stack, e *prepared, oldest int64) bool {
	for _, v := range stack {
		for _, slot := range v.slotsOf(e.hash) {
			if v.accepted(slot, oldest) && l.read(tx, v, slot).ID == e.ID {
				return true
			}
		}
	}
	return false
}

// Position returns how many events the ledger has taken so far. An event is later than a moment when its number is
// above the position of that moment, also where the clock stands still.
func (l Ledger) Position(tx *store.Tx) uint64 {
	return l.stack(tx).position() + l.pending(tx).events
}

// Find returns every stored event of an ID, in the order they arrived, duplicates included; none for no ID.
func (l Ledger) Find(tx *store.Tx, id string) []Stored {
	var found []Stored
	stack := l.stack(tx)
	for _, v := range slices.Backward(stack) {
		for _, slot := range v.slotsOf(hashOf(id)) {
			if s := l.read(tx, v, slot); s.ID == id {
				found = append(found, s)
			}
		}
	}
	return found
}

// Streams returns the names of the streams that hold events and begin with prefix, in ascending order, each once.
func (l Ledger) Streams(tx *store.Tx, prefix string) []string {
	var names []string
	for _, v := range l.stack(tx) {
		names = append(names, v.streamNames(prefix)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// read fetches an event from the log.
func (l Ledger) read(tx *store.Tx, v view, slot uint32) Stored {
	return (&logReader{ledger: l, tx: tx}).read(v, slot)
}

// logReader fetches events from the log. It keeps the batch that it read last, where the next event often is too.
type logReader struct {
	ledger Ledger
	tx     *store.Tx
	first  uint64 // event of the batch kept
	data   []byte // valid as long as the transaction
}

func (r *logReader) read(v view, slot uint32) Stored {
	at := v.span(slot)
	if r.data == nil || r.first != at.first {
		data, ok := batches.Get(r.tx, logKey(r.ledger.name, at.first))
		if !ok {
			r.tx.Corrupt("batch of events", fmt.Errorf("there is none that begins with event %d", at.first))
		}
		r.first, r.data = at.first, data
	}
	if at.end < 0 {
		at.end = len(r.data)
	}
	s, err := decodeOne(r.data, at.begin, at.end)
	if err != nil {
		r.tx.Corrupt("batch of events", err)
	}
	s.Number = v.base + uint64(slot) + 1
	return s
}
