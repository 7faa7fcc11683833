package informatica_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
)

var summary = with(march, fields{"jobType": "SUMMARY"})

func TestTheRouteTableIsTheDocument(t *testing.T) {
	w := acme(t)
	for _, err := range spec.Check(w.api.Operations(), w.api.NotEmulated(), document) {
		t.Error(err)
	}
}

// Fifty callers of three resources race for five places.
func TestFivePlacesCannotBeRaced(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	paths := []string{export, older, jobs}
	statuses := make([]int, 50)
	var callers sync.WaitGroup
	for i := range statuses {
		callers.Go(func() {
			statuses[i] = w.call(http.MethodPost, paths[i%3], session, with(summary, fields{"allMeters": true})).status
		})
	}
	callers.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	if count[http.StatusOK] != 5 || count[http.StatusBadRequest] != 45 {
		t.Errorf("got the statuses %v, want 200 five times and 400 for all others", count)
	}
	if got := len(w.jobs()); got != 5 {
		t.Errorf("there are %d jobs", got)
	}
}

func TestTheAnswerToOneJobTooManyIsAnOption(t *testing.T) {
	for _, row := range []struct {
		option string
		status int
	}{{"forbidden", 403}, {"too_many_requests", 429}, {"bad_request", 400}} {
		w := withOptions(t, "too_many_jobs: "+row.option)
		session := w.login(bot)
		for range 5 {
			w.start(export, session, summary)
		}
		w.call(http.MethodPost, export, session, summary).refused(row.status, "METERING_09")
	}
	w := withOptions(t, "too_many_jobs: failed_job")
	session := w.login(bot)
	for range 5 {
		w.start(export, session, summary)
	}
	res := w.call(http.MethodPost, export, session, summary).is(http.StatusOK)
	if res.field("status") != "FAILED" || !strings.Contains(res.field("errorMessage"), "5 active jobs") {
		t.Errorf("got %s", res.body)
	}
}

func TestAJobsLifeCanBeSet(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	w.rule(job.Rule{
		Legs:    []job.Leg{{State: "CREATED", Polls: 2}, {State: "PROCESSING", For: time.Hour}},
		Outcome: "FAILED", Error: "the disk is full",
	})
	id := w.start(export, session, summary)
	status := func() string {
		return w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK).field("status")
	}
	w.advance(29 * time.Minute)
	if got := status() + " " + status() + " " + status(); got != "CREATED CREATED PROCESSING" {
		t.Errorf("the answers to three questions were %s", got)
	}
	w.advance(29 * time.Minute)
	status()
	w.advance(29 * time.Minute)
	status()
	w.advance(2*time.Minute + time.Second)
	res := w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK)
	if !strings.Contains(string(res.body), `"status":"FAILED","errorMessage":"the disk is full","orgId"`) {
		t.Errorf("got %s", res.body)
	}
	w.call(http.MethodGet, export+"/"+id+"/download", session, nil).refused(http.StatusBadRequest, "METERING_11")
	w.update(func(tx *store.Tx) { job.ClearRule(tx, "informatica", "export") })
	w.report(export, session, summary)
}

func TestAJobCanBeForced(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	all := with(summary, fields{"allLinkedOrgs": true})
	id := w.start(export, session, all)
	w.force(id, "PARTIAL_SUCCESS", "half a report")
	res := w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK)
	if !strings.Contains(string(res.body), `"status":"PARTIAL_SUCCESS","errorMessage":"half a report","orgId"`) {
		t.Errorf("got %s", res.body)
	}
	files := w.call(http.MethodGet, export+"/"+id+"/download", session, nil).files()
	if len(files) != 4 || strings.Contains(names(files), sandbox) {
		t.Errorf("got the files %s, want those of all organizations but the last", names(files))
	}
	w.force(id, "FAILED", "")
	if got := w.call(http.MethodGet, export+"/"+id, session, nil).field("errorMessage"); got == "" {
		t.Error("a failed job says nothing of why")
	}
	list := w.jobs()
	if len(list) != 1 || list[0].State != "FAILED" || !list[0].Done || list[0].ID != id || list[0].Kind != "export" {
		t.Errorf("the list of jobs is %+v", list)
	}
	w.update(func(tx *store.Tx) {
		if _, err := w.api.ForceJob(tx, "nobody's", "FAILED", ""); err == nil {
			t.Error("a job that is not here was forced")
		}
	})
}

