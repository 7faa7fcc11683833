package ledger

import (
	"bytes"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// events are valid ones, and some that no vendor would let through.
var events = rapid.Custom(func(t *rapid.T) Event {
	e := Event{
		ID: rapid.String().Draw(t, "id"), Stream: rapid.String().Draw(t, "stream"), Type: rapid.String().Draw(t, "type"),
		Time: time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC(),
	}
	for range rapid.IntRange(0, 5).Draw(t, "fields") {
		e.Fields = append(e.Fields, Field{Name: rapid.String().Draw(t, "name"), JSON: rapid.String().Draw(t, "json")})
	}
	return e
})

func TestABatchReadsAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBatch(rapid.SliceOfN(events, 0, 200).Draw(t, "events"))
		duplicates := make([]bool, len(b.events))
		for i := range duplicates {
			duplicates[i] = rapid.Bool().Draw(t, "duplicate")
		}
		arrived := rapid.Int64().Draw(t, "arrived")
		checkBatch(t, b, b.seal(arrived, duplicates), arrived, duplicates)
		again := make([]bool, len(b.events)) // sealed anew, it has nothing of what it was sealed with before
		checkBatch(t, b, b.seal(7, again), 7, again)
	})
}

func checkBatch(t *rapid.T, b *Batch, data []byte, arrived int64, duplicates []bool) {
	i := 0
	err := decodeAll(data, func(at int64) {
		if at != arrived {
			t.Fatalf("arrived at %d, want %d", at, arrived)
		}
	}, func(e *prepared, duplicate bool) {
		want := &b.events[i]
		if duplicate != duplicates[i] || e.offset != want.offset || e.hash != want.hash || e.moment != want.moment || len(e.values) != len(want.values) {
			t.Fatalf("event %d is %+v, want %+v", i, e, want)
		}
		sameEvent(t, e.Event, want.Event)
		end := len(data)
		if i+1 < len(b.events) {
			end = int(b.events[i+1].offset)
		}
		s, err := decodeOne(data, int(e.offset), end)
		if err != nil || s.Duplicate != duplicate || s.Arrived.UnixMicro() != arrived {
			t.Fatalf("event %d alone is %+v, %v", i, s, err)
		}
		sameEvent(t, s.Event, want.Event)
		i++
	})
	if err != nil || i != len(b.events) {
		t.Fatalf("%d events of %d, %v", i, len(b.events), err)
	}
}

func sameEvent(t *rapid.T, got, want Event) {
	same := got.ID == want.ID && got.Stream == want.Stream && got.Type == want.Type && got.Time.Equal(want.Time) && len(got.Fields) == len(want.Fields)
	for i := range got.Fields {
		same = same && got.Fields[i] == want.Fields[i]
	}
	if !same {
		t.Fatalf("event is %+v, want %+v", got, want)
	}
}

var sample = NewBatch([]Event{
	{ID: "e1", Stream: "c", Type: "call", Time: time.Unix(1, 2), Fields: []Field{{"n", "1"}, {"m", `"x"`}}},
	{ID: "", Stream: "", Type: "", Time: time.Unix(-1, 0)},
})

