package metronome

import (
	"fmt"
	"testing"
	"time"
)

// TestOptions shows for each switch what it changes; the other tests show what holds without it.
func TestOptions(t *testing.T) {
	with := func(options string) *world {
		return newWorld(t, twoCustomers+"  options: {"+options+"}")
	}
	for _, row := range []struct {
		what  string
		world *world
		check func(t *testing.T, w *world)
	}{
		{"usage_page: packed puts several pairs on a page", with("usage_page: packed, usage_page_rows: 5"), func(t *testing.T, w *world) {
			var page list[usageRowIDs]
			w.decode(w.ok("POST", "/v1/usage", usageAsk(`"window_size":"NONE"`)), &page)
			if len(page.Data) != 5 || page.NextPage == nil {
				t.Errorf("got %d rows", len(page.Data))
			}
			if rows := w.walk("POST", "/v1/usage", usageAsk(``), 0); len(rows) != 2*5*3 {
				t.Errorf("the walk has %d rows, want 30", len(rows))
			}
		}},
		{"usage_page_rows splits a pair", with("usage_page_rows: 2"), func(t *testing.T, w *world) {
			var page list[usageRowIDs]
			w.decode(w.ok("POST", "/v1/usage", usageAsk(``)), &page)
			if len(page.Data) != 2 {
				t.Errorf("got %d rows, want 2", len(page.Data))
			}
		}},
		{"unknown_usage_ids: not_found refuses them", with("unknown_usage_ids: not_found"), func(_ *testing.T, w *world) {
			w.ok("POST", "/v1/usage", usageAsk(`"customer_ids":["`+northwind+`"]`))
			w.refused("POST", "/v1/usage", usageAsk(`"customer_ids":["`+northwind+`","`+nobody+`"]`), 404, "Customer "+nobody+" not found")
			w.refused("POST", "/v1/usage", usageAsk(`"billable_metrics":[{"id":"`+nobody+`"}]`), 404, "Billable metric "+nobody+" not found")
		}},
		{"current_period: legacy_plan misses a plan", with("current_period: legacy_plan"), func(_ *testing.T, w *world) {
			w.refused("POST", "/v1/usage/groups", `{"customer_id":"`+northwind+`","billable_metric_id":"`+requests+
				`","window_size":"DAY","current_period":true}`, 400, "current_period is not available: customer "+northwind+" has no active plan")
		}},
		{"limit_over_max: clamp cuts a limit", with("limit_over_max: clamp"), func(t *testing.T, w *world) {
			for i := range 110 {
				w.ok("POST", "/v1/customers", fmt.Sprintf(`{"name":"c%d"}`, i))
			}
			var page list[customerDetail]
			w.decode(w.ok("GET", "/v1/customers?limit=1000000", ""), &page)
			if len(page.Data) != 100 {
				t.Errorf("got %d rows, want 100", len(page.Data))
			}
		}},
		{"bad_cursor: empty_page takes any for the end", with("bad_cursor: empty_page"), func(t *testing.T, w *world) {
			for path, body := range map[string]string{
				"/v1/usage": usageAsk(``), "/v1/usage/groups": groupsAsk(``), "/v1/customFields/listKeys": "{}",
			} {
				if got := w.ok("POST", path+"?next_page=next_page", body); got != `{"data":[],"next_page":null}` {
					t.Errorf("%s: got %s", path, got)
				}
			}
			if got := w.ok("GET", "/v1/customers?next_page=next_page", ""); got != `{"data":[],"next_page":null}` {
				t.Errorf("got %s", got)
			}
		}},
		{"old_events: drop drops them", with("old_events: drop"), func(t *testing.T, w *world) {
			old := event("old", "c", noon.AddDate(0, 0, -40), "")
			w.ok("POST", "/v1/ingest", "["+old+","+event("new", "c", noon, "")+"]")
			w.ok("POST", "/v1/ingest", "["+old+"]")
			if got := w.copies("old"); got != "" {
				t.Errorf("the old event is there: %s", got)
			}
			if got := w.copies("new"); got != "counted" {
				t.Errorf("the new event: got %s", got)
			}
			w.refused("POST", "/v1/ingest", "["+event("x", "c", noon.AddDate(0, 0, 2), "")+"]", 400,
				"[0].timestamp must not be more than 24 hours in the future")
		}},
		{"max_property_bytes bounds values", with("max_property_bytes: 4"), func(_ *testing.T, w *world) {
			for i, value := range []string{`"abcd"`, `"\u0061bcd"`, `"ää"`, `1234`, `null`, `[1]`, `""`} {
				w.ok("POST", "/v1/ingest", "["+event(fmt.Sprint("t", i), "c", noon, `"p":`+value)+"]")
			}
			for _, value := range []string{`"abcde"`, `"äää"`, `12345`, `[1,2]`} {
				w.refused("POST", "/v1/ingest", "["+event("t", "c", noon, `"p":`+value)+"]", 400, "[0].properties.p must not be longer than 4 bytes")
			}
		}},
		{"retroactive_metrics see what came before them", with("retroactive_metrics: true"), func(t *testing.T, w *world) {
			w.ok("POST", "/v1/ingest", "["+event("before", "contoso", noon, "")+"]")
			metric := w.created("/v1/billable-metrics/create", `{"name":"m","aggregation_type":"COUNT"}`)
			if got := w.usage(contoso, metric, "NONE"); got != "1" {
				t.Errorf("got %s, want 1", got)
			}
			var found []foundEvent
			w.decode(w.ok("POST", "/v1/events/search", `{"transactionIds":["before"]}`), &found)
			if len(found[0].MatchedMetrics) != 1 {
				t.Errorf("a search sees it otherwise: %+v", found)
			}
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			row.world.t = t
			row.check(t, row.world)
		})
	}
}

