package informatica_test

import (
	"archive/zip"
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/fixtures"
)

// Whole answers, so that the order of fields is held as well.
func TestTheAnswerToEachResourceHasItsFieldsInTheirOrder(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	const about = `"orgId":"` + production + `","userId":"fJBd0Kh8oOOL8dKLzdocJ2","selectedOrgId":"` + production + `"`
	const times = `"createTime":"2025-04-02T08:15:04Z","updateTime":"2025-04-02T08:15:04Z"`
	const dates = `"startDate":"2025-03-01T00:00:00Z","endDate":"2025-03-31T23:59:59Z"`
	for _, row := range []struct {
		sentence, path string
		body           fields
		want           string // after the id
	}{
		{"a summary echoes no meter", export, fields{"jobType": "SUMMARY", "meterId": dataIntegration, "callbackUrl": "https://hooks.acme.example/idmc"},
			about + `,"meterId":null,` + dates + `,"callbackUrl":"https://hooks.acme.example/idmc",` + times + `}`},
		{"an asset report echoes its meter", export, fields{"jobType": "ASSET", "meterId": dataIntegration, "allLinkedOrgs": "TRUE"},
			about + `,"meterId":"` + dataIntegration + `",` + dates + `,"callbackUrl":null,` + times + `}`},
		{"the older summary has no meter and tells whether it is combined", older, fields{"combinedMeterUsage": "TRUE", "callbackUrl": nil},
			about + `,` + dates + `,"callbackUrl":null,` + times + `,"combinedMeterUsage":true}`},
		{"of one meter the runs have no allMeters", jobs, fields{"meterId": dataIntegration, "callbackUrl": ""},
			about + `,"meterId":"` + dataIntegration + `",` + dates + `,"callbackUrl":null,` + times + `}`},
		{"of all meters they have, and no meter, whatever was asked", jobs, fields{"allMeters": "true", "meterId": dataIntegration},
			about + `,"allMeters":true,"meterId":null,` + dates + `,"callbackUrl":null,` + times + `}`},
	} {
		res := w.call(http.MethodPost, row.path, session, with(march, row.body)).is(http.StatusOK)
		want := `{"jobId":"` + res.field("jobId") + `","status":"CREATED",` + row.want
		if string(res.body) != want {
			t.Errorf("%s:\ngot  %s\nwant %s", row.sentence, res.body, want)
		}
	}
}

func TestDatesAreEchoedToTheSecondInUTC(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	for _, row := range []struct{ given, want string }{
		{"2025-03-01T00:00:00Z", "2025-03-01T00:00:00Z"},
		{"2025-03-01T00:00:00.999999Z", "2025-03-01T00:00:00Z"},
		{"2025-03-01T05:30:00+05:30", "2025-03-01T00:00:00Z"},
		{"2025-02-28T16:00:00.5-08:00", "2025-03-01T00:00:00Z"},
	} {
		res := w.call(http.MethodPost, export, session, with(summary, fields{"startDate": row.given})).is(http.StatusOK)
		if got := res.field("startDate"); got != row.want {
			t.Errorf("%s is echoed as %s, want %s", row.given, got, row.want)
		}
		w.advance(5 * time.Second)
	}
}

func TestFlagsAreTakenAsTextAndAsBooleans(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	for _, row := range []struct {
		given any
		files int
	}{{"TRUE", 5}, {"true", 5}, {"True", 5}, {true, 5}, {"FALSE", 1}, {"false", 1}, {false, 1}, {nil, 1}} {
		if got := len(w.report(export, session, with(summary, fields{"allLinkedOrgs": row.given}))); got != row.files {
			t.Errorf("allLinkedOrgs %v gives %d files, want %d", row.given, got, row.files)
		}
	}
}

func TestWhatAnOrganizationIsLinkedTo(t *testing.T) {
	w := acme(t)
	all := with(summary, fields{"allLinkedOrgs": true})
	if got := names(w.report(export, w.login("add@acme.example"), all)); got != additional+".csv "+deepSub+".csv" {
		t.Errorf("under an additional production organization are %s", got)
	}
	if got := names(w.report(older, w.login("sub@acme.example"), all)); got != sub+".csv" {
		t.Errorf("under a sub-organization are %s", got)
	}
	if got := names(w.report(export, w.login(bot), with(all, fields{"jobType": "ASSET"}))); got != production+".csv" {
		t.Errorf("an asset report is of %s", got)
	}
	if got := names(w.report(export, w.login(bot), with(all, fields{"jobType": "PROJECT_FOLDER", "combinedMeterUsage": true}))); got != production+"_combined.csv" {
		t.Errorf("a combined project report is %s", got)
	}
	if got := names(w.report(jobs, w.login(bot), with(march, fields{"allMeters": true}))); got != "CDIMeteringAuditData.csv CAIMeteringAuditData.csv CMIMeteringAuditData.csv" {
		t.Errorf("the runs of all meters are in %s", got)
	}
	if got := w.report(jobs, w.login("add@acme.example"), with(march, fields{"meterId": "3uIRkIV5Rt9lBbAPzeR5Kj"})); names(got) != "CAIMeteringAuditData.csv" || len(got[0].rows) != 0 || len(got[0].header) != 10 {
		t.Errorf("the runs of a meter without any are %+v", got)
	}
	if got := w.report(jobs, w.login("jwt@other.example"), with(march, fields{"allMeters": true})); names(got) != "CDIMeteringAuditData.csv" || len(got[0].rows) != 0 {
		t.Errorf("the runs of an organization without any are %+v", got)
	}
}

