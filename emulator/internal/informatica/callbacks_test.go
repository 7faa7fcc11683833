package informatica_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/job"
)

// listener receives callbacks on a socket.
type listener struct {
	*httptest.Server
	got chan received
}

type received struct {
	method, contentType, body string
}

func listen(t *testing.T, answer http.HandlerFunc) *listener {
	l := &listener{got: make(chan received, 16)}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.got <- received{r.Method, r.Header.Get("Content-Type"), string(text)}
		answer(w, r)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) next(t *testing.T) received {
	t.Helper()
	select {
	case r := <-l.got:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("no callback came")
		return received{}
	}
}

func (l *listener) nothing(t *testing.T) {
	t.Helper()
	select {
	case r := <-l.got:
		t.Fatalf("a callback came: %+v", r)
	default:
	}
}

func ok(http.ResponseWriter, *http.Request) {}

func TestACallbackIsTheStatusAtTheEndAndComesOnce(t *testing.T) {
	w := acme(t)
	l := listen(t, ok)
	session := w.login(bot)
	for _, row := range []struct {
		sentence, path string
		body           fields
	}{
		{"of a summary", export, summary},
		{"of the older summary", older, march},
		{"of single runs", jobs, with(march, fields{"allMeters": true})},
	} {
		id := w.start(row.path, session, with(row.body, fields{"callbackUrl": l.URL + "/hook?x=1"}))
		w.advance(2 * time.Second)
		l.nothing(t)
		w.advance(3 * time.Second)
		got := l.next(t)
		want := string(w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK).body)
		if got.method != http.MethodPost || got.contentType != "application/json" || got.body != want {
			t.Errorf("%s: got %+v, want a POST of %s", row.sentence, got, want)
		}
		w.advance(time.Minute)
		w.force(id, "FAILED", "later")
	}
	last := w.start(export, session, with(summary, fields{"callbackUrl": l.URL}))
	w.force(last, "SUCCESS", "")
	if got := l.next(t); got.body != string(w.call(http.MethodGet, export+"/"+last, session, nil).body) {
		t.Errorf("after a forced end: got %s", got.body) // and not one of the second ends above
	}
}

func TestTheLastQuestionOfAJobThatCountsThemSendsTheCallback(t *testing.T) {
	w := acme(t)
	l := listen(t, ok)
	session := w.login(bot)
	w.rule(job.Rule{Legs: []job.Leg{{State: "CREATED", Polls: 1}, {State: "PROCESSING", Polls: 1}}, Outcome: "SUCCESS"})
	id := w.start(export, session, with(summary, fields{"callbackUrl": l.URL}))
	w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK)
	l.nothing(t)
	w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK)
	if got, want := l.next(t).body, string(w.call(http.MethodGet, export+"/"+id, session, nil).body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A callback that fails, hangs or leads away changes nothing, and nobody waits for it.
func TestNothingDependsOnACallback(t *testing.T) {
	w := acme(t)
	release := make(chan struct{})
	hanging := listen(t, func(http.ResponseWriter, *http.Request) { <-release })
	elsewhere := listen(t, ok)
	leading := listen(t, func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	closed := listen(t, ok)
	closed.Close()
	session := w.login(bot)
	const placeholder, outside = "https://hooks.acme.example/idmc", "http://192.0.2.1:9/"
	targets := []string{hanging.URL, leading.URL, closed.URL, placeholder, outside}
	var ids []string
	for _, target := range targets {
		ids = append(ids, w.start(export, session, with(summary, fields{"callbackUrl": target})))
	}
	w.advance(5 * time.Second)
	for i, id := range ids {
		res := w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK)
		if res.field("status") != "SUCCESS" || res.field("callbackUrl") != targets[i] {
			t.Errorf("with a callback to %s the job is %s", targets[i], res.body)
		}
	}
	hanging.next(t)
	close(release)
	due := map[string]string{
		leading.URL: "a callback was sent", hanging.URL: "a callback was sent", closed.URL: "a callback failed",
		placeholder: "a callback was not sent", outside: "a callback was not sent",
	}
	for len(due) > 0 {
		line := w.line()
		for target, message := range due {
			if strings.Contains(line, "url="+target+" ") && strings.Contains(line, message) {
				delete(due, target)
			}
		}
	}
	elsewhere.nothing(t)
}
