package ledger_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

const million = 1_000_000

var metered = ledger.New("bench/events", 34*24*time.Hour)

// call is the n-th event of a workload as billing sees it: a thousand customers, a month, four fields, one of them with a
// thousand values.
func call(n int) ledger.Event {
	return ledger.Event{
		ID:     fmt.Sprintf("%08x-0000-4000-8000-%012d", n*2654435761%(1<<32), n),
		Stream: fmt.Sprintf("customer-%08d", n%1000),
		Type:   []string{"llm.call", "storage", "seats.report"}[n%3],
		Time:   start.Add(time.Duration(n) * 2592 * time.Millisecond), // a million in a month
		Fields: []ledger.Field{
			{Name: "tokens", JSON: fmt.Sprintf(`"%d.%02d"`, n%5000, n%100)},
			{Name: "model", JSON: []string{`"small"`, `"large"`, `"huge"`}[n/7%3]},
			{Name: "region", JSON: []string{`"eu"`, `"us"`, `"ap"`}[n/11%3]},
			{Name: "user", JSON: fmt.Sprintf(`"user-%d"`, n/13%1000)},
		},
	}
}

func calls(from, to int) []ledger.Event {
	events := make([]ledger.Event, 0, to-from)
	for n := from; n < to; n++ {
		events = append(events, call(n))
	}
	return events
}

func openBench(b *testing.B, opts store.Options) (*store.Store, *store.Sandbox) {
	b.Helper()
	s, err := store.Open(opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s, sandbox(b, s)
}

func sandbox(b *testing.B, s *store.Store) *store.Sandbox {
	base, err := s.Baseline("empty", clock.FrozenAt(start), func(*store.Sandbox) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	sb, _, err := s.Sandbox("one", base)
	if err != nil {
		b.Fatal(err)
	}
	return sb
}

func update(b *testing.B, sb *store.Sandbox, fn func(tx *store.Tx)) {
	if err := sb.Update(func(tx *store.Tx) error { fn(tx); return nil }); err != nil {
		b.Fatal(err)
	}
}

func view(b *testing.B, sb *store.Sandbox, fn func(tx *store.Tx)) {
	if err := sb.View(func(tx *store.Tx) error { fn(tx); return nil }); err != nil {
		b.Fatal(err)
	}
}

func fill(b *testing.B, sb *store.Sandbox, events int) {
	for n := 0; n < events; n += 100 {
		batch := ledger.NewBatch(calls(n, n+100))
		update(b, sb, func(tx *store.Tx) { metered.Append(tx, batch) })
	}
}

func perEvent(b *testing.B, events int) {
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}

// BenchmarkAppend takes batches of 100 made beforehand through NewBatch and Append, one goroutine, a transaction each.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name string
		opts store.Options
	}{
		{"memory", store.Options{}},
		{"durable", store.Options{Path: filepath.Join(b.TempDir(), "synced.db")}},
		{"durable unsynced", store.Options{Path: filepath.Join(b.TempDir(), "unsynced.db"), NoSync: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			_, sb := openBench(b, c.opts)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				events := calls(n, n+100)
				b.StartTimer()
				batch := ledger.NewBatch(events)
				update(b, sb, func(tx *store.Tx) { metered.Append(tx, batch) })
				n += 100
			}
			perEvent(b, n)
		})
	}
}

// BenchmarkAppendAMillion is BenchmarkAppend up to a million events, and what their index takes in memory.
func BenchmarkAppendAMillion(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		_, sb := openBench(b, store.Options{})
		before := heap()
		for n := 0; n < million; n += 100 {
			events := calls(n, n+100)
			b.StartTimer()
			batch := ledger.NewBatch(events)
			update(b, sb, func(tx *store.Tx) { metered.Append(tx, batch) })
			b.StopTimer()
		}
		b.ReportMetric(float64(heap()-before)/million, "index-B/event")
		runtime.KeepAlive(sb)
		b.StartTimer()
	}
	perEvent(b, b.N*million)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkNewBatch is the part that needs no transaction and runs side by side.
func BenchmarkNewBatch(b *testing.B) {
	events := calls(0, 100)
	b.ReportAllocs()
	for b.Loop() {
		ledger.NewBatch(events)
	}
	perEvent(b, b.N*100)
}

