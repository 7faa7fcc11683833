// Package bench measures what the README says of speed and memory: `make bench` prints it. Nothing here is a gate.
package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator"
)

const batchSize = 100

var day = time.Now().UTC().Truncate(24 * time.Hour)

// BenchmarkProcessStart is from starting the built program, seeded with the default world, to the first answer of a
// vendor's operation; idle-MiB is what the process then holds in memory.
func BenchmarkProcessStart(b *testing.B) {
	dir := b.TempDir()
	program := filepath.Join(dir, "submeter")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "../../cmd/submeter")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	var resident float64
	for b.Loop() {
		portFile := filepath.Join(dir, "port")
		cmd := exec.Command(program, "serve", "--port", "0", "--port-file", portFile)
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		awaitAnswer(b, portFile)
		b.StopTimer()
		time.Sleep(300 * time.Millisecond)
		resident = max(resident, residentMiB(b, cmd.Process.Pid))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.Remove(portFile)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms-to-first-200")
	b.ReportMetric(resident, "idle-MiB")
	if info, err := os.Stat(program); err == nil {
		b.ReportMetric(float64(info.Size())/(1<<20), "program-MiB")
	}
}

func awaitAnswer(b *testing.B, portFile string) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(500 * time.Microsecond) {
		port, err := os.ReadFile(portFile)
		if err != nil || len(port) == 0 {
			continue
		}
		req, _ := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+strings.TrimSpace(string(port))+"/metronome/v1/customers", nil)
		req.Header.Set("Authorization", "Bearer any")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	b.Fatal("no answer in time")
}

func residentMiB(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("no /proc on this system")
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024
		}
	}
	return 0
}

// BenchmarkStartInProcess is emulator.Start to Close inside a test, the default world answered once.
func BenchmarkStartInProcess(b *testing.B) {
	for b.Loop() {
		e, err := emulator.New()
		if err != nil {
			b.Fatal(err)
		}
		if rec := do(e, "GET", "/metronome/v1/customers", nil); rec.Code != http.StatusOK {
			b.Fatal(rec.Code, rec.Body)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIngest is POST /metronome/v1/ingest in batches of 100 from as many callers as there are cores, calling the
// handler directly, so that no client competes for the cores.
func BenchmarkIngest(b *testing.B) {
	for _, c := range []struct {
		name string
		opts []emulator.Option
	}{
		{"memory", nil},
		{"durable", []emulator.Option{emulator.WithData(filepath.Join(b.TempDir(), "world.db"))}},
	} {
		b.Run(c.name, func(b *testing.B) {
			e := start(b, c.opts...)
			var batch atomic.Int64
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ingest(b, e, eventsBody(int(batch.Add(1)), "bench", day))
				}
			})
			b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkIngestOverSocket is the same through HTTP on the loopback interface, with the client on the same cores.
func BenchmarkIngestOverSocket(b *testing.B) {
	e := start(b)
	if err := e.Listen("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	var batch atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequest("POST", e.URL("metronome", "v1", "ingest"), bytes.NewReader(eventsBody(int(batch.Add(1)), "bench", day)))
			req.Header.Set("Authorization", "Bearer any")
			resp, err := client.Do(req)
			if err != nil || resp.StatusCode != http.StatusOK {
				b.Fatal(resp, err)
			}
			_ = resp.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkUsage is POST /metronome/v1/usage for one customer on one day of 1,000 events, while ever more events of
// other customers and other days are stored beside it.
func BenchmarkUsage(b *testing.B) {
	e := start(b)
	customer, metric := setUp(b, e)
	stored := 0
	for ; stored < 1000; stored += batchSize {
		ingest(b, e, eventsBody(stored, "counted", day))
	}
	body := fmt.Appendf(nil, `{"window_size":"DAY","starting_on":%q,"ending_before":%q,"customer_ids":[%q],"billable_metrics":[{"id":%q}]}`,
		day.Format(time.RFC3339), day.AddDate(0, 0, 1).Format(time.RFC3339), customer, metric)
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			b.StopTimer()
			for ; stored < n; stored += batchSize {
				alias := fmt.Sprintf("other-%d", stored/batchSize%50)
				if stored/batchSize%10 == 0 {
					alias = "counted" // of the same customer, on another day
				}
				ingest(b, e, eventsBody(stored, alias, day.AddDate(0, 0, -1-stored/batchSize%30)))
			}
			b.StartTimer()
			for b.Loop() {
				if rec := do(e, "POST", "/metronome/v1/usage", body); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), `"value":`) {
					b.Fatal(rec.Code, rec.Body)
				}
			}
		})
	}
}

// BenchmarkUsageSmall is the same query over the ten events of a small test.
func BenchmarkUsageSmall(b *testing.B) {
	e := start(b)
	customer, metric := setUp(b, e)
	ingest(b, e, eventsBody(0, "counted", day))
	body := fmt.Appendf(nil, `{"window_size":"DAY","starting_on":%q,"ending_before":%q,"customer_ids":[%q],"billable_metrics":[{"id":%q}]}`,
		day.Format(time.RFC3339), day.AddDate(0, 0, 1).Format(time.RFC3339), customer, metric)
	b.ReportAllocs()
	for b.Loop() {
		if rec := do(e, "POST", "/metronome/v1/usage", body); rec.Code != http.StatusOK {
			b.Fatal(rec.Code, rec.Body)
		}
	}
}

func start(b *testing.B, opts ...emulator.Option) *emulator.Emulator {
	b.Helper()
	e, err := emulator.New(append([]emulator.Option{emulator.WithScenario("empty")}, opts...)...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	return e
}

// setUp makes a customer called by the alias "counted" and a metric that adds up tokens.
func setUp(b *testing.B, e *emulator.Emulator) (customer, metric string) {
	rec := do(e, "POST", "/metronome/v1/customers", []byte(`{"name":"Counted","ingest_aliases":["counted"]}`))
	customer = idIn(b, rec)
	rec = do(e, "POST", "/metronome/v1/billable-metrics/create", []byte(
		`{"name":"Tokens","aggregation_type":"SUM","aggregation_key":"tokens","property_filters":[{"name":"tokens","exists":true}]}`))
	return customer, idIn(b, rec)
}

func idIn(b *testing.B, rec *httptest.ResponseRecorder) string {
	_, rest, ok := strings.Cut(rec.Body.String(), `"id":"`)
	if rec.Code != http.StatusOK || !ok {
		b.Fatal(rec.Code, rec.Body)
	}
	return rest[:36]
}

func ingest(b *testing.B, e *emulator.Emulator, body []byte) {
	if rec := do(e, "POST", "/metronome/v1/ingest", body); rec.Code != http.StatusOK {
		b.Fatal(rec.Code, rec.Body)
	}
}

func eventsBody(batch int, customer string, on time.Time) []byte {
	body := make([]byte, 0, batchSize*220)
	body = append(body, '[')
	for i := range batchSize {
		if i > 0 {
			body = append(body, ',')
		}
		at := on.Add(time.Duration(i) * 7 * time.Minute)
		body = fmt.Appendf(body, `{"transaction_id":"%d-%d","customer_id":%q,"event_type":"llm.call","timestamp":%q,"properties":{"model":"m%d","region":"eu","tokens":"%d.5","user_id":"u%d"}}`,
			batch, i, customer, at.Format(time.RFC3339), i%5, i, i%20)
	}
	return append(body, ']')
}

func do(e *emulator.Emulator, method, path string, body []byte) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer any")
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec
}
