package ledger

import (
	"slices"
	"sort"
)

// maxRun bounds what has to be moved when an event comes late.
const maxRun = 512

// timeline is the events of one stream in order of time, and of arrival where that is the same: their slots, in runs of at
// most maxRun. Four bytes an event, and a slot that was once read is never moved: an event in order is added at the
// end of the last run, one that comes late goes into a copy of the run it belongs in.
type timeline struct {
	runs  [][]uint32
	first uint32 // the slot of the first event to arrive
}

func newTimeline(slot uint32) *timeline { return &timeline{first: slot} }

// insert enters a slot above all others, the index's newest event.
func (t *timeline) insert(events []entry, slot uint32) {
	at := events[slot].moment()
	last := len(t.runs) - 1
	if last < 0 || !at.before(events[t.runs[last][len(t.runs[last])-1]].moment()) {
		switch {
		case last < 0:
			t.runs = append(t.runs, []uint32{slot})
		case len(t.runs[last]) == maxRun:
			t.runs = append(t.runs, append(make([]uint32, 0, maxRun), slot))
		default:
			t.runs[last] = append(t.runs[last], slot)
		}
		return
	}
	i := max(0, t.runAfter(events, at)-1)
	run := t.runs[i]
	place := placeAfter(events, run, at)
	whole := slices.Concat(run[:place], []uint32{slot}, run[place:])
	if len(whole) <= maxRun {
		t.runs[i] = whole
		return
	}
	half := len(whole) / 2
	t.runs[i] = slices.Clip(whole[:half])
	t.runs = slices.Insert(t.runs, i+1, whole[half:])
}

// runAfter returns the first run that begins after an instant.
func (t *timeline) runAfter(events []entry, at moment) int {
	return sort.Search(len(t.runs), func(i int) bool { return at.before(events[t.runs[i][0]].moment()) })
}

// placeAfter returns the first place in a run whose event is after an instant.
func placeAfter(events []entry, run []uint32, at moment) int {
	return sort.Search(len(run), func(i int) bool { return at.before(events[run[i]].moment()) })
}

// between returns the slots of the events from an instant on and before another, in runs. It stays as it is while the
// timeline grows.
func (t *timeline) between(events []entry, from, to moment) [][]uint32 {
	notBefore := func(run []uint32, at moment) int {
		return sort.Search(len(run), func(i int) bool { return !events[run[i]].moment().before(at) })
	}
	lastNotBefore := func(at moment) int { // the first run that ends at or after an instant
		return sort.Search(len(t.runs), func(i int) bool {
			run := t.runs[i]
			return !events[run[len(run)-1]].moment().before(at)
		})
	}
	begin := lastNotBefore(from)
	end := lastNotBefore(to)
	if end < len(t.runs) {
		end++ // the run in which the range ends
	}
	if begin >= end {
		return nil
	}
	runs := slices.Clone(t.runs[begin:end])
	tail := len(runs) - 1
	runs[tail] = runs[tail][:notBefore(runs[tail], to)]
	runs[0] = runs[0][min(notBefore(runs[0], from), len(runs[0])):]
	return runs
}
