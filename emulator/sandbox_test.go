package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator"
)

// transcript drives one sandbox through a small life at Metronome and returns every answer, headers included.
func transcript(t *testing.T, base string) string {
	t.Helper()
	var log strings.Builder
	run := func(method, path, body string) string {
		status, header, text := call(t, method, base+path, body, "Authorization", "Bearer any")
		date := header.Get("Date")
		if strings.HasPrefix(path, "/_submeter") {
			date = "" // the control plane answers in the machine's time
		}
		fmt.Fprintf(&log, "%s %s\n%d %s %s\n%s\n", method, path, status, date, header.Get("Content-Type"), text)
		return text
	}
	run("POST", "/_submeter/clock/freeze", `{"at":"2026-03-05T12:00:00Z"}`)
	var created struct {
		Data struct{ ID string }
	}
	if err := json.Unmarshal([]byte(run("POST", "/metronome/v1/customers", `{"name":"Northwind","ingest_aliases":["nw"]}`)), &created); err != nil {
		t.Fatal(err)
	}
	run("POST", "/metronome/v1/billable-metrics/create", `{"name":"Calls","aggregation_type":"COUNT"}`)
	for i := range 5 {
		run("POST", "/metronome/v1/ingest", fmt.Sprintf(
			`[{"transaction_id":"t%d","customer_id":"nw","event_type":"call","timestamp":"2026-03-0%dT00:00:00Z"}]`, i, i+1))
	}
	run("POST", "/metronome/v1/usage", `{"window_size":"DAY","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-06T00:00:00Z"}`)
	run("POST", "/metronome/v1/events/search", `{"transactionIds":["t3"]}`)
	run("GET", "/metronome/v1/customers", "")
	run("GET", "/metronome/v1/customers/"+created.Data.ID, "")
	run("POST", "/metronome/v1/customers", `{}`)
	run("POST", "/_submeter/clock/advance", `{"by":"36h"}`)
	run("GET", "/metronome/v1/billable-metrics", "")
	return log.String()
}

func TestAResetSandboxCannotBeToldFromANewOne(t *testing.T) {
	e := emulator.Start(t)
	sandbox := e.Sandbox("again")
	first := transcript(t, sandbox.URL())
	if _, err := sandbox.TakeSnapshot("kept"); err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.SetRateLimits(emulator.RateLimits{Mode: emulator.RateLimitsVendor}); err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Reset(emulator.Baseline{}); err != nil {
		t.Fatal(err)
	}
	if n, err := sandbox.CountRequests(emulator.Filter{}); n != 0 || err != nil {
		t.Errorf("the journal still holds %d exchanges, %v", n, err)
	}
	if list, err := sandbox.Snapshots(); len(list) != 0 || err != nil {
		t.Errorf("snapshots are left: %v, %v", list, err)
	}
	if limits, err := sandbox.RateLimits(); limits.Mode != emulator.RateLimitsOff || err != nil {
		t.Errorf("rate limits are left: %v, %v", limits, err)
	}
	if again := transcript(t, sandbox.URL()); again != first {
		t.Errorf("after the reset:\n%s\nbefore:\n%s", again, first)
	}
	if other := transcript(t, e.Sandbox("fresh").URL()); other != first {
		t.Errorf("another sandbox:\n%s\nthe first:\n%s", other, first)
	}
}

func TestTwoHundredSandboxesAtOnceEachBehaveAsAlone(t *testing.T) {
	e := emulator.Start(t)
	alone := transcript(t, e.Sandbox("alone").URL())
	const sandboxes = 200
	answers := make([]string, sandboxes)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = transcript(t, e.Sandbox(fmt.Sprintf("s-%d", i)).URL()) })
	}
	all.Wait()
	for i, got := range answers {
		if got != alone {
			t.Fatalf("sandbox %d:\n%s\nalone:\n%s", i, got, alone)
		}
	}
	if list, err := e.Sandboxes(); len(list) != sandboxes+1 || err != nil {
		t.Errorf("%d sandboxes, %v", len(list), err)
	}
}

