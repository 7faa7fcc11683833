package ledger

import (
	"container/heap"
	"iter"
	"slices"
	"time"

	"github.com/submeter/submeter/emulator/internal/store"
)

// Selection says which events a scan walks.
type Selection struct {
	Streams []string // their events; one named twice counts once
	All     bool     // the events of every stream, whatever Streams says
	Filter  Filter
	After   uint64    // only events later than this position of the ledger; see Position
	From    time.Time // from this instant on
	Before  time.Time // and before this one; zero: no end
}

// Scan walks the events selected in order of time and, where that is the same, of arrival. Duplicates are not among
// them. It holds one event at a time, and no lock while the caller looks at it; the transaction must last as long.
func (l Ledger) Scan(tx *store.Tx, sel Selection) iter.Seq[Stored] {
	s := scope{
		streams: once(sel.Streams), all: sel.All, filter: sel.Filter, after: sel.After,
		from: momentOf(sel.From), to: endOfTime,
	}
	if !sel.Before.IsZero() {
		s.to = momentOf(sel.Before)
	}
	return func(yield func(Stored) bool) {
		lanes := l.lanes(tx, s)
		log := logReader{ledger: l, tx: tx}
		for len(lanes) > 0 {
			if !yield(log.read(lanes[0].r.view, lanes[0].slot)) {
				return
			}
			if lanes[0].next() {
				heap.Fix(&lanes, 0)
			} else {
				heap.Pop(&lanes)
			}
		}
	}
}

func (l Ledger) lanes(tx *store.Tx, s scope) lanes {
	var all lanes
	for _, v := range l.stack(tx) {
		r, ok := v.read(s, nil)
		if !ok {
			continue
		}
		for _, runs := range r.lanes {
			if n := (&lane{r: r, runs: runs}); n.next() {
				all = append(all, n)
			}
		}
	}
	heap.Init(&all)
	return all
}

// lane is the events of one stream in one index, from slot on.
type lane struct {
	r      *reading
	runs   [][]uint32
	slot   uint32
	at     moment
	number uint64
}

// next goes to the next event that is asked for.
func (n *lane) next() bool {
	for len(n.runs) > 0 {
		for i, slot := range n.runs[0] {
			if n.r.passes(slot) {
				n.runs[0] = n.runs[0][i+1:]
				n.slot, n.at, n.number = slot, n.r.events[slot].moment(), n.r.number(slot)
				return true
			}
		}
		n.runs = n.runs[1:]
	}
	return false
}

// lanes is a heap with the next event on top.
type lanes []*lane

func (h lanes) Len() int { return len(h) }
func (h lanes) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at.before(h[j].at)
	}
	return h[i].number < h[j].number
}
func (h lanes) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *lanes) Push(x any)   { *h = append(*h, x.(*lane)) }
func (h *lanes) Pop() any {
	last := (*h)[len(*h)-1]
	*h = slices.Delete(*h, len(*h)-1, len(*h))
	return last
}
