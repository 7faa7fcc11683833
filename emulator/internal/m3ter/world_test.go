package m3ter

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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
var document = spec.New("m3ter", func() ([]byte, error) { return openapi.Document("m3ter") })

// morning is where the clocks of the tests stand, unless they say otherwise: a Tuesday.
var morning = time.Date(2025, 5, 20, 9, 0, 0, 0, time.UTC)

const (
	nobody  = "00000000-0000-4000-8000-00000000dead"
	baseURL = "http://localhost:4010/~t1"
)

// tester is what of a test, a fuzz test or a rapid one the world needs.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// world is one sandbox behind the API, its clock frozen.
type world struct {
	t       tester
	api     *API
	store   *store.Store
	base    *store.Baseline
	sandbox *store.Sandbox
	org     string
	token   string
	limiter *wire.Limiter
	log     bytes.Buffer
}

// newWorld makes a world of a scenario in YAML, its version line left out; "" is the empty world.
func newWorld(t testing.TB, scenario string, configure ...func(*Config)) *world {
	t.Helper()
	return newWorldIn(t, scenario, store.Options{}, configure...)
}

func newWorldIn(t testing.TB, scenario string, where store.Options, configure ...func(*Config)) *world {
	t.Helper()
	s, err := fixtures.Parse("test.yaml", []byte("version: 1\n"+scenario))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, org: openOrganization}
	cfg := Config{
		Referee: document.Referee(spec.Options{Strict: true}), Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	for _, c := range configure {
		c(&cfg)
	}
	w.api = New(cfg)
	st, err := store.Open(where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	w.store = st
	w.base, err = st.Baseline("test", clock.FrozenAt(morning), func(sb *store.Sandbox) error {
		if err := sb.Update(func(tx *store.Tx) error { store.SetSeed(tx, 7); return nil }); err != nil {
			return err
		}
		return w.api.Seed(sb, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.sandbox, _, err = st.Sandbox("test", w.base); err != nil {
		t.Fatal(err)
	}
	w.login("key", "secret")
	return w
}

// login gets a token, if the world gives one.
func (w *world) login(key, secret string) {
	w.t.Helper()
	got := w.send("POST", "/oauth/token", `{"grant_type":"client_credentials"}`, "Authorization", basic(key, secret))
	var answer getBearerTokenResponse
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		w.t.Fatal(err)
	}
	w.token = answer.AccessToken
}

func basic(key, secret string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(key, secret)
	return r.Header.Get("Authorization")
}

// at moves the clock to an instant, as a test's Advance would.
func (w *world) at(instant time.Time) *world {
	w.t.Helper()
	if err := w.sandbox.SetClock(clock.FrozenAt(instant)); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// advance moves the clock and settles.
func (w *world) advance(by time.Duration) []wire.Fired {
	w.t.Helper()
	from := w.sandbox.Now()
	w.at(from.Add(by))
	fired, err := w.api.Settle(w.sandbox, from, w.sandbox.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return fired
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
	wire.ReadBody(r, 10<<20)
	ctx := store.WithSandbox(r.Context(), w.sandbox)
	ctx = wire.WithTrace(ctx, &wire.Trace{Vendor: vendor, BaseURL: baseURL, Limiter: w.limiter})
	recorder := httptest.NewRecorder()
	w.api.ServeHTTP(recorder, r.WithContext(ctx))
	return exchange{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// in returns a path of the organization.
func (w *world) in(path string) string { return "/organizations/" + url.PathEscape(w.org) + path }

// fields is a JSON object.
type fields map[string]any

func (f fields) id() string { return f["id"].(string) }

// ok sends a request under the organization that must succeed, and returns the body.
func (w *world) ok(method, path, body string) fields {
	w.t.Helper()
	got := w.send(method, w.in(path), body)
	if got.status != http.StatusOK {
		w.t.Fatalf("%s %s %s: got %d %s\n%s", method, path, body, got.status, got.body, w.log.String())
	}
	var answer fields
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		w.t.Fatalf("%s %s: %v in %s", method, path, err, got.body)
	}
	return answer
}

// refused sends a request under the organization that must be refused with a status and a message that holds a text.
func (w *world) refused(method, path, body string, status int, message string) {
	w.t.Helper()
	got := w.send(method, w.in(path), body)
	var answer struct {
		Message *string `json:"message"`
	}
	err := json.Unmarshal([]byte(got.body), &answer)
	if err != nil || answer.Message == nil || got.status != status || !strings.Contains(*answer.Message, message) {
		w.t.Errorf("%s %s %s: got %d %s, want %d and %q", method, path, body, got.status, got.body, status, message)
	}
}

// data returns the elements of a list's page.
func (f fields) data() []fields {
	var list []fields
	for _, e := range f["data"].([]any) {
		list = append(list, e.(map[string]any))
	}
	return list
}

// ids returns the ids of a list's page.
func (f fields) ids() []string {
	ids := []string{}
	for _, e := range f.data() {
		ids = append(ids, e.id())
	}
	return ids
}

// download fetches what a URL that the emulator gave out leads to.
func (w *world) download(address string) exchange {
	w.t.Helper()
	path, ok := strings.CutPrefix(address, baseURL+mount)
	if !ok {
		w.t.Fatalf("%s does not begin with %s", address, baseURL+mount)
	}
	return w.send("GET", path, "", "Authorization", "")
}

// submit sends measurements and expects them to be accepted.
func (w *world) submit(measurements ...string) {
	w.t.Helper()
	w.ok("POST", "/measurements", `{"measurements":[`+strings.Join(measurements, ",")+`]}`)
}

// eventsOf returns the events of a name, oldest first.
func (w *world) eventsOf(name string) []fields {
	w.t.Helper()
	list := w.ok("GET", "/events?eventName="+name, "").data()
	slices.Reverse(list)
	return list
}

// transfers is a scenario with a product, a meter and two accounts.
const transfers = `
m3ter:
  organizations:
    - products: [{id: 00000000-0000-4000-8000-000000000001, code: storage, name: Storage}]
      meters:
        - id: 00000000-0000-4000-8000-000000000002
          code: data_transfer
          name: Transfer
          product: storage
          fields:
            - {code: region, category: WHERE}
            - {code: tenant, category: WHO}
            - {code: gb_out, category: MEASURE, unit: GB}
      aggregations:
        - {id: 00000000-0000-4000-8000-000000000003, code: out, name: Out, meter: data_transfer, field: gb_out, unit: GB}
      accounts:
        - {id: 00000000-0000-4000-8000-000000000011, code: northwind, name: Northwind}
        - {id: 00000000-0000-4000-8000-000000000012, code: lakeside, name: Lakeside}
`

const (
	theProduct     = "00000000-0000-4000-8000-000000000001"
	theMeter       = "00000000-0000-4000-8000-000000000002"
	theAggregation = "00000000-0000-4000-8000-000000000003"
	northwind      = "00000000-0000-4000-8000-000000000011"
	lakeside       = "00000000-0000-4000-8000-000000000012"
)

// transfer is a measurement of the scenario's meter.
func transfer(uid, account, ts, region, tenant, gb string) string {
	if uid != "" {
		uid = `"uid":"` + uid + `",`
	}
	return `{` + uid + `"meter":"data_transfer","account":"` + account + `","ts":"` + ts + `","where":{"region":"` + region +
		`"},"who":{"tenant":"` + tenant + `"},"measure":{"gb_out":` + gb + `}}`
}
