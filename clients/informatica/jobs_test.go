package informatica_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/submeter/submeter/clients/informatica"
	"github.com/submeter/submeter/emulator"
)

// lasting makes jobs as slow as the vendor's.
var lasting = []string{"job_created_seconds: 0", "job_created_seconds: 1", "job_processing_seconds: 0", "job_processing_seconds: 2"}

// scenario changes testdata/metering.yaml: one more of the vendor's options, and texts for other texts.
func scenario(t *testing.T, option string, replace ...string) emulator.Option {
	t.Helper()
	source, err := os.ReadFile("testdata/metering.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(replace...).Replace(string(source))
	path := t.TempDir() + "/world.yaml"
	if err := os.WriteFile(path, []byte(text+"    "+option+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return emulator.WithScenario(path)
}

// While five jobs are active the sixth waits, however it is refused; another goroutine moves the clock until one ends.
func TestAReportWaitsForAFreeSlot(t *testing.T) {
	for _, refusal := range []string{"bad_request", "forbidden", "too_many_requests", "failed_job"} {
		t.Run(refusal, func(t *testing.T) {
			sb := world(t, scenario(t, "too_many_jobs: "+refusal, lasting...))
			if err := sb.ClearTransitions("informatica", "export"); err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			stages := make(chan informatica.Progress, 1000)
			c := head(t, sb, informatica.WithAttempts(1), informatica.WithProgress(func(p informatica.Progress) { stages <- p }))
			for range 5 {
				if _, err := c.Create(ctx, twoDays(informatica.JobLevel)); err != nil {
					t.Fatal(err)
				}
			}
			clock := make(chan struct{})
			go func() { // frees the slots once the report has found none, then lets its own job end
				defer close(clock)
				waited := 0
				for p := range stages {
					switch {
					case p.Stage == informatica.WaitingForSlot:
						waited++
						if waited == 3 {
							advance(t, sb)
						}
					case p.Stage == informatica.WaitingForJob && !p.Job.Over():
						if waited < 3 {
							t.Error("the job was made before a slot was free")
						}
						advance(t, sb)
					}
				}
			}()
			got := report(t, c, twoDays(informatica.Summary))
			close(stages)
			<-clock
			same(t, all(t, got.Summaries()), headSummary)
		})
	}
}

func advance(t *testing.T, sb *emulator.Sandbox) {
	if _, err := sb.Advance("5s"); err != nil {
		t.Error(err)
	}
}

// Nothing is waited for beyond the context: no slot, no job.
func TestWaitingEndsWithTheContext(t *testing.T) {
	sb := world(t, scenario(t, "", lasting...))
	if err := sb.ClearTransitions("informatica", "export"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	job := informatica.Job{}
	stop := func(at informatica.Stage) informatica.Option {
		return informatica.WithProgress(func(p informatica.Progress) {
			if p.Stage == at {
				job = p.Job
				cancel()
			}
		})
	}
	_, err := head(t, sb, stop(informatica.WaitingForJob)).Report(ctx, twoDays(informatica.Summary))
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), job.ID+" is still CREATED") {
		t.Errorf("a job that does not end: %v", err)
	}
	for range 4 {
		if _, err := head(t, sb).Create(context.Background(), twoDays(informatica.Summary)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	refused := (*informatica.Error)(nil)
	_, err = head(t, sb, stop(informatica.WaitingForSlot)).Report(ctx, twoDays(informatica.Summary))
	if !errors.Is(err, context.Canceled) || !errors.As(err, &refused) || refused.Code != "METERING_09" {
		t.Errorf("a slot that does not become free: %v", err)
	}
}

func TestAFailedJobIsATypedError(t *testing.T) {
	sb := world(t)
	live(t, sb, emulator.Rule{Outcome: "FAILED", Error: "disk full"})
	_, err := head(t, sb).Report(context.Background(), twoDays(informatica.Asset))
	failed := (*informatica.JobError)(nil)
	if !errors.As(err, &failed) || !errors.Is(err, informatica.ErrFailed) || errors.Is(err, informatica.ErrPartial) ||
		failed.Job.Error != "disk full" || !strings.HasSuffix(err.Error(), "FAILED: disk full") {
		t.Fatalf("got %v", err)
	}
	if _, err := head(t, sb).Open(context.Background(), failed.Job.ID); !errors.Is(err, informatica.ErrFailed) {
		t.Errorf("opened: %v", err)
	}
}

// Whoever has no rights on a linked organization gets a report without it, if that will do.
func TestAPartialSuccessIsATypedErrorUnlessItWillDo(t *testing.T) {
	sb := world(t)
	c := connect(t, sb.URL("informatica"), "own@acme.example")
	request := twoDays(informatica.Summary)
	request.AllLinkedOrgs = true
	_, err := c.Report(context.Background(), request)
	partial := (*informatica.JobError)(nil)
	if !errors.As(err, &partial) || !errors.Is(err, informatica.ErrPartial) || errors.Is(err, informatica.ErrFailed) {
		t.Fatalf("got %v", err)
	}
	opened, err := c.Open(context.Background(), partial.Job.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, all(t, opened.Summaries()), headSummary)
	request.Partial = true
	got := report(t, c, request)
	same(t, all(t, got.Summaries()), headSummary)
	if err := got.Job.Err(); !errors.Is(err, informatica.ErrPartial) || !strings.Contains(got.Job.Error, branchID) {
		t.Errorf("the job says %v", err)
	}
}

// The vendor would ignore these, and report on something else than was asked for.
func TestRequestsThatMeanNothingAreNotSent(t *testing.T) {
	sb := world(t)
	c := head(t, sb)
	for name, r := range map[string]informatica.Request{
		"no kind":                      {Start: march1, End: march3},
		"no start":                     {Kind: informatica.Summary, End: march3},
		"no end":                       {Kind: informatica.Summary, Start: march1},
		"assets of linked orgs":        {Kind: informatica.Asset, Start: march1, End: march3, AllLinkedOrgs: true},
		"runs of linked orgs":          {Kind: informatica.JobLevel, Start: march1, End: march3, AllLinkedOrgs: true},
		"assets in one file":           {Kind: informatica.Asset, Start: march1, End: march3, Combined: true},
		"a summary of one meter":       {Kind: informatica.Summary, Start: march1, End: march3, MeterID: di},
		"projects of one meter":        {Kind: informatica.ProjectFolder, Start: march1, End: march3, MeterID: di},
		"an older summary of a meter":  {Kind: informatica.LinkedOrgsSummary, Start: march1, End: march3, MeterID: di},
		"a kind that does not exist":   {Kind: "PROJECT", Start: march1, End: march3},
		"runs combined into one files": {Kind: informatica.JobLevel, Start: march1, End: march3, Combined: true},
	} {
		if _, err := c.Create(context.Background(), r); err == nil {
			t.Errorf("%s: was sent", name)
		}
	}
	if n, err := sb.CountRequests(emulator.Filter{}); err != nil || n != 0 {
		t.Errorf("%d requests were sent (%v)", n, err)
	}
}

// Slices together hold each day of the request once, by the vendor's rule of days: from the midnight at or before the
// start on, and before the end.
func TestSlicesHoldEachDayOnce(t *testing.T) {
	limit := map[informatica.Kind]int{informatica.Summary: 180, informatica.ProjectFolder: 30, informatica.Asset: 30, informatica.JobLevel: 180}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]informatica.Kind{informatica.Summary, informatica.ProjectFolder, informatica.Asset, informatica.JobLevel}).Draw(t, "kind")
		start := march1.Add(time.Duration(rapid.IntRange(0, 86400*40).Draw(t, "start")) * time.Second).In(time.FixedZone("", 3600*rapid.IntRange(-12, 14).Draw(t, "zone")))
		r := informatica.Request{Kind: kind, Start: start, End: start.Add(time.Duration(rapid.IntRange(0, 86400*800).Draw(t, "length")) * time.Second)}
		days := func(r informatica.Request) (list []time.Time) {
			for d := r.Start.UTC().Truncate(24 * time.Hour); d.Before(r.End); d = d.AddDate(0, 0, 1) {
				list = append(list, d)
			}
			return list
		}
		var got []time.Time
		for _, slice := range r.Slices() {
			if slice.End.Sub(slice.Start) > time.Duration(limit[kind])*24*time.Hour {
				t.Fatalf("%s to %s is more than the vendor takes", slice.Start, slice.End)
			}
			got = append(got, days(slice)...)
		}
		want := days(r)
		if len(got) != len(want) {
			t.Fatalf("the slices have %d days, want %d", len(got), len(want))
		}
		for i := range want {
			if !got[i].Equal(want[i]) {
				t.Fatalf("day %d is %s, want %s", i, got[i], want[i])
			}
		}
	})
}

// What a long period's slices report adds up to the same as the days do.
func TestAPeriodBeyondTheLimitIsReportedInSlices(t *testing.T) {
	c := head(t, world(t))
	r := informatica.Request{Kind: informatica.Asset, Start: march1.AddDate(0, 0, -59), End: march3}
	var rows []informatica.AssetRow
	slices := r.Slices()
	for _, slice := range slices {
		rows = append(rows, all(t, report(t, c, slice).Assets())...)
	}
	same(t, rows, all(t, report(t, c, twoDays(informatica.Asset)).Assets()))
	if len(slices) != 3 || len(rows) != 3 {
		t.Errorf("%d slices have %d rows, want three each", len(slices), len(rows))
	}
}
