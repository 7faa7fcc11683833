// Package ledger keeps metered events and adds them up, exactly.
//
// Events are not rows. An accepted batch is one value in the store, under the number of its first event; beside each
// layer of the store stands an index of the events in it, kept in memory: which ids were seen, and per stream the events in order
// of time, decoded and compact. A frozen layer's index is shared by all its forks; a query merges the indexes of
// its stack. So what a query costs depends on the events it reads, not on those it does not.
package ledger

import (
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
// batch once the transaction has committed.
func (l Ledger) Append(tx *store.Tx, b *Batch) (duplicates []bool) {
	stack := l.stack(tx)
	pending := tx.Local("ledger/"+l.name, func() any { return &pendingBatches{} }).(*pendingBatches)
	arrived := tx.Now.UnixMicro()
	first := stack.position() + pending.events + 1
	duplicates = make([]bool, len(b.events))
	for i := range b.events {
		e := &b.events[i]
		if e.ID == "" {
			continue
		}
		oldest := int64(0)
		if l.dedupe > 0 {
			oldest = tx.Now.Add(-l.dedupe).UnixMicro() + 1
		}
		duplicates[i] = pending.has(e) || b.repeats(i, duplicates) || l.seen(tx, stack, e, oldest)
	}
	key := logKey(l.name, first)
	batches.Put(tx, key, b.encode(arrived, duplicates))
	pending.add(b, duplicates)
	top := stack[0]
	tx.OnCommit(func() { top.apply(b.events, duplicates, arrived, first) })
	return duplicates
}

// Position returns how many events the ledger has taken so far. An event is later than a moment when its number is
// above the position of that moment, also where the clock stands still.
func (l Ledger) Position(tx *store.Tx) uint64 {
	pending := tx.Local("ledger/"+l.name, func() any { return &pendingBatches{} }).(*pendingBatches)
	return l.stack(tx).position() + pending.events
}

// Find returns every stored event of an ID, in the order they arrived, duplicates included.
func (l Ledger) Find(tx *store.Tx, id string) []Stored {
	var found []Stored
	stack := l.stack(tx)
	for i := len(stack) - 1; i >= 0; i-- {
		for _, n := range stack[i].numbersOf(hashOf(id)) {
			if s, ok := l.read(tx, stack[i], n); ok && s.ID == id {
				found = append(found, s)
			}
		}
	}
	return found
}

// Streams returns the names of the streams that hold events and begin with prefix, in no order, each once.
func (l Ledger) Streams(tx *store.Tx, prefix string) []string {
	seen := map[string]bool{}
	var names []string
	for _, ix := range l.stack(tx) {
		for _, name := range ix.streamNames(prefix) {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// seen says whether an event of the same ID was accepted at oldest (microseconds) or later.
func (l Ledger) seen(tx *store.Tx, stack stack, e *prepared, oldest int64) bool {
	for _, ix := range stack {
		for _, n := range ix.numbersOf(e.hash) {
			s, ok := l.read(tx, ix, n)
			if ok && s.ID == e.ID && !s.Duplicate && s.Arrived.UnixMicro() >= oldest {
				return true
			}
		}
	}
	return false
}

// read fetches an event from the log. The index may already know an event that was committed after this transaction's
// view of the file began; that event is not there yet.
func (l Ledger) read(tx *store.Tx, ix *index, number uint64) (Stored, bool) {
	first := ix.batchOf(number)
	data, ok := batches.Get(tx, logKey(l.name, first))
	if !ok {
		return Stored{}, false
	}
	s, err := decodeOne(data, int(number-first))
	if err != nil {
		tx.Corrupt("batch of events", err)
	}
	s.Number = number
	return s, true
}

// pendingBatches are what a transaction has appended and not yet committed.
type pendingBatches struct {
	events uint64
	ids    map[string]bool
}

func (p *pendingBatches) has(e *prepared) bool { return p.ids[e.ID] }

func (p *pendingBatches) add(b *Batch, duplicates []bool) {
	p.events += uint64(len(b.events))
	if p.ids == nil {
		p.ids = make(map[string]bool, len(b.events))
	}
	for i := range b.events {
		if !duplicates[i] && b.events[i].ID != "" {
			p.ids[b.events[i].ID] = true
		}
	}
}
