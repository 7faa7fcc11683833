package metronome

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// event writes an event of one transaction, customer and instant.
func event(transaction, customer string, at time.Time, properties string) string {
	return fmt.Sprintf(`{"transaction_id":%q,"customer_id":%q,"event_type":"e","timestamp":%q,"properties":{%s}}`,
		transaction, customer, at.Format(time.RFC3339Nano), properties)
}

func TestHowOldAndHowFarAheadAnEventMayBe(t *testing.T) {
	w := newWorld(t, "")
	for i, row := range []struct {
		what    string
		at      time.Time
		message string
	}{
		{"just now", noon, ""},
		{"exactly 34 days ago", noon.AddDate(0, 0, -34), ""},
		{"a little more than 34 days ago", noon.AddDate(0, 0, -34).Add(-time.Nanosecond), "[0].timestamp must not be more than 34 days in the past"},
		{"exactly 24 hours ahead", noon.Add(24 * time.Hour), ""},
		{"a little more than 24 hours ahead", noon.Add(24*time.Hour + time.Nanosecond), "[0].timestamp must not be more than 24 hours in the future"},
		{"24 hours ahead, written in another zone", noon.Add(24 * time.Hour).In(time.FixedZone("", 9*3600)), ""},
	} {
		body := "[" + event(fmt.Sprint("t", i), "c", row.at, "") + "]"
		if row.message == "" {
			w.ok("POST", "/v1/ingest", body)
		} else {
			w.refused("POST", "/v1/ingest", body, 400, row.message)
		}
	}
	w.at(noon.AddDate(0, 0, 20)).ok("POST", "/v1/ingest", "["+event("later", "c", noon.AddDate(0, 0, -14), "")+"]")
}

func TestABatchIsTakenWholeOrNotAtAll(t *testing.T) {
	w := newWorld(t, "")
	good, old := event("good", "c", noon, ""), event("old", "c", noon.AddDate(0, 0, -40), "")
	w.refused("POST", "/v1/ingest", "["+good+","+old+"]", 400, "[1].timestamp must not be more than 34 days in the past")
	if found := w.ok("POST", "/v1/events/search", `{"transactionIds":["good","old"]}`); found != "[]" {
		t.Errorf("a part of a refused batch is there: %s", found)
	}
	w.ok("POST", "/v1/ingest", "["+good+"]")
	if found := w.ok("POST", "/v1/events/search", `{"transactionIds":["good"]}`); strings.Contains(found, `"is_duplicate":true`) {
		t.Errorf("an event of a refused batch was remembered: %s", found)
	}
}

// copies tells of the copies of an event that a search finds which are duplicates.
func (w *world) copies(transaction string) string {
	w.t.Helper()
	var found []foundEvent
	w.decode(w.ok("POST", "/v1/events/search", `{"transactionIds":["`+transaction+`"]}`), &found)
	var copies []string
	for _, event := range found {
		copies = append(copies, map[bool]string{true: "duplicate", false: "counted"}[event.IsDuplicate])
	}
	return strings.Join(copies, " ")
}

func TestATransactionIsRememberedFor34Days(t *testing.T) {
	w := newWorld(t, "")
	send := func(at time.Time) {
		w.at(at).ok("POST", "/v1/ingest", "["+event("t", "c", at, "")+"]")
	}
	send(noon)
	send(noon.AddDate(0, 0, 34).Add(-time.Microsecond))
	if got := w.copies("t"); got != "counted duplicate" {
		t.Errorf("just within 34 days: got %s", got)
	}
	send(noon.AddDate(0, 0, 34))
	if got := w.copies("t"); got != "counted duplicate counted" {
		t.Errorf("after 34 days: got %s", got)
	}
	w.at(noon.AddDate(0, 0, 34).Add(time.Microsecond))
	if got := w.copies("t"); got != "duplicate counted" {
		t.Errorf("the first copy is out of reach: got %s", got)
	}
}