// BenchmarkCustomerDay asks for one day of one customer, a hundred events, among more and more of others.
func BenchmarkCustomerDay(b *testing.B) {
	for _, total := range []int{10_000, 100_000, million} {
		b.Run(fmt.Sprintf("among %d", total), func(b *testing.B) {
			_, sb := openBench(b, store.Options{})
			spacing := total / 100
			for n := 0; n < total; n += 100 {
				events := calls(n, n+100)
				for i := range events {
					if (n+i)%spacing == 0 { // one of the hundred: two days of it, one asked for
						events[i].Stream, events[i].Time = "asked", start.Add(time.Duration((n+i)/spacing)*10*time.Minute)
					}
				}
				update(b, sb, func(tx *store.Tx) { metered.Append(tx, ledger.NewBatch(events)) })
			}
			q := ledger.Query{
				Streams: []string{"asked"}, Windows: []time.Time{start, start.Add(24 * time.Hour)}, Function: ledger.Sum, Field: "tokens",
				Filter: ledger.Filter{Types: []string{"llm.call", "storage", "seats.report"}, Fields: []ledger.FieldFilter{{Name: "region", NotIn: []string{"mars"}}}},
			}
			b.ReportAllocs()
			for b.Loop() {
				view(b, sb, func(tx *store.Tx) {
					if r := metered.Aggregate(tx, q); len(r) != 1 || r[0].Events != 100 {
						b.Fatalf("%+v", r)
					}
				})
			}
		})
	}
}

// BenchmarkAggregateAMillion adds up a million events of a thousand streams.
func BenchmarkAggregateAMillion(b *testing.B) {
	_, sb := openBench(b, store.Options{})
	fill(b, sb, million)
	var all []string
	view(b, sb, func(tx *store.Tx) { all = metered.Streams(tx, "") })
	month := []time.Time{start, start.AddDate(0, 1, 0)}
	var days []time.Time
	for d := range 32 {
		days = append(days, start.AddDate(0, 0, d))
	}
	filter := ledger.Filter{Types: []string{"llm.call"}, Fields: []ledger.FieldFilter{{Name: "region", In: []string{"eu", "us"}}}}
	for _, c := range []struct {
		name string
		q    ledger.Query
	}{
		{"count", ledger.Query{Windows: month, Function: ledger.Count}},
		{"sum", ledger.Query{Windows: month, Function: ledger.Sum, Field: "tokens"}},
		{"min", ledger.Query{Windows: month, Function: ledger.Min, Field: "tokens"}},
		{"max", ledger.Query{Windows: month, Function: ledger.Max, Field: "tokens"}},
		{"latest", ledger.Query{Windows: month, Function: ledger.Latest, Field: "tokens"}},
		{"unique of 1000 texts", ledger.Query{Windows: month, Function: ledger.Unique, Field: "user"}},
		{"unique of 5000 numbers", ledger.Query{Windows: month, Function: ledger.Unique, Field: "tokens"}},
		{"sum by day", ledger.Query{Windows: days, Function: ledger.Sum, Field: "tokens"}},
		{"sum by day, filtered", ledger.Query{Windows: days, Function: ledger.Sum, Field: "tokens", Filter: filter}},
		{"sum by day and model", ledger.Query{Windows: days, Function: ledger.Sum, Field: "tokens", GroupBy: []string{"model"}}},
		{"sum by model and user", ledger.Query{Windows: month, Function: ledger.Sum, Field: "tokens", GroupBy: []string{"model", "user"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.q.Streams = all
			b.ReportAllocs()
			for b.Loop() {
				view(b, sb, func(tx *store.Tx) {
					if len(metered.Aggregate(tx, c.q)) == 0 {
						b.Fatal("nothing")
					}
				})
			}
			perEvent(b, b.N*million)
		})
	}
}

// BenchmarkLoadAMillion opens a durable file of a million events and loads their index.
func BenchmarkLoadAMillion(b *testing.B) {
	opts := store.Options{Path: filepath.Join(b.TempDir(), "million.db"), NoSync: true}
	s, sb := openBench(b, opts)
	fill(b, sb, million)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	var opening time.Duration
	for b.Loop() {
		read := clock.Stopwatch()
		s, err := store.Open(opts)
		if err != nil {
			b.Fatal(err)
		}
		opening += read()
		view(b, sandbox(b, s), func(tx *store.Tx) { ledger.Warm(tx) })
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(opening.Milliseconds())/float64(b.N), "ms-of-it-to-open")
	perEvent(b, b.N*million)
}

// BenchmarkScanAMillion streams a million events of a thousand streams, and tells how far the heap grew.
func BenchmarkScanAMillion(b *testing.B) {
	_, sb := openBench(b, store.Options{})
	fill(b, sb, million)
	b.ReportAllocs()
	for b.Loop() {
		before, most := heap(), uint64(0)
		view(b, sb, func(tx *store.Tx) {
			n := 0
			for range metered.Scan(tx, ledger.Selection{All: true}) {
				if n++; n%100_000 == 0 {
					b.StopTimer()
					most = max(most, heap()-before)
					b.StartTimer()
				}
			}
			if n != million {
				b.Fatalf("%d events", n)
			}
		})
		b.ReportMetric(float64(most)/(1<<20), "MB-held")
	}
	perEvent(b, b.N*million)
}
