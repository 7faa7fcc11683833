package m3ter

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/store"
)

// transcript does a bit of everything and returns all that was answered.
func transcript(w *world) string {
	var all strings.Builder
	note := func(method, path, body string) string {
		got := w.send(method, w.in(path), body)
		fmt.Fprintf(&all, "%s %s: %d %s\n", method, path, got.status, got.body)
		return got.body
	}
	w.login("key", "secret")
	all.WriteString(w.token + "\n")
	note("POST", "/measurements", `{"measurements":[`+transfer("u", "brand-new", "2025-05-19T08:00:00Z", "eu", "t", "1.5")+`,`+transfer("", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "2")+`,{"meter":"x","account":"y","ts":"2025-05-19T08:00:00Z"}]}`)
	for _, path := range everyList(w) {
		note("GET", path, "")
	}
	note("POST", "/usage/query", `{`+may+`}`)
	id := w.export(`{"sourceType":"USAGE","startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-21T00:00:00Z"}`)
	for _, f := range w.advance(time.Hour) {
		fmt.Fprintf(&all, "%+v\n", f)
	}
	all.WriteString(note("GET", "/dataexports/jobs/"+id+"/getdownloadurl", ""))
	all.WriteString(w.file(id).body)
	return all.String()
}

func TestAResetLeavesNoTrace(t *testing.T) {
	w := newWorld(t, transfers)
	first := transcript(w)
	if err := w.sandbox.Reset(w.base); err != nil {
		t.Fatal(err)
	}
	if again := transcript(w); again != first {
		t.Errorf("a reset sandbox differs from a new one:\n%s\n----\n%s", first, again)
	}
}

func TestAWorldOutlivesItsProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "world.db")
	w := newWorldIn(t, transfers, store.Options{Path: file})
	w.submit(transfer("u", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "1.5"))
	pending := w.export(`{"sourceType":"USAGE","startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-21T00:00:00Z"}`)
	done := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["ACCOUNTS"]}`)
	w.advance(300 * time.Millisecond)
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	again := newWorldIn(t, transfers, store.Options{Path: file})
	again.submit(transfer("u", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "1.5"))
	if got := again.total("2025-05-19", northwind); got != "1.5" {
		t.Errorf("got %s", got)
	}
	again.advance(time.Second)
	for id, want := range map[string]string{pending: "u," + theMeter, done: northwind + ",1,"} {
		if text := unzipped(t, again.file(id).body); !strings.Contains(text, want) {
			t.Errorf("got %s", text)
		}
	}
}