func TestTheDaysOfAReport(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	for _, row := range []struct {
		sentence, start, end, days string
	}{
		{"midnight to midnight is one day", "2025-03-10T00:00:00Z", "2025-03-11T00:00:00Z", "10"},
		{"to the last second of a day is that day", "2025-03-10T00:00:00Z", "2025-03-10T23:59:59Z", "10"},
		{"a start within a day includes the day", "2025-03-10T15:00:00Z", "2025-03-11T00:00:01Z", "10 11"},
		{"two days", "2025-03-10T00:00:00Z", "2025-03-12T00:00:00Z", "10 11"},
		{"nothing at all", "2025-03-10T00:00:00Z", "2025-03-10T00:00:00Z", ""},
		{"nothing at noon", "2025-03-10T12:00:00Z", "2025-03-10T12:00:00Z", ""},
	} {
		files := w.report(export, session, fields{"jobType": "SUMMARY", "startDate": row.start, "endDate": row.end})
		var days []string
		for _, r := range files[0].rows {
			if d := r["Date"][8:10]; len(days) == 0 || days[len(days)-1] != d {
				days = append(days, d)
			}
		}
		if got := strings.Join(days, " "); got != row.days {
			t.Errorf("%s: got the days %q, want %q", row.sentence, got, row.days)
		}
	}
}

func TestRatesAndTiersChangeAtMidnight(t *testing.T) {
	w := acme(t)
	files := w.report(export, w.login(bot), fields{"jobType": "ASSET", "meterId": dataIntegration,
		"startDate": "2025-03-19T00:00:00Z", "endDate": "2025-03-21T00:00:00Z"})
	for _, row := range files[0].rows {
		want := map[string]string{"19": "1 0.16", "20": "2 0.125"}[row["Date"][8:10]]
		if got := row["Tier"] + " " + row["IPU Per Unit"]; got != want || row["Meter ID"] != dataIntegration {
			t.Errorf("got tier and rate %s, want %s: %v", got, want, row)
		}
	}
	if len(files[0].rows) != 4 {
		t.Errorf("got %d rows, want those of two assets on two days", len(files[0].rows))
	}
}

func TestARunPastMidnightBelongsToItsFirstDay(t *testing.T) {
	w := acme(t)
	files := w.report(jobs, w.login(bot), fields{"startDate": "2025-03-01T00:00:00Z", "endDate": "2025-03-02T00:00:00Z", "meterId": dataIntegration})
	last := files[0].rows[len(files[0].rows)-1]
	if last["Start Time"] != "2025-03-01 23:59:30.0" || last["End Time"] != "2025-03-02 00:00:15.0" || last["Metered Value"] != "0.0125" || last["Status"] != "WARNING" {
		t.Errorf("the last run of the day is %v", last)
	}
}

func TestARunCountsOnceItIsOver(t *testing.T) {
	w := acme(t, "  alerts:\n", "    - {org: Acme_Additional, meter: Data Integration, asset: Ops/mt_add, start: 2025-04-02T08:00:00Z, seconds: 927}\n  alerts:\n")
	today := fields{"startDate": "2025-04-02T00:00:00Z", "endDate": "2025-04-02T23:59:59Z", "meterId": dataIntegration}
	session := w.login("add@acme.example")
	over := func() bool { // the job ends three seconds from now
		return strings.Contains(w.report(jobs, session, today)[0].text, "2025-04-02 08:00:00.0,2025-04-02 08:15:27.0")
	}
	w.advance(18 * time.Second) // 08:15:22
	before := over()            // made at :22, done at :25
	after := over()             // made at :27, done at :30
	if before || !after {
		t.Errorf("a run that ends at 08:15:27 is in a report of 08:15:25: %t, in one of 08:15:30: %t", before, after)
	}
}

func TestTheDialectOfFilesIsAnOption(t *testing.T) {
	const quoted, bare = `"t, ""quoted"""`, `,t, "quoted",`
	assets := with(march, fields{"jobType": "ASSET"})
	w := acme(t)
	if text := w.report(export, w.login(bot), assets)[0].text; !strings.Contains(text, quoted) || strings.Contains(text, "null") || strings.Contains(text, "\r") {
		t.Errorf("by default a name with a comma is not written as %s", quoted)
	}
	w = withOptions(t, "quoting: never, absent_cell: null_text, empty_report: zero_bytes")
	session := w.login(bot)
	id := w.start(export, session, assets)
	linked := w.start(export, session, with(summary, fields{"allLinkedOrgs": true}))
	w.advance(5 * time.Second)
	text := string(w.call(http.MethodGet, export+"/"+id+"/download", session, nil).rawFile(0))
	if !strings.Contains(text, bare) || !strings.Contains(text, ",loose,Mapping Task,null,null,") {
		t.Errorf("with the options the file is\n%s", text[:2000])
	}
	if text := w.call(http.MethodGet, export+"/"+linked+"/download", session, nil).rawFile(4); len(text) > 0 {
		t.Errorf("a file without rows is %q", text)
	}
}

