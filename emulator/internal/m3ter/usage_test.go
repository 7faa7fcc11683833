package m3ter

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// query sends a usage query about the scenario's meter and returns the rows as compact JSON.
func (w *world) query(body string) (rows []string, more bool) {
	w.t.Helper()
	answer := w.ok("POST", "/usage/query", body)
	for _, row := range answer.data() {
		text, err := json.Marshal(row)
		if err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, string(text))
	}
	return rows, answer["hasMoreData"].(bool)
}

// aggregated asks for functions of fields: gb_out SUM.
func aggregated(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		kind := "DIMENSION"
		if pairs[i] == "gb_out" {
			kind = "MEASURE"
		}
		list = append(list, fmt.Sprintf(`{"meterId":"%s","fieldCode":"%s","fieldType":"%s","function":"%s"}`, theMeter, pairs[i], kind, pairs[i+1]))
	}
	return `"aggregations":[` + strings.Join(list, ",") + `]`
}

const may = `"startDate":"2025-05-01T00:00:00Z","endDate":"2025-06-01T00:00:00Z"`

func usageWorld(t *testing.T) *world {
	w := newWorld(t, transfers)
	w.submit(
		transfer("", "northwind", "2025-05-18T08:00:00Z", "eu", "t-1", "1.10"),
		transfer("", "northwind", "2025-05-18T23:59:59.999Z", "us", "t-2", "2.20"),
		transfer("", "northwind", "2025-05-19T00:00:00Z", "eu", "t-1", "-0.3"),
		transfer("", "lakeside", "2025-05-19T12:00:00Z", "eu", "t-3", "10"),
		transfer("", "lakeside", "2025-05-19T12:00:00Z", "us", "t-3", "20"),
		transfer("", "lakeside", "2025-04-30T23:59:59Z", "us", "t-3", "1000"),
	)
	return w
}

