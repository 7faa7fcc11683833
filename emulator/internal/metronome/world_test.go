package metronome

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
	"github.com/submeter/submeter/openapi"
)

// document is the vendor's; every answer in these tests is held against it.
var document = spec.New("metronome", func() ([]byte, error) { return openapi.Document("metronome") })

// noon is where the clocks of the tests stand, unless they say otherwise.
var noon = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)

// tester is what of a test, a fuzz test or a rapid one the world needs.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// world is one sandbox behind the API, its clock frozen.
type world struct {
	t        tester
	api      *API
	store    *store.Store
	baseline *store.Baseline
	sandbox  *store.Sandbox
	token    string
	limiter  *wire.Limiter
	log      bytes.Buffer
}

// newWorld makes a world of a scenario in YAML, its version line left out; "" is the empty world.
func newWorld(t testing.TB, scenario string) *world {
	t.Helper()
	s, err := fixtures.Parse("test.yaml", []byte("version: 1\n"+scenario))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, token: "any"}
	w.api = New(Config{
		Referee: document.Referee(spec.Options{Strict: true}),
		Logger:  slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	st, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	w.store = st
	w.baseline, err = st.Baseline("test", clock.FrozenAt(noon), func(sb *store.Sandbox) error {
		if err := sb.Update(func(tx *store.Tx) error { store.SetSeed(tx, 7); return nil }); err != nil {
			return err
		}
		return w.api.Seed(sb, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.sandbox, _, err = st.Sandbox("test", w.baseline); err != nil {
		t.Fatal(err)
	}
	return w
}

// at moves the clock to an instant.
func (w *world) at(instant time.Time) *world {
	w.t.Helper()
	if err := w.sandbox.SetClock(clock.FrozenAt(instant)); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// seed lays another scenario on the world.
func (w *world) seed(scenario string) {
	w.t.Helper()
	s, err := fixtures.Parse("more.yaml", []byte("version: 1\n"+scenario))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.api.Seed(w.sandbox, s); err != nil {
		w.t.Fatal(err)
	}
}

// exchange is one answer.
type exchange struct {
	status int
	header http.Header
	body   string
}

// send sends a request; header comes in pairs of name and value and may replace the Authorization.
func (w *world) send(method, path, body string, header ...string) exchange {
	w.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, content)
	r.Header.Set("Authorization", "Bearer "+w.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	wire.ReadBody(r, 1<<24)
	ctx := store.WithSandbox(r.Context(), w.sandbox)
	ctx = wire.WithTrace(ctx, &wire.Trace{Vendor: "metronome", BaseURL: "http://localhost:4010", Limiter: w.limiter})
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r.WithContext(ctx))
	return exchange{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// ok sends a request that must succeed, and returns the body.
func (w *world) ok(method, path, body string, header ...string) string {
	w.t.Helper()
	got := w.send(method, path, body, header...)
	if got.status != http.StatusOK {
		w.t.Fatalf("%s %s %s: got %d %s\n%s", method, path, body, got.status, got.body, w.log.String())
	}
	return got.body
}

// refused sends a request that must be refused with a status and a whole body.
func (w *world) refused(method, path, body string, status int, message string, header ...string) {
	w.t.Helper()
	got := w.send(method, path, body, header...)
	want := `{"message":` + quote(message) + `}`
	if got.status != status || got.body != want {
		w.t.Errorf("%s %s %s:\n got %d %s\nwant %d %s", method, path, body, got.status, got.body, status, want)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		w.t.Errorf("%s %s: refused as %q", method, path, kind)
	}
}

// created sends a request that makes something, and returns its id.
func (w *world) created(path, body string) string {
	w.t.Helper()
	var made idResponse
	w.decode(w.ok("POST", path, body), &made)
	if made.Data.ID == "" {
		w.t.Fatalf("POST %s answered no id", path)
	}
	return made.Data.ID
}

func (w *world) decode(body string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		w.t.Fatalf("%v in %s", err, body)
	}
}

func quote(text string) string { return string(encodeJSON(text)) }

// compact takes the line breaks and indentation off JSON, so that a body can be written legibly and compared whole.
func compact(text string) string {
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		panic(err)
	}
	return out.String()
}

func equalJSON(t testing.TB, what, got, want string) {
	t.Helper()
	if got != compact(want) {
		t.Errorf("%s:\n got %s\nwant %s", what, got, compact(want))
	}
}
