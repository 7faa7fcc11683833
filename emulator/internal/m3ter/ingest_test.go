package m3ter

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const may19 = `"startDate":"2025-05-19T00:00:00Z","endDate":"2025-05-20T00:00:00Z"`

// total asks for the sum of a measure over a day of the test.
func (w *world) total(day, account string) string {
	w.t.Helper()
	start, _ := time.Parse(time.DateOnly, day)
	body := fmt.Sprintf(`{"startDate":"%s","endDate":"%s","accountIds":[%s],"aggregations":[{"meterId":"%s","fieldCode":"gb_out","fieldType":"MEASURE","function":"SUM"}]}`,
		start.Format(time.RFC3339), start.AddDate(0, 0, 1).Format(time.RFC3339), quote(account), theMeter)
	got, ok := w.ok("POST", "/usage/query", body).data()[0]["data_transfer.gb_out.SUM"]
	if !ok {
		return "none"
	}
	return got.(json.Number).String()
}

func TestMeasurementsForUnknownAccountsMakeThem(t *testing.T) {
	w := newWorld(t, transfers)
	w.submit(transfer("1", "newcomer", "2025-05-19T08:00:00Z", "eu", "t", "2.5"), transfer("2", "newcomer", "2025-05-19T09:00:00Z", "eu", "t", "1"))
	made := w.ok("GET", "/accounts?codes=newcomer", "").data()
	if len(made) != 1 || made[0]["name"] != "newcomer-autocreated" || !strings.HasSuffix(made[0]["emailAddress"].(string), "-autocreated@example.com") {
		t.Fatalf("got %v", made)
	}
	if got := w.total("2025-05-19", made[0].id()); got != "3.5" {
		t.Errorf("got %s", got)
	}
	if events := w.eventsOf("configuration.account.created"); len(events) != 3 {
		t.Errorf("got %v", events)
	}
}

func TestWhatDoesNotFitBecomesAnEventWithItsLog(t *testing.T) {
	w := newWorld(t, transfers)
	for _, row := range []struct{ kind, message, measurement string }{
		{undefinedMeter, "No meter with code nope", `{"meter":"nope","account":"northwind","ts":"2025-05-19T08:00:00Z"}`},
		{missingField, "Field gb_out is missing", `{"uid":"m","meter":"data_transfer","account":"northwind","ts":"2025-05-19T08:00:00Z","where":{"region":"eu"},"who":{"tenant":"t"}}`},
		{missingField, "Field region is missing", `{"meter":"data_transfer","account":"northwind","ts":"2025-05-19T08:00:00Z","what":{"region":"eu"},"who":{"tenant":"t"},"measure":{"gb_out":1}}`},
		{duplicateField, "Field region stands in more than one category", `{"meter":"data_transfer","account":"northwind","ts":"2025-05-19T08:00:00Z","where":{"region":"eu"},"what":{"region":"eu"},"who":{"tenant":"t"},"measure":{"gb_out":1}}`},
		{invalidAccountCode, "No account has the code NorthWind", transfer("", "NorthWind", "2025-05-19T08:00:00Z", "eu", "t", "1")},
	} {
		before := len(w.eventsOf(ingestFailure))
		w.submit(row.measurement)
		events := w.eventsOf(ingestFailure)
		if len(events) != before+1 {
			t.Fatalf("%s: got %d events", row.kind, len(events)-before)
		}
		details := events[before]["m3terEvent"].(map[string]any)
		if details["type"] != row.kind || !strings.HasPrefix(details["message"].(string), row.message) || details["eventType"] != "IngestValidationFailure" {
			t.Errorf("got %v, want %s: %s", details, row.kind, row.message)
		}
		address := strings.TrimPrefix(details["getDownloadUrl"].(string), baseURL+mount)
		var link downloadURLResponse
		if err := json.Unmarshal([]byte(w.send("GET", address, "").body), &link); err != nil {
			t.Fatal(err)
		}
		want := `{"errors":[{"type":` + quote(row.kind) + `,"message":` + quote(details["message"].(string)) + `}],"measurement":` + row.measurement + `}`
		if got := w.download(link.URL); got.status != 200 || got.body != want {
			t.Errorf("got %d %s, want %s", got.status, got.body, want)
		}
		if got := w.download(strings.Replace(link.URL, "signature=", "signature=00", 1)); got.status != 403 {
			t.Errorf("a forged signature: got %d", got.status)
		}
		w.at(morning.Add(5 * time.Minute))
		if got := w.download(link.URL); got.status != 403 {
			t.Errorf("after five minutes: got %d %s", got.status, got.body)
		}
		w.at(morning)
	}
	if got := w.total("2025-05-19", northwind); got != "none" {
		t.Errorf("something was stored: %s", got)
	}
	if got := w.ok("GET", "/events?eventType=IngestValidationFailure", "").data(); len(got) != 5 {
		t.Errorf("by type: got %d", len(got))
	}
	w.refused("GET", "/measurements/failedIngest/getDownloadUrl?file=x%2Fy.json", "", 404, "x/y.json")
	w.refused("GET", "/measurements/failedIngest/getDownloadUrl", "", 404, "")
}

