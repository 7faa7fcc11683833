package ledger

import (
	"sort"
	"strings"
	"sync"

	"github.com/shopspring/decimal"
)

// index is what is kept in memory of the events in one layer of the store. Its slices and its largest maps hold no
// pointers, so that a million events cost the garbage collector nothing. What once stands in a slice stays as it is:
// a reader who has copied the slices' heads needs no lock.
type index struct {
	base uint64 // events in the layers below: the event in slot 0 has number base+1

	mu      sync.RWMutex
	batches []batchPlace
	events  []entry // by slot
	cells   []cell  // of one event after another
	texts   dictionary
	recent  []uint32 // in the dictionary: the last event's type, and its fields' names by position
	odd     []oddity
	odds    map[uint32]uint32 // place in odd by place in texts
	streams map[string]*timeline
	ids     map[uint64]uint32   // the slot of the first event whose ID has a hash
	again   map[uint64][]uint32 // the slots of all of them, where there are several
}

// batchPlace is where a batch begins, when it arrived, and from which version of the file on it can be seen.
type batchPlace struct {
	slot    uint32
	arrived int64 // microseconds
	version uint64
}

// entry is one event: 24 bytes beside its cells, which end where those of the next event begin.
type entry struct {
	micro     int64  // see moment
	cells     uint32 // the first
	kind      uint32 // of Type, in the dictionary
	offset    uint32 // in the log, from the beginning of its batch
	nano      uint16
	duplicate bool
}

func (e *entry) moment() moment { return moment{micro: e.micro, nano: e.nano} }

// cell is one field of an event.
type cell struct {
	name    uint32 // in the dictionary
	kind    kind
	scale   uint8
	payload int64 // mantissa, place in the dictionary, or place in odd
}

// oddity is a number whose text does not follow from its value.
type oddity struct {
	text   uint32 // in the dictionary
	number decimal.Decimal
}

// apply enters a batch that a transaction of this version is about to commit.
func (ix *index) apply(b *Batch, duplicates []bool, arrived int64, version uint64) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.begin(arrived, version)
	for i := range b.events {
		ix.add(&b.events[i], duplicates[i])
	}
}

// reserve makes room for events that are about to be entered.
func (ix *index) reserve(events int) {
	ix.events = make([]entry, 0, events)
	ix.ids = make(map[uint64]uint32, events)
}

func (ix *index) begin(arrived int64, version uint64) {
	if ix.streams == nil {
		ix.streams, ix.again, ix.odds = map[string]*timeline{}, map[uint64][]uint32{}, map[uint32]uint32{}
		if ix.ids == nil {
			ix.ids = map[uint64]uint32{}
		}
	}
	ix.batches = append(ix.batches, batchPlace{slot: uint32(len(ix.events)), arrived: arrived, version: version})
}

func (ix *index) add(e *prepared, duplicate bool) {
	slot := uint32(len(ix.events))
	ix.events = append(ix.events, entry{
		micro: e.moment.micro, nano: e.moment.nano, cells: uint32(len(ix.cells)), kind: ix.code(0, e.Type),
		offset: e.offset, duplicate: duplicate,
	})
	if e.ID != "" {
		ix.addID(e.hash, slot)
	}
	if duplicate {
		return
	}
	for i, v := range e.values {
		if v.kind != kindAbsent || namedBefore(e.Fields, i) {
			ix.cells = append(ix.cells, ix.cell(ix.code(i+1, e.Fields[i].Name), v))
		}
	}
	t, ok := ix.streams[e.Stream]
	if !ok {
		t = newTimeline(slot)
		ix.streams[strings.Clone(e.Stream)] = t // not a part of a whole request body
	}
	t.insert(ix.events, slot)
}

func (ix *index) addID(hash uint64, slot uint32) {
	first, known := ix.ids[hash]
	switch {
	case !known:
		ix.ids[hash] = slot
	case ix.again[hash] == nil:
		ix.again[hash] = []uint32{first, slot}
	default:
		ix.again[hash] = append(ix.again[hash], slot)
	}
}

// namedBefore says whether a field hides an earlier one of its name.
func namedBefore(fields []Field, i int) bool {
	for _, f := range fields[:i] {
		if f.Name == fields[i].Name {
			return true
		}
	}
	return false
}

// code returns the dictionary's number of a text that is often the same as in the event before.
func (ix *index) code(position int, text string) uint32 {
	if position < len(ix.recent) && string(ix.texts.at(ix.recent[position])) == text {
		return ix.recent[position]
	}
	code := ix.texts.code(text)
	switch {
	case position < len(ix.recent):
		ix.recent[position] = code
	case position == len(ix.recent):
		ix.recent = append(ix.recent, code)
	}
	return code
}

