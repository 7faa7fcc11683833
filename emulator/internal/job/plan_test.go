package job_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/job"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return start.Add(d) }

func TestAPlanReadsItsStateOffTheClock(t *testing.T) {
	p := job.Lay(job.Rule{
		Legs:    []job.Leg{{State: "CREATED", For: time.Second}, {State: "PROCESSING", For: 4 * time.Second}},
		Outcome: "FAILED", Error: "disk full",
	}, start)
	for _, c := range []struct {
		when string
		now  time.Time
		want job.Status
	}{
		{"before it was created it is in its first state", after(-time.Hour), job.Status{State: "CREATED", Since: start}},
		{"at its creation", start, job.Status{State: "CREATED", Since: start}},
		{"just before a turn", after(time.Second - 1), job.Status{State: "CREATED", Since: start}},
		{"at a turn the new state holds", after(time.Second), job.Status{State: "PROCESSING", Since: after(time.Second)}},
		{"at the end", after(5 * time.Second), job.Status{State: "FAILED", Since: after(5 * time.Second), Done: true, Error: "disk full"}},
		{"for ever after", after(1000 * time.Hour), job.Status{State: "FAILED", Since: after(5 * time.Second), Done: true, Error: "disk full"}},
	} {
		if got := p.At(c.now); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.when, got, c.want)
		}
	}
	changes := p.Between(start, after(5*time.Second))
	if len(changes) != 2 || changes[0].To != "PROCESSING" || changes[1].From != "PROCESSING" || changes[1].To != "FAILED" {
		t.Errorf("changes up to and including the end: %+v", changes)
	}
	if got := p.Between(after(time.Second), after(time.Second*2)); len(got) != 0 {
		t.Errorf("a change at the start of the span is not in it: %+v", got)
	}
}

func TestALegThatCountsPollsEndsWithTheLastOfThem(t *testing.T) {
	p := job.Lay(job.Rule{
		Legs:    []job.Leg{{State: "QUEUED", Polls: 2}, {State: "RUNNING", For: time.Minute}},
		Outcome: "DONE",
	}, start)
	if s := p.At(after(time.Hour)); s.State != "QUEUED" || s.Done {
		t.Fatalf("nobody has polled, yet %+v", s)
	}
	p = p.Poll(after(time.Hour))
	if s := p.At(after(time.Hour)); s.State != "QUEUED" {
		t.Fatalf("one poll of two, yet %+v", s)
	}
	p = p.Poll(after(2 * time.Hour))
	if s := p.At(after(2 * time.Hour)); s.State != "RUNNING" || !s.Since.Equal(after(2*time.Hour)) {
		t.Fatalf("two polls, yet %+v", s)
	}
	if s := p.At(after(2*time.Hour + time.Minute)); s.State != "DONE" || !s.Done {
		t.Fatalf("a minute on, yet %+v", s)
	}
}

func TestAForcedStateReplacesWhatWasToCome(t *testing.T) {
	p := job.Lay(job.Rule{Legs: []job.Leg{{State: "A", For: time.Hour}, {State: "B", Polls: 1}}, Outcome: "C"}, start)
	forced := p.Force(after(time.Minute), "FAILED", "pulled the plug")
	if s := forced.At(after(2 * time.Hour)); s.State != "FAILED" || !s.Done || s.Error != "pulled the plug" {
		t.Errorf("forced: %+v", s)
	}
	if s := forced.At(after(time.Second)); s.State != "A" {
		t.Errorf("the past stays: %+v", s)
	}
	if s := p.At(after(2 * time.Hour)); s.State != "B" {
		t.Errorf("the plan before is untouched: %+v", s)
	}
}

func TestLegsAreWrittenAsADurationOrACountOfPolls(t *testing.T) {
	for _, c := range []struct{ when, in, want string }{
		{"a duration", `{"state":"A","for":"2s"}`, `{"state":"A","for":"2s"}`},
		{"polls", `{"state":"A","polls":3}`, `{"state":"A","polls":3}`},
		{"no state", `{"for":"2s"}`, ""},
		{"both", `{"state":"A","for":"2s","polls":1}`, ""},
		{"neither", `{"state":"A"}`, ""},
		{"no duration", `{"state":"A","for":"soon"}`, ""},
		{"a negative one", `{"state":"A","for":"-1s"}`, ""},
	} {
		var l job.Leg
		err := json.Unmarshal([]byte(c.in), &l)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: accepted as %+v", c.when, l)
			}
			continue
		}
		if got, _ := json.Marshal(l); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", c.when, got, err)
		}
	}
}