func TestADuplicateIsFoundAndNotCounted(t *testing.T) {
	w := newWorld(t, "")
	customer := w.created("/v1/customers", `{"name":"c","ingest_aliases":["c"]}`)
	metric := w.created("/v1/billable-metrics/create", `{"name":"m","aggregation_type":"SUM","aggregation_key":"n","property_filters":[{"name":"n"}]}`)
	w.ok("POST", "/v1/ingest", "["+event("t", "c", noon, `"n":1`)+","+event("t", "c", noon, `"n":10`)+"]")
	w.ok("POST", "/v1/ingest", "["+event("t", "c", noon, `"n":100`)+"]")
	if got := w.usage(customer, metric, "NONE"); got != "1" {
		t.Errorf("got %s, want the first copy's 1", got)
	}
	if got := w.copies("t"); got != "counted duplicate duplicate" {
		t.Errorf("got %s", got)
	}
	var found []foundEvent
	w.decode(w.ok("POST", "/v1/events/search", `{"transactionIds":["t"]}`), &found)
	if found[0].ID == found[1].ID || len(found[0].MatchedMetrics) != 1 || len(found[1].MatchedMetrics) != 0 || found[1].MatchedCustomer == nil {
		t.Errorf("got %+v", found)
	}
}

func TestSearchesTellWhatIsMatchedNow(t *testing.T) {
	w := exampleWorld(t)
	owner := func() string {
		var found []foundEvent
		w.decode(w.ok("POST", "/v1/events/search", `{"transactionIds":["e02"]}`), &found)
		if found[0].MatchedCustomer == nil {
			return "nobody"
		}
		return found[0].MatchedCustomer.Name
	}
	if got := owner(); got != "Northwind" {
		t.Errorf("got %s", got)
	}
	w.ok("POST", "/v1/customers/"+northwind+"/setIngestAliases", `{"ingest_aliases":[]}`)
	if got := owner(); got != "nobody" {
		t.Errorf("after the alias was taken off: got %s", got)
	}
	w.ok("POST", "/v1/customers/"+contoso+"/setIngestAliases", `{"ingest_aliases":["nw-us"]}`)
	w.ok("POST", "/v1/customers/archive", `{"id":"`+contoso+`"}`)
	if got := owner(); got != "Contoso" {
		t.Errorf("after the alias was given to a customer that was archived: got %s", got)
	}
}

func TestAMetricDoesNotSeeWhatCameBeforeIt(t *testing.T) {
	w := newWorld(t, "\nmetronome: {customers: [{id: "+northwind+", name: Northwind, ingest_aliases: [c]}]}")
	w.ok("POST", "/v1/ingest", "["+event("before", "c", noon, "")+"]")
	metric := w.created("/v1/billable-metrics/create", `{"name":"m","aggregation_type":"COUNT"}`)
	if got := w.usage(northwind, metric, "NONE"); got != "null" {
		t.Errorf("of an event before it: got %s, want null", got)
	}
	w.ok("POST", "/v1/ingest", "["+event("after", "c", noon.AddDate(0, 0, -1), "")+"]") // earlier, but later to arrive
	if got := w.usage(northwind, metric, "NONE"); got != "1" {
		t.Errorf("of the event after it alone: got %s, want 1", got)
	}
	var found []foundEvent
	w.decode(w.ok("POST", "/v1/events/search", `{"transactionIds":["before","after"]}`), &found)
	if len(found[0].MatchedMetrics) != 0 || len(found[1].MatchedMetrics) != 1 {
		t.Errorf("a search sees it otherwise: %+v", found)
	}
}

func TestAnIDIsItsCustomersWhoeverHasItAsAnAlias(t *testing.T) {
	w := exampleWorld(t)
	w.ok("POST", "/v1/customers/"+contoso+"/setIngestAliases", `{"ingest_aliases":["contoso","`+northwind+`"]}`)
	if got := w.usage(contoso, tokensMetric, "NONE"); got != "10" {
		t.Errorf("got %s, want what was sent under its own alias alone", got)
	}
	if got := w.usage(northwind, tokensMetric, "NONE"); got != "1650.5" {
		t.Errorf("got %s, want all that was sent under the id", got)
	}
	own := w.created("/v1/customers", `{"name":"x"}`)
	w.ok("POST", "/v1/customers/"+own+"/setIngestAliases", `{"ingest_aliases":["`+own+`"]}`)
	w.ok("POST", "/v1/ingest", "["+strings.ReplaceAll(event("mine", own, noon, `"model":"a"`), `"e"`, `"llm.call"`)+"]")
	if got := w.usage(own, requests, "NONE"); got != "1" {
		t.Errorf("its own id as an alias: got %s, want each event once", got)
	}
}

