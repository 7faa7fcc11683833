package informatica_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/submeter/submeter/clients/informatica"
	"github.com/submeter/submeter/emulator"
)

// A session lasts half an hour without a call. Whoever finds it over logs in, once for all.
func TestASessionThatIsOverIsRenewed(t *testing.T) {
	for name, opts := range map[string][]emulator.Option{
		"session ids": nil,
		"tokens":      {scenario(t, "", `name: "Head, Inc."`, `name: "Head, Inc.", authentication: jwt`)},
	} {
		t.Run(name, func(t *testing.T) {
			sb := world(t, opts...)
			c := head(t, sb)
			ctx := context.Background()
			job, err := c.Create(ctx, twoDays(informatica.Summary))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sb.Advance("40m"); err != nil {
				t.Fatal(err)
			}
			got, err := c.Open(ctx, job.ID)
			if err != nil {
				t.Fatal(err)
			}
			same(t, all(t, got.Summaries()), headSummary)
			if n := calls(t, sb, "login"); n != 2 {
				t.Errorf("the client logged in %d times, want twice", n)
			}
			if _, err := sb.Advance("40m"); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if _, err := c.Job(ctx, job.ID); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := calls(t, sb, "login"); n != 3 {
				t.Errorf("eight calls at once logged in %d times in all, want three", n)
			}
		})
	}
}

func TestAfterLogoutTheNextCallLogsIn(t *testing.T) {
	sb := world(t)
	c := head(t, sb)
	ctx := context.Background()
	if err := c.Logout(ctx); err != nil {
		t.Errorf("without a session: %v", err)
	}
	if _, err := c.Org(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Logout(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.Org(ctx, ""); err != nil {
		t.Error(err)
	}
	if _, err := sb.Advance("40m"); err != nil {
		t.Fatal(err)
	}
	if err := c.Logout(ctx); err != nil {
		t.Errorf("of a session that is over: %v", err)
	}
	if in, out := calls(t, sb, "login"), calls(t, sb, "logout"); in != 2 || out != 2 {
		t.Errorf("the client logged in %d times and out %d times, want twice each", in, out)
	}
}

// front serves the emulator behind a handler of the test's.
func front(t *testing.T, sb *emulator.Sandbox, behind func(http.ResponseWriter, *http.Request, http.Handler)) string {
	t.Helper()
	target := strings.TrimSuffix(sb.URL(), "/~"+sb.Name())
	pass := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := r.Clone(r.Context())
		to, err := http.NewRequestWithContext(r.Context(), r.Method, target+r.URL.RequestURI(), r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		to.Header, to.Host, to.ContentLength = req.Header, r.Host, r.ContentLength
		resp, err := http.DefaultTransport.RoundTrip(to)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { behind(w, r, pass) }))
	t.Cleanup(srv.Close)
	return srv.URL + "/~" + sb.Name() + "/informatica"
}

// An archive that breaks off is fetched again, and a vendor that is away for a moment is waited for as long as it says.
func TestTroubleOnTheWayIsOvercome(t *testing.T) {
	sb := world(t)
	var creates, downloads atomic.Int32
	url := front(t, sb, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/ExportMeteringData") && creates.Add(1) == 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case strings.HasSuffix(r.URL.Path, "/download") && downloads.Add(1) == 1:
			whole := httptest.NewRecorder()
			next.ServeHTTP(whole, r)
			w.Header().Set("Content-Type", "application/zip")
			_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
		default:
			next.ServeHTTP(w, r)
		}
	})
	got := report(t, connect(t, url, "head@acme.example"), twoDays(informatica.Summary))
	same(t, all(t, got.Summaries()), headSummary)
	if creates.Load() != 2 || downloads.Load() != 2 {
		t.Errorf("the job was created in %d attempts and fetched in %d, want two each", creates.Load(), downloads.Load())
	}
	if n := calls(t, sb, "createExport"); n != 1 {
		t.Errorf("the vendor saw %d creates, want one", n)
	}
}

// Only logins and logouts go to the login host. What else a login answers is nobody's business: userInfo.groups is an
// object here and a list there.
func TestTheHostThatTheLoginNamesIsUsed(t *testing.T) {
	sb := world(t)
	var mu sync.Mutex
	var seen []string
	url := front(t, sb, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		seen = append(seen, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		mu.Unlock()
		if !strings.HasSuffix(r.URL.Path, "/login") {
			next.ServeHTTP(w, r)
			return
		}
		own := httptest.NewRecorder()
		r.Host = strings.Split(sb.URL(), "/")[2]
		next.ServeHTTP(own, r)
		w.Header().Set("Content-Type", "application/json")
		answer := strings.Replace(own.Body.String(), `"groups":{}`, `"groups":["a"]`, 1)
		answer = strings.Replace(answer, `"products":[`, `"products":[{"name":"Other","baseApiUrl":"http://127.0.0.1:1/saas"},`, 1)
		if strings.Count(answer, `["a"]`)+strings.Count(answer, `"Other"`) != 2 {
			t.Errorf("the login answered %s", answer)
		}
		_, _ = io.WriteString(w, answer)
	})
	c := connect(t, url, "head@acme.example")
	same(t, all(t, report(t, c, twoDays(informatica.Summary)).Summaries()), headSummary)
	if err := c.Logout(context.Background()); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(seen); got != "[login logout]" {
		t.Errorf("the login host saw %s", got)
	}
}

func TestNewRefusesWhatIsNoURL(t *testing.T) {
	for _, url := range []string{"", "dm-us.informaticacloud.com", "ftp://host", "http://", "http://h\x7f"} {
		if _, err := informatica.New(url, "u", "p"); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
}