func TestPassingTimeTellsWhatChangedAndWhatComesNext(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	first := w.start(export, session, summary)
	w.advance(500 * time.Millisecond)
	second := w.start(jobs, session, with(march, fields{"allMeters": true}))
	at, ok, err := w.api.Due(w.sb, w.sb.Now())
	if want := w.sb.Now().Add(500 * time.Millisecond); err != nil || !ok || !at.Equal(want) {
		t.Errorf("the next change is due at %v (%v, %v), want %v", at, ok, err, want)
	}
	w.advance(time.Hour)
	var told []string
	for _, f := range w.fired {
		id := map[string]string{first: "first", second: "second"}[f.ID]
		told = append(told, id+" "+f.From+">"+f.To)
	}
	want := "first CREATED>PROCESSING, second CREATED>PROCESSING, first PROCESSING>SUCCESS, second PROCESSING>SUCCESS"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, ok, err := w.api.Due(w.sb, w.sb.Now()); ok || err != nil {
		t.Errorf("something is still due: %v %v", ok, err)
	}
	w.fired = nil
	w.advance(time.Hour)
	if len(w.fired) > 0 {
		t.Errorf("told again: %v", w.fired)
	}
}

func TestJobsBelongToTheirOrganizationAndAreKeptForAWhile(t *testing.T) {
	w := withOptions(t, "job_record_days: 7")
	session := w.login(bot)
	id := w.start(export, session, summary)
	w.call(http.MethodGet, export+"/"+id, w.login("second.bot@acme.example"), nil).is(http.StatusOK)
	w.call(http.MethodGet, export+"/"+id, w.login("add@acme.example"), nil).refused(http.StatusNotFound, "METERING_10")
	w.call(http.MethodGet, export+"/"+id+"download", session, nil).refused(http.StatusNotFound, "METERING_10")
	w.call(http.MethodGet, export+"/jobs/"+id, session, nil).refused(http.StatusNotFound, "REST_404")
	w.advance(7*24*time.Hour - time.Second)
	w.call(http.MethodGet, export+"/"+id, w.login(bot), nil).is(http.StatusOK)
	w.advance(time.Second)
	w.call(http.MethodGet, export+"/"+id, w.login(bot), nil).refused(http.StatusNotFound, "METERING_10")
}

func TestWhatCannotBeCollectedIsLeftOut(t *testing.T) {
	w := acme(t, "parent: Acme_Production}\n    - {id: Yz41", "parent: Acme_Production, unavailable: true}\n    - {id: Yz41")
	session := w.login(bot)
	id := w.start(export, session, with(summary, fields{"allLinkedOrgs": true, "combinedMeterUsage": true}))
	w.advance(5 * time.Second)
	files := w.call(http.MethodGet, export+"/"+id+"/download", session, nil).files()
	for _, row := range files[0].rows {
		if row["OrgId"] == sub {
			t.Fatalf("the combined file holds %v", row)
		}
	}
	if got := w.call(http.MethodGet, export+"/"+id, session, nil).field("status"); got != "PARTIAL_SUCCESS" {
		t.Errorf("the job is %s", got)
	}
	session = w.login("sub@acme.example")
	id = w.start(export, session, summary)
	w.advance(5 * time.Second)
	if got := w.call(http.MethodGet, export+"/"+id, session, nil).field("status"); got != "FAILED" {
		t.Errorf("an export of the organization itself is %s", got)
	}
}

func TestAReportStaysAsItWasWhateverComesLater(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	id := w.start(export, session, with(summary, fields{"startDate": "2025-04-01T00:00:00Z", "endDate": "2025-04-02T23:59:59Z"}))
	w.advance(5 * time.Second)
	download := func() string {
		return string(w.call(http.MethodGet, export+"/"+id+"/download", session, nil).is(http.StatusOK).body)
	}
	before := download()
	w.layOn(`version: 1
informatica:
  orgs:
    - {id: isAjIhKtJ0RlgLKOmxgJTe, name: Acme_Production, entitled_ipus: 1}
  rates:
    - {meter: Data Integration, rate: 9}
  runs:
    - {org: Acme_Production, meter: Data Integration, asset: loose, start: -3h}
`)
	if download() != before {
		t.Error("laying a scenario on the world changed a report that was there")
	}
	w.advance(25 * time.Minute)
	if download() != before {
		t.Error("passing time changed a report that was there")
	}
	again := w.report(export, session, with(summary, fields{"startDate": "2025-04-01T00:00:00Z", "endDate": "2025-04-02T23:59:59Z"}))
	if !strings.Contains(again[0].text, ",Acme_Production,Production,9\n") {
		t.Errorf("a new report does not know the new rate:\n%s", again[0].text)
	}
}

func TestAResetWorldCannotBeToldFromANewOne(t *testing.T) {
	w := acme(t)
	transcript := func() string {
		var all strings.Builder
		session := w.login(bot)
		all.WriteString(session)
		id := w.start(export, session, summary)
		all.Write(w.call(http.MethodGet, export+"/nonsense", session, nil).body)
		w.advance(5 * time.Second)
		all.Write(w.call(http.MethodGet, export+"/"+id, session, nil).body)
		all.Write(w.call(http.MethodGet, export+"/"+id+"/download", session, nil).body)
		return all.String()
	}
	first := transcript()
	w.must(w.sb.Reset(w.baseline))
	if transcript() != first {
		t.Error("the same requests after a reset had other answers")
	}
}
