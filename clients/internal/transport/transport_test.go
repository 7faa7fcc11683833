package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reply is one answer of the wire these tests stand on; err wins.
type reply struct {
	status     int
	retryAfter string
	body       string
	cut        bool // the connection breaks behind body
	err        error
}

var (
	refusedDial = reply{err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	brokenPipe  = reply{err: &net.OpError{Op: "write", Err: errors.New("broken pipe")}}
	fine        = reply{status: 200, body: `{"n":1}`}
)

// wire answers the requests in turn and keeps them; the last reply stays.
type wire struct {
	replies []reply
	seen    []string
	at      []time.Time
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	line := req.Method + " " + req.URL.Path
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		line += " " + string(body)
	}
	w.seen, w.at = append(w.seen, line+" "+req.Header.Get("Authorization")), append(w.at, time.Now())
	r := w.replies[min(len(w.seen), len(w.replies))-1]
	if r.err != nil {
		return nil, r.err
	}
	body := io.Reader(strings.NewReader(r.body))
	if r.cut {
		body = io.MultiReader(body, broken{})
	}
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Request-Id": {"r-7"}}
	if r.retryAfter != "" {
		header.Set("Retry-After", r.retryAfter)
	}
	return &http.Response{StatusCode: r.status, Header: header, Body: io.NopCloser(body), Request: req}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func request(t *testing.T, ctx context.Context, method string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://vendor.test/v1/things?page=2", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestWhatIsRepeatedAndAfterWhatWait(t *testing.T) {
	status := func(code int) reply { return reply{status: code} }
	after := func(code int, value string) reply { return reply{status: code, retryAfter: value} }
	cases := []struct {
		name     string
		method   string
		marked   bool
		replies  []reply
		attempts int
		waited   time.Duration // over all attempts
		status   int           // 0 means an error
	}{
		{"a success is sent once", "GET", false, []reply{fine}, 1, 0, 200},
		{"a refusal is sent once", "GET", false, []reply{status(404)}, 1, 0, 404},
		{"an error of the server's program is sent once", "GET", false, []reply{status(500)}, 1, 0, 500},
		{"what is not implemented is sent once", "GET", false, []reply{status(501)}, 1, 0, 501},
		{"a bad gateway is tried again, waiting twice as long each time", "GET", false, []reply{status(502), status(504), fine}, 3, 750 * time.Millisecond, 200},
		{"a fourth attempt is the last", "GET", false, []reply{status(503)}, 4, 1750 * time.Millisecond, 503},
		{"Retry-After in seconds is waited for", "GET", false, []reply{after(429, "7"), fine}, 2, 7 * time.Second, 200},
		{"Retry-After of a 503 too", "PUT", false, []reply{after(503, "30"), fine}, 2, 30 * time.Second, 200},
		{"Retry-After as a date is waited for", "GET", false, []reply{after(429, "Sat, 01 Jan 2000 00:00:09 GMT"), fine}, 2, 9 * time.Second, 200},
		{"a date in the past is no wait", "GET", false, []reply{after(429, "Sat, 01 Jan 1999 00:00:00 GMT"), fine}, 2, 0, 200},
		{"a Retry-After that is none falls back to doubling", "GET", false, []reply{after(429, "soon"), fine}, 2, 250 * time.Millisecond, 200},
		{"a Retry-After beyond the longest wait is not waited for", "GET", false, []reply{after(429, "61"), fine}, 1, 0, 429},
		{"a POST that was turned away is tried again", "POST", false, []reply{after(429, "1"), fine}, 2, time.Second, 200},
		{"a POST that was never sent is tried again", "POST", false, []reply{refusedDial, fine}, 2, 250 * time.Millisecond, 200},
		{"a POST that may have been carried out is not", "POST", false, []reply{status(503), fine}, 1, 0, 503},
		{"nor when its connection broke", "POST", false, []reply{brokenPipe, fine}, 1, 0, 0},
		{"nor when its answer broke off", "POST", false, []reply{{status: 200, body: `{"n"`, cut: true}, fine}, 1, 0, 0},
		{"a POST marked idempotent is tried again", "POST", true, []reply{status(503), fine}, 2, 250 * time.Millisecond, 200},
		{"a broken connection is tried again", "DELETE", false, []reply{brokenPipe, fine}, 2, 250 * time.Millisecond, 200},
		{"JSON that broke off is tried again", "GET", false, []reply{{status: 200, body: `{"n"`, cut: true}, fine}, 2, 250 * time.Millisecond, 200},
		{"a connection that keeps breaking is an error", "GET", false, []reply{brokenPipe}, 4, 1750 * time.Millisecond, 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tc.marked {
					ctx = Idempotent(ctx)
				}
				w := &wire{replies: tc.replies}
				began := time.Now()
				resp, err := New(WithHTTPClient(&http.Client{Transport: w})).Do(request(t, ctx, tc.method))
				if len(w.seen) != tc.attempts || time.Since(began) != tc.waited {
					t.Errorf("%d attempts in %s, want %d in %s", len(w.seen), time.Since(began), tc.attempts, tc.waited)
				}
				for _, line := range w.seen {
					if line != tc.method+" /v1/things {} " {
						t.Errorf("sent %q", line)
					}
				}
				if tc.status == 0 {
					if err == nil || resp != nil {
						t.Errorf("answer %v and error %v, want an error alone", resp, err)
					}
					return
				}
				if err != nil || resp.StatusCode != tc.status {
					t.Fatalf("answer %+v, error %v; want %d", resp, err, tc.status)
				}
				if body, err := io.ReadAll(resp.Body); err != nil || (tc.status == 200 && string(body) != fine.body) {
					t.Errorf("body %q, error %v", body, err)
				}
			})
		})
	}
}

