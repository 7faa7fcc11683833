package cognite_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/cognite"
	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/fixtures"
)

func TestTheRoutesAreThoseOfTheDocument(t *testing.T) {
	api := cognite.New(cognite.Config{})
	for _, err := range spec.Check(api.Operations(), api.NotEmulated(), document) {
		t.Error(err)
	}
}

// The day of the worked example, and its answers for four, two and one periods.
const (
	dayBegin = 1764547200000
	dayEnd   = 1764633600000
)

var workedExample = []struct {
	n      int
	points string
}{
	{4, `[{"timestamp":1764547200000,"average":1100},{"timestamp":1764568800000,"average":1700},` +
		`{"timestamp":1764590400000,"average":1900},{"timestamp":1764612000000,"average":1700}]`},
	{2, `[{"timestamp":1764547200000,"average":1460},{"timestamp":1764590400000,"average":1700}]`},
	{1, `[{"timestamp":1764547200000,"average":1528.5714285714287}]`},
}

func TestTheWorkedExampleOnAllFourRoutes(t *testing.T) {
	w := newWorld(t, nil)
	w.append("acme", example...)
	for _, row := range workedExample {
		t.Run(fmt.Sprintf("%d periods", row.n), func(t *testing.T) {
			one := `{"meterId":"files.storage_bytes","datapoints":` + row.points + `}`
			list := `{"items":[` + one + `]}`
			query := fmt.Sprintf("start=%d&end=%d&numberOfDatapoints=%d", dayBegin, dayEnd, row.n)
			body := fmt.Sprintf(`"start":%d,"end":%d,"numberOfDatapoints":%d`, dayBegin, dayEnd, row.n)
			w.get(meters+"/files.storage_bytes?"+query).wants(t, 200, one)
			w.get(meters+"?"+query).wants(t, 200, list)
			w.post(meters+"/byids", `{"items":[{"meterId":"files.storage_bytes"}],`+body+`}`).wants(t, 200, list)
			w.post(meters+"/list", `{"filter":{"prefix":{"property":["meterId"],"value":"files."}},`+body+`}`).wants(t, 200, list)
		})
	}
}

func TestHistoryNeedsAStartAndANumberOfDatapoints(t *testing.T) {
	w := newWorld(t, nil)
	w.append("acme", example...)
	day := fmt.Sprint(dayBegin)
	rows := []struct {
		sentence, start, end, n string
		status, points          int
	}{
		{"nothing at all is metadata", "", "", "", 200, 0},
		{"no datapoints are metadata", "", "", "0", 200, 0},
		{"an end alone is ignored", "", day, "", 200, 0},
		{"an end is ignored with no datapoints", "", day, "0", 200, 0},
		{"a start alone is metadata", day, "", "", 200, 0},
		{"a start with no datapoints is metadata", day, "", "0", 200, 0},
		{"a range with no datapoints is metadata", day, day, "0", 200, 0},
		{"datapoints without a start are metadata", "", "", "5", 200, 0},
		{"datapoints with an end alone are metadata", "", day, "5", 200, 0},
		{"a start with datapoints is history up to now", day, "", "5", 200, 5},
		{"a range with datapoints is history", day, fmt.Sprint(dayEnd), "7", 200, 7},
		{"a range of one millisecond is one datapoint", day, day, "600", 200, 1},
		{"600 datapoints are the most", day, fmt.Sprint(dayEnd), "600", 200, 600},
		{"601 are too many", day, fmt.Sprint(dayEnd), "601", 400, 0},
		{"601 are too many for metadata, too", "", "", "601", 400, 0},
		{"-1 is too few", day, fmt.Sprint(dayEnd), "-1", 400, 0},
		{"half a datapoint is none", day, fmt.Sprint(dayEnd), "1.5", 400, 0},
		{"an end before the start is no range", day, fmt.Sprint(dayBegin - 1), "1", 400, 0},
		{"an end before the start does not matter for metadata", day, fmt.Sprint(dayBegin - 1), "0", 200, 0},
		{"a start after now is no range without an end", fmt.Sprint(noon.UnixMilli() + 1), "", "1", 400, 0},
		{"a date is no instant", "2025-12-01T00:00:00Z", "", "1", 400, 0},
		{"a word is no instant", "2w-ago", "", "1", 400, 0},
		{"more than 64 bits are no instant", "9223372036854775808", "", "1", 400, 0},
		{"all of time is a range", "-9223372036854775808", "9223372036854775807", "600", 200, 600},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			query, body := url.Values{}, ""
			for _, field := range [][2]string{{"start", row.start}, {"end", row.end}, {"numberOfDatapoints", row.n}} {
				if name, value := field[0], field[1]; value != "" {
					query.Set(name, value)
					if strings.ContainsAny(value, "TZw") {
						value = `"` + value + `"`
					}
					body += fmt.Sprintf(`,%q:%s`, name, value)
				}
			}
			answers := map[string]answer{
				"list":     w.get(meters + "?" + query.Encode()),
				"byids":    w.post(meters+"/byids", `{"items":[{"meterId":"files.storage_bytes"}]`+body+`}`),
				"advanced": w.post(meters+"/list", `{"limit":5`+body+`}`),
			}
			for name, got := range answers {
				if got.status != row.status {
					t.Errorf("%s: got %d %s", name, got.status, got.body)
					continue
				}
				if row.status == 200 {
					var page meterPage
					got.into(t, &page)
					wantPoints(t, name, page.Items[0], row.points)
				}
			}
			got := w.get(meters + "/files.storage_bytes?" + query.Encode())
			if got.status != row.status {
				t.Errorf("one: got %d %s", got.status, got.body)
			} else if row.status == 200 {
				var m meter
				got.into(t, &m)
				wantPoints(t, "one", m, row.points)
			}
		})
	}
}

