package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/clients/control"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// serve answers everything with one status, type and body, and remembers the last request as one line.
func serve(t *testing.T, status int, contentType, body string) (baseURL string, last *string) {
	t.Helper()
	last = new(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request body: %v", err)
		}
		*last = strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(sent))
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_, _ = io.WriteString(w, body)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, last
}

func connect(t *testing.T, baseURL string) *control.Client {
	t.Helper()
	c, err := control.New(baseURL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	clockBody    = `{"now":"2026-01-15T12:00:00Z","mode":"frozen"}`
	exchangeBody = `{"id":7,"sandbox":"t1","at":"2026-01-15T12:00:00Z","vendor":"metronome","operation":"ingest",
		"method":"POST","path":"/metronome/v1/ingest","query":"","status":400,"duration_ms":0.5,
		"request":{"headers":{"Accept":["*/*"]},"body":"[]","body_bytes":2,"truncated":false,"encoding":"text"},
		"response":{"headers":{},"body":"","body_bytes":0,"truncated":false,"encoding":"text"},
		"violations":[{"in":"body","field":"/0","rule":"minItems","message":"too few"}]}`
)

var exchange = control.Exchange{
	ID: 7, Sandbox: "t1", At: noon, Vendor: "metronome", Operation: "ingest", Method: "POST",
	Path: "/metronome/v1/ingest", Status: 400, DurationMs: 0.5,
	Request:    control.Message{Headers: map[string][]string{"Accept": {"*/*"}}, Body: "[]", BodyBytes: 2, Encoding: control.MessageEncodingText},
	Response:   control.Message{Headers: map[string][]string{}, Encoding: control.MessageEncodingText},
	Violations: []control.Violation{{In: "body", Field: "/0", Rule: "minItems", Message: "too few"}},
}

func TestEachMethodSendsItsOperationAndReturnsItsValue(t *testing.T) {
	ctx := context.Background()
	type client = *control.Client
	seed := uint64(0)
	frozen := control.Clock{Now: noon, Mode: control.ClockModeFrozen}
	job := control.Job{Vendor: "informatica", Kind: "export", ID: "j 1", State: "FAILED", CreatedAt: noon, Since: noon, Done: true, Error: "disk full"}
	const jobBody = `{"vendor":"informatica","kind":"export","id":"j 1","state":"FAILED","created_at":"2026-01-15T12:00:00Z","since":"2026-01-15T12:00:00Z","done":true,"error":"disk full"}`
	rules := control.Transitions{Legs: []control.Leg{{State: "CREATED", Polls: 2}, {State: "PROCESSING", For: "40s"}}, Outcome: "FAILED", Error: "disk full"}
	const rulesBody = `{"error":"disk full","legs":[{"polls":2,"state":"CREATED"},{"for":"40s","state":"PROCESSING"}],"outcome":"FAILED"}`
	cases := []struct {
		name   string
		call   func(client) (any, error)
		sent   string
		answer string // empty: 204
		want   any
	}{
		{"info", func(c client) (any, error) { return c.Info(ctx) },
			"GET /~t1/_submeter/info",
			`{"name":"submeter","version":"1.2.3","vendors":[{"name":"m3ter","mount":"/m3ter"}],"scenario":"default","seed":18446744073709551615,
			  "sandbox":"t1","started_at":"2026-01-15T12:00:00Z","uptime_seconds":1.5,"data":"","strict":true}`,
			control.Info{Name: "submeter", Version: "1.2.3", Vendors: []control.Vendor{{Name: "m3ter", Mount: "/m3ter"}},
				Scenario: "default", Seed: 18446744073709551615, Sandbox: "t1", StartedAt: noon, UptimeSeconds: 1.5, Strict: true}},
		{"sandboxes", func(c client) (any, error) { return c.Sandboxes(ctx) },
			"GET /~t1/_submeter/sandboxes",
			`{"items":[{"name":"t1","created_at":"2026-01-15T12:00:00Z","last_used_at":"2026-01-15T12:00:00Z","requests":3,"layers":2,"now":"2026-01-15T12:00:00Z","clock_mode":"running"}]}`,
			[]control.Sandbox{{Name: "t1", CreatedAt: noon, LastUsedAt: noon, Requests: 3, Layers: 2, Now: noon, ClockMode: "running"}}},
		{"delete", func(c client) (any, error) { return nil, c.Delete(ctx) }, "DELETE /~t1/_submeter/sandbox", "", nil},
		{"reset to the same baseline", func(c client) (any, error) { return nil, c.Reset(ctx, control.Reset{}) },
			"POST /~t1/_submeter/reset {}", "", nil},
		{"reset with a seed of zero, which is a seed", func(c client) (any, error) { return nil, c.Reset(ctx, control.Reset{Seed: &seed}) },
			`POST /~t1/_submeter/reset {"seed":0}`, "", nil},
		{"clock", func(c client) (any, error) { return c.Clock(ctx) }, "GET /~t1/_submeter/clock", clockBody, frozen},
		{"freeze where it stands", func(c client) (any, error) { return c.Freeze(ctx, time.Time{}) },
			"POST /~t1/_submeter/clock/freeze {}", clockBody, frozen},
		{"freeze at an instant", func(c client) (any, error) { return c.Freeze(ctx, noon) },
			`POST /~t1/_submeter/clock/freeze {"at":"2026-01-15T12:00:00Z"}`, clockBody, frozen},
		{"resume", func(c client) (any, error) { return c.Resume(ctx) }, "POST /~t1/_submeter/clock/resume", clockBody, frozen},
		{"advance by a month", func(c client) (any, error) { return c.Advance(ctx, "P1M") },
			`POST /~t1/_submeter/clock/advance {"by":"P1M"}`,
			`{"now":"2026-01-15T12:00:00Z","fired":[{"at":"2026-01-15T12:00:00Z","vendor":"informatica","kind":"export","id":"j1","from":"RUNNING","to":"SUCCESS"}]}`,
			control.Advanced{Now: noon, Fired: []control.Fired{{At: noon, Vendor: "informatica", Kind: "export", ID: "j1", From: "RUNNING", To: "SUCCESS"}}}},
		{"advance to an instant", func(c client) (any, error) { return c.AdvanceTo(ctx, noon) },
			`POST /~t1/_submeter/clock/advance {"to":"2026-01-15T12:00:00Z"}`, `{"now":"2026-01-15T12:00:00Z","fired":[]}`,
			control.Advanced{Now: noon, Fired: []control.Fired{}}},
		{"snapshots", func(c client) (any, error) { return c.Snapshots(ctx) }, "GET /~t1/_submeter/snapshots",
			`{"items":[{"name":"s","taken_at":"2026-01-15T12:00:00Z","layers":2}]}`,
			[]control.Snapshot{{Name: "s", TakenAt: noon, Layers: 2}}},
		{"take a snapshot", func(c client) (any, error) { return c.TakeSnapshot(ctx, "s") }, "PUT /~t1/_submeter/snapshots/s",
			`{"name":"s","taken_at":"2026-01-15T12:00:00Z","layers":2}`, control.Snapshot{Name: "s", TakenAt: noon, Layers: 2}},
		{"delete a snapshot", func(c client) (any, error) { return nil, c.DeleteSnapshot(ctx, "s") }, "DELETE /~t1/_submeter/snapshots/s", "", nil},
		{"restore a snapshot", func(c client) (any, error) { return nil, c.Restore(ctx, "s") }, "POST /~t1/_submeter/snapshots/s/restore", "", nil},
		{"all requests", func(c client) (any, error) { return c.Requests(ctx, control.Filter{}) }, "GET /~t1/_submeter/requests",
			`{"items":[` + exchangeBody + `]}`, []control.Exchange{exchange}},
		{"requests through every filter", func(c client) (any, error) {
			return c.Requests(ctx, control.Filter{Vendor: "m3ter", Operation: "o", Method: "GET", Status: 404, Path: "/a b", Since: noon, Limit: 5})
		}, "GET /~t1/_submeter/requests?vendor=m3ter&operation=o&method=GET&status=404&path=%2Fa+b&since=2026-01-15T12%3A00%3A00Z&limit=5",
			`{"items":[]}`, []control.Exchange{}},
		{"one request", func(c client) (any, error) { return c.Request(ctx, 7) }, "GET /~t1/_submeter/requests/7", exchangeBody, exchange},
		{"count, which no limit changes", func(c client) (any, error) {
			return c.CountRequests(ctx, control.Filter{Vendor: "m3ter", Operation: "o", Method: "GET", Status: 404, Path: "/a", Since: noon, Limit: 5})
		}, "GET /~t1/_submeter/requests/count?vendor=m3ter&operation=o&method=GET&status=404&path=%2Fa&since=2026-01-15T12%3A00%3A00Z",
			`{"count":9}`, int64(9)},
		{"clear requests", func(c client) (any, error) { return nil, c.ClearRequests(ctx) }, "DELETE /~t1/_submeter/requests", "", nil},
		{"jobs", func(c client) (any, error) { return c.Jobs(ctx) }, "GET /~t1/_submeter/jobs", `{"items":[` + jobBody + `]}`, []control.Job{job}},
		{"force a job", func(c client) (any, error) { return c.ForceJob(ctx, "j 1", "FAILED", "disk full") },
			`POST /~t1/_submeter/jobs/j%201 {"error":"disk full","state":"FAILED"}`, jobBody, job},
		{"transitions", func(c client) (any, error) { return c.Transitions(ctx, "informatica", "export") },
			"GET /~t1/_submeter/transitions/informatica/export", rulesBody, rules},
		{"set transitions", func(c client) (any, error) { return c.SetTransitions(ctx, "informatica", "export", rules) },
			`PUT /~t1/_submeter/transitions/informatica/export ` + rulesBody, rulesBody, rules},
		{"clear transitions", func(c client) (any, error) { return nil, c.ClearTransitions(ctx, "informatica", "export") },
			"DELETE /~t1/_submeter/transitions/informatica/export", "", nil},
		{"append samples", func(c client) (any, error) {
			return c.AppendCogniteSamples(ctx, "acme", []control.CogniteSample{{MeterID: "files.storage_bytes", Timestamp: 1764547200000, Value: 1.5}})
		}, `POST /~t1/_submeter/cognite/samples {"items":[{"meterId":"files.storage_bytes","timestamp":1764547200000,"value":1.5}],"project":"acme"}`,
			`{"added":1}`, 1},
		{"rate limits", func(c client) (any, error) { return c.RateLimits(ctx) }, "GET /~t1/_submeter/rate-limits",
			`{"mode":"off"}`, control.RateLimitModeOff},
		{"set rate limits", func(c client) (any, error) { return c.SetRateLimits(ctx, control.RateLimitModeVendor) },
			`PUT /~t1/_submeter/rate-limits {"mode":"vendor"}`, `{"mode":"vendor"}`, control.RateLimitModeVendor},
		{"coverage", func(c client) (any, error) { return c.Coverage(ctx) }, "GET /~t1/_submeter/coverage",
			`{"vendors":[{"name":"cognite","operations":[{"id":"o","method":"GET","path":"/p","summary":"s","emulated":true,"tier":1,"evidence":"documented","assumptions":["COG-001"]}],"emulated":1,"known":1}]}`,
			[]control.VendorCoverage{{Name: "cognite", Emulated: 1, Known: 1, Operations: []control.OperationCoverage{
				{ID: "o", Method: "GET", Path: "/p", Summary: "s", Emulated: true, Tier: 1, Evidence: "documented", Assumptions: []string{"COG-001"}}}}}},
		{"openapi", func(c client) (any, error) { b, err := c.OpenAPI(ctx, "metronome"); return string(b), err },
			"GET /~t1/_submeter/openapi/metronome.yaml", "openapi: 3.0.3\n", "openapi: 3.0.3\n"},
		{"ready, which asks the host", func(c client) (any, error) { return nil, c.Ready(ctx) }, "GET /readyz", `{"status":"ok"}`, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			status := http.StatusOK
			if tc.answer == "" {
				status = http.StatusNoContent
			}
			base, last := serve(t, status, "application/json", tc.answer)
			got, err := tc.call(connect(t, base+"/~t1"))
			if err != nil {
				t.Fatal(err)
			}
			if *last != tc.sent {
				t.Errorf("sent %s\nwant %s", *last, tc.sent)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %#v\nwant %#v", got, tc.want)
			}
		})
	}
}

