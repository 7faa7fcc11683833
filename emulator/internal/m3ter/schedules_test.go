package m3ter

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/wire"
)

const scheduleBody = `{"name":"S","code":"%s","sourceType":"OPERATIONAL","operationalDataTypes":["METERS"],%s}`

func TestASchedulesFirstJobStartsAtOnceAndTheOthersFollow(t *testing.T) {
	w := newWorld(t, transfers)
	s := w.ok("POST", "/dataexports/schedules", fmt.Sprintf(scheduleBody, "daily", `"scheduleType":"DAY","period":1`))
	runs := func() (at []string) {
		for _, j := range w.ok("GET", "/dataexports/jobs?scheduleId="+s.id(), "").data() {
			if j["scheduleId"] != s.id() {
				t.Errorf("got %v", j)
			}
			at = append(at, j["dateCreated"].(string))
		}
		slices.Reverse(at)
		return at
	}
	if got := runs(); !slices.Equal(got, []string{"2025-05-20T09:00:00.000Z"}) {
		t.Errorf("got %v", got)
	}
	w.advance(24*time.Hour - time.Millisecond)
	w.login("key", "secret")
	if got := runs(); len(got) != 1 {
		t.Errorf("just before a day: got %v", got)
	}
	w.advance(time.Millisecond)
	if got := runs(); !slices.Equal(got, []string{"2025-05-20T09:00:00.000Z", "2025-05-21T09:00:00.000Z"}) {
		t.Errorf("a day later: got %v", got)
	}
	fired := w.advance(3 * 24 * time.Hour)
	w.login("key", "secret")
	if got := runs(); !slices.Equal(got[2:], []string{"2025-05-22T09:00:00.000Z", "2025-05-23T09:00:00.000Z", "2025-05-24T09:00:00.000Z"}) {
		t.Errorf("after a jump over three periods: got %v", got)
	}
	if len(fired) != 6 || !slices.IsSortedFunc(fired, func(a, b wire.Fired) int { return a.At.Compare(b.At) }) {
		t.Errorf("got %+v", fired) // two turns of the second job, and of two of the three new ones
	}
	w.ok("PUT", "/dataexports/schedules/"+s.id(), fmt.Sprintf(scheduleBody, "daily", `"scheduleType":"HOUR","period":12,"version":1`))
	w.advance(36 * time.Hour)
	w.login("key", "secret")
	if got := runs(); !slices.Equal(got[5:], []string{"2025-05-25T09:00:00.000Z", "2025-05-25T21:00:00.000Z"}) {
		t.Errorf("a change holds from the next run on: got %v", got)
	}
	w.ok("DELETE", "/dataexports/schedules/"+s.id(), "")
	w.advance(72 * time.Hour)
	w.login("key", "secret")
	if got := runs(); len(got) != 7 {
		t.Errorf("after its end: got %v", got)
	}
}

func TestRunsFollowOneAnotherAtTheirDistance(t *testing.T) {
	for _, row := range []struct{ when, frequency, second, third string }{
		{"every quarter of an hour", `"scheduleType":"MINUTE","period":15`, "2025-05-20T09:15", "2025-05-20T09:30"},
		{"every three days", `"scheduleType":"DAY","period":3`, "2025-05-23T09:00", "2025-05-26T09:00"},
		{"ten minutes into every second hour", `"scheduleType":"HOUR","period":2,"offset":10`, "2025-05-20T09:10", "2025-05-20T11:10"},
		{"six hours into every day", `"scheduleType":"DAY","period":1,"offset":6`, "2025-05-21T06:00", "2025-05-22T06:00"},
		{"weekdays at half past four", `"cronExpression":"30 4 * * 1-5"`, "2025-05-21T04:30", "2025-05-22T04:30"},
	} {
		t.Run(row.when, func(t *testing.T) {
			w := newWorld(t, transfers)
			w.ok("POST", "/dataexports/schedules", fmt.Sprintf(scheduleBody, "s", row.frequency))
			w.advance(8 * 24 * time.Hour)
			w.login("key", "secret")
			jobs := slices.Concat(w.walk("/dataexports/jobs", 100)...)
			slices.Reverse(jobs)
			for i, want := range []string{"2025-05-20T09:00", row.second, row.third} {
				if got := w.job(jobs[i])["dateCreated"].(string); got[:16] != want {
					t.Errorf("run %d: got %s, want %s", i+1, got, want)
				}
			}
		})
	}
}