func TestASnapshotBringsTheWorldAndTheTimeBack(t *testing.T) {
	e := emulator.Start(t, emulator.WithScenario("empty"))
	sandbox := e.Sandbox("rewind")
	if _, err := sandbox.Freeze(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	url := sandbox.URL("metronome", "v1", "customers")
	create := func(name string) {
		if status, _, body := call(t, "POST", url, `{"name":"`+name+`"}`, "Authorization", "Bearer any"); status != 200 {
			t.Fatal(status, body)
		}
	}
	list := func() string {
		_, _, body := call(t, "GET", url, "", "Authorization", "Bearer any")
		return body
	}
	create("first")
	if _, err := sandbox.TakeSnapshot("one"); err != nil {
		t.Fatal(err)
	}
	want := list()
	create("second")
	if _, err := sandbox.Advance("P1M"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a snapshot can be restored again
		if err := sandbox.Restore("one"); err != nil {
			t.Fatal(err)
		}
		if got := list(); got != want {
			t.Errorf("customers after the restore: %s, want %s", got, want)
		}
		if now, err := sandbox.Clock(); err != nil || now.Now.Day() != 1 || now.Now.Month() != time.March || now.Mode != emulator.ClockFrozen {
			t.Errorf("the clock after the restore: %v, %v", now, err)
		}
		create("third")
	}
}

func TestTheLeastRecentlyUsedSandboxMakesRoom(t *testing.T) {
	var logged strings.Builder
	e := emulator.Start(t, emulator.WithMaxSandboxes(3), emulator.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
	for _, name := range []string{"a", "b", "c", "a", "d"} {
		if _, err := e.Sandbox(name).Clock(); err != nil {
			t.Fatal(err)
		}
	}
	list, err := e.Sandboxes()
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	if err != nil || !slices.Equal(names, []string{"a", "c", "d"}) {
		t.Errorf("left: %v, %v", names, err)
	}
	if !strings.Contains(logged.String(), "sandbox=b") {
		t.Errorf("the log does not name the one that went: %s", logged.String())
	}
}

func TestTheJournalTellsWhatWasAskedWithoutItsSecrets(t *testing.T) {
	e := emulator.Start(t)
	sandbox := e.Sandbox("watched")
	base := sandbox.URL("metronome")
	call(t, "POST", base+"/v1/customers", `{"name":"Northwind"}`, "Authorization", "Bearer very-secret")
	call(t, "POST", base+"/v1/customers", `{}`, "Authorization", "Bearer very-secret")
	call(t, "GET", base+"/v1/customers", "")
	call(t, "GET", e.URL("metronome")+"/v1/customers", "", "Authorization", "Bearer other-sandbox")

	all, err := sandbox.Requests(emulator.Filter{})
	if err != nil || len(all) != 3 {
		t.Fatalf("%d exchanges, %v", len(all), err)
	}
	if text, _ := json.Marshal(all); strings.Contains(string(text), "very-secret") {
		t.Errorf("a secret is in the journal: %s", text)
	}
	for i, want := range []struct {
		operation string
		status    int
		broken    int
	}{{"createCustomer", 200, 0}, {"createCustomer", 400, 1}, {"listCustomers", 401, 0}} {
		got := all[i]
		if got.Operation != want.operation || got.Status != want.status || len(got.Violations) != want.broken || got.ID != int64(i+1) {
			t.Errorf("exchange %d: %+v", i+1, got)
		}
	}
	if all[0].Request.Body != `{"name":"Northwind"}` || !strings.Contains(all[0].Response.Body, "Northwind") {
		t.Errorf("bodies: %q, %q", all[0].Request.Body, all[0].Response.Body)
	}
	for _, c := range []struct {
		when   string
		filter emulator.Filter
		want   int
	}{
		{"by status", emulator.Filter{Status: 400}, 1},
		{"by operation", emulator.Filter{Operation: "createCustomer"}, 2},
		{"by method", emulator.Filter{Method: "get"}, 1},
		{"by path", emulator.Filter{Path: "/v1/customers"}, 3},
		{"by vendor", emulator.Filter{Vendor: "cognite"}, 0},
		{"since later", emulator.Filter{Since: time.Now().Add(time.Hour)}, 0},
	} {
		if n, err := sandbox.CountRequests(c.filter); n != c.want || err != nil {
			t.Errorf("%s: %d, want %d, %v", c.when, n, c.want, err)
		}
	}
	if newest, err := sandbox.Requests(emulator.Filter{Limit: 1}); err != nil || len(newest) != 1 || newest[0].ID != 3 {
		t.Errorf("the newest: %+v, %v", newest, err)
	}
	if err := sandbox.ClearRequests(); err != nil {
		t.Fatal(err)
	}
	if n, _ := sandbox.CountRequests(emulator.Filter{}); n != 0 {
		t.Errorf("%d exchanges after clearing", n)
	}
}

func TestADurableFileKeepsSandboxesTheirTimeAndTheirSnapshots(t *testing.T) {
	file := filepath.Join(t.TempDir(), "world.db")
	open := func() *emulator.Emulator {
		e, err := emulator.New(emulator.WithData(file), emulator.WithStrict(true))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Listen("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := open()
	transcript(t, e.Sandbox("kept").URL())
	if _, err := e.Sandbox("kept").TakeSnapshot("s"); err != nil {
		t.Fatal(err)
	}
	usage := func(e *emulator.Emulator) string {
		_, _, body := call(t, "POST", e.Sandbox("kept").URL("metronome")+"/v1/usage",
			`{"window_size":"DAY","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-06T00:00:00Z"}`, "Authorization", "Bearer any")
		return body
	}
	want, clock := usage(e), must(e.Sandbox("kept").Clock())(t)
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	e = open()
	defer func() { _ = e.Close() }()
	if got := usage(e); got != want {
		t.Errorf("usage after reopening: %s, want %s", got, want)
	}
	if got := must(e.Sandbox("kept").Clock())(t); got != clock {
		t.Errorf("the clock after reopening: %v, want %v", got, clock)
	}
	if list := must(e.Sandbox("kept").Snapshots())(t); len(list) != 1 || list[0].Name != "s" {
		t.Errorf("snapshots after reopening: %v", list)
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestResetTakesASandboxOntoAnotherScenario(t *testing.T) {
	e := emulator.Start(t)
	sandbox := e.Sandbox("moved")
	seed := uint64(7)
	if err := sandbox.Reset(emulator.Baseline{Scenario: "empty", Seed: &seed}); err != nil {
		t.Fatal(err)
	}
	if info := must(sandbox.Info())(t); info.Scenario != "empty" || info.Seed != 7 {
		t.Errorf("the world after the reset: %+v", info)
	}
	if _, _, body := call(t, "GET", sandbox.URL("metronome")+"/v1/customers", "", "Authorization", "Bearer any"); !strings.Contains(body, `"data":[]`) {
		t.Errorf("customers of the empty world: %s", body)
	}
	if err := sandbox.Reset(emulator.Baseline{}); err != nil {
		t.Fatal(err)
	}
	if info := must(sandbox.Info())(t); info.Scenario != "empty" {
		t.Errorf("a reset with nothing said stays on %s", info.Scenario)
	}
}

func TestReadyIsSaidOnceEverythingIsInPlace(t *testing.T) {
	e := emulator.Start(t)
	for deadline := time.Now().Add(10 * time.Second); ; {
		status, _, body := call(t, "GET", e.URL()+"/readyz", "")
		if status == 200 {
			break
		}
		if status != 503 || !strings.Contains(body, "pending") || time.Now().After(deadline) {
			t.Fatal(status, body)
		}
	}
	if status, _, _ := call(t, "HEAD", e.URL()+"/readyz", ""); status != 200 {
		t.Errorf("HEAD /readyz: %d", status)
	}
	if n := must(e.Sandboxes())(t); len(n) != 0 {
		t.Errorf("asking for readiness made sandboxes: %v", n)
	}
}
