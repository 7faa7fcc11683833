package informatica_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/informatica"
	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
	"github.com/submeter/submeter/openapi"
)

const (
	v3     = "/saas/public/core/v3"
	export = v3 + "/license/metering/ExportMeteringData"
	older  = export + "AllLinkedOrgsAcrossRegion"
	jobs   = v3 + "/license/metering/ExportServiceJobLevelMeteringData"
	alerts = v3 + "/metering/ipuAlert"

	bot        = "meter.bot@acme.example"
	production = "isAjIhKtJ0RlgLKOmxgJTe"
	additional = "q2Ybn0rTqcXsGd1nGdQ7uA"
	sub        = "KdNnFRIBXuDL7DxtpYlSXp"
	deepSub    = "Yz41vYbUvR5DdQz8kY1cQ2"
	sandbox    = "b8Xk2lqO9sRmTn3vWcEd5F"
	other      = "o7HgFdSa1QwErTyUiOpLk9"

	dataIntegration = "a2nB20h1o0lc7k3P9xtWS8"
)

var document = spec.New("informatica", func() ([]byte, error) { return openapi.Document("informatica") })

// tester is what *testing.T, *testing.B and *rapid.T have in common here.
type tester interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is a sandbox with a frozen clock behind the API, whose answers are all held against the document.
type world struct {
	tester
	api      *informatica.API
	store    *store.Store
	baseline *store.Baseline
	sb       *store.Sandbox
	fired    []wire.Fired

	log        chan string // lines, as far as somebody reads them
	brokenBody bool        // bodies turn out to be too large
	noSandbox  bool        // a fault of the emulator's own: requests are in no world
}

// lines is a log that tests can wait for.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

// line waits for the next line of the log.
func (w *world) line() string {
	w.Helper()
	select {
	case line := <-w.log:
		return line
	case <-time.After(10 * time.Second):
		w.Fatal("nothing more is logged")
		return ""
	}
}