func TestUsageAddsUpExactly(t *testing.T) {
	w := usageWorld(t)
	const total = "data_transfer.gb_out."
	for _, row := range []struct {
		when, body string
		rows       []string
	}{
		{"everything in one row", `{` + may + `,` + aggregated("gb_out", "SUM") + `}`, []string{`{"` + total + `SUM":33}`}},
		{"all functions", `{` + may + `,` + aggregated("gb_out", "SUM", "gb_out", "MIN", "gb_out", "MAX", "gb_out", "COUNT", "gb_out", "MEAN", "gb_out", "LATEST") + `}`,
			[]string{`{"` + total + `COUNT":5,"` + total + `LATEST":20,"` + total + `MAX":20,"` + total + `MEAN":6.6,"` + total + `MIN":-0.3,"` + total + `SUM":33}`}},
		{"dimensions are counted, or their values are", `{` + may + `,` + aggregated("tenant", "UNIQUE", "tenant", "COUNT") + `}`,
			[]string{`{"data_transfer.tenant.COUNT":5,"data_transfer.tenant.UNIQUE":3}`}},
		{"by account and day", `{` + may + `,` + aggregated("gb_out", "SUM") + `,"groups":[{"groupType":"ACCOUNT"},{"groupType":"TIME","frequency":"DAY"}]}`, []string{
			`{"accountCode":"northwind","accountId":"` + northwind + `","` + total + `SUM":-0.3,"timestamp":"2025-05-19T00:00:00.000Z"}`,
			`{"accountCode":"lakeside","accountId":"` + lakeside + `","` + total + `SUM":30,"timestamp":"2025-05-19T00:00:00.000Z"}`,
			`{"accountCode":"northwind","accountId":"` + northwind + `","` + total + `SUM":3.3,"timestamp":"2025-05-18T00:00:00.000Z"}`,
		}},
		{"by dimension", `{` + may + `,` + aggregated("gb_out", "SUM") + `,"groups":[{"groupType":"DIMENSION","meterId":"` + theMeter + `","fieldCode":"region"}]}`, []string{
			`{"` + total + `SUM":10.8,"where.region":"eu"}`, `{"` + total + `SUM":22.2,"where.region":"us"}`,
		}},
		{"by two dimensions", `{` + may + `,"accountIds":["` + lakeside + `"],` + aggregated("gb_out", "COUNT") + `,"groups":[{"groupType":"DIMENSION","meterId":"` + theMeter + `","fieldCode":"tenant"},{"groupType":"DIMENSION","meterId":"` + theMeter + `","fieldCode":"region"}]}`, []string{
			`{"` + total + `COUNT":1,"where.region":"eu","who.tenant":"t-3"}`, `{"` + total + `COUNT":1,"where.region":"us","who.tenant":"t-3"}`,
		}},
		{"weeks begin on Monday", `{` + may + `,` + aggregated("gb_out", "SUM") + `,"groups":[{"groupType":"TIME","frequency":"WEEK"}]}`, []string{
			`{"` + total + `SUM":29.7,"timestamp":"2025-05-19T00:00:00.000Z"}`, `{"` + total + `SUM":3.3,"timestamp":"2025-05-12T00:00:00.000Z"}`,
		}},
		{"a bucket begins before the period, its usage does not", `{"startDate":"2025-05-19T06:00:00Z","endDate":"2025-05-20T00:00:00Z",` + aggregated("gb_out", "SUM") + `,"groups":[{"groupType":"TIME","frequency":"QUARTER"}]}`, []string{
			`{"` + total + `SUM":30,"timestamp":"2025-04-01T00:00:00.000Z"}`,
		}},
		{"filters on one meter all hold", `{` + may + `,` + aggregated("gb_out", "SUM") + `,"dimensionFilters":[{"meterId":"` + theMeter + `","fieldCode":"region","values":["us","ap"]},{"meterId":"` + theMeter + `","fieldCode":"tenant","values":["t-3"]}]}`,
			[]string{`{"` + total + `SUM":20}`}},
		{"the end is not in the period", `{"startDate":"2025-05-18T00:00:00Z","endDate":"2025-05-19T00:00:00Z",` + aggregated("gb_out", "SUM") + `}`, []string{`{"` + total + `SUM":3.3}`}},
		{"nothing matched, no groups", `{` + may + `,"accountIds":["` + nobody + `"],` + aggregated("gb_out", "SUM", "gb_out", "COUNT") + `}`, []string{`{"` + total + `COUNT":0}`}},
		{"nothing matched, groups", `{` + may + `,"accountIds":["` + nobody + `"],` + aggregated("gb_out", "SUM") + `,"groups":[{"groupType":"ACCOUNT"}]}`, nil},
		{"a thousand years by the hour", `{"startDate":"1025-05-01T00:00:00Z","endDate":"2525-05-01T00:00:00Z",` + aggregated("gb_out", "SUM") + `,"groups":[{"groupType":"TIME","frequency":"HOUR"}],"limit":1}`,
			[]string{`{"` + total + `SUM":30,"timestamp":"2025-05-19T12:00:00.000Z"}`}},
	} {
		t.Run(row.when, func(t *testing.T) {
			w.t = t
			got, _ := w.query(row.body)
			if strings.Join(got, "\n") != strings.Join(row.rows, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.rows, "\n"))
			}
		})
	}
}

func TestALimitKeepsTheMostRecentRows(t *testing.T) {
	w := usageWorld(t)
	body := `{` + may + `,"limit":%d,` + aggregated("gb_out", "SUM") + `,"groups":[{"groupType":"TIME","frequency":"DAY"}]}`
	got, more := w.query(fmt.Sprintf(body, 1))
	if len(got) != 1 || !strings.Contains(got[0], "2025-05-19") || !more {
		t.Errorf("got %v, %t", got, more)
	}
	if got, more := w.query(fmt.Sprintf(body, 2)); len(got) != 2 || more {
		t.Errorf("got %v, %t", got, more)
	}
}

