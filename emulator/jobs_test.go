package emulator_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator"
)

// exporter asks Informatica for exports in one sandbox.
type exporter struct {
	t       *testing.T
	base    string // of the vendor's v3 resources
	session string
}

func newExporter(t *testing.T, s *emulator.Sandbox) *exporter {
	t.Helper()
	status, _, body := call(t, "POST", s.URL("informatica")+"/saas/public/core/v3/login", `{"username":"admin@acme.example","password":"submeter"}`)
	var login struct {
		UserInfo struct{ SessionID string }
	}
	if err := json.Unmarshal([]byte(body), &login); err != nil || status != 200 {
		t.Fatal(status, body, err)
	}
	return &exporter{t: t, base: s.URL("informatica") + "/saas/public/core/v3/license/metering/ExportMeteringData", session: login.UserInfo.SessionID}
}

func (x *exporter) create() string {
	x.t.Helper()
	status, _, body := call(x.t, "POST", x.base, `{"startDate":"2026-03-01T00:00:00Z","endDate":"2026-03-02T00:00:00Z","jobType":"SUMMARY"}`, "INFA-SESSION-ID", x.session)
	var job struct{ JobID string }
	if err := json.Unmarshal([]byte(body), &job); err != nil || status != 200 {
		x.t.Fatal(status, body, err)
	}
	return job.JobID
}

func (x *exporter) state(id string) string {
	x.t.Helper()
	_, _, body := call(x.t, "GET", x.base+"/"+id, "", "INFA-SESSION-ID", x.session)
	var job struct{ Status string }
	if err := json.Unmarshal([]byte(body), &job); err != nil {
		x.t.Fatal(body, err)
	}
	return job.Status
}

func frozen(t *testing.T, name string) *emulator.Sandbox {
	t.Helper()
	s := emulator.Start(t).Sandbox(name)
	if _, err := s.Freeze(time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAJobsTurnsFireWhenTimePassesThem(t *testing.T) {
	s := frozen(t, "turns")
	x := newExporter(t, s)
	id := x.create()
	if got := x.state(id); got != "CREATED" {
		t.Fatalf("at once: %s", got)
	}
	moved := must(s.Advance("10m"))(t)
	var turns []string
	for _, f := range moved.Fired {
		if f.ID == id {
			turns = append(turns, f.From+" to "+f.To)
		}
	}
	if got := strings.Join(turns, ", "); got != "CREATED to PROCESSING, PROCESSING to SUCCESS" {
		t.Errorf("fired: %s", got)
	}
	if got := x.state(id); got != "SUCCESS" {
		t.Errorf("ten minutes on: %s", got)
	}
}

func TestARuleChangesTheJobsMadeAfterIt(t *testing.T) {
	s := frozen(t, "rules")
	x := newExporter(t, s)
	rule := emulator.Rule{
		Legs:    []emulator.Leg{{State: "CREATED", Polls: 1}, {State: "PROCESSING", For: 40 * time.Second}},
		Outcome: "FAILED", Error: "disk full",
	}
	must(s.SetTransitions("informatica", "export", rule))(t)
	id := x.create()
	if first, second := x.state(id), x.state(id); first != "CREATED" || second != "PROCESSING" {
		t.Errorf("polled twice: %s, %s", first, second)
	}
	must(s.Advance("40s"))(t)
	if got := x.state(id); got != "FAILED" {
		t.Errorf("40 s on: %s", got)
	}
	if err := s.ClearTransitions("informatica", "export"); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Transitions("informatica", "export"))(t); got.Outcome != "SUCCESS" {
		t.Errorf("after clearing: %+v", got)
	}
}

func TestAForcedJobStaysWhereItWasPut(t *testing.T) {
	s := frozen(t, "forced")
	x := newExporter(t, s)
	id := x.create()
	forced := must(s.ForceJob(id, "FAILED", "pulled the plug"))(t)
	if forced.State != "FAILED" || !forced.Done || forced.Error != "pulled the plug" {
		t.Errorf("forced: %+v", forced)
	}
	must(s.Advance("10m"))(t)
	if got := x.state(id); got != "FAILED" {
		t.Errorf("ten minutes on: %s", got)
	}
	if all := must(s.Jobs())(t); len(all) != 1 || all[0].ID != id || all[0].Vendor != "informatica" {
		t.Errorf("jobs: %+v", all)
	}
}

func TestRulesAndStatesThatJobsDoNotHaveAreRefused(t *testing.T) {
	s := frozen(t, "refused")
	x := newExporter(t, s)
	id := x.create()
	_, stateErr := s.ForceJob(id, "EXPLODED", "")
	_, jobErr := s.ForceJob("nobody", "FAILED", "")
	_, outcomeErr := s.SetTransitions("informatica", "export", emulator.Rule{Outcome: "CREATED"})
	_, legErr := s.SetTransitions("informatica", "export", emulator.Rule{Legs: []emulator.Leg{{State: "SUCCESS"}}, Outcome: "SUCCESS"})
	_, kindErr := s.Transitions("informatica", "import")
	for _, c := range []struct {
		when      string
		err, want error
	}{
		{"a state that exports do not have", stateErr, emulator.ErrInvalid},
		{"a job that nobody made", jobErr, emulator.ErrNotFound},
		{"an outcome that is none", outcomeErr, emulator.ErrInvalid},
		{"a leg in a final state", legErr, emulator.ErrInvalid},
		{"a kind that is none", kindErr, emulator.ErrNotFound},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.when, c.err, c.want)
		}
	}
}

// TestALegAfterPollsIsOverInTimeWhileTheClockRuns: only a GET moves the job on, and no request comes after it.
func TestALegAfterPollsIsOverInTimeWhileTheClockRuns(t *testing.T) {
	called := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		called <- string(body)
	}))
	defer receiver.Close()
	s := emulator.Start(t).Sandbox("running")
	x := newExporter(t, s)
	must(s.SetTransitions("informatica", "export", emulator.Rule{
		Legs: []emulator.Leg{{State: "CREATED", Polls: 1}, {State: "PROCESSING", For: 100 * time.Millisecond}}, Outcome: "SUCCESS",
	}))(t)
	today := time.Now().UTC().Format("2006-01-02")
	status, _, body := call(t, "POST", x.base, `{"startDate":"`+today+`T00:00:00Z","endDate":"`+today+`T01:00:00Z","jobType":"SUMMARY","callbackUrl":"`+receiver.URL+`"}`, "INFA-SESSION-ID", x.session)
	var job struct{ JobID string }
	if err := json.Unmarshal([]byte(body), &job); err != nil || status != 200 {
		t.Fatal(status, body, err)
	}
	if got := x.state(job.JobID); got != "CREATED" {
		t.Fatalf("the first poll: %s", got)
	}
	select {
	case got := <-called:
		if !strings.Contains(got, `"SUCCESS"`) {
			t.Errorf("called back with %s", got)
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody was called back")
	}
}