// acme seeds testdata/acme.yaml, each edit being a pair of texts, old and new.
func acme(t tester, edits ...string) *world {
	t.Helper()
	text := acmeText(t)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("testdata/acme.yaml holds no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return parsedWorld(t, text)
}

func acmeText(t tester) string {
	t.Helper()
	text, err := os.ReadFile("testdata/acme.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withOptions is the acme world with options of the scenario.
func withOptions(t tester, options string) *world {
	t.Helper()
	return acme(t, "informatica:\n", "informatica:\n  options: {"+options+"}\n")
}

func parsedWorld(t tester, text string) *world {
	t.Helper()
	s, err := fixtures.Parse("world.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return seeded(t, s)
}

func seeded(t tester, s *fixtures.Scenario) *world {
	t.Helper()
	w, err := open(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func open(t tester, s *fixtures.Scenario) (*world, error) {
	t.Helper()
	w := &world{tester: t, log: make(chan string, 256)}
	w.api = informatica.New(informatica.Config{
		Referee: document.Referee(spec.Options{Strict: true}), Logger: slog.New(slog.NewTextHandler(lines(w.log), nil)),
	})
	var err error
	if w.store, err = store.Open(store.Options{}); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.baseline, err = w.store.Baseline("world", clock.FrozenAt(s.Clock.At.At(time.Unix(0, 0))), func(sb *store.Sandbox) error {
		if err := sb.Update(func(tx *store.Tx) error { store.SetSeed(tx, s.Seed); return nil }); err != nil {
			return err
		}
		return w.api.Seed(sb, s)
	})
	if err != nil {
		return nil, err
	}
	w.sb, _, err = w.store.Sandbox("t1", w.baseline)
	return w, err
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// advance moves the clock and lets fall due what does, as the emulator does it.
func (w *world) advance(by time.Duration) {
	w.Helper()
	from := w.sb.Now()
	w.must(w.sb.SetClock(clock.FrozenAt(from.Add(by))))
	fired, err := w.api.Settle(w.sb, from, from.Add(by))
	w.must(err)
	w.fired = append(w.fired, fired...)
}

func (w *world) update(fn func(tx *store.Tx)) {
	w.Helper()
	w.must(w.sb.Update(func(tx *store.Tx) error { fn(tx); return nil }))
}

// ServeHTTP puts the sandbox before the API, as the emulator does.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	trace := &wire.Trace{Vendor: "informatica", BaseURL: "http://submeter.test/~t1"}
	ctx := wire.WithTrace(r.Context(), trace)
	if !w.noSandbox {
		ctx = store.WithSandbox(ctx, w.sb)
	}
	limit := int64(1 << 20)
	if w.brokenBody {
		limit = 0
	}
	wire.ReadBody(r, limit)
	w.api.ServeHTTP(rw, r.WithContext(ctx))
}

// answer is a response, read whole.
type answer struct {
	tester
	status int
	header http.Header
	body   []byte
}

func (w *world) call(method, path, session string, body any) answer {
	w.Helper()
	return w.request(method, path, body, http.Header{"Infa-Session-Id": {session}, "Icsessionid": {session}})
}

func (w *world) request(method, path string, body any, header http.Header) answer {
	w.Helper()
	var reader io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		w.must(err)
		reader = bytes.NewReader(text)
	}
	r := httptest.NewRequest(method, path, reader)
	r.Header = header
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return answer{w.tester, rec.Code, rec.Header(), rec.Body.Bytes()}
}

// is stops the test unless the answer has a status.
func (a answer) is(status int) answer {
	a.Helper()
	if a.status != status {
		a.Fatalf("got the status %d, want %d:\n%s", a.status, status, a.body)
	}
	return a
}

// code is the error's code, of either shape.
func (a answer) code() string {
	a.Helper()
	var body struct {
		Code  string
		Error struct{ Code string }
	}
	if err := json.Unmarshal(a.body, &body); err != nil {
		a.Fatalf("not JSON: %v\n%s", err, a.body)
	}
	return body.Code + body.Error.Code
}

func (a answer) refused(status int, code string) {
	a.Helper()
	a.is(status)
	if got := a.code(); got != code {
		a.Fatalf("got the code %s, want %s:\n%s", got, code, a.body)
	}
}

func (a answer) field(name string) string {
	a.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(a.body, &fields); err != nil {
		a.Fatalf("not JSON: %v\n%s", err, a.body)
	}
	return strings.Trim(string(fields[name]), `"`)
}

// csv is a file of an archive.
type csvFile struct {
	name   string
	header []string
	rows   []map[string]string // by column
	text   string
}

func (a answer) files() []csvFile {
	a.Helper()
	archive, err := zip.NewReader(bytes.NewReader(a.is(http.StatusOK).body), int64(len(a.body)))
	if err != nil {
		a.Fatal(err)
	}
	var files []csvFile
	for _, entry := range archive.File {
		r, err := entry.Open()
		if err != nil {
			a.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			a.Fatal(err)
		}
		f := csvFile{name: entry.Name, text: string(text)}
		records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			a.Fatalf("%s: %v", entry.Name, err)
		}
		for i, record := range records {
			if i == 0 {
				f.header = record
				continue
			}
			row := map[string]string{}
			for j, cell := range record {
				row[f.header[j]] = cell
			}
			f.rows = append(f.rows, row)
		}
		files = append(files, f)
	}
	return files
}

// rawFile is a file of an archive, which need not be good CSV.
func (a answer) rawFile(i int) []byte {
	a.Helper()
	archive, err := zip.NewReader(bytes.NewReader(a.is(http.StatusOK).body), int64(len(a.body)))
	if err != nil {
		a.Fatal(err)
	}
	r, err := archive.File[i].Open()
	if err != nil {
		a.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		a.Fatal(err)
	}
	return text
}

func (w *world) login(user string) (session string) {
	w.Helper()
	res := w.call(http.MethodPost, "/ma/api/v2/user/login", "", map[string]string{
		"@type": "login", "username": user, "password": "right",
	}).is(http.StatusOK)
	return res.field("icSessionId")
}

type fields map[string]any

// start begins an export and returns its id.
func (w *world) start(path, session string, body fields) string {
	w.Helper()
	return w.call(http.MethodPost, path, session, body).is(http.StatusOK).field("jobId")
}

// report runs an export to its end and returns its files.
func (w *world) report(path, session string, body fields) []csvFile {
	w.Helper()
	id := w.start(path, session, body)
	w.advance(5 * time.Second)
	return w.call(http.MethodGet, export+"/"+id+"/download", session, nil).files()
}

func decode(t tester, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func names(files []csvFile) string {
	var list []string
	for _, f := range files {
		list = append(list, f.name)
	}
	return strings.Join(list, " ")
}

func (w *world) rule(r job.Rule) {
	w.Helper()
	w.update(func(tx *store.Tx) { job.SetRule(tx, "informatica", "export", r) })
}

func (w *world) force(id, state, cause string) {
	w.Helper()
	w.update(func(tx *store.Tx) {
		if _, err := w.api.ForceJob(tx, id, state, cause); err != nil {
			w.Fatalf("force %s to %s: %v", id, state, err)
		}
	})
}

func (w *world) jobs() (list []wire.Job) {
	w.Helper()
	w.must(w.sb.View(func(tx *store.Tx) error { list = w.api.Jobs(tx); return nil }))
	return list
}

// layOn lays another scenario on the world.
func (w *world) layOn(text string) {
	w.Helper()
	s, err := fixtures.Parse("more.yaml", []byte(text))
	w.must(err)
	w.must(w.api.Seed(w.sb, s))
}