func TestBaseURLNamesTheSandbox(t *testing.T) {
	cases := []struct {
		name, base, wantName, wantURL string
	}{
		{"without a prefix it is default", "http://h:1", "default", "http://h:1"},
		{"a trailing slash means nothing", "http://h:1/", "default", "http://h:1"},
		{"a prefix names it", "http://h:1/~t1", "t1", "http://h:1/~t1"},
		{"a prefix with a slash names it", "http://h:1/~t1/", "t1", "http://h:1/~t1"},
		{"default may be named and needs no prefix", "http://h:1/~default", "default", "http://h:1"},
		{"a proxy's path stays", "https://h/tools/~t1", "t1", "https://h/tools/~t1"},
		{"a proxy's path alone is no sandbox", "https://h/tools", "default", "https://h/tools"},
		{"query and fragment fall away", "http://h:1/~t1?a=b#c", "t1", "http://h:1/~t1"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := connect(t, tc.base)
			if c.Name() != tc.wantName || c.URL() != tc.wantURL {
				t.Errorf("got %s at %s, want %s at %s", c.Name(), c.URL(), tc.wantName, tc.wantURL)
			}
		})
	}
}

func TestSandboxLeavesItsOriginAlone(t *testing.T) {
	base, last := serve(t, http.StatusOK, "application/json", clockBody)
	origin := connect(t, base+"/~t1")
	other := origin.Sandbox("t2")
	for _, step := range []struct {
		client *control.Client
		sent   string
	}{
		{other, "GET /~t2/_submeter/clock"},
		{origin, "GET /~t1/_submeter/clock"},
		{other.Sandbox(control.DefaultSandbox), "GET /_submeter/clock"},
		{other.Sandbox("a/b?c"), "GET /~a%2Fb%3Fc/_submeter/clock"},
	} {
		if _, err := step.client.Clock(context.Background()); err != nil {
			t.Fatal(err)
		}
		if *last != step.sent {
			t.Errorf("sent %s, want %s", *last, step.sent)
		}
	}
}

