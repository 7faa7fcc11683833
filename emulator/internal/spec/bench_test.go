package spec_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/openapi"
)

func metronome() *spec.Document {
	return spec.New("metronome", func() ([]byte, error) { return openapi.Document("metronome") })
}

func eachUnread(b *testing.B, run func(*testing.B, *spec.Document)) {
	for _, name := range openapi.Names() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run(b, spec.New(name, func() ([]byte, error) { return openapi.Document(name) }))
			}
		})
	}
}

// BenchmarkIndex times the first use of a document.
func BenchmarkIndex(b *testing.B) {
	eachUnread(b, func(b *testing.B, document *spec.Document) {
		if _, err := document.Operations(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkFirstRequest times what the first request of an operation waits for when it is the first of its document,
// too, apart from the index: an average over all operations.
func BenchmarkFirstRequest(b *testing.B) {
	turn := 0
	eachUnread(b, func(b *testing.B, document *spec.Document) {
		b.StopTimer()
		operations, err := document.Operations()
		if err != nil {
			b.Fatal(err)
		}
		operations = slices.DeleteFunc(operations, func(op spec.Operation) bool { return !op.Emulated })
		op := operations[turn%len(operations)]
		turn++
		judge := document.Referee(spec.Options{})(wire.Operation{ID: op.ID, Method: op.Method, Path: op.EchoPath, TypedBody: true})
		c := echo.New().NewContext(httptest.NewRequest(op.Method, "/", nil), httptest.NewRecorder())
		b.StartTimer()
		_ = judge(noContent)(c) // what it finds is another affair
	})
}

// BenchmarkLoad times all operations together, which is what a test of the whole document does.
func BenchmarkLoad(b *testing.B) {
	eachUnread(b, func(b *testing.B, document *spec.Document) {
		if err := document.Load(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkReferee times requests through echo with and without the referee; the difference is what it costs.
func BenchmarkReferee(b *testing.B) {
	usage := `{"window_size":"DAY","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-04T00:00:00Z",` +
		`"customer_ids":["6513270e-269e-4d37-b2a7-4de452e6b438"],"billable_metrics":[{"id":"9531985d-5d9d-49f8-9818-e811892f902b"}]}`
	event := `{"transaction_id":"e%d","customer_id":"nw-eu","event_type":"llm.call","timestamp":"2026-03-01T00:00:00Z",` +
		`"properties":{"model":"a","region":"eu","tokens":"1000","user_id":"u1"}}`
	var batch []string
	for i := range 100 {
		batch = append(batch, fmt.Sprintf(event, i))
	}
	ingest := wire.Operation{ID: "ingestEvents", Method: http.MethodPost, Path: "/v1/ingest", Handle: drain}
	typed := ingest
	typed.TypedBody = true
	requests := []struct {
		name   string
		op     wire.Operation
		target string
		body   string
	}{
		{"get", wire.Operation{ID: "getCustomer", Method: http.MethodGet, Path: "/v1/customers/:customer_id", Handle: drain}, "/v1/customers/" + shopID, ""},
		{"list", wire.Operation{ID: "listCustomers", Method: http.MethodGet, Path: "/v1/customers", Handle: drain}, "/v1/customers?limit=50&next_page=x", ""},
		{"usage", wire.Operation{ID: "listUsage", Method: http.MethodPost, Path: "/v1/usage", Handle: drain}, "/v1/usage", usage},
		{"ingest100", ingest, "/v1/ingest", "[" + strings.Join(batch, ",") + "]"},
		{"ingest100typed", typed, "/v1/ingest", "[" + strings.Join(batch, ",") + "]"},
	}
	document := metronome()
	for _, request := range requests {
		for _, referee := range []struct {
			name  string
			judge wire.Referee
		}{{"without", nil}, {"with", document.Referee(spec.Options{})}} {
			e := echo.New()
			wire.Register(e, []wire.Operation{request.op}, referee.judge)
			b.Run(request.name+"/"+referee.name, func(b *testing.B) { serveRepeatedly(b, e, request.op.Method, request.target, request.body) })
		}
	}
}

func drain(c echo.Context) error {
	_, err := io.Copy(io.Discard, c.Request().Body)
	c.Response().WriteHeader(http.StatusOK)
	return err
}

func serveRepeatedly(b *testing.B, handler http.Handler, method, target, body string) {
	b.ReportAllocs()
	req := httptest.NewRequest(method, target, nil)
	req.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	for b.Loop() {
		req.Body = http.NoBody
		if body != "" {
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader([]byte(body))), int64(len(body))
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, req)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Code, recorder.Body)
		}
	}
}