func TestDownloadsAreNamedAndMeasured(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	id := w.start(export, session, summary)
	w.advance(5 * time.Second)
	first := w.call(http.MethodGet, export+"/"+id+"/download", session, nil).is(http.StatusOK)
	if first.header.Get("Content-Type") != "application/zip" || first.header.Get("Content-Disposition") != `attachment; filename="`+id+`.zip"` ||
		first.header.Get("Content-Length") == "" {
		t.Errorf("got the headers %v", first.header)
	}
	archive, err := zip.NewReader(bytes.NewReader(first.body), int64(len(first.body)))
	if end := time.Date(2025, 4, 2, 8, 15, 7, 0, time.UTC); err != nil || !archive.File[0].Modified.Equal(end) {
		t.Errorf("the file is of %v (%v), want the end of the job, %v", archive.File[0].Modified, err, end)
	}
	w.advance(20 * time.Minute)
	if again := w.call(http.MethodGet, export+"/"+id+"/download", session, nil); string(again.body) != string(first.body) {
		t.Error("downloading again gave other bytes")
	}
}

func TestMetersThatAreNotKnownCanBeLetIn(t *testing.T) {
	w := withOptions(t, "lenient_meters: true")
	session := w.login(bot)
	unknown := fields{"meterId": "0000000000000000000000", "jobType": "ASSET"}
	for _, path := range []string{export, jobs} {
		files := w.report(path, session, with(march, unknown))
		if len(files) != 1 || len(files[0].rows) != 0 {
			t.Errorf("an unknown meter has %+v", files)
		}
	}
	w.call(http.MethodPost, export, session, with(march, fields{"meterId": "short", "jobType": "ASSET"})).refused(http.StatusBadRequest, "METERING_07")
}

func TestAScenarioCanHaveMetersOfItsOwn(t *testing.T) {
	const id = "123456789012345678901A"
	w := acme(t, "  rates:\n", "  meters:\n    - {id: "+id+", name: Widget Works, scalar: Widgets, requests: [asset, job], service: WW}\n  rates:\n    - {meter: Widget Works, rate: 0.25}\n",
		"  runs:\n", "  runs:\n    - {org: Acme_Production, meter: Widget Works, asset: loose, start: 2025-03-05T10:00:00Z, quantity: 7.5}\n")
	session := w.login(bot)
	files := w.report(jobs, session, with(march, fields{"meterId": id}))
	if names(files) != "WWMeteringAuditData.csv" || len(files[0].rows) != 1 || files[0].rows[0]["Metered Value"] != "7.5" || files[0].rows[0]["Cores Used"] != "0" {
		t.Errorf("got %+v", files)
	}
	if text := w.report(export, session, summary)[0].text; !strings.Contains(text, ","+id+",Widget Works,2025-03-05 00:00:00.0,2025-03-01 00:00:00.0,2025-03-31 00:00:00.0,7.5,1.875,Widgets,IPU,") {
		t.Errorf("the summary lacks the meter:\n%s", text)
	}
}

func TestAWorldThatDoesNotFitTogetherIsNotSeeded(t *testing.T) {
	for _, row := range []struct{ sentence, old, new, want string }{
		{"a user of nowhere", "org: Acme_Sub1}", "org: Nowhere}", `informatica.users: sub@acme.example: there is no organization "Nowhere"`},
		{"a rate of no meter", "meter: Data Integration, rate: 0.16", "meter: Nothing, rate: 0.16", `informatica.rates: there is no meter "Nothing"`},
		{"an asset in no environment", "environment: agent-add}", "environment: none}", `informatica.assets: Ops/mt_add: Acme_Additional has no environment "none"`},
		{"usage of no asset", "asset: loose, from", "asset: tight, from", `informatica.usage[1]: Acme_Production has no asset "tight"`},
		{"usage of a meter that needs an asset", "asset: loose, from", "from", `informatica.usage[1]: Data Integration needs an asset`},
		{"an alert of nobody", "{org: Acme_Production, threshold: 400}", "{org: Nobody, threshold: 400}", `informatica.alerts: there is no organization "Nobody"`},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			s, err := fixtures.Parse("acme.yaml", []byte(strings.Replace(acmeText(t), row.old, row.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, s); err == nil || err.Error() != row.want {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

func TestCredentialsAreListed(t *testing.T) {
	w := acme(t)
	s, err := fixtures.Parse("acme.yaml", []byte(acmeText(t)))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.api.Credentials(s); len(got) != 8 || got[0] != bot+" / right" {
		t.Errorf("got %v", got)
	}
	if got := w.api.Credentials(fixtures.New()); len(got) != 1 || got[0] != "any user name and password" {
		t.Errorf("got %v", got)
	}
}
