package metronome

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const (
	northwind    = "6513270e-269e-4d37-b2a7-4de452e6b438"
	contoso      = "d23f0824-128b-4f33-8c5c-7fd0a6a3a450"
	tokensMetric = "9531985d-5d9d-49f8-9818-e811892f902b"
	requests     = "36f675cc-81e7-4ef5-a8e2-5d940ed90475"
	peakSeats    = "6b0d549b-6f03-475a-9600-a35a099950d8"
	currentSeats = "8d116ece-1738-47d9-bd9c-172411e20b8f"
	activeUsers  = "90c192cf-d3ac-44af-8f21-ddb66cad4a26"
	nobody       = "00000000-0000-4000-8000-000000000000"
)

// twoCustomers are the cast of the tests, with a metric of each aggregation.
const twoCustomers = `
metronome:
  customers:
    - {id: 6513270e-269e-4d37-b2a7-4de452e6b438, name: Northwind, ingest_aliases: [nw-eu, nw-us], created_at: 2026-01-01T00:00:00Z}
    - {id: d23f0824-128b-4f33-8c5c-7fd0a6a3a450, name: Contoso, ingest_aliases: [contoso], created_at: 2026-01-02T00:00:00Z}
  billable_metrics:
    - id: 9531985d-5d9d-49f8-9818-e811892f902b
      name: Tokens
      aggregation_type: SUM
      aggregation_key: tokens
      event_type_filter: {in_values: [llm.call]}
      property_filters:
        - {name: tokens, exists: true}
        - {name: model, exists: true}
        - {name: region, in_values: [eu, us]}
      group_keys: [[model], [region], [model, region]]
      created_at: 2026-01-01T00:00:00Z
    - id: 36f675cc-81e7-4ef5-a8e2-5d940ed90475
      name: Requests
      aggregation_type: COUNT
      event_type_filter: {in_values: [llm.call]}
      property_filters: [{name: model, exists: true}]
      group_keys: [[model]]
      created_at: 2026-01-02T00:00:00Z
    - id: 6b0d549b-6f03-475a-9600-a35a099950d8
      name: Peak seats
      aggregation_type: MAX
      aggregation_key: seats
      event_type_filter: {in_values: [seats.report]}
      property_filters: [{name: seats, exists: true}]
      created_at: 2026-01-03T00:00:00Z
    - id: 8d116ece-1738-47d9-bd9c-172411e20b8f
      name: Current seats
      aggregation_type: LATEST
      aggregation_key: seats
      event_type_filter: {in_values: [seats.report]}
      property_filters: [{name: seats, exists: true}]
      created_at: 2026-01-04T00:00:00Z
    - id: 90c192cf-d3ac-44af-8f21-ddb66cad4a26
      name: Active users
      aggregation_type: UNIQUE
      aggregation_key: user_id
      event_type_filter: {in_values: [llm.call]}
      property_filters: [{name: user_id, exists: true}]
      created_at: 2026-01-05T00:00:00Z
`