func TestNewRefusesWhatIsNoBaseURL(t *testing.T) {
	for _, base := range []string{"", "localhost:4010", "127.0.0.1:4010", "ftp://h", "http://", "/~t1", "http://h:port"} {
		if _, err := control.New(base); err == nil {
			t.Errorf("%q was accepted", base)
		}
	}
}

func TestRefusalIsAProblem(t *testing.T) {
	cases := []struct {
		name, contentType, body string
		status                  int
		want                    control.Problem
		wantLine                string
	}{
		{"a problem document is kept as it is", "application/problem+json",
			`{"type":"about:blank","title":"Not Found","status":404,"detail":"no snapshot \"s\""}`, 404,
			control.Problem{Type: "about:blank", Title: "Not Found", Status: 404, Detail: `no snapshot "s"`},
			`404 Not Found: no snapshot "s"`},
		{"a page of a proxy becomes the detail", "text/html", "<h1>Bad\nGateway</h1>\n", 502,
			control.Problem{Type: "about:blank", Title: "Bad Gateway", Status: 502, Detail: "<h1>Bad\nGateway</h1>"},
			"502 Bad Gateway: <h1>Bad Gateway</h1>"},
		{"JSON of somebody else becomes the detail", "application/json", `{"message":"nope"}`, 403,
			control.Problem{Type: "about:blank", Title: "Forbidden", Status: 403, Detail: `{"message":"nope"}`},
			`403 Forbidden: {"message":"nope"}`},
		{"an empty body leaves the status", "", "", 405,
			control.Problem{Type: "about:blank", Title: "Method Not Allowed", Status: 405}, "405 Method Not Allowed"},
	}
	ctx := context.Background()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			base, _ := serve(t, tc.status, tc.contentType, tc.body)
			c := connect(t, base)
			_, withValue := c.TakeSnapshot(ctx, "s")
			_, withBytes := c.OpenAPI(ctx, "m3ter")
			for _, err := range []error{withValue, withBytes, c.Restore(ctx, "s")} {
				var p *control.Problem
				if !errors.As(err, &p) {
					t.Fatalf("got %v, want a *Problem", err)
				}
				if *p != tc.want {
					t.Errorf("got  %#v\nwant %#v", *p, tc.want)
				}
				if err.Error() != tc.wantLine {
					t.Errorf("got  %s\nwant %s", err, tc.wantLine)
				}
			}
		})
	}
}

func TestBrokenAnswerIsAnErrorThatNamesTheCall(t *testing.T) {
	base, _ := serve(t, http.StatusOK, "application/json", `{"now":`)
	_, err := connect(t, base+"/~t1").Clock(context.Background())
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "GET "+base+"/~t1/_submeter/clock") {
		t.Errorf("got %v", err)
	}
	var syntax *json.SyntaxError
	base, _ = serve(t, http.StatusOK, "text/html", "<html>")
	if _, err := connect(t, base).Info(context.Background()); !errors.As(err, &syntax) {
		t.Errorf("got %v, want a *json.SyntaxError", err)
	}
}
