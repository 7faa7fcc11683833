package emulator_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator"
)

// call sends a request to a running emulator and returns status, headers and body.
func call(t *testing.T, method, url, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(data)
}

func TestTheControlPlaneSteersTheClock(t *testing.T) {
	e := emulator.Start(t, emulator.WithScenario("empty"))
	base := e.Sandbox("clock").URL()
	for _, c := range []struct{ when, method, path, body, want string }{
		{"freeze at an instant", "POST", "/clock/freeze", `{"at":"2026-01-31T10:00:00+01:00"}`, `200 {"now":"2026-01-31T09:00:00Z","mode":"frozen"}`},
		{"it stands", "GET", "/clock", "", `200 {"now":"2026-01-31T09:00:00Z","mode":"frozen"}`},
		{"by a Go duration", "POST", "/clock/advance", `{"by":"36h"}`, `200 {"now":"2026-02-01T21:00:00Z","fired":[]}`},
		{"by days and weeks", "POST", "/clock/advance", `{"by":"1w1d"}`, `200 {"now":"2026-02-09T21:00:00Z","fired":[]}`},
		{"by a month of the calendar", "POST", "/clock/advance", `{"by":"P1M"}`, `200 {"now":"2026-03-09T21:00:00Z","fired":[]}`},
		{"on the 31st", "POST", "/clock/freeze", `{"at":"2026-01-31T09:00:00Z"}`, `200 `},
		{"a month after the 31st is the end of the next", "POST", "/clock/advance", `{"by":"P1M"}`, `200 {"now":"2026-02-28T09:00:00Z","fired":[]}`},
		{"back to where it was", "POST", "/clock/freeze", `{"at":"2026-03-09T21:00:00Z"}`, `200 `},
		{"by an ISO time", "POST", "/clock/advance", `{"by":"PT90M"}`, `200 {"now":"2026-03-09T22:30:00Z","fired":[]}`},
		{"to an instant", "POST", "/clock/advance", `{"to":"2026-04-01T00:00:00Z"}`, `200 {"now":"2026-04-01T00:00:00Z","fired":[]}`},
		{"not backwards", "POST", "/clock/advance", `{"to":"2026-03-01T00:00:00Z"}`, `400`},
		{"not by nonsense", "POST", "/clock/advance", `{"by":"soon"}`, `400`},
		{"not by less than nothing", "POST", "/clock/advance", `{"by":"-1h"}`, `400`},
		{"not by a fraction of a month", "POST", "/clock/advance", `{"by":"P0.5M"}`, `400`},
		{"by one of two, not both", "POST", "/clock/advance", `{"by":"1h","to":"2027-01-01T00:00:00Z"}`, `400`},
		{"and not by neither", "POST", "/clock/advance", `{}`, `400`},
		{"freezing may go back", "POST", "/clock/freeze", `{"at":"2020-01-01T00:00:00Z"}`, `200 {"now":"2020-01-01T00:00:00Z","mode":"frozen"}`},
	} {
		status, header, body := call(t, c.method, base+"/_submeter"+c.path, c.body)
		if got := fmt.Sprint(status, " ", body); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.when, got, c.want)
		}
		if status >= 400 && header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: an error of type %s", c.when, header.Get("Content-Type"))
		}
	}
}

func TestBadNamesAndUnknownPathsAreProblems(t *testing.T) {
	e := emulator.Start(t, emulator.WithScenario("empty"))
	for _, c := range []struct {
		when, method, path string
		want               int
	}{
		{"a sandbox in capitals", "GET", "/~Big/_submeter/clock", 400},
		{"a sandbox with a space", "GET", "/~a%20b/_submeter/clock", 400},
		{"a sandbox with no name", "GET", "/~/_submeter/clock", 400},
		{"nothing at the root", "GET", "/", 404},
		{"no such mount", "GET", "/acme/v1", 404},
		{"no such route", "GET", "/_submeter/nothing", 404},
		{"a route by another method", "PUT", "/_submeter/clock", 405},
		{"a snapshot nobody took", "POST", "/_submeter/snapshots/none/restore", 404},
		{"a snapshot with a bad name", "PUT", "/_submeter/snapshots/NO", 400},
		{"an exchange nobody had", "GET", "/_submeter/requests/99", 404},
		{"a filter nobody knows", "GET", "/_submeter/requests?colour=red", 400},
		{"a scenario nobody built in", "POST", "/_submeter/reset", 400},
		{"a document nobody wrote", "GET", "/_submeter/openapi/acme.yaml", 404},
	} {
		body := ""
		if strings.HasSuffix(c.path, "/reset") {
			body = `{"scenario":"acme"}`
		}
		status, header, text := call(t, c.method, e.URL()+c.path, body)
		if status != c.want || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s, want %d", c.when, status, header.Get("Content-Type"), text, c.want)
		}
	}
}
