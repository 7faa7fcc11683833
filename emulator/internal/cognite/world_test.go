package cognite_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/cognite"
	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
	"github.com/submeter/submeter/openapi"
)

// noon is the time of a world unless a test says otherwise: 3 December 2025, 12:00 UTC.
var noon = time.UnixMilli(1764763200000).UTC()

var document = spec.New("cognite", func() ([]byte, error) { return openapi.Document("cognite") })

// world is one sandbox behind the API. Every answer is held against the document: one that breaks it is a 500.
type world struct {
	t        testing.TB
	api      *cognite.API
	file     *store.Store
	baseline *store.Baseline
	sandbox  *store.Sandbox
	limiter  *wire.Limiter
	log      *testLog
}

// newWorld seeds a world from a scenario, the shortest one when nil, with its clock frozen at noon.
func newWorld(t testing.TB, s *fixtures.Scenario) *world {
	t.Helper()
	return openWorld(t, s, store.Options{})
}

func openWorld(t testing.TB, s *fixtures.Scenario, options store.Options) *world {
	t.Helper()
	if s == nil {
		s = fixtures.New()
	}
	file, err := store.Open(options)
	check(t, err)
	t.Cleanup(func() { check(t, file.Close()) })
	w := &world{t: t, file: file, log: &testLog{t}}
	w.api = cognite.New(cognite.Config{
		Referee: document.Referee(spec.Options{Strict: true}), Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	w.baseline, err = file.Baseline("base", clock.FrozenAt(noon), func(sb *store.Sandbox) error {
		if err := sb.Update(func(tx *store.Tx) error { store.SetSeed(tx, s.Seed); return nil }); err != nil {
			return err
		}
		return w.api.Seed(sb, s)
	})
	check(t, err)
	return w.fork("one")
}

// fork returns another sandbox of the same world.
func (w *world) fork(name string) *world {
	w.t.Helper()
	f := *w
	var err error
	f.sandbox, _, err = w.file.Sandbox(name, w.baseline)
	check(w.t, err)
	return &f
}

// within returns the world for a part of its test.
func (w *world) within(t testing.TB) *world {
	inner := *w
	inner.t, w.log.t = t, t
	return &inner
}

// testLog sends the log to the test.
type testLog struct{ t testing.TB }

func (l *testLog) Write(line []byte) (int, error) {
	l.t.Helper()
	l.t.Logf("%s", bytes.TrimSpace(line))
	return len(line), nil
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call is one request.
type call struct {
	method, path, body string
	header             map[string]string // on top of token and version; an empty value leaves one out
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

const alpha = "20230101-alpha"

func (w *world) do(c call) answer {
	w.t.Helper()
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer any")
	r.Header.Set("cdf-version", alpha)
	for name, value := range c.header {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	wire.ReadBody(r, 1<<20)
	trace := &wire.Trace{Vendor: "cognite", BaseURL: "http://localhost:4010", Limiter: w.limiter}
	ctx := wire.WithTrace(store.WithSandbox(r.Context(), w.sandbox), trace)
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r.WithContext(ctx))
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

func (w *world) get(path string) answer { w.t.Helper(); return w.do(call{method: "GET", path: path}) }
func (w *world) post(path, body string) answer {
	w.t.Helper()
	return w.do(call{method: "POST", path: path, body: body})
}

// wants fails the test unless the answer has a status and, unless empty, a body.
func (a answer) wants(t testing.TB, status int, body string) answer {
	t.Helper()
	if a.status != status || body != "" && a.body != body {
		t.Fatalf("got %d %s\nwant %d %s", a.status, a.body, status, body)
	}
	return a
}

// into reads the answer's body, which must have come with status 200.
func (a answer) into(t testing.TB, body any) {
	t.Helper()
	a.wants(t, http.StatusOK, "")
	check(t, json.Unmarshal([]byte(a.body), body))
}

// meterPage is a page of meters as a client reads it.
type meterPage struct {
	Items      []meter `json:"items"`
	NextCursor *string `json:"nextCursor"`
}

type meter struct {
	MeterID    string      `json:"meterId"`
	Datapoints []datapoint `json:"datapoints"`
}

type datapoint struct {
	Timestamp int64    `json:"timestamp"`
	Average   float64  `json:"average"`
	Value     *float64 `json:"value"`
}

func (p meterPage) ids() string {
	var ids []string
	for _, m := range p.Items {
		ids = append(ids, m.MeterID)
	}
	return strings.Join(ids, " ")
}

const (
	inAcme  = "/api/v1/projects/acme"
	meters  = inAcme + "/metering/meters"
	limits  = inAcme + "/limits/values"
	storage = "files.storage_bytes"
)

// catalogue is a scenario with the four meters that the vendor's pages name, without samples, and two limits.
func catalogue() *fixtures.Scenario {
	s := fixtures.New()
	p := fixtures.CogniteProject{Name: "acme"}
	for _, id := range []string{"atlas.monthly_ai_tokens", "atlas.monthly_ai_prompts", storage, "functions.concurrent_executions"} {
		p.Meters = append(p.Meters, fixtures.CogniteMeter{ID: id})
	}
	p.Limits = []fixtures.CogniteLimit{
		{ID: "atlas.monthly_ai_tokens", Value: "1000"}, {ID: "atlas.monthly_ai_prompts", Value: "500"}, {ID: "files.storage_bytes", Value: "0.5"},
	}
	s.Cognite.Projects = []fixtures.CogniteProject{p}
	return s
}

// example are the samples that the worked example of a day in December is computed from.
var example = []cognite.Sample{
	{MeterID: storage, Timestamp: 1764525600000, Value: 900},
	{MeterID: storage, Timestamp: 1764547200000, Value: 1000},
	{MeterID: storage, Timestamp: 1764558000000, Value: 1200},
	{MeterID: storage, Timestamp: 1764568800000, Value: 1500},
	{MeterID: storage, Timestamp: 1764579600000, Value: 1700},
	{MeterID: storage, Timestamp: 1764583200000, Value: 1900},
	{MeterID: storage, Timestamp: 1764612000000, Value: 1400},
	{MeterID: storage, Timestamp: 1764633600000, Value: 2000},
}

func (w *world) append(project string, samples ...cognite.Sample) int {
	w.t.Helper()
	added, err := w.api.AppendSamples(w.sandbox, project, samples)
	check(w.t, err)
	return added
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, text)
	check(t, err)
	check(t, z.Close())
	return b.String()
}

// With -update the golden files are written instead of compared.
var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file of testdata, whole.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		check(t, os.MkdirAll("testdata", 0o755))
		check(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	check(t, err)
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}
