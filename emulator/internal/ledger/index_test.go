package ledger

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
	"pgregory.net/rapid"
)

var (
	start   = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	metered = New("test/events", 0)
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openAt opens a store with an empty sandbox; no path: in memory.
func openAt(t testing.TB, path string) (*store.Store, *store.Sandbox) {
	t.Helper()
	s, err := store.Open(store.Options{Path: path, NoSync: true})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	b, err := s.Baseline("empty", clock.FrozenAt(start), func(*store.Sandbox) error { return nil })
	check(t, err)
	sb, _, err := s.Sandbox("one", b)
	check(t, err)
	return s, sb
}

func appendEvents(t testing.TB, sb *store.Sandbox, events ...Event) {
	t.Helper()
	check(t, sb.Update(func(tx *store.Tx) error { metered.Append(tx, NewBatch(events)); return nil }))
}

// TestATimelineIsASortedList grows one at random, with many instants alike, and holds it against a stable sort. What was
// read from it earlier must stay as it was.
func TestATimelineIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			line   *timeline
			events []entry
			kept   [][]uint32
			was    []uint32
			spread = rapid.SampledFrom([]int64{3, 100, 1_000_000}).Draw(t, "spread")
		)
		all := func() (runs [][]uint32, slots []uint32) {
			runs = line.between(events, moment{micro: -1}, endOfTime)
			return runs, slices.Concat(runs...)
		}
		for range rapid.IntRange(1, 4*maxRun).Draw(t, "events") {
			e := entry{micro: rapid.Int64Range(0, spread).Draw(t, "micro"), nano: rapid.Uint16Range(0, 1).Draw(t, "nano")}
			if rapid.IntRange(0, 2).Draw(t, "in order") > 0 && len(events) > 0 {
				e.micro += events[len(events)-1].micro
			}
			slot := uint32(len(events))
			if line == nil {
				line = newTimeline(slot)
			}
			events = append(events, e)
			line.insert(events, slot)
			if slot == 700 {
				kept, was = all()
			}
		}
		want := make([]uint32, len(events))
		for i := range want {
			want[i] = uint32(i)
		}
		slices.SortStableFunc(want, func(a, b uint32) int { return compareMoments(events[a].moment(), events[b].moment()) })
		if _, got := all(); !slices.Equal(got, want) {
			t.Fatalf("all slots are %d, want %d", got, want)
		}
		if !slices.Equal(slices.Concat(kept...), was) {
			t.Fatalf("what was read after 700 events has changed")
		}
		from := moment{micro: rapid.Int64Range(-1, 2*spread).Draw(t, "from"), nano: rapid.Uint16Range(0, 1).Draw(t, "nano")}
		to := moment{micro: rapid.Int64Range(-1, 2*spread).Draw(t, "to"), nano: rapid.Uint16Range(0, 1).Draw(t, "nano")}
		within := slices.DeleteFunc(want, func(slot uint32) bool {
			at := events[slot].moment()
			return at.before(from) || !at.before(to)
		})
		if got := slices.Concat(line.between(events, from, to)...); !slices.Equal(got, within) {
			t.Fatalf("slots from %v to %v are %d, want %d", from, to, got, within)
		}
	})
}

func compareMoments(a, b moment) int {
	switch {
	case a.before(b):
		return -1
	case b.before(a):
		return 1
	}
	return 0
}

func TestADictionaryTellsTextsOfOneHashApart(t *testing.T) {
	d := dictionary{codes: map[uint64]uint32{}}
	first := d.code("first")
	d.codes[hashOf("second")] = first // as if both had the hash of second
	if _, ok := d.find("second"); ok {
		t.Error("second is found before it was entered")
	}
	second := d.code("second")
	if again, ok := d.find("second"); !ok || again != second || second == first {
		t.Errorf("second has number %d, then %d, %v; first has %d", second, again, ok, first)
	}
	empty := d.code("")
	for text, code := range map[string]uint32{"first": first, "second": second, "": empty} {
		if got := string(d.at(code)); got != text {
			t.Errorf("number %d is %q, want %q", code, got, text)
		}
	}
}

func TestTwoIDsOfOneHashAreNoDuplicates(t *testing.T) {
	_, sb := openAt(t, "")
	for _, id := range []string{"a", "b", "a"} {
		batch := NewBatch([]Event{{ID: id, Time: start}})
		batch.events[0].hash = hashOf("a")
		check(t, sb.Update(func(tx *store.Tx) error { metered.Append(tx, batch); return nil }))
	}
	check(t, sb.View(func(tx *store.Tx) error {
		found := metered.Find(tx, "a")
		if len(found) != 2 || found[0].Duplicate || !found[1].Duplicate || found[1].Number != 3 {
			t.Errorf("a: %+v", found)
		}
		n := metered.Aggregate(tx, Query{Streams: []string{""}, Windows: []time.Time{start, start.Add(1)}, Function: Count})
		if len(n) != 1 || n[0].Events != 2 {
			t.Errorf("%+v, want a and b", n)
		}
		return nil
	}))
}

func TestABatchOfNothingLeavesNoTrace(t *testing.T) {
	_, sb := openAt(t, "")
	appendEvents(t, sb)
	appendEvents(t, sb, Event{ID: "e", Time: start})
	appendEvents(t, sb)
	check(t, sb.View(func(tx *store.Tx) error {
		if n := metered.Position(tx); n != 1 {
			t.Errorf("position %d", n)
		}
		if found := metered.Find(tx, "e"); len(found) != 1 || found[0].Number != 1 {
			t.Errorf("%+v", found)
		}
		return nil
	}))
}