func wantPoints(t *testing.T, name string, m meter, n int) {
	t.Helper()
	if m.Datapoints == nil || len(m.Datapoints) != n {
		t.Errorf("%s: got %d datapoints (nil: %t), want %d", name, len(m.Datapoints), m.Datapoints == nil, n)
	}
	for i := 1; i < len(m.Datapoints); i++ {
		if m.Datapoints[i].Timestamp <= m.Datapoints[i-1].Timestamp {
			t.Errorf("%s: datapoint %d is at %d, not after %d", name, i, m.Datapoints[i].Timestamp, m.Datapoints[i-1].Timestamp)
		}
	}
}

func TestFieldsAreReadAsTheClientsWriteThem(t *testing.T) {
	w := newWorld(t, nil)
	w.append("acme", example...)
	history := `{"items":[{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764547200000,"average":1528.5714285714287}]}]}`
	metadata := `{"items":[{"meterId":"files.storage_bytes","datapoints":[]}]}`
	const byids = `{"items":[{"meterId":"files.storage_bytes"}],"start":1764547200000,"end":1764633600000,"numberOfDatapoints":`
	rows := []struct{ sentence, path, body, want string }{
		{"a whole number may be written with an exponent", "/byids", strings.Replace(byids, "1764547200000", "1.7645472e12", 1) + `1}`, history},
		{"a whole number may be written with a fraction of zeros", "/byids", byids + `1.0}`, history},
		{"null is absent", "/byids", `{"items":[{"meterId":"files.storage_bytes"}],"start":null,"end":null,"numberOfDatapoints":null}`, metadata},
		{"null is absent in lists", "/list", `{"filter":null,"limit":null,"cursor":null,"start":null,"numberOfDatapoints":3}`, metadata},
		{"null is absent in filters", "/list", `{"filter":{"prefix":null}}`, metadata},
		{"unknown fields are ignored", "/byids", byids + `1,"ignoreUnknownIds":true,"granularity":"1d"}`, history},
		{"names are exact: numberOfDataPoints is an unknown field", "/byids", strings.Replace(byids, "numberOfDatapoints", "numberOfDataPoints", 1) + `1}`, metadata},
		{"no body asks for all", "/list", ``, metadata},
		{"an empty body asks for all", "/list", `{}`, metadata},
		{"indented JSON is JSON", "/list", "{\n  \"filter\": {},\n  \"limit\": 10\n}", metadata},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			w.post(meters+row.path, row.body).wants(t, 200, row.want)
		})
	}
	w.get(meters+"?granularity=1d&start=1764547200000&ignoreUnknownIds=true").wants(t, 200, metadata)
}

func TestBodiesAreTheSameZippedOrPlain(t *testing.T) {
	w := newWorld(t, nil)
	w.append("acme", example...)
	body := `{"items":[{"meterId":"files.storage_bytes"}],"start":1764547200000,"end":1764633600000,"numberOfDatapoints":4}`
	plain := w.post(meters+"/byids", body).wants(t, 200, "")
	c := call{method: "POST", path: meters + "/byids", body: zipped(t, body), header: map[string]string{"Content-Encoding": "gzip"}}
	w.do(c).wants(t, 200, plain.body)
	c.header["Content-Type"] = "text/plain"
	w.do(c).wants(t, 200, plain.body)
	c.body = c.body[:len(c.body)-9]
	if got := w.do(c); got.status != 400 {
		t.Errorf("broken gzip: got %d %s", got.status, got.body)
	}
	c.header["Content-Encoding"] = "br"
	if got := w.do(c); got.status != 415 {
		t.Errorf("an unknown encoding: got %d %s", got.status, got.body)
	}
	if got := w.post(meters+"/list", `{"filler":"`+strings.Repeat("a", 1<<20)+`"}`); got.status != 413 {
		t.Errorf("more than a mebibyte: got %d %s", got.status, got.body)
	}
}