func (ix *index) cell(name uint32, v value) cell {
	c := cell{name: name, kind: v.kind, scale: v.scale, payload: v.mantissa}
	switch v.kind {
	case kindText:
		c.payload = int64(ix.texts.code(v.text))
	case kindOdd:
		c.payload = int64(ix.oddity(v))
	case kindNumber, kindNested, kindAbsent:
	}
	return c
}

func (ix *index) oddity(v value) uint32 {
	text := ix.texts.code(v.text)
	place, ok := ix.odds[text]
	if !ok {
		place = uint32(len(ix.odd))
		ix.odd = append(ix.odd, oddity{text: text, number: v.number})
		ix.odds[text] = place
	}
	return place
}

// view is an index as one transaction sees it.
type view struct {
	*index
	limit uint32 // slots from here on came later
}

// at returns the index as transactions of a version see it.
func (ix *index) at(version uint64) view {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	n := len(ix.batches)
	for n > 0 && ix.batches[n-1].version > version {
		n--
	}
	if n == len(ix.batches) {
		return view{index: ix, limit: uint32(len(ix.events))}
	}
	return view{index: ix, limit: ix.batches[n].slot}
}

// position returns how many events there are in the layers up to this one.
func (v view) position() uint64 { return v.base + uint64(v.limit) }

// slotsOf returns the slots of the events whose ID has this hash, in order of arrival.
func (v view) slotsOf(hash uint64) []uint32 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	first, known := v.ids[hash]
	if !known || first >= v.limit {
		return nil
	}
	slots := v.again[hash]
	if slots == nil {
		return []uint32{first}
	}
	return slots[:sort.Search(len(slots), func(i int) bool { return slots[i] >= v.limit })]
}

// span is where the log has an event.
type span struct {
	first      uint64 // number of the first event of its batch
	begin, end int    // offsets in the batch; end -1: to the end of it
}

// span returns where the log has the event in a slot.
func (v view) span(slot uint32) span {
	v.mu.RLock()
	defer v.mu.RUnlock()
	i := sort.Search(len(v.batches), func(i int) bool { return v.batches[i].slot > slot }) - 1
	first, next := v.batches[i].slot, uint32(len(v.events))
	if i+1 < len(v.batches) {
		next = v.batches[i+1].slot
	}
	s := span{first: v.base + uint64(first) + 1, begin: int(v.events[slot].offset), end: -1}
	if slot+1 < next {
		s.end = int(v.events[slot+1].offset)
	}
	return s
}

// accepted says whether the event in a slot was accepted, not before an instant (microseconds).
func (v view) accepted(slot uint32, oldest int64) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	i := sort.Search(len(v.batches), func(i int) bool { return v.batches[i].slot > slot }) - 1
	return !v.events[slot].duplicate && v.batches[i].arrived >= oldest
}

func (v view) streamNames(prefix string) []string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var names []string
	for name, t := range v.streams {
		if t.first < v.limit && strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// frame is what a query reads of an index, taken at one moment: it needs no lock, however much the index grows.
type frame struct {
	base   uint64
	limit  uint32
	events []entry
	cells  []cell
	texts  texts
	odd    []oddity
}

// frame copies the heads of the slices. The lock is held.
func (v view) frame() frame {
	return frame{base: v.base, limit: v.limit, events: v.events, cells: v.cells, texts: v.texts.texts, odd: v.odd}
}

// number returns the number of the event in a slot.
func (f *frame) number(slot uint32) uint64 { return f.base + uint64(slot) + 1 }

// field returns the cell of a field by its place in the dictionary: the last of that name.
func (f *frame) field(slot uint32, name uint32) (c cell, present bool) {
	end := uint32(len(f.cells))
	if int(slot)+1 < len(f.events) {
		end = f.events[slot+1].cells
	}
	for i := end; i > f.events[slot].cells; i-- {
		if c := f.cells[i-1]; c.name == name {
			return c, c.kind != kindAbsent
		}
	}
	return cell{}, false
}

// appendText appends how a cell's value is written.
func (f *frame) appendText(data []byte, c cell) []byte {
	switch c.kind {
	case kindNumber:
		return appendPlain(data, c.payload, c.scale)
	case kindText:
		return append(data, f.texts.at(uint32(c.payload))...)
	case kindOdd:
		return append(data, f.texts.at(f.odd[c.payload].text)...)
	case kindNested, kindAbsent:
	}
	return data
}