// threeDays is what the two customers, and a third that nobody knows, sent from 1 to 3 March, in order of arrival.
var threeDays = []string{
	`{"transaction_id":"e01","customer_id":"nw-eu","event_type":"llm.call","timestamp":"2026-03-01T00:00:00Z",
	  "properties":{"model":"a","region":"eu","tokens":"1000","user_id":"u1"}}`,
	`{"transaction_id":"e02","customer_id":"nw-us","event_type":"llm.call","timestamp":"2026-03-01T23:59:59.999Z",
	  "properties":{"model":"b","region":"us","tokens":"250.5","user_id":"u2"}}`,
	`{"transaction_id":"e03","customer_id":"` + northwind + `","event_type":"llm.call","timestamp":"2026-03-02T00:00:00Z",
	  "properties":{"model":"a","region":"us","tokens":400,"user_id":"u1"}}`,
	`{"transaction_id":"e01","customer_id":"nw-eu","event_type":"llm.call","timestamp":"2026-03-01T00:00:00Z",
	  "properties":{"model":"a","region":"eu","tokens":"9999","user_id":"u1"}}`,
	`{"transaction_id":"e04","customer_id":"nw-eu","event_type":"llm.call","timestamp":"2026-03-02T10:15:00Z",
	  "properties":{"model":"a","region":"ap","tokens":"777","user_id":"u3"}}`,
	`{"transaction_id":"e05","customer_id":"nw-eu","event_type":"llm.call","timestamp":"2026-03-02T11:00:00Z",
	  "properties":{"region":"eu","tokens":"50","user_id":"u1"}}`,
	`{"transaction_id":"e06","customer_id":"contoso","event_type":"llm.call","timestamp":"2026-03-01T12:00:00Z",
	  "properties":{"model":"b","region":"eu","tokens":"10","user_id":"u9"}}`,
	`{"transaction_id":"e07","customer_id":"ghost","event_type":"llm.call","timestamp":"2026-03-01T13:00:00Z",
	  "properties":{"model":"a","region":"eu","tokens":"5","user_id":"u7"}}`,
	`{"transaction_id":"e08","customer_id":"nw-us","event_type":"seats.report","timestamp":"2026-03-01T08:00:00Z",
	  "properties":{"seats":"7"}}`,
	`{"transaction_id":"e09","customer_id":"nw-us","event_type":"seats.report","timestamp":"2026-03-02T08:00:00Z",
	  "properties":{"seats":"12"}}`,
	`{"transaction_id":"e10","customer_id":"nw-us","event_type":"seats.report","timestamp":"2026-03-02T20:00:00Z",
	  "properties":{"seats":"9"}}`,
	`{"transaction_id":"e11","customer_id":"nw-eu","event_type":"llm.call","timestamp":"2026-03-03T05:00:00+02:00",
	  "properties":{"model":"b","region":"eu","tokens":"0","user_id":"u2"}}`,
}

func exampleWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, twoCustomers)
	if body := w.ok("POST", "/v1/ingest", "["+strings.Join(threeDays, ",")+"]"); body != "" {
		t.Fatalf("ingest answered %q", body)
	}
	return w
}

// usage asks for one customer and metric from 1 to 4 March and writes the values in one line.
func (w *world) usage(customer, metric, window string) string {
	w.t.Helper()
	body := w.ok("POST", "/v1/usage", fmt.Sprintf(`{"window_size":%q,"starting_on":"2026-03-01T00:00:00Z",
		"ending_before":"2026-03-04T00:00:00Z","customer_ids":[%q],"billable_metrics":[{"id":%q}]}`, window, customer, metric))
	var page struct {
		Data []struct{ Value *json.Number }
		Next *string `json:"next_page"`
	}
	w.decode(body, &page)
	if page.Next != nil {
		w.t.Fatalf("usage of one pair answered a cursor: %s", body)
	}
	var values []string
	for _, row := range page.Data {
		if row.Value == nil {
			values = append(values, "null")
		} else {
			values = append(values, row.Value.String())
		}
	}
	return strings.Join(values, " ")
}

func TestUsageOfThreeDays(t *testing.T) {
	w := exampleWorld(t)
	for _, row := range []struct{ what, customer, metric, days, whole string }{
		{"a sum leaves out what a filter stops, and is 0 where matches come to nothing", northwind, tokensMetric, "1250.5 400 0", "1650.5"},
		{"a count has fewer filters and counts more", northwind, requests, "2 2 1", "5"},
		{"a maximum is null where nothing was reported", northwind, peakSeats, "7 12 null", "12"},
		{"the latest value is the level itself, of each day and of the range", northwind, currentSeats, "7 9 null", "9"},
		{"distinct values of a range are not the sum of its days'", northwind, activeUsers, "2 2 1", "3"},
		{"the other customer's sum", contoso, tokensMetric, "10 null null", "10"},
		{"the other customer's count", contoso, requests, "1 null null", "1"},
		{"the other customer reported no seats", contoso, peakSeats, "null null null", "null"},
		{"nor any level of them", contoso, currentSeats, "null null null", "null"},
		{"the other customer's one user", contoso, activeUsers, "1 null null", "1"},
	} {
		if got := w.usage(row.customer, row.metric, "DAY"); got != row.days {
			t.Errorf("%s: by day got %s, want %s", row.what, got, row.days)
		}
		if got := w.usage(row.customer, row.metric, "none"); got != row.whole {
			t.Errorf("%s: of the range got %s, want %s", row.what, got, row.whole)
		}
	}
}