func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{replies: []reply{{status: 503, retryAfter: "90"}}}
		client := New(WithHTTPClient(&http.Client{Transport: w}), WithAttempts(2), WithMaxWait(2*time.Minute))
		began := time.Now()
		if _, err := client.Do(request(t, t.Context(), "GET")); err != nil {
			t.Fatal(err)
		}
		if len(w.seen) != 2 || time.Since(began) != 90*time.Second {
			t.Errorf("%d attempts in %s", len(w.seen), time.Since(began))
		}
	})
}

func TestTheContextEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		w := &wire{replies: []reply{{status: 429, retryAfter: "30"}}}
		began := time.Now()
		_, err := New(WithHTTPClient(&http.Client{Transport: w})).Do(request(t, ctx, "GET"))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second || len(w.seen) != 1 {
			t.Errorf("error %v after %s and %d attempts", err, time.Since(began), len(w.seen))
		}
	})
}

func TestRequestsNameTheClients(t *testing.T) {
	build := func(main, dep string) *debug.BuildInfo {
		return &debug.BuildInfo{
			Main: debug.Module{Path: "example.com/app", Version: main},
			Deps: []*debug.Module{{Path: "example.com/dep", Version: "v9.9.9"}, {Path: modulePath, Version: dep}},
		}
	}
	if got := moduleVersion(build("v3.0.0", "v1.2.3")); got != "v1.2.3" {
		t.Errorf("as a dependency: %s", got)
	}
	if got := moduleVersion(&debug.BuildInfo{Main: debug.Module{Path: modulePath, Version: "(devel)"}}); got != "dev" {
		t.Errorf("in a working tree: %s", got)
	}
	if got := moduleVersion(nil); got != "dev" {
		t.Errorf("without build information: %s", got)
	}
	var sent string
	spy := roundTrip(func(req *http.Request) (*http.Response, error) {
		sent = req.Header.Get("User-Agent")
		return &http.Response{StatusCode: 204, Body: http.NoBody, Request: req}, nil
	})
	if _, err := New(WithHTTPClient(&http.Client{Transport: spy})).Do(request(t, t.Context(), "GET")); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(sent, "submeter-clients/") {
		t.Errorf("User-Agent %q", sent)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestPagesEndWhereTheCursorsEnd(t *testing.T) {
	pages := map[string][]int{"": {1, 2}, "b": {}, "c": {3}}
	next := map[string]string{"": "b", "b": "c"}
	fetch := func(cursor string) ([]int, string, error) { return pages[cursor], next[cursor], nil }
	all, err := Collect(Pages(fetch))
	if fmt.Sprint(all) != "[1 2 3]" || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	for n := range Pages(fetch) {
		if n == 2 {
			break
		}
	}
	next["c"] = "d"
	failing := func(cursor string) ([]int, string, error) {
		if cursor == "d" {
			return nil, "", io.ErrUnexpectedEOF
		}
		return fetch(cursor)
	}
	if all, err := Collect(Pages(failing)); fmt.Sprint(all) != "[1 2 3]" || err != io.ErrUnexpectedEOF {
		t.Errorf("%v, %v", all, err)
	}
}