func TestAUidCountsOnceInThirtyFiveDays(t *testing.T) {
	w := newWorld(t, transfers)
	one := transfer("twice", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "1")
	w.submit(one)
	w.submit(one, transfer("", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "10"), transfer("", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "10"))
	if got := w.total("2025-05-19", northwind); got != "21" {
		t.Errorf("got %s", got)
	}
	events := w.eventsOf(ingestFailure)
	if len(events) != 1 || events[0]["m3terEvent"].(map[string]any)["type"] != duplicateUID {
		t.Errorf("got %v", events)
	}
	w.at(morning.AddDate(0, 0, 36)).login("key", "secret")
	w.submit(one)
	if got := w.total("2025-05-19", northwind); got != "22" {
		t.Errorf("after 36 days: got %s", got)
	}
}

func TestTheFormOfACallIsCheckedAsAWhole(t *testing.T) {
	w := newWorld(t, transfers)
	good := transfer("", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "1")
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat(good+",", n), ",") }
	one := func(fields string) string {
		return `{"meter":"data_transfer","account":"northwind","ts":"2025-05-19T08:00:00Z",` + fields + `}`
	}
	for _, row := range []struct {
		when, body string
		status     int
		message    string
	}{
		{"1001 measurements", `{"measurements":[` + many(1001) + `]}`, 400, "at most 1000"},
		{"no measurements", `{"measurements":[]}`, 400, "at least 1"},
		{"no list", `{}`, 400, "measurements is required"},
		{"no object", `[]`, 400, "object"},
		{"broken JSON", `{"measurements":[`, 400, "JSON"},
		{"512,000 bytes", `{"measurements":[` + good + `],"x":"` + strings.Repeat("x", 512_000) + `"}`, 403, "512000"},
		{"one bad one of two", `{"measurements":[` + good + `,{"meter":"m"}]}`, 400, "measurements[1].account is required"},
		{"a ts that is no instant", `{"measurements":[{"meter":"m","account":"a","ts":"yesterday"}]}`, 400, "ts"},
		{"a ts in the future", `{"measurements":[` + transfer("", "northwind", "2025-05-20T09:05:01Z", "eu", "t", "1") + `]}`, 400, "future"},
		{"a uid of 51 characters", `{"measurements":[` + transfer(strings.Repeat("ü", 51), "northwind", "2025-05-19T08:00:00Z", "eu", "t", "1") + `]}`, 400, "uid"},
		{"a number for a text", `{"measurements":[` + one(`"where":{"region":1}`) + `]}`, 400, "where.region must be a string"},
		{"a text for a number", `{"measurements":[` + one(`"measure":{"gb_out":"1"}`) + `]}`, 400, "measure.gb_out must be a number"},
		{"a number beyond doubles", `{"measurements":[` + one(`"measure":{"gb_out":1e999}`) + `]}`, 400, "measure.gb_out"},
		{"long metadata", `{"measurements":[` + one(`"metadata":{"x":"`+strings.Repeat("x", 257)+`"}`) + `]}`, 400, "metadata.x"},
		{"a code with a tab", `{"measurements":[{"meter":"a\tb","account":"a","ts":"2025-05-19T08:00:00Z"}]}`, 400, "meter"},
	} {
		t.Run(row.when, func(t *testing.T) {
			w.t = t
			w.refused("POST", "/measurements", row.body, row.status, row.message)
		})
	}
	w.t = t
	if got := w.total("2025-05-19", northwind); got != "none" {
		t.Errorf("something was stored: %s", got)
	}
	w.submit(transfer("", "northwind", "2025-05-20T09:05:00Z", "eu", "t", "1"), one(`"ets":null,"uid":null,"where":{"region":"eu"},"who":{"tenant":"t"},"measure":{"gb_out":2,"extra":3}`))
	w.submit(many(1000))
	if got := w.total("2025-05-19", northwind); got != "1002" {
		t.Errorf("got %s", got)
	}
}

