package ledger

import (
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/tidwall/btree"
)

// index is what is kept in memory of the events in one layer of the store. Its slices hold no pointers, so that a
// million events cost the garbage collector nothing.
type index struct {
	base uint64 // events in the layers below: the first event here has number base+1

	mu      sync.RWMutex
	batches []batchPlace
	events  []entry
	cells   []cell
	texts   dictionary
	odd     []value
	streams map[string]*btree.BTreeG[place]
	ids     map[uint64]uint32 // hash of an ID to the newest event with it, counted from 1
}

type batchPlace struct {
	first   uint64
	arrived int64 // microseconds
}

// entry is one event: 32 bytes beside its cells.
type entry struct {
	time      int64 // nanoseconds, see instant
	cells     uint32
	kind      uint32 // of Type, in the dictionary
	previous  uint32 // the event before it whose ID has the same hash, counted from 1; 0: none
	count     uint32
	duplicate bool
}

// cell is one field of an event.
type cell struct {
	name    uint32 // in the dictionary
	kind    kind
	scale   uint8
	payload int64 // mantissa, place in the dictionary, or place in odd
}

// place is where a stream has an event: by time, then by arrival.
type place struct {
	time int64
	slot uint32
}

func (p place) before(o place) bool {
	return p.time < o.time || p.time == o.time && p.slot < o.slot
}

// dictionary gives each text a small number.
type dictionary struct {
	codes map[string]uint32
	texts []string
}

func (d *dictionary) code(text string) uint32 {
	c, ok := d.codes[text]
	if !ok {
		if d.codes == nil {
			d.codes = map[string]uint32{}
		}
		text = strings.Clone(text) // not a part of a whole request body
		c = uint32(len(d.texts))
		d.codes[text], d.texts = c, append(d.texts, text)
	}
	return c
}

func (d *dictionary) find(text string) (uint32, bool) {
	c, ok := d.codes[text]
	return c, ok
}

// stack is the indexes of a transaction's layers, topmost first.
type stack []*index

func (s stack) position() uint64 { return s[0].position() }

func (l Ledger) stack(tx *store.Tx) stack {
	return tx.Local("ledger-stack/"+l.name, func() any {
		layers := tx.Stack()
		s := make(stack, len(layers))
		below := uint64(0)
		for i := len(layers) - 1; i >= 0; i-- {
			s[i] = layers[i].Companion("ledger/"+l.name, func() any {
				return l.load(tx, layers[i], below)
			}).(*index)
			below = s[i].position()
		}
		return s
	}).(stack)
}

// load rebuilds the index of a layer from its part of the log.
func (l Ledger) load(tx *store.Tx, layer *store.Layer, below uint64) *index {
	ix := &index{base: below}
	for key, data := range batches.InLayer(tx, layer, l.name+"\x00") {
		b, duplicates, arrived, err := decodeAll(data)
		if err != nil {
			tx.Corrupt("batch of events", err)
		}
		first := binary.BigEndian.Uint64([]byte(key[len(l.name)+1:]))
		ix.apply(b.events, duplicates, arrived.UnixMicro(), first)
	}
	return ix
}

// Warm loads the indexes that the sandbox's queries will need, so that the first of them does not wait.
func Warm(tx *store.Tx) {
	names := map[string]bool{}
	for _, layer := range tx.Stack() {
		for key := range batches.InLayer(tx, layer, "") {
			name, _, _ := strings.Cut(key, "\x00")
			names[name] = true
		}
	}
	for name := range names {
		Ledger{name: name}.stack(tx)
	}
}

func (ix *index) position() uint64 {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.base + uint64(len(ix.events))
}

// apply enters a committed batch.
func (ix *index) apply(events []prepared, duplicates []bool, arrived int64, first uint64) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.streams == nil {
		ix.streams, ix.ids = map[string]*btree.BTreeG[place]{}, map[uint64]uint32{}
	}
	ix.batches = append(ix.batches, batchPlace{first: first, arrived: arrived})
	for i := range events {
		ix.add(&events[i], duplicates[i])
	}
}

func (ix *index) add(e *prepared, duplicate bool) {
	slot := uint32(len(ix.events))
	n := entry{time: instant(e.Time), cells: uint32(len(ix.cells)), kind: ix.texts.code(e.Type), duplicate: duplicate}
	if e.ID != "" {
		n.previous = ix.ids[e.hash]
		ix.ids[e.hash] = slot + 1
	}
	if !duplicate {
		for i, v := range e.values {
			if v.kind != kindAbsent {
				ix.cells = append(ix.cells, ix.cell(e.Fields[i].Name, v))
			}
		}
		n.count = uint32(len(ix.cells)) - n.cells
		tree, ok := ix.streams[e.Stream]
		if !ok {
			tree = btree.NewBTreeGOptions(place.before, btree.Options{NoLocks: true})
			ix.streams[strings.Clone(e.Stream)] = tree
		}
		tree.Set(place{time: n.time, slot: slot})
	}
	ix.events = append(ix.events, n)
}

func (ix *index) cell(name string, v value) cell {
	c := cell{name: ix.texts.code(name), kind: v.kind, scale: v.scale, payload: v.mantissa}
	switch v.kind {
	case kindText:
		c.payload = int64(ix.texts.code(v.text))
	case kindOdd:
		v.text = strings.Clone(v.text)
		c.payload = int64(len(ix.odd))
		ix.odd = append(ix.odd, v)
	}
	return c
}

// text returns how a cell's value is written.
func (ix *index) text(c cell) string {
	switch c.kind {
	case kindNumber:
		return plainText(c.payload, c.scale)
	case kindText:
		return ix.texts.texts[c.payload]
	case kindOdd:
		return ix.odd[c.payload].text
	}
	return ""
}

// field returns the cell of a field by its number in the dictionary: the last of that name.
func (ix *index) field(e *entry, name uint32) (cell, bool) {
	for i := e.cells + uint32(e.count); i > e.cells; i-- {
		if c := ix.cells[i-1]; c.name == name {
			return c, true
		}
	}
	return cell{}, false
}

// numbersOf returns the events whose ID has this hash, oldest first.
func (ix *index) numbersOf(hash uint64) []uint64 {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	var numbers []uint64
	for slot := ix.ids[hash]; slot > 0; slot = ix.events[slot-1].previous {
		numbers = append(numbers, ix.base+uint64(slot))
	}
	slices.Reverse(numbers)
	return numbers
}

// batchOf returns the first number of the batch that holds an event.
func (ix *index) batchOf(number uint64) uint64 {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	i := sort.Search(len(ix.batches), func(i int) bool { return ix.batches[i].first > number })
	return ix.batches[i-1].first
}

func (ix *index) streamNames(prefix string) []string {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	var names []string
	for name := range ix.streams {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// The first and last instant that nanoseconds in 64 bits reach; what lies beyond is held at the edge.
var (
	firstInstant = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC)
	lastInstant  = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

func instant(t time.Time) int64 {
	switch {
	case t.Before(firstInstant):
		return firstInstant.UnixNano()
	case t.After(lastInstant):
		return lastInstant.UnixNano()
	}
	return t.UnixNano()
}