func TestOptionsBelongToTheSandbox(t *testing.T) {
	w := newWorld(t, twoCustomers)
	other := w.fork("other")
	other.seed("\nmetronome: {options: {bad_cursor: empty_page}}")
	other.ok("GET", "/v1/customers?next_page=x", "")
	w.refused("GET", "/v1/customers?next_page=x", "", 400, "Invalid next_page cursor")
}

// TestConformance sends what the vendor's own SDK suites send to a mock without state.
func TestConformance(t *testing.T) {
	w := newWorld(t, "\nmetronome: {options: {conformance: true}}")
	const someone, something = "d7abd0cd-4ae9-4db7-8676-e986a4ebd8dc", "13117714-3f05-48e5-a6e9-a66093f13b4d"
	now, before := noon.Format(time.RFC3339Nano), noon.Add(-time.Microsecond).Format(time.RFC3339Nano)
	for _, row := range []struct{ what, method, path, body string }{
		{"a customer that was never made", "GET", "/v1/customers/" + someone, ""},
		{"a metric that was never made", "GET", "/v1/billable-metrics/" + something, ""},
		{"an alias again", "POST", "/v1/customers", `{"name":"Example, Inc.","ingest_aliases":["team@example.com"],"external_id":"x",
			"custom_fields":{"foo":"string"},"billing_config":{"billing_provider_customer_id":"x","billing_provider_type":"aws_marketplace"},
			"customer_billing_provider_configurations":[{"billing_provider":"aws_marketplace","delivery_method":"direct_to_billing_provider",
			"delivery_method_id":"9a906ebb-fbc7-42e8-8e29-53bfd2db3aca"}]}`},
		{"and again", "POST", "/v1/customers", `{"name":"Example, Inc.","ingest_aliases":["team@example.com"],"external_id":"x"}`},
		{"a list by what is no id", "GET", "/v1/customers?customer_ids=string&ingest_alias=ingest_alias&limit=1&next_page=next_page&only_archived=true", ""},
		{"archiving what was never made", "POST", "/v1/customers/archive", `{"id":"8deed800-1b7a-495d-a207-6c52bac54dc9"}`},
		{"and again", "POST", "/v1/customers/archive", `{"id":"8deed800-1b7a-495d-a207-6c52bac54dc9"}`},
		{"archiving the metric of that id", "POST", "/v1/billable-metrics/archive", `{"id":"8deed800-1b7a-495d-a207-6c52bac54dc9"}`},
		{"costs of no range", "GET", "/v1/customers/" + someone + "/costs?starting_on=" + now + "&ending_before=" + now + "&limit=1&next_page=next_page", ""},
		{"metrics of a customer", "GET", "/v1/customers/" + someone + "/billable-metrics?include_archived=true&limit=1&next_page=next_page&on_current_plan=true", ""},
		{"a preview of the past", "POST", "/v1/customers/" + someone + "/previewEvents",
			`{"events":[{"event_type":"heartbeat","timestamp":"2021-01-01T00:00:00Z","transaction_id":"x","properties":{"cpu":"bar"}}],"mode":"replace"}`},
		{"aliases", "POST", "/v1/customers/" + someone + "/setIngestAliases", `{"ingest_aliases":["team@example.com"]}`},
		{"a name", "POST", "/v1/customers/" + someone + "/setName", `{"name":"Example, Inc."}`},
		{"a configuration", "POST", "/v1/customers/" + someone + "/updateConfig", `{"salesforce_account_id":"x"}`},
		{"usage of no time", "POST", "/v1/usage?next_page=next_page",
			`{"starting_on":"` + now + `","ending_before":"` + now + `","window_size":"HOUR","customer_ids":["04ca7e72-4229-4a6e-ab11-9f7376fccbcb"]}`},
		{"usage backwards, by any key", "POST", "/v1/usage", `{"starting_on":"` + now + `","ending_before":"` + before +
			`","window_size":"hour","billable_metrics":[{"id":"222796fd-d29c-429e-89b2-549fabda4ed6","group_by":{"key":"key","values":["x"]}}]}`},
		{"groups of everything at once", "POST", "/v1/usage/groups?limit=1&next_page=next_page",
			`{"billable_metric_id":"222796fd-d29c-429e-89b2-549fabda4ed6","customer_id":"04ca7e72-4229-4a6e-ab11-9f7376fccbcb","window_size":"HOUR",
			  "current_period":true,"starting_on":"2021-01-01T00:00:00Z","ending_before":"2021-01-02T00:00:00Z","group_by":{"key":"region",
			  "values":["US-East"]},"group_key":["region","team"],"group_filters":{"region":["US-East"]}}`},
		{"groups of no range", "POST", "/v1/usage/groups",
			`{"billable_metric_id":"222796fd-d29c-429e-89b2-549fabda4ed6","customer_id":"04ca7e72-4229-4a6e-ab11-9f7376fccbcb","window_size":"DAY"}`},
		{"events of long ago", "POST", "/v1/ingest",
			`[{"transaction_id":"2021-01-01T00:00:00Z_cluster42","customer_id":"team@example.com","event_type":"heartbeat","timestamp":"2021-01-01T00:00:00Z"}]`},
		{"no events", "POST", "/v1/ingest", ""},
		{"a search", "POST", "/v1/events/search", `{"transactionIds":["2024-01-01T00:00:00Z_cluster42"]}`},
		{"a metric that is everything", "POST", "/v1/billable-metrics/create", `{"name":"CPU Hours","aggregation_key":"cpu_hours","aggregation_type":"SUM",
			"custom_fields":{"foo":"string"},"event_type_filter":{"in_values":["cpu_usage"],"not_in_values":["string"]},
			"group_keys":[["region"],["machine_type"]],"property_filters":[{"name":"region","exists":true,"in_values":["EU"],"not_in_values":["x"]}],"sql":"sql"}`},
		{"a metric that is nothing", "POST", "/v1/billable-metrics/create", `{"name":"CPU Hours"}`},
		{"a dashboard", "POST", "/v1/dashboards/getEmbeddableUrl", `{"customer_id":"4db51251-61de-4bfe-b9ce-495e244f3491","dashboard":"invoices",
			"color_overrides":[{"name":"Gray_dark","value":"value"}]}`},
		{"a key", "POST", "/v1/customFields/addKey", `{"enforce_uniqueness":true,"entity":"customer","key":"x_account_id"}`},
		{"and again", "POST", "/v1/customFields/addKey", `{"enforce_uniqueness":true,"entity":"customer","key":"x_account_id"}`},
		{"a value of any entity", "POST", "/v1/customFields/setValues",
			`{"entity":"alert","entity_id":"99594816-e8a5-4bca-be21-8d1de0f45120","custom_fields":{"x_account_id":"KyVnHhSBWl7eY2bl"}}`},
		{"a value of a customer", "POST", "/v1/customFields/setValues",
			`{"entity":"customer","entity_id":"` + someone + `","custom_fields":{"never_registered":"x"}}`},
		{"deleting values", "POST", "/v1/customFields/deleteValues",
			`{"entity":"alert","entity_id":"99594816-e8a5-4bca-be21-8d1de0f45120","keys":["x_account_id"]}`},
		{"keys", "POST", "/v1/customFields/listKeys?next_page=next_page", `{"entities":["alert"]}`},
		{"removing a key", "POST", "/v1/customFields/removeKey", `{"entity":"alert","key":"x_account_id"}`},
	} {
		t.Run(row.what, func(t *testing.T) {
			w.t = t
			w.ok(row.method, row.path, row.body)
		})
	}
	w.t = t
	if got := w.customerDetail(someone); got.Name != "Example, Inc." || got.CustomFields["never_registered"] != "x" {
		t.Errorf("what was changed is not there: %+v", got)
	}
	w.refused("GET", "/_stainless_unknown_path", "", 404, "Not found")
}