func TestADamagedBatchIsRefused(t *testing.T) {
	whole := bytes.Clone(sample.seal(5, []bool{false, true}))
	decode := func(data []byte) error {
		return decodeAll(data, func(int64) {}, func(*prepared, bool) {})
	}
	if err := decode(whole); err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if decode(whole[:n]) == nil {
			t.Errorf("its first %d bytes of %d pass for a batch", n, len(whole))
		}
	}
	for _, c := range []struct {
		when string
		data []byte
		want error
	}{
		{"a byte follows it", append(bytes.Clone(whole), 0), errSurplus},
		{"its format is another", append([]byte{batchFormat + 1}, whole[1:]...), errFormat},
		{"it says to hold more events than bytes", append(bytes.Clone(whole[:eventsOffset]), 0xff, 0xff, 0xff, 0xff, 0x0f), errTruncated},
		{"a number never ends", append(bytes.Clone(whole[:eventsOffset]), bytes.Repeat([]byte{0xff}, 20)...), errNumber},
		{"a flag is unknown", append(append(bytes.Clone(whole[:eventsOffset+1]), 2), whole[eventsOffset+2:]...), errFormat},
	} {
		if err := decode(c.data); err != c.want {
			t.Errorf("%s: %v, want %v", c.when, err, c.want)
		}
	}
	for _, c := range []struct {
		when       string
		begin, end int
	}{
		{"it begins before the events", 0, len(whole)}, {"it begins after the batch", len(whole) + 1, len(whole) + 1},
		{"it ends before it begins", 20, 19}, {"it ends after the batch", eventsOffset + 1, len(whole) + 1},
		{"it ends too early", eventsOffset + 1, eventsOffset + 3}, {"two events pass for one", eventsOffset + 1, len(whole)},
		{"it is empty", eventsOffset, eventsOffset},
	} {
		if _, err := decodeOne(whole, c.begin, c.end); err == nil {
			t.Errorf("an event is read although %s", c.when)
		}
	}
}

func FuzzDecodeAll(f *testing.F) {
	f.Add(sample.seal(5, []bool{false, true}))
	f.Add([]byte{batchFormat})
	f.Add(append(make([]byte, eventsOffset), 0xff, 0xff, 0xff, 0x7f))
	f.Fuzz(func(t *testing.T, data []byte) {
		var read []Event
		var duplicates []bool
		arrived := int64(0)
		err := decodeAll(data, func(at int64) { arrived = at }, func(e *prepared, duplicate bool) {
			event := e.Event
			event.Fields = append([]Field(nil), e.Fields...)
			read, duplicates = append(read, event), append(duplicates, duplicate)
		})
		if err != nil {
			return
		}
		i := 0 // what could be read can be written and read again
		err = decodeAll(NewBatch(read).seal(arrived, duplicates), func(at int64) {
			if at != arrived {
				t.Errorf("arrived at %d, then at %d", arrived, at)
			}
		}, func(e *prepared, duplicate bool) {
			if e.ID != read[i].ID || !e.Time.Equal(read[i].Time) || len(e.Fields) != len(read[i].Fields) || duplicate != duplicates[i] {
				t.Errorf("event %d is %+v, then %+v", i, read[i], e.Event)
			}
			i++
		})
		if err != nil || i != len(read) {
			t.Errorf("%d events of %d, %v", i, len(read), err)
		}
	})
}

func FuzzDecodeOne(f *testing.F) {
	f.Add(sample.seal(5, []bool{false, true}), eventsOffset+1, 30)
	f.Add([]byte{batchFormat}, 0, 1)
	f.Fuzz(func(t *testing.T, data []byte, begin, end int) {
		s, err := decodeOne(data, begin, end)
		if err != nil {
			return
		}
		b := NewBatch([]Event{s.Event})
		back, err := decodeOne(b.seal(s.Arrived.UnixMicro(), []bool{s.Duplicate}), eventsOffset+1, len(b.data))
		if err != nil || back.ID != s.ID || back.Stream != s.Stream || !back.Time.Equal(s.Time) || back.Duplicate != s.Duplicate || len(back.Fields) != len(s.Fields) {
			t.Errorf("%+v, then %+v, %v", s, back, err)
		}
	})
}

func TestAMomentKeepsTheOrderOfInstants(t *testing.T) {
	edges := []time.Time{
		time.Unix(math.MinInt64/4, 0), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1677, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(-1, 999_999_999), time.Unix(0, 0), time.Unix(0, 1), time.Unix(0, 999), time.Unix(0, 1000),
		time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Unix(math.MaxInt64/4, 0),
	}
	for i := range edges {
		for j := range edges {
			if got, want := momentOf(edges[i]).before(momentOf(edges[j])), i < j; got != want {
				t.Errorf("%s before %s: %v", edges[i], edges[j], got)
			}
		}
		if !momentOf(edges[i]).before(endOfTime) {
			t.Errorf("%s is not before the end of time", edges[i])
		}
	}
}
