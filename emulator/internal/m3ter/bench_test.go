package m3ter

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

func lenient(c *Config) { c.Referee = document.Referee(spec.Options{}) }

// callOf1000 is a submit body: measurements of ten accounts, a second apart, none sent before.
func callOf1000(n int64) string {
	var b strings.Builder
	b.WriteString(`{"measurements":[`)
	for i := range int64(1000) {
		if i > 0 {
			b.WriteByte(',')
		}
		at := morning.Add(-time.Duration(n*1000+i) * time.Second)
		b.WriteString(transfer(fmt.Sprintf("u-%d-%d", n, i), fmt.Sprintf("account-%d", i%10), at.Format(time.RFC3339), "eu-west", "t-17", fmt.Sprintf("%d.25", i)))
	}
	b.WriteString(`]}`)
	return b.String()
}

// serve sends a request with next to nothing around it and returns the status.
func (w *world) serve(method, path, body string, to http.ResponseWriter) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.token)
	r.Header.Set("Content-Type", "application/json")
	ctx := store.WithSandbox(r.Context(), w.sandbox)
	w.api.ServeHTTP(to, r.WithContext(wire.WithTrace(ctx, &wire.Trace{Vendor: vendor, BaseURL: baseURL})))
}

func benchmarkSubmit(b *testing.B, where store.Options) {
	w := newWorldIn(b, transfers, where, lenient)
	bodies := make([]string, b.N)
	for i := range bodies {
		bodies[i] = callOf1000(int64(i))
	}
	var next atomic.Int64
	path := w.in("/measurements")
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			recorder := httptest.NewRecorder()
			if w.serve("POST", path, bodies[next.Add(1)-1], recorder); recorder.Code != http.StatusOK {
				b.Fatalf("got %d %s", recorder.Code, recorder.Body)
			}
		}
	})
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "measurements/s")
}

func BenchmarkSubmitInMemory(b *testing.B) { benchmarkSubmit(b, store.Options{}) }

func BenchmarkSubmitDurable(b *testing.B) {
	benchmarkSubmit(b, store.Options{Path: filepath.Join(b.TempDir(), "world.db")})
}

// meteredWriter counts what a download is and how much memory was in use meanwhile.
type meteredWriter struct {
	*io.PipeWriter
	header http.Header
	status int
}

func (m *meteredWriter) Header() http.Header    { return m.header }
func (m *meteredWriter) WriteHeader(status int) { m.status = status }

func BenchmarkExportAMillionMeasurements(b *testing.B) {
	const calls = 1000
	w := newWorldIn(b, transfers, store.Options{}, lenient)
	for n := range int64(calls) {
		recorder := httptest.NewRecorder()
		if w.serve("POST", w.in("/measurements"), callOf1000(n), recorder); recorder.Code != http.StatusOK {
			b.Fatalf("got %d %s", recorder.Code, recorder.Body)
		}
	}
	for b.Loop() {
		id := w.export(`{"sourceType":"USAGE","startDate":"2024-01-01T00:00:00Z","endDate":"2025-05-21T00:00:00Z"}`)
		w.advance(time.Second)
		address := strings.TrimPrefix(w.ok("GET", "/dataexports/jobs/"+id+"/getdownloadurl", "")["url"].(string), baseURL+mount)
		runtime.GC()
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		from, to := io.Pipe()
		answer := &meteredWriter{PipeWriter: to, header: http.Header{}}
		go func() {
			w.serve("GET", address, "", answer)
			_ = to.Close()
		}()
		rows, peak := -1, uint64(0) // the header is no row
		unzipped, err := gzip.NewReader(from)
		if err != nil {
			b.Fatal(err)
		}
		buffer := make([]byte, 1<<20)
		for err == nil {
			var n int
			n, err = unzipped.Read(buffer)
			for _, c := range buffer[:n] {
				if c == '\n' {
					if rows++; rows%100_000 == 0 {
						runtime.GC() // what is held, not what waits to be collected
						runtime.ReadMemStats(&now)
						peak = max(peak, now.HeapAlloc)
					}
				}
			}
		}
		if rows != calls*1000 {
			b.Fatalf("got %d rows, %v", rows, err)
		}
		b.ReportMetric(float64(int64(peak)-int64(before.HeapAlloc))/(1<<20), "MiB-growth")
	}
	b.ReportMetric(calls*1000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