func TestUsageQueriesThatMeanNothingAreRefused(t *testing.T) {
	w := usageWorld(t)
	group := func(g string) string { return `{` + may + `,` + aggregated("gb_out", "SUM") + `,"groups":[` + g + `]}` }
	for _, row := range []struct{ when, body, message string }{
		{"no start", `{"endDate":"2025-05-20T00:00:00Z"}`, "startDate is required"},
		{"no end", `{"startDate":"2025-05-20T00:00:00Z"}`, "endDate is required"},
		{"an end at the start", `{"startDate":"2025-05-20T00:00:00Z","endDate":"2025-05-20T00:00:00Z"}`, "after startDate"},
		{"groups without aggregations", `{` + may + `,"groups":[{"groupType":"ACCOUNT"}]}`, "groups need aggregations"},
		{"a limit of 20001", `{` + may + `,"limit":20001}`, "limit"},
		{"a sum of texts", `{` + may + `,` + aggregated("region", "SUM") + `}`, "SUM does not apply"},
		{"unique numbers", `{` + may + `,` + aggregated("gb_out", "UNIQUE") + `}`, "UNIQUE does not apply"},
		{"a field of nobody", `{` + may + `,` + aggregated("nope", "COUNT") + `}`, "no field nope"},
		{"a measure that is a dimension", `{` + may + `,"aggregations":[{"meterId":"` + theMeter + `","fieldCode":"region","fieldType":"MEASURE","function":"COUNT"}]}`, "not a MEASURE"},
		{"a meter of nobody", `{` + may + `,"aggregations":[{"meterId":"` + nobody + `","fieldCode":"x","fieldType":"MEASURE","function":"SUM"}]}`, nobody},
		{"a filter by a number", `{` + may + `,"dimensionFilters":[{"meterId":"` + theMeter + `","fieldCode":"gb_out","values":["1"]}]}`, "cannot be filtered"},
		{"a filter for no value", `{` + may + `,"dimensionFilters":[{"meterId":"` + theMeter + `","fieldCode":"region","values":[]}]}`, "values"},
		{"two accounts", group(`{"groupType":"ACCOUNT"},{"groupType":"ACCOUNT"}`), "one ACCOUNT"},
		{"two times", group(`{"groupType":"TIME","frequency":"DAY"},{"groupType":"TIME","frequency":"HOUR"}`), "one TIME"},
		{"a time without a frequency", group(`{"groupType":"TIME"}`), "frequency"},
		{"a dimension without a field", group(`{"groupType":"DIMENSION","meterId":"` + theMeter + `"}`), "fieldCode"},
		{"a dimension that is a number", group(`{"groupType":"DIMENSION","meterId":"` + theMeter + `","fieldCode":"gb_out"}`), "cannot be grouped"},
	} {
		t.Run(row.when, func(t *testing.T) {
			w.t = t
			w.refused("POST", "/usage/query", row.body, 400, row.message)
		})
	}
}

func TestBucketsBeginWhereCalendarsSay(t *testing.T) {
	at := time.Date(2024, 8, 14, 17, 45, 3, 0, time.UTC) // a Wednesday
	for frequency, want := range map[string][2]string{
		"HOUR": {"2024-08-14T17", "2024-08-14T18"}, "DAY": {"2024-08-14T00", "2024-08-15T00"}, "WEEK": {"2024-08-12T00", "2024-08-19T00"},
		"MONTH": {"2024-08-01T00", "2024-09-01T00"}, "QUARTER": {"2024-07-01T00", "2024-10-01T00"},
	} {
		start := bucketStart(frequency, at)
		if got := [2]string{start.Format("2006-01-02T15"), nextBucket(frequency, start).Format("2006-01-02T15")}; got != want {
			t.Errorf("%s: got %v, want %v", frequency, got, want)
		}
	}
	if sunday := time.Date(2024, 8, 18, 23, 0, 0, 0, time.UTC); bucketStart("WEEK", sunday).Day() != 12 {
		t.Errorf("a Sunday is the last day of its week: got %s", bucketStart("WEEK", sunday))
	}
}