func TestSchedulesThatMeanNothingAreRefused(t *testing.T) {
	w := newWorld(t, transfers)
	for _, row := range [][2]string{
		{fmt.Sprintf(scheduleBody, "s", `"version":1`), "Either scheduleType"},
		{fmt.Sprintf(scheduleBody, "s", `"scheduleType":"DAY","period":1,"cronExpression":"0 0 * * *"`), "Either scheduleType"},
		{fmt.Sprintf(scheduleBody, "s", `"scheduleType":"DAILY","period":1`), "scheduleType must be"},
		{fmt.Sprintf(scheduleBody, "s", `"scheduleType":"DAY","period":4`), "from 1 to 3"},
		{fmt.Sprintf(scheduleBody, "s", `"scheduleType":"HOUR","period":73`), "from 1 to 72"},
		{fmt.Sprintf(scheduleBody, "s", `"scheduleType":"MINUTE","period":14`), "15 minutes"},
		{fmt.Sprintf(scheduleBody, "s", `"scheduleType":"MINUTE","period":15,"offset":1`), "offset"},
		{fmt.Sprintf(scheduleBody, "s", `"scheduleType":"DAY","period":1,"offset":24`), "offset"},
		{fmt.Sprintf(scheduleBody, "s", `"cronExpression":"* * * * *"`), "15 minutes apart"},
		{fmt.Sprintf(scheduleBody, "s", `"cronExpression":"0,10 5 * * *"`), "15 minutes apart"},
		{fmt.Sprintf(scheduleBody, "s", `"cronExpression":"every day"`), "cronExpression"},
		{fmt.Sprintf(scheduleBody, "", `"scheduleType":"DAY","period":1`), "code is required"},
		{`{"name":"S","code":"s","sourceType":"USAGE","scheduleType":"DAY","period":1}`, "timePeriod is required"},
		{`{"name":"S","code":"s","sourceType":"USAGE","timePeriod":"EVER","scheduleType":"DAY","period":1}`, "timePeriod"},
		{`{"name":"S","code":"s","sourceType":"OPERATIONAL","scheduleType":"DAY","period":1}`, "operationalDataTypes"},
	} {
		w.refused("POST", "/dataexports/schedules", row[0], 400, row[1])
	}
	s := w.ok("POST", "/dataexports/schedules", fmt.Sprintf(scheduleBody, "s", `"scheduleType":"DAY","period":1`))
	w.refused("PUT", "/dataexports/schedules/"+s.id(), `{"name":"S","code":"s","sourceType":"USAGE","timePeriod":"TODAY","scheduleType":"DAY","period":1,"version":1}`, 400, "sourceType cannot change")
}

func TestSchedulesShowTheirVariantAndListsWhatAllHave(t *testing.T) {
	w := newWorld(t, transfers)
	usage := w.ok("POST", "/dataexports/schedules", `{"name":"S","code":"s","sourceType":"USAGE","timePeriod":"YESTERDAY","scheduleType":"DAY","period":1,"accountIds":["`+northwind+`"]}`)
	if usage["timePeriod"] != "YESTERDAY" || usage["operationalDataTypes"] != nil || usage["accountIds"].([]any)[0] != northwind ||
		usage["period"] != json.Number("1") || usage["exportFileFormat"] != "CSV" {
		t.Errorf("got %v", usage)
	}
	listed := w.ok("GET", "/dataexports/schedules?ids="+usage.id(), "").data()[0]
	if listed["timePeriod"] != nil || listed["code"] != "s" || len(listed["destinationIds"].([]any)) != 0 {
		t.Errorf("got %v", listed)
	}
}

func TestAScheduledUsageExportIsOfItsPeriod(t *testing.T) {
	w := newWorld(t, transfers)
	w.submit(transfer("in", "northwind", "2025-05-19T23:59:59Z", "eu", "t", "1"), transfer("out", "northwind", "2025-05-20T00:00:00Z", "eu", "t", "1"))
	w.ok("POST", "/dataexports/schedules", `{"name":"S","code":"s","sourceType":"USAGE","timePeriod":"YESTERDAY","scheduleType":"DAY","period":1,"exportFileFormat":"JSONL"}`)
	w.advance(time.Second)
	text := unzipped(t, w.file(w.ok("GET", "/dataexports/jobs", "").ids()[0]).body)
	if want := `{"uid":"in",`; len(text) < 20 || text[:len(want)] != want || text[len(text)-2:] != "}\n" {
		t.Errorf("got %s", text)
	}
}

func TestTimePeriodsAreTheDocumentedOnes(t *testing.T) {
	at := time.Date(2024, 6, 12, 10, 20, 30, 0, time.UTC) // a Wednesday
	for name, want := range map[string][2]string{
		"TODAY": {"2024-06-12T00:00:00Z", "2024-06-12T10:20:30Z"}, "YESTERDAY": {"2024-06-11T00:00:00Z", "2024-06-12T00:00:00Z"},
		"WEEK_TO_DATE": {"2024-06-10T00:00:00Z", "2024-06-12T10:20:30Z"}, "MONTH_TO_DATE": {"2024-06-01T00:00:00Z", "2024-06-12T10:20:30Z"},
		"YEAR_TO_DATE": {"2024-01-01T00:00:00Z", "2024-06-12T10:20:30Z"}, "PREVIOUS_WEEK": {"2024-06-03T00:00:00Z", "2024-06-10T00:00:00Z"},
		"PREVIOUS_MONTH": {"2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z"}, "PREVIOUS_QUARTER": {"2024-01-01T00:00:00Z", "2024-04-01T00:00:00Z"},
		"PREVIOUS_YEAR": {"2023-01-01T00:00:00Z", "2024-01-01T00:00:00Z"}, "LAST_12_HOURS": {"2024-06-11T22:00:00Z", "2024-06-12T10:00:00Z"},
		"LAST_7_DAYS": {"2024-06-05T00:00:00Z", "2024-06-12T00:00:00Z"}, "LAST_30_DAYS": {"2024-05-13T00:00:00Z", "2024-06-12T00:00:00Z"},
		"LAST_35_DAYS": {"2024-05-08T00:00:00Z", "2024-06-12T00:00:00Z"}, "LAST_90_DAYS": {"2024-03-14T00:00:00Z", "2024-06-12T00:00:00Z"},
		"LAST_120_DAYS": {"2024-02-13T00:00:00Z", "2024-06-12T00:00:00Z"}, "LAST_YEAR": {"2023-06-12T00:00:00Z", "2024-06-12T00:00:00Z"},
	} {
		from, until := timePeriod(name, at)
		if got := [2]string{from.Format(time.RFC3339), until.Format(time.RFC3339)}; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	from, until := timePeriod("LAST_30_DAYS", time.Date(2024, 6, 15, 8, 0, 0, 0, time.UTC))
	if from.Format(time.DateOnly) != "2024-05-16" || until.Format(time.DateOnly) != "2024-06-15" {
		t.Errorf("got %s to %s", from, until)
	}
}
