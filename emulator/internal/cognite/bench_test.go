package cognite_test

import (
	"fmt"
	"testing"

	"github.com/submeter/submeter/emulator/internal/cognite"
	"github.com/submeter/submeter/fixtures"
)

// BenchmarkHistory times a request for 600 averages over a meter with more and more raw samples, one a second, and over
// a generated one: what it costs should follow the averages, not the samples.
func BenchmarkHistory(b *testing.B) {
	for _, million := range []int{1, 3, 10} {
		b.Run(fmt.Sprintf("%d million samples", million), func(b *testing.B) {
			w := newWorld(b, nil)
			begin := sampled(w, million*1_000_000)
			w.api = cognite.New(cognite.Config{}) // as served, but for the network
			path := fmt.Sprintf("%s/files.storage_bytes?start=%d&end=%d&numberOfDatapoints=600", meters, begin, noon.UnixMilli())
			b.ReportAllocs()
			for b.Loop() {
				if got := w.get(path); got.status != 200 {
					b.Fatal(got.body)
				}
			}
		})
	}
	for kind, id := range map[fixtures.CogniteGeneratorKind]string{
		fixtures.CogniteMonthlyCounter: "atlas.monthly_ai_tokens", fixtures.CogniteGauge: "functions.concurrent_executions", fixtures.CogniteStep: storage,
	} {
		b.Run("generated "+string(kind), func(b *testing.B) {
			w := newWorld(b, generated())
			w.api = cognite.New(cognite.Config{})
			path := fmt.Sprintf("%s/%s?start=%d&end=%d&numberOfDatapoints=600", meters, id, noon.UnixMilli()-90*86400000, noon.UnixMilli())
			b.ReportAllocs()
			for b.Loop() {
				if got := w.get(path); got.status != 200 {
					b.Fatal(got.body)
				}
			}
		})
	}
}

// sampled gives the meter of stored bytes a sample for each of the last seconds before noon, and returns the first.
func sampled(w *world, count int) (begin int64) {
	w.t.Helper()
	begin = noon.UnixMilli() - int64(count)*1000
	const batch = 100_000
	for i := 0; i < count; i += batch {
		items := make([]cognite.Sample, 0, batch)
		for j := i; j < min(count, i+batch); j++ {
			items = append(items, cognite.Sample{MeterID: storage, Timestamp: begin + int64(j)*1000, Value: float64(j%1000) / 4})
		}
		w.append("acme", items...)
	}
	return begin
}

// BenchmarkAppend times taking in samples, a thousand at once.
func BenchmarkAppend(b *testing.B) {
	w := newWorld(b, nil)
	items := make([]cognite.Sample, 1000)
	at := int64(0)
	for b.Loop() {
		for i := range items {
			at += 1000
			items[i] = cognite.Sample{MeterID: storage, Timestamp: at, Value: float64(i)}
		}
		w.append("acme", items...)
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "samples/s")
}