func TestPagesHoldEveryMeterOnce(t *testing.T) {
	w := newWorld(t, catalogue())
	const all = "atlas.monthly_ai_prompts atlas.monthly_ai_tokens files.storage_bytes functions.concurrent_executions"
	for limit := 1; limit <= 5; limit++ {
		var seen []string
		path := fmt.Sprintf("%s?limit=%d", meters, limit)
		for pages := 1; ; pages++ {
			var page meterPage
			w.get(path).into(t, &page)
			if seen = append(seen, page.ids()); len(page.Items) > limit {
				t.Fatalf("limit %d: got a page of %d", limit, len(page.Items))
			}
			if page.NextCursor == nil {
				break
			}
			if *page.NextCursor == "" || pages > 4 {
				t.Fatalf("limit %d: page %d has the cursor %q", limit, pages, *page.NextCursor)
			}
			path = fmt.Sprintf("%s?limit=%d&cursor=%s", meters, limit, url.QueryEscape(*page.NextCursor))
		}
		if got := strings.Join(seen, " "); got != all {
			t.Errorf("limit %d: got %s", limit, got)
		}
	}
}

func TestACursorMeansIdsAfterOne(t *testing.T) {
	w := newWorld(t, catalogue())
	var first meterPage
	w.post(meters+"/list", `{"limit":1}`).into(t, &first)
	next := func(body string) string {
		t.Helper()
		var page meterPage
		w.post(meters+"/list", strings.Replace(body, "CURSOR", *first.NextCursor, 1)).into(t, &page)
		return page.ids()
	}
	if got := next(`{"limit":2,"cursor":"CURSOR"}`); got != "atlas.monthly_ai_tokens files.storage_bytes" {
		t.Errorf("another limit: got %s", got)
	}
	if got := next(`{"cursor":"CURSOR","filter":{"prefix":{"property":["meterId"],"value":"fu"}}}`); got != "functions.concurrent_executions" {
		t.Errorf("another filter: got %s", got)
	}
	if got := next(`{"cursor":"CURSOR","filter":{"prefix":{"property":["meterId"],"value":"atlas."}}}`); got != "atlas.monthly_ai_tokens" {
		t.Errorf("a filter that includes the cursor's place: got %s", got)
	}
	if got := next(`{"cursor":"CURSOR","start":0,"numberOfDatapoints":1,"limit":1}`); got != "atlas.monthly_ai_tokens" {
		t.Errorf("another range: got %s", got)
	}
	w.append("acme", cognite.Sample{MeterID: "atlas.a_new_one"}, cognite.Sample{MeterID: "atlas.monthly_ai_prompts_too"})
	if got := next(`{"cursor":"CURSOR","limit":2}`); got != "atlas.monthly_ai_prompts_too atlas.monthly_ai_tokens" {
		t.Errorf("meters added while paging: got %s", got)
	}
	var again meterPage
	w.get(meters+"?limit=3&cursor="+url.QueryEscape(*first.NextCursor)).into(t, &again)
	if got := again.ids(); got != "atlas.monthly_ai_prompts_too atlas.monthly_ai_tokens files.storage_bytes" {
		t.Errorf("a cursor of one list in the other: got %s", got)
	}
}