func TestValuesOfMetrics(t *testing.T) {
	w := newWorld(t, "\nmetronome: {customers: [{id: "+northwind+", name: Northwind, ingest_aliases: [c]}]}")
	for i, row := range []struct{ what, metric, values, want string }{
		{"numbers and strings are added alike", `"aggregation_type":"SUM","aggregation_key":"n"`, `1 "2" "1e2" " 3 " "+.5"`, "106.5"},
		{"what is no number adds nothing", `"aggregation_type":"SUM","aggregation_key":"n"`, `"x" true null {} 5`, "5"},
		{"a sum of nothing that is a number is 0", `"aggregation_type":"SUM","aggregation_key":"n"`, `"x"`, "0"},
		{"sums are exact", `"aggregation_type":"SUM","aggregation_key":"n"`, `0.1 "0.2" 123456789012345678901234567890`, "123456789012345678901234567890.3"},
		{"no exponent is ever written", `"aggregation_type":"SUM","aggregation_key":"n"`, `1e30 1e-10`, "1000000000000000000000000000000.0000000001"},
		{"a maximum leaves out what is no number", `"aggregation_type":"MAX","aggregation_key":"n"`, `"x" -3 "-2.50"`, "-2.5"},
		{"there is no maximum of no numbers", `"aggregation_type":"MAX","aggregation_key":"n"`, `"x"`, "null"},
		{"of the latest at one instant the later to arrive", `"aggregation_type":"LATEST","aggregation_key":"n"`, `5 7 "x" 6 "y"`, "6"},
		{"distinct values are compared as text", `"aggregation_type":"UNIQUE","aggregation_key":"n"`, `60 "60" 60.0 "x" true "true" null {}`, "4"},
		{"no value at all is 0 distinct values", `"aggregation_type":"UNIQUE","aggregation_key":"n"`, `null`, "0"},
		{"a sum without a key", `"aggregation_type":"SUM"`, `5`, "0"},
		{"distinct values without a key", `"aggregation_type":"UNIQUE"`, `5`, "0"},
		{"a maximum without a key", `"aggregation_type":"MAX"`, `5`, "null"},
		{"a count does not mind a key that nothing names", `"aggregation_type":"COUNT","aggregation_key":"other"`, `5 "x"`, "2"},
		{"text beyond 200 digits is no number", `"aggregation_type":"MAX","aggregation_key":"n"`, `"1e300" 5 "` + strings.Repeat("9", 201) + `"`, "5"},
		{"SQL has no value", `"sql":"SELECT COUNT(*) FROM events"`, `5`, "null"},
	} {
		at := time.Date(2026, 3, 1, 0, 0, i, 0, time.UTC)
		filters := `,"property_filters":[{"name":"n"},{"name":"row","in_values":["` + fmt.Sprint(i) + `"]}]`
		if strings.HasPrefix(row.metric, `"sql"`) {
			filters = ""
		}
		metric := w.created("/v1/billable-metrics/create", `{"name":"m",`+row.metric+filters+`}`)
		var events []string
		for j, value := range splitValues(row.values) {
			events = append(events, event(fmt.Sprintf("%d-%d", i, j), "c", at, fmt.Sprintf(`"row":%d,"n":%s`, i, value)))
		}
		w.ok("POST", "/v1/ingest", "["+strings.Join(events, ",")+"]")
		if got := w.usage(northwind, metric, "NONE"); got != row.want {
			t.Errorf("%s: got %s, want %s", row.what, got, row.want)
		}
	}
}

// splitValues cuts a line at the blanks outside of quotes.
func splitValues(line string) []string {
	quoted := false
	return strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

func TestGroupsThatEventsLack(t *testing.T) {
	w := newWorld(t, "\nmetronome: {customers: [{id: "+northwind+", name: Northwind, ingest_aliases: [c]}]}")
	metric := w.created("/v1/billable-metrics/create",
		`{"name":"m","aggregation_type":"COUNT","property_filters":[{"name":"a"},{"name":"b"}],"group_keys":[["a"],["a","b"]]}`)
	w.ok("POST", "/v1/ingest", "["+strings.Join([]string{
		event("1", "c", noon, `"a":"x","b":"y"`), event("2", "c", noon, `"a":"x"`), event("3", "c", noon, `"b":"y"`),
		event("4", "c", noon, ``), event("5", "c", noon, `"a":null,"b":{}`), event("6", "c", noon, `"a":""`),
	}, ",")+"]")
	groups := func(fields string) string {
		return groupLine(t, w, w.ok("POST", "/v1/usage/groups", groupsAsk(`"billable_metric_id":"`+metric+`",`+fields)))
	}
	for _, row := range []struct{ what, ask, want string }{
		{"one key", `"group_key":["a"]`, "03 a= 1; 03 a=x 2; 03 a lacking 3"},
		{"one key, filtered", `"group_key":["a"],"group_filters":{"a":["x",""]}`, "03 a= 1; 03 a=x 2"},
		{"two keys", `"group_key":["a","b"]`, "03 map[a:] 1; 03 map[a:x b:y] 1; 03 map[a:x] 1; 03 map[b:y] 1; 03 map[] 2"},
	} {
		if got := groups(row.ask); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.what, got, row.want)
		}
	}
	body := w.ok("POST", "/v1/usage", usageAsk(`"window_size":"NONE","customer_ids":["`+northwind+`"],
		"billable_metrics":[{"id":"`+metric+`","group_by":{"key":"a"}}]`))
	if !strings.Contains(body, `"value":6,"groups":{"":1,"x":2}`) {
		t.Errorf("the value of a grouped row is that of all events: %s", body)
	}
}

