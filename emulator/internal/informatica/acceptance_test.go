package informatica_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

var march = fields{"startDate": "2025-03-01T00:00:00Z", "endDate": "2025-03-31T23:59:59Z"}

// with returns the fields of a, and those of b on top.
func with(a, b fields) fields {
	all := fields{}
	for _, from := range []fields{a, b} {
		for k, v := range from {
			all[k] = v
		}
	}
	return all
}

const summaryColumns = "OrgId,MeterId,MeterName,Date,BillingPeriodStartDate,BillingPeriodEndDate,MeterUsage,IPU,Scalar," +
	"MetricCategory,OrgName,OrgType,IPURate"

func TestASummaryOfAllOrganizationsInOneFile(t *testing.T) {
	w := acme(t)
	session := w.call(http.MethodPost, v3+"/login", "", fields{"username": bot, "password": "right"}).is(http.StatusOK)
	if !strings.Contains(string(session.body), `"baseApiUrl":"http://submeter.test/~t1/informatica/saas"`) {
		t.Errorf("the base URL does not lead back to the sandbox: %s", session.body)
	}
	var info struct{ SessionID string }
	decode(t, []byte(session.field("userInfo")), &info)
	id := w.start(export, info.SessionID, with(march, fields{
		"jobType": "SUMMARY", "combinedMeterUsage": "TRUE", "allLinkedOrgs": "TRUE", "callbackUrl": "https://hooks.acme.example/idmc",
	}))
	var states []string
	for range 5 {
		states = append(states, w.call(http.MethodGet, export+"/"+id, info.SessionID, nil).is(http.StatusOK).field("status"))
		w.advance(time.Second)
	}
	if got := strings.Join(states, " "); got != "CREATED PROCESSING PROCESSING SUCCESS SUCCESS" {
		t.Errorf("second by second the job was %s", got)
	}
	files := w.call(http.MethodGet, export+"/"+id+"/download", info.SessionID, nil).files()
	if names(files) != production+"_combined.csv" || strings.Join(files[0].header, ",") != summaryColumns {
		t.Fatalf("got %s with the columns %v", names(files), files[0].header)
	}
	owners := map[string]string{}
	for _, row := range files[0].rows {
		owners[row["OrgId"]] = row["OrgName"] + "/" + row["OrgType"]
	}
	for id, want := range map[string]string{
		production: "Acme_Production/Production", additional: "Acme_Additional/Additional Production",
		sub: "Acme_Sub1/Sub Organization", deepSub: "Acme Sub of Additional/Sub Organization",
	} {
		if owners[id] != want {
			t.Errorf("organization %s is %q, want %q", id, owners[id], want)
		}
	}
	first := files[0].rows[0]
	if first["Date"] != "2025-03-01 00:00:00.0" || first["BillingPeriodStartDate"] != "2025-03-01 00:00:00.0" ||
		first["BillingPeriodEndDate"] != "2025-03-31 00:00:00.0" {
		t.Errorf("the first row is %v", first)
	}
}

func TestASummaryHasAFileForEachOrganizationTheRequestingOneFirst(t *testing.T) {
	w := acme(t)
	files := w.report(export, w.login(bot), with(march, fields{
		"jobType": "SUMMARY", "combinedMeterUsage": "FALSE", "allLinkedOrgs": "TRUE",
	}))
	want := strings.Join([]string{production, additional, deepSub, sub, sandbox}, ".csv ") + ".csv"
	if names(files) != want {
		t.Errorf("got  %s\nwant %s", names(files), want)
	}
	if last := files[len(files)-1]; last.text != summaryColumns+"\n" {
		t.Errorf("an organization without usage has the file %q", last.text)
	}
}