func TestAFilterPassesIdsByTheirBeginning(t *testing.T) {
	w := newWorld(t, catalogue())
	rows := []struct{ sentence, filter, want string }{
		{"an empty filter passes all", `{}`, "atlas.monthly_ai_prompts atlas.monthly_ai_tokens files.storage_bytes functions.concurrent_executions"},
		{"an empty prefix passes all", prefix(""), "atlas.monthly_ai_prompts atlas.monthly_ai_tokens files.storage_bytes functions.concurrent_executions"},
		{"a service with its dot passes its meters", prefix("atlas."), "atlas.monthly_ai_prompts atlas.monthly_ai_tokens"},
		{"a prefix need not end at a dot", prefix("f"), "files.storage_bytes functions.concurrent_executions"},
		{"a whole id passes itself", prefix("files.storage_bytes"), "files.storage_bytes"},
		{"upper case is not lower case", prefix("Atlas."), ""},
		{"a star is a star", prefix("atlas.*"), ""},
		{"a prefix that no id has passes none", prefix("no_such_prefix_"), ""},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			var page meterPage
			w.post(meters+"/list", `{"filter":`+row.filter+`}`).into(t, &page)
			if got := page.ids(); got != row.want || page.Items == nil || page.NextCursor != nil {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func prefix(value string) string {
	return fmt.Sprintf(`{"prefix":{"property":["meterId"],"value":%q}}`, value)
}

func TestIdsAreAnsweredAsAsked(t *testing.T) {
	w := newWorld(t, catalogue())
	var page meterPage
	w.post(meters+"/byids", `{"items":[{"meterId":"files.storage_bytes"},{"meterId":"atlas.monthly_ai_tokens"},{"meterId":"files.storage_bytes"}]}`).into(t, &page)
	if got := page.ids(); got != "files.storage_bytes atlas.monthly_ai_tokens files.storage_bytes" || page.NextCursor != nil {
		t.Errorf("got %s", got)
	}
	ids := func(n int) string {
		return `{"items":[` + strings.TrimSuffix(strings.Repeat(`{"meterId":"files.storage_bytes"},`, n), ",") + `]}`
	}
	w.post(meters+"/byids", ids(100)).into(t, &page)
	if len(page.Items) != 100 {
		t.Errorf("100 ids: got %d meters", len(page.Items))
	}
	w.post(meters+"/byids", ids(101)).wants(t, 400, `{"error":{"code":400,"message":"items must not have more than 100 items"}}`)
	s := catalogue()
	s.Cognite.Options.MaxIDs = 1000
	w = newWorld(t, s)
	w.post(meters+"/byids", ids(1000)).wants(t, 200, "")
	w.post(meters+"/byids", ids(1001)).wants(t, 400, "")
	for _, path := range []string{"/files.storage_bytes", "/files%2Estorage_bytes", "/files.storage_bytes/", "//files.storage_bytes"} {
		w.get(meters+path).wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":[]}`)
	}
	w.get("//api/v1//projects/acme/metering/meters/").wants(t, 200, "")
}

func TestAMeterWithoutSamplesShowsZeros(t *testing.T) {
	w := newWorld(t, catalogue())
	w.get(meters+"/files.storage_bytes?start=0&end=10&numberOfDatapoints=3").wants(t, 200,
		`{"meterId":"files.storage_bytes","datapoints":[{"timestamp":0,"average":0},{"timestamp":3,"average":0},{"timestamp":6,"average":0}]}`)
}

func TestOptionsChangeWhatIsAnswered(t *testing.T) {
	history := fmt.Sprintf("?start=%d&end=%d&numberOfDatapoints=4", dayBegin, dayEnd)
	one := meters + "/files.storage_bytes" + history
	rows := []struct {
		sentence string
		set      func(*fixtures.CogniteOptions)
		call     call
		want     string
	}{
		{"empty periods may show 0", func(o *fixtures.CogniteOptions) { o.EmptyBuckets = fixtures.CogniteZeroEmpty }, call{path: one},
			`{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764547200000,"average":1100},{"timestamp":1764568800000,"average":1700},{"timestamp":1764590400000,"average":0},{"timestamp":1764612000000,"average":1700}]}`},
		{"empty periods may be left out", func(o *fixtures.CogniteOptions) { o.EmptyBuckets = fixtures.CogniteOmitEmpty }, call{path: one},
			`{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764547200000,"average":1100},{"timestamp":1764568800000,"average":1700},{"timestamp":1764612000000,"average":1700}]}`},
		{"lists may leave the history out", func(o *fixtures.CogniteOptions) { o.ListHistory = fixtures.CogniteListEmpty }, call{path: meters + history},
			`{"items":[{"meterId":"files.storage_bytes","datapoints":[]}]}`},
		{"lists without history do not silence a single meter", func(o *fixtures.CogniteOptions) { o.ListHistory = fixtures.CogniteListEmpty },
			call{path: strings.Replace(one, "Datapoints=4", "Datapoints=1", 1)},
			`{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764547200000,"average":1528.5714285714287}]}`},
		{"the value may be repeated under its old name", func(o *fixtures.CogniteOptions) { o.EmitValue = true },
			call{path: strings.Replace(one, "Datapoints=4", "Datapoints=2", 1)},
			`{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764547200000,"average":1460,"value":1460},{"timestamp":1764590400000,"average":1700,"value":1700}]}`},
		{"the version header may be left out", func(o *fixtures.CogniteOptions) { o.VersionHeader = fixtures.CogniteVersionIgnored },
			call{path: meters, header: map[string]string{"cdf-version": ""}}, `{"items":[{"meterId":"files.storage_bytes","datapoints":[]}]}`},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			s := fixtures.New()
			row.set(&s.Cognite.Options)
			w := newWorld(t, s)
			w.append("acme", example...)
			row.call.method = "GET"
			w.do(row.call).wants(t, 200, row.want)
		})
	}
}