// TestAViewCountsWhatItsRowsSay has a writer count the events in a row, in the transaction that appends them, and readers
// that compare the row with what the ledger says: neither may be ahead of the other, not even between two questions.
func TestAViewCountsWhatItsRowsSay(t *testing.T) {
	_, sb := openAt(t, "")
	counts := store.NewTable[int]("test/counts")
	everything := Query{Streams: []string{"s"}, Windows: []time.Time{start, start.Add(time.Hour)}, Function: Sum, Field: "n"}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				err := sb.View(func(tx *store.Tx) error {
					want, _ := counts.Get(tx, "events")
					var seen []int
					for range 2 {
						seen = append(seen, int(metered.Position(tx)))
						for _, r := range metered.Aggregate(tx, everything) {
							seen = append(seen, r.Events, int(r.Value.Decimal.IntPart()))
						}
						runtime.Gosched()
						scanned := 0
						for range metered.Scan(tx, Selection{All: true}) {
							scanned++
						}
						seen = append(seen, scanned, len(metered.Find(tx, "again")))
					}
					for _, n := range seen {
						if n != want {
							return fmt.Errorf("the row says %d, the ledger %d", want, seen)
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	ledgerOfRepeats := New("test/events", time.Nanosecond) // an ID counts anew each time
	for n := range 300 {
		check(t, sb.SetClock(clock.FrozenAt(start.Add(time.Duration(n)*time.Millisecond))))
		check(t, sb.Update(func(tx *store.Tx) error {
			at := start.Add(time.Duration((n*7919)%1000) * time.Second) // out of order
			ledgerOfRepeats.Append(tx, NewBatch([]Event{{ID: "again", Stream: "s", Time: at, Fields: []Field{{"n", "1"}}}}))
			counts.Put(tx, "events", n+1)
			return nil
		}))
		if n%50 == 49 {
			check(t, sb.Snapshot("s"))
		}
	}
	close(done)
	readers.Wait()
}

func TestADamagedLogIsReported(t *testing.T) {
	for _, c := range []struct {
		when   string
		damage func(tx *store.Tx)
		want   string
	}{
		{"a batch is cut short", func(tx *store.Tx) {
			data, _ := batches.Get(tx, logKey("test/events", 1))
			batches.Put(tx, logKey("test/events", 1), bytes.Clone(data[:len(data)-1]))
		}, "ends early"},
		{"a batch is of another format", func(tx *store.Tx) { batches.Put(tx, logKey("test/events", 1), []byte("{}")) }, "unknown format"},
		{"a batch is empty", func(tx *store.Tx) { batches.Put(tx, logKey("test/events", 1), nil) }, "ends early"},
		{"a batch is missing", func(tx *store.Tx) {
			data, _ := batches.Get(tx, logKey("test/events", 1))
			batches.Put(tx, logKey("test/events", 7), bytes.Clone(data))
		}, "begins with event 7, not with event 3"},
		{"a batch has no number", func(tx *store.Tx) { batches.Put(tx, "test/events\x00x", []byte{batchFormat}) }, "no number"},
	} {
		path := filepath.Join(t.TempDir(), "log.db")
		s, sb := openAt(t, path)
		appendEvents(t, sb, Event{ID: "1", Stream: "s", Time: start}, Event{ID: "2", Stream: "s", Time: start})
		check(t, sb.Update(func(tx *store.Tx) error { c.damage(tx); return nil }))
		check(t, s.Close())
		_, sb = openAt(t, path)
		for what, err := range map[string]error{
			"view":   sb.View(func(tx *store.Tx) error { metered.Streams(tx, ""); return nil }),
			"warm":   sb.View(func(tx *store.Tx) error { Warm(tx); return nil }),
			"append": sb.Update(func(tx *store.Tx) error { metered.Append(tx, NewBatch([]Event{{Time: start}})); return nil }),
		} {
			if err == nil || !strings.Contains(err.Error(), "batch of events cannot be read") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %s says %v, want %q", c.when, what, err, c.want)
			}
		}
	}
}

// TestALogThatChangesUnderItsIndexIsReported damages the log after its index was made.
func TestALogThatChangesUnderItsIndexIsReported(t *testing.T) {
	_, sb := openAt(t, "")
	appendEvents(t, sb, Event{ID: "1", Stream: "s", Time: start})
	check(t, sb.Update(func(tx *store.Tx) error { batches.Put(tx, logKey("test/events", 1), []byte{batchFormat}); return nil }))
	err := sb.View(func(tx *store.Tx) error { metered.Find(tx, "1"); return nil })
	if err == nil || !strings.Contains(err.Error(), "batch of events cannot be read: batch ends early") {
		t.Errorf("find says %v", err)
	}
}

func TestWarmLoadsEveryLedgerOfEveryLayer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "warm.db")
	s, sb := openAt(t, path)
	other := New("test/other", 0)
	for range 3 {
		check(t, sb.Update(func(tx *store.Tx) error {
			metered.Append(tx, NewBatch([]Event{{Stream: "s", Time: start}}))
			other.Append(tx, NewBatch([]Event{{Stream: "s", Time: start}}))
			return nil
		}))
		check(t, sb.Snapshot("s"))
	}
	check(t, s.Close())
	_, sb = openAt(t, path)
	check(t, sb.View(func(tx *store.Tx) error {
		Warm(tx)
		for i, layer := range tx.Stack() {
			for _, name := range []string{"test/events", "test/other"} {
				layer.Companion("ledger/"+name, func() any {
					t.Errorf("layer %d: %s was not loaded", i, name)
					return nil
				})
			}
		}
		return nil
	}))
}
