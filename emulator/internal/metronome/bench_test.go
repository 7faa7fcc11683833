package metronome

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// benchWorld is the world of the two customers without the strict mode, which no server runs in by default.
func benchWorld(b *testing.B) *world {
	w := newWorld(b, twoCustomers)
	w.api = New(Config{Referee: document.Referee(spec.Options{})})
	return w
}

// post sends a request as the emulator does, without a socket.
func (w *world) post(b *testing.B, path, body string) {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer any")
	r.Header.Set("Content-Type", "application/json")
	wire.ReadBody(r, 1<<24)
	ctx := wire.WithTrace(store.WithSandbox(r.Context(), w.sandbox), &wire.Trace{})
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r.WithContext(ctx))
	if recorder.Code != http.StatusOK {
		text, _ := io.ReadAll(recorder.Body)
		b.Errorf("%s: got %d %s", path, recorder.Code, text)
	}
}

// batchOf writes 100 events of one customer within an hour, their transaction ids counted from first.
func batchOf(first int, stream string, at time.Time) string {
	events := make([]string, 100)
	for i := range events {
		events[i] = fmt.Sprintf(`{"transaction_id":"%s-%d","customer_id":"%s","event_type":"llm.call","timestamp":"%s",`+
			`"properties":{"model":"m%d","region":"eu","tokens":"%d.5","user_id":"u%d"}}`,
			stream, first+i, stream, at.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i%5, i, i%20)
	}
	return "[" + strings.Join(events, ",") + "]"
}

func BenchmarkIngest100(b *testing.B) {
	w := benchWorld(b)
	var batch atomic.Int64
	bodies := make([]string, b.N)
	for i := range bodies {
		bodies[i] = batchOf(i*100, []string{"nw-eu", "nw-us", "contoso", "nobody"}[i%4], noon.Add(-time.Duration(i%500)*time.Hour))
	}
	b.SetBytes(int64(len(bodies[0])))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w.post(b, "/v1/ingest", bodies[int(batch.Add(1)-1)%len(bodies)])
		}
	})
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkUsageOfACustomerDay(b *testing.B) {
	w := benchWorld(b)
	for i := range 10 { // 1,000 events over ten days, two customers
		w.post(b, "/v1/ingest", batchOf(i*100, []string{"nw-eu", "contoso"}[i%2], noon.AddDate(0, 0, -i)))
	}
	for name, fields := range map[string]string{
		"one metric":  `"billable_metrics":[{"id":"` + tokensMetric + `"}]`,
		"all metrics": `"window_size":"NONE"`,
		"in groups":   `"billable_metrics":[{"id":"` + tokensMetric + `","group_by":{"key":"model"}}]`,
		"in hours":    `"window_size":"HOUR","billable_metrics":[{"id":"` + tokensMetric + `"}]`,
	} {
		body := usageAsk(`"starting_on":"2026-03-03T00:00:00Z","customer_ids":["` + northwind + `"],` + fields)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.post(b, "/v1/usage", body)
			}
		})
	}
}

func BenchmarkGetCustomer(b *testing.B) {
	w := benchWorld(b)
	for b.Loop() {
		if got := w.send("GET", "/v1/customers/"+northwind, ""); got.status != 200 {
			b.Fatal(got.body)
		}
	}
}