func TestTheOlderResourceAnswersACombinedFlagAndNoMeter(t *testing.T) {
	w := acme(t)
	res := w.call(http.MethodPost, older, w.login(bot), fields{
		"startDate": "2025-01-01T00:00:00Z", "endDate": "2025-03-01T00:00:00Z", "callbackUrl": "https://hooks.acme.example/idmc",
	}).is(http.StatusOK)
	if !strings.HasSuffix(string(res.body), `,"combinedMeterUsage":false}`) || strings.Contains(string(res.body), "meterId") {
		t.Errorf("got %s", res.body)
	}
	w.advance(5 * time.Second)
	files := w.call(http.MethodGet, export+"/"+res.field("jobId")+"/download", w.login(bot), nil).files()
	if len(files) != 5 {
		t.Errorf("got the files %s, want those of all linked organizations", names(files))
	}
}

func TestAJobLevelExportOfOneMeter(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	res := w.call(http.MethodPost, jobs, session, with(march, fields{"allMeters": false, "meterId": dataIntegration})).is(http.StatusOK)
	if strings.Contains(string(res.body), "allMeters") || res.field("meterId") != dataIntegration {
		t.Errorf("got %s", res.body)
	}
	w.advance(5 * time.Second)
	files := w.call(http.MethodGet, export+"/"+res.field("jobId")+"/download", session, nil).files()
	const columns = "Task ID,Task Name,Task Object Name,Task Type,Task Run ID,Project Name,Folder Name,Org ID," +
		"Environment ID,Environment,Cores Used,Start Time,End Time,Status,Metered Value,Audit Time,OBM Task Time(s)"
	if names(files) != "CDIMeteringAuditData.csv" || strings.Join(files[0].header, ",") != columns {
		t.Fatalf("got %s with the columns %v", names(files), files[0].header)
	}
	stamp := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d$`)
	for _, row := range files[0].rows {
		for _, column := range []string{"Start Time", "End Time", "Audit Time"} {
			if !stamp.MatchString(row[column]) {
				t.Fatalf("%s is %q", column, row[column])
			}
		}
		for _, column := range []string{"Task ID", "Task Run ID", "Org ID", "Environment ID"} {
			if row[column] == "" {
				t.Fatalf("a row lacks its %s: %v", column, row)
			}
		}
	}
	given := `8DwkNhFdnXsiVpzz63FfkC,mt_load_orders,m_load_orders,Mapping Task,162954000,Finance,Nightly,` + production +
		`,zJr4i0B3JrTAwR4y9ojflj,agent-group-1,2.5,2025-03-01 01:00:00.0,2025-03-01 01:30:00.0,SUCCESS,1.25,2025-03-01 01:30:00.0,1800` + "\n"
	if !strings.Contains(files[0].text, given) {
		t.Errorf("the run that the scenario gives is not told as\n%s", given)
	}
}

func TestRangesAreHeldToTheirLimitAndADay(t *testing.T) {
	for _, row := range []struct {
		sentence, path string
		body           fields
		days           int
	}{
		{"an asset report covers 31 days", export, fields{"jobType": "ASSET"}, 31},
		{"a project report covers 31 days", export, fields{"jobType": "PROJECT_FOLDER"}, 31},
		{"a summary covers 181 days", export, fields{"jobType": "SUMMARY"}, 181},
		{"the older summary covers 181 days", older, fields{}, 181},
		{"a job-level report covers 181 days", jobs, fields{"allMeters": true}, 181},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			w := acme(t)
			session := w.login(bot)
			start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
			end := start.Add(time.Duration(row.days) * 24 * time.Hour)
			body := with(row.body, fields{"startDate": start.Format(time.RFC3339), "endDate": end.Format(time.RFC3339)})
			w.start(row.path, session, body)
			body["endDate"] = end.Add(time.Second).Format(time.RFC3339)
			w.call(http.MethodPost, row.path, session, body).refused(http.StatusBadRequest, "METERING_05")
		})
	}
}

func TestAnOrganizationHasFivePlacesForActiveJobs(t *testing.T) {
	w := acme(t)
	session, second := w.login(bot), w.login("second.bot@acme.example")
	for i, path := range []string{export, older, jobs, export, older} {
		who := []string{session, second}[i%2]
		w.start(path, who, with(march, fields{"jobType": "SUMMARY", "allMeters": true}))
	}
	summary := with(march, fields{"jobType": "SUMMARY"})
	refusal := w.call(http.MethodPost, export, session, summary)
	refusal.refused(http.StatusBadRequest, "METERING_09")
	if !strings.Contains(string(refusal.body), "maximum of 5 active jobs") {
		t.Errorf("got %s", refusal.body)
	}
	w.start(export, w.login("add@acme.example"), summary) // a linked organization counts for itself
	w.advance(5 * time.Second)
	w.start(export, session, summary)
}

func TestSessionsAndArchivesRunOutAndJobsStay(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	id := w.start(export, session, with(march, fields{"jobType": "SUMMARY"}))
	w.advance(30 * time.Minute)
	w.call(http.MethodGet, export+"/"+id, session, nil).refused(http.StatusUnauthorized, "AUTH_01")
	session = w.login(bot)
	w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK)

	w.advance(3*24*time.Hour - 30*time.Minute + 3*time.Second - 1*time.Microsecond)
	session = w.login(bot)
	w.call(http.MethodGet, export+"/"+id+"/download", session, nil).is(http.StatusOK)
	w.advance(time.Microsecond)
	w.call(http.MethodGet, export+"/"+id+"/download", session, nil).refused(http.StatusNotFound, "METERING_12")
	if got := w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK).field("status"); got != "SUCCESS" {
		t.Errorf("the job is %s", got)
	}
}

func TestDoubledSlashesAndEscapesAreServedWithoutADetour(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	id := w.start("/saas//public///core/v3/license/metering/ExportMeteringData", session, with(march, fields{"jobType": "SUMMARY"}))
	for _, path := range []string{
		"/saas//public/core/v3/license/metering/ExportMeteringData/" + id,
		alerts + "/org('" + production + "')",
		alerts + "/org(%27" + production + "%27)",
		alerts + "/org%28%27" + production + "%27%29",
		alerts + "//org%28%27" + production + "%27%29//viewTagsPreference",
		"/saas/api/v2/org/name/Acme%20Sub%20of%20Additional",
	} {
		w.call(http.MethodGet, path, session, nil).is(http.StatusOK)
	}
}

func TestAPartialSuccessSaysWhyAndLacksAnOrganization(t *testing.T) {
	w := acme(t)
	session := w.login("alone@acme.example")
	id := w.start(export, session, with(march, fields{"jobType": "SUMMARY", "allLinkedOrgs": true}))
	w.advance(5 * time.Second)
	status := w.call(http.MethodGet, export+"/"+id, session, nil).is(http.StatusOK)
	if !strings.Contains(string(status.body), `"status":"PARTIAL_SUCCESS","errorMessage":"Short error message: `) {
		t.Errorf("got %s", status.body)
	}
	if !strings.Contains(status.field("errorMessage"), `"<html>`) && !strings.Contains(string(status.body), `\"<html>`) {
		t.Errorf("the markup in the message is not as it was: %s", status.body)
	}
	files := w.call(http.MethodGet, export+"/"+id+"/download", session, nil).files()
	if names(files) != production+".csv" {
		t.Errorf("got %s", names(files))
	}
}

func TestASessionOfV2IsGoodForV3(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	id := w.start(export, session, with(march, fields{"jobType": "ASSET"}))
	w.start(older, session, march)
	w.start(jobs, session, with(march, fields{"allMeters": "TRUE"}))
	w.advance(5 * time.Second)
	for _, path := range []string{
		export + "/" + id, export + "/" + id + "/download", alerts + "/org('" + production + "')",
		alerts + "/org('" + production + "')/viewTagsPreference", v3 + "/license/org/" + production,
	} {
		w.call(http.MethodGet, path, session, nil).is(http.StatusOK)
	}
}