func TestUsageOfHours(t *testing.T) {
	w := exampleWorld(t)
	body := w.ok("POST", "/v1/usage", `{"window_size":"Hour","starting_on":"2026-03-02T00:00:00Z",
		"ending_before":"2026-03-03T00:00:00Z","customer_ids":["`+northwind+`"],"billable_metrics":[{"id":"`+tokensMetric+`"}]}`)
	var page list[map[string]any]
	w.decode(body, &page)
	if len(page.Data) != 24 {
		t.Fatalf("got %d rows of a day of hours", len(page.Data))
	}
	for i, row := range page.Data {
		if i == 0 && row["value"] != 400.0 || i > 0 && row["value"] != nil {
			t.Errorf("hour %d has the value %v", i, row["value"])
		}
	}
	if got := page.Data[23]["end_timestamp"]; got != "2026-03-03T00:00:00Z" {
		t.Errorf("the last hour ends %v", got)
	}
}

func TestUsageWithGroupsInRows(t *testing.T) {
	w := exampleWorld(t)
	row := func(start, end, value, groups string) string {
		return `{"customer_id":"` + northwind + `","billable_metric_id":"` + tokensMetric + `","billable_metric_name":"Tokens",
			"start_timestamp":"` + start + `","end_timestamp":"` + end + `","value":` + value + `,"groups":` + groups + `}`
	}
	ask := `{"window_size":"DAY","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-04T00:00:00Z",
		"customer_ids":["` + northwind + `"],"billable_metrics":[{"id":"` + tokensMetric + `","group_by":{"key":"model"%s}}]}`
	equalJSON(t, "the values asked for, in every window", w.ok("POST", "/v1/usage", fmt.Sprintf(ask, `,"values":["a","b","z"]`)),
		`{"data":[`+
			row("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "1250.5", `{"a":1000,"b":250.5,"z":null}`)+","+
			row("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "400", `{"a":400,"b":null,"z":null}`)+","+
			row("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z", "0", `{"a":null,"b":0,"z":null}`)+`],"next_page":null}`)
	equalJSON(t, "the values seen in the range, in every window", w.ok("POST", "/v1/usage", fmt.Sprintf(ask, ``)),
		`{"data":[`+
			row("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "1250.5", `{"a":1000,"b":250.5}`)+","+
			row("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "400", `{"a":400,"b":null}`)+","+
			row("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z", "0", `{"a":null,"b":0}`)+`],"next_page":null}`)
}

func TestUsageByGroup(t *testing.T) {
	w := exampleWorld(t)
	for _, row := range []struct{ what, metric, ask, want string }{
		{"two keys split into the pairs that have usage", tokensMetric, `,"group_key":["model","region"]`,
			"01 map[model:a region:eu] 1000; 01 map[model:b region:us] 250.5; 02 map[model:a region:us] 400; 03 map[model:b region:eu] 0"},
		{"the order of the two keys does not matter to the metric", tokensMetric, `,"group_key":["region","model"]`,
			"01 map[model:a region:eu] 1000; 01 map[model:b region:us] 250.5; 02 map[model:a region:us] 400; 03 map[model:b region:eu] 0"},
		{"a filter keeps the groups it names", tokensMetric, `,"group_key":["model","region"],"group_filters":{"region":["eu"]}`,
			"01 map[model:a region:eu] 1000; 03 map[model:b region:eu] 0"},
		{"an empty filter keeps all", tokensMetric, `,"group_key":["model","region"],"group_filters":{"region":[],"model":["a"]}`,
			"01 map[model:a region:eu] 1000; 02 map[model:a region:us] 400"},
		{"one key", tokensMetric, `,"group_key":["region"]`,
			"01 region=eu 1000; 01 region=us 250.5; 02 region=us 400; 03 region=eu 0"},
		{"the older way to give one key", tokensMetric, `,"group_by":{"key":"region"}`,
			"01 region=eu 1000; 01 region=us 250.5; 02 region=us 400; 03 region=eu 0"},
		{"the older way to give one key and its values", tokensMetric, `,"group_by":{"key":"region","values":["us"]}`,
			"01 region=us 250.5; 02 region=us 400"},
		{"no key: a row for each window", tokensMetric, ``, "01 1250.5; 02 400; 03 0"},
		{"no key: also where nothing matched", peakSeats, ``, "01 7; 02 12; 03 null"},
		{"a count", requests, `,"group_key":["model"]`, "01 model=a 1; 01 model=b 1; 02 model=a 2; 03 model=b 1"},
	} {
		body := w.ok("POST", "/v1/usage/groups", `{"window_size":"day","starting_on":"2026-03-01T00:00:00Z",
			"ending_before":"2026-03-04T00:00:00Z","customer_id":"`+northwind+`","billable_metric_id":"`+row.metric+`"`+row.ask+`}`)
		if got := groupLine(t, w, body); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.what, got, row.want)
		}
	}
}

// groupLine writes rows of groups in one line: day of the month, group, value.
func groupLine(t testing.TB, w *world, body string) string {
	t.Helper()
	var page list[struct {
		Start string `json:"starting_on"`
		Key   *string
		Group map[string]string
		GK    *string `json:"group_key"`
		GV    *string `json:"group_value"`
		Value *json.Number
	}]
	w.decode(body, &page)
	var rows []string
	for _, row := range page.Data {
		line := row.Start[8:10]
		switch {
		case row.GK != nil && row.GV != nil:
			line += " " + *row.GK + "=" + *row.GV
			if row.Group[*row.GK] != *row.GV {
				t.Errorf("the group %v is not the value %s", row.Group, *row.GV)
			}
		case row.GK != nil:
			line += " " + *row.GK + " lacking"
		case row.Group != nil:
			line += " " + fmt.Sprint(row.Group)
		}
		if row.Value == nil {
			line += " null"
		} else {
			line += " " + row.Value.String()
		}
		rows = append(rows, line)
	}
	return strings.Join(rows, "; ")
}

func TestUsageFollowsAliasesThatMove(t *testing.T) {
	w := exampleWorld(t)
	aliases := func(customer, list string) (string, string, string) {
		return "POST", "/v1/customers/" + customer + "/setIngestAliases", `{"ingest_aliases":` + list + `}`
	}
	method, path, body := aliases(contoso, `["contoso","nw-us"]`)
	w.refused(method, path, body, 409, "Ingest alias 'nw-us' is already used by another customer")
	if got := w.usage(contoso, tokensMetric, "DAY"); got != "10 null null" {
		t.Errorf("a refused move moved usage: %s", got)
	}
	w.ok(aliases(northwind, `["nw-eu"]`))
	w.ok(aliases(contoso, `["contoso","nw-us"]`))
	for _, row := range []struct{ what, customer, metric, days string }{
		{"what was sent under the alias left its customer", northwind, tokensMetric, "1000 400 0"},
		{"and is the other's, the past included", contoso, tokensMetric, "260.5 null null"},
		{"the first has no seats left", northwind, peakSeats, "null null null"},
		{"nor a level of them", northwind, currentSeats, "null null null"},
		{"the other has the seats", contoso, peakSeats, "7 12 null"},
		{"and their level", contoso, currentSeats, "7 9 null"},
		{"and the user", contoso, activeUsers, "2 null null"},
	} {
		if got := w.usage(row.customer, row.metric, "DAY"); got != row.days {
			t.Errorf("%s: got %s, want %s", row.what, got, row.days)
		}
	}
}

func TestUsageWaitsForItsCustomer(t *testing.T) {
	w := exampleWorld(t)
	ghost := w.created("/v1/customers", `{"name":"Ghost","ingest_aliases":["ghost"]}`)
	if got := w.usage(ghost, tokensMetric, "DAY"); got != "5 null null" {
		t.Errorf("usage sent before its customer was made: got %s, want 5 null null", got)
	}
}