func TestSQLMetricsAreGroupedByAnyKey(t *testing.T) {
	w := exampleWorld(t)
	metric := w.created("/v1/billable-metrics/create", `{"name":"By text","sql":"SELECT model, COUNT(*) FROM events GROUP BY model"}`)
	ask := func(fields string) string {
		return w.ok("POST", "/v1/usage", usageAsk(`"window_size":"NONE","customer_ids":["`+northwind+`"],
			"billable_metrics":[{"id":"`+metric+`","group_by":{"key":"model"`+fields+`}}]`))
	}
	if got := ask(`,"values":["a"]`); !strings.Contains(got, `"value":null,"groups":{"a":null}`) {
		t.Errorf("the values asked for: got %s", got)
	}
	if got := ask(``); !strings.Contains(got, `"value":null,"groups":{}`) {
		t.Errorf("all values: got %s", got)
	}
	got := w.ok("POST", "/v1/usage/groups", groupsAsk(`"billable_metric_id":"`+metric+`","group_key":["model","region"]`))
	if got != `{"data":[],"next_page":null}` {
		t.Errorf("by group: got %s", got)
	}
	found := w.ok("POST", "/v1/events/search", `{"transactionIds":["e01"]}`)
	if strings.Contains(found, metric) {
		t.Errorf("a search says that it matched: %s", found)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	w := exampleWorld(t)
	var clients sync.WaitGroup
	for client := range 8 {
		clients.Go(func() {
			for i := range 20 {
				body := strings.ReplaceAll(event(fmt.Sprintf("%d-%d", client%4, i), "contoso", noon, `"model":"a"`), `"e"`, `"llm.call"`)
				if got := w.send("POST", "/v1/ingest", "["+body+"]"); got.status != 200 {
					t.Errorf("ingest: got %d %s", got.status, got.body)
				}
				if got := w.send("POST", "/v1/usage", usageAsk("")); got.status != 200 {
					t.Errorf("usage: got %d %s", got.status, got.body)
				}
			}
		})
	}
	clients.Wait()
	if got := w.usage(contoso, requests, "DAY"); got != "1 null 80" {
		t.Errorf("eight clients sent 80 events twice: got %s", got)
	}
}

func TestAtMost200GroupsAreAnsweredUnasked(t *testing.T) {
	w := newWorld(t, "\nmetronome: {customers: [{id: "+northwind+", name: Northwind, ingest_aliases: [c]}]}")
	metric := w.created("/v1/billable-metrics/create",
		`{"name":"m","aggregation_type":"COUNT","property_filters":[{"name":"a"}],"group_keys":[["a"]]}`)
	for batch := range 3 {
		var events []string
		for i := range 100 {
			n := batch*100 + i
			events = append(events, event(fmt.Sprint(n), "c", noon, fmt.Sprintf(`"a":"%03d"`, n)))
		}
		w.ok("POST", "/v1/ingest", "["+strings.Join(events, ",")+"]")
	}
	var page list[groupedValue]
	w.decode(w.ok("POST", "/v1/usage", usageAsk(`"window_size":"NONE","billable_metrics":[{"id":"`+metric+`","group_by":{"key":"a"}}]`)), &page)
	groups := page.Data[0].Groups
	_, last := groups["199"]
	_, beyond := groups["200"]
	if len(groups) != 200 || !last || beyond {
		t.Errorf("got %d groups, 199 among them: %t, 200: %t", len(groups), last, beyond)
	}
	if value := page.Data[0].Value; value != 300 {
		t.Errorf("the row counts %v events, want 300", value)
	}
}

type groupedValue struct {
	Value  float64
	Groups map[string]*float64
}