func TestUsageFollowsIdsAndNotCodes(t *testing.T) {
	w := newWorld(t, transfers)
	w.submit(transfer("", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "7"))
	w.ok("PUT", "/accounts/"+northwind, `{"name":"N","code":"renamed","emailAddress":"a@b.c","version":1}`)
	w.submit(transfer("", "renamed", "2025-05-19T08:00:00Z", "eu", "t", "1"))
	if got := w.total("2025-05-19", northwind); got != "8" {
		t.Errorf("after the renaming: got %s", got)
	}
	w.ok("DELETE", "/accounts/"+northwind, "")
	if got := w.total("2025-05-19", northwind); got != "8" {
		t.Errorf("after the deletion: got %s", got)
	}
	w.submit(transfer("", "renamed", "2025-05-19T08:00:00Z", "eu", "t", "2"))
	if got := w.total("2025-05-19", northwind); got != "8" {
		t.Errorf("a new account of the same code: got %s", got)
	}
}

const derivedMeter = `{"name":"D","code":"derived","dataFields":[{"category":"MEASURE","code":"a","name":"a","unit":"x"},{"category":"MEASURE","code":"b","name":"b","unit":"x"},{"category":"WHAT","code":"s","name":"s"}],
	"derivedFields":[%s]}`

func TestDerivedFieldsAreComputedOnArrival(t *testing.T) {
	for _, row := range []struct{ category, calculation, want string }{
		{"MEASURE", "a + b * 2", "11"},
		{"MEASURE", "(a + b) * 2", "14"},
		{"MEASURE", "-a - -b", "1"},
		{"MEASURE", "a - b - 1", "-2"},
		{"MEASURE", "b / a", "1.33333333333333333"},
		{"MEASURE", "0.1 + 0.2", "0.3"},
		{"WHAT", `s + "-" + a`, "blue-3"},
		{"MEASURE", "a / (b - 4)", "division by zero"},
		{"MEASURE", "c + 1", "there is no value of c"},
		{"MEASURE", "max(a, b)", "not emulated"},
		{"MEASURE", "s * 2", "needs numbers"},
		{"MEASURE", "s", "is not a number"},
		{"MEASURE", `"open`, "not closed"},
		{"MEASURE", "(a", "not closed"},
		{"MEASURE", strings.Repeat("(", 500) + "a" + strings.Repeat(")", 500), "too many"},
	} {
		t.Run(row.calculation[:min(20, len(row.calculation))], func(t *testing.T) {
			w := newWorld(t, transfers)
			meter := w.ok("POST", "/meters", fmt.Sprintf(derivedMeter, `{"category":"`+row.category+`","code":"d","name":"d","unit":"x","calculation":`+quote(row.calculation)+`}`)).id()
			w.submit(`{"meter":"derived","account":"northwind","ts":"2025-05-19T08:00:00Z","measure":{"a":3,"b":4},"what":{"s":"blue"}}`)
			function, kind := "LATEST", "MEASURE"
			group := ""
			if row.category == "WHAT" {
				function, kind, group = "COUNT", "DIMENSION", `,"groups":[{"groupType":"DIMENSION","meterId":"`+meter+`","fieldCode":"d"}]`
			}
			rows := w.ok("POST", "/usage/query", `{`+may19+`,"aggregations":[{"meterId":"`+meter+`","fieldCode":"d","fieldType":"`+kind+`","function":"`+function+`"},
				{"meterId":"`+meter+`","fieldCode":"a","fieldType":"MEASURE","function":"SUM"}]`+group+`}`).data()
			if fmt.Sprint(rows[0]["derived.a.SUM"]) != "3" {
				t.Errorf("the measurement was not stored: %v", rows)
			}
			got := fmt.Sprint(rows[0]["derived.d."+function])
			if group != "" {
				got = fmt.Sprint(rows[0]["what.d"])
			}
			if events := w.eventsOf(ingestFailure); len(events) > 0 {
				details := events[0]["m3terEvent"].(map[string]any)
				got = details["message"].(string)
				if details["type"] != calculationError {
					t.Errorf("got %v", details)
				}
			}
			if got != row.want && (row.want[0] < 'a' || !strings.Contains(got, row.want)) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
