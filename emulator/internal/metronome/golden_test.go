package metronome

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden bodies anew")

// golden compares a body with the one in testdata, which is written for people to read.
func golden(t *testing.T, name, body string) {
	t.Helper()
	var legible bytes.Buffer
	if err := json.Indent(&legible, []byte(body), "", "  "); err != nil {
		t.Fatalf("%s: %v in %s", name, err, body)
	}
	legible.WriteByte('\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, legible.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if legible.String() != string(want) {
		t.Errorf("%s:\n got %s\nwant %s", name, legible.String(), want)
	}
}

// TestWholeBodies shows the answer of every operation that has one.
func TestWholeBodies(t *testing.T) {
	w := exampleWorld(t)
	w.seed(`
metronome:
  custom_field_keys:
    - {entity: customer, key: crm_id, enforce_uniqueness: true}
    - {entity: billable_metric, key: unit}`)
	for _, row := range []struct{ name, method, path, body string }{
		{"createCustomer", "POST", "/v1/customers", `{"name":"Fabrikam","ingest_aliases":["fab","fab","fab-2"],"external_id":"fab-old",
			"custom_fields":{"crm_id":"A-7"},"customer_billing_provider_configurations":[{"billing_provider":"stripe",
			"delivery_method":"direct_to_billing_provider","configuration":{"stripe_customer_id":"cus_1"}}]}`},
		{"createCustomer-plain", "POST", "/v1/customers", `{"name":"Plain <&> ` + strings.Repeat("ö", 160) + `"}`},
		{"getCustomer", "GET", "/v1/customers/" + northwind, ""},
		{"listCustomers", "GET", "/v1/customers?customer_ids=" + northwind + "&customer_ids=x," + contoso, ""},
		{"setCustomerName", "POST", "/v1/customers/" + contoso + "/setName", `{"name":"Contoso Ltd"}`},
		{"setCustomerBillableStatus", "POST", "/v1/customers/setBillableStatus",
			`{"customer_id":"` + contoso + `","billable_status":"unbillable","effective_at":"2026-03-01T00:00:00+01:00"}`},
		{"getCustomer-unbillable", "GET", "/v1/customers/" + contoso, ""},
		{"archiveCustomer", "POST", "/v1/customers/archive", `{"id":"` + strings.ToUpper(contoso) + `"}`},
		{"listCustomers-archived", "GET", "/v1/customers?only_archived=true", ""},
		{"createBillableMetric", "POST", "/v1/billable-metrics/create", `{"name":"Calls","aggregation_type":"Count",
			"event_type_filter":{"not_in_values":["test"]},"property_filters":[{"name":"model","exists":null,"not_in_values":["x"]},
			{"name":"free","exists":false}],"group_keys":[["model"],["model","free"]],"custom_fields":{"unit":"call"}}`},
		{"createBillableMetric-sql", "POST", "/v1/billable-metrics/create", `{"name":"By text","sql":"SELECT COUNT(*) FROM events"}`},
		{"renameBillableMetric", "PUT", "/v1/billable-metrics/" + tokensMetric, `{"name":"LLM tokens"}`},
		{"getBillableMetric", "GET", "/v1/billable-metrics/" + tokensMetric, ""},
		{"archiveBillableMetric", "POST", "/v1/billable-metrics/archive", `{"id":"` + requests + `"}`},
		{"listBillableMetrics", "GET", "/v1/billable-metrics?include_archived=true", ""},
		{"listCustomerBillableMetrics", "GET", "/v1/customers/" + northwind + "/billable-metrics", ""},
		{"listCustomerBillableMetrics-plan", "GET", "/v1/customers/" + northwind + "/billable-metrics?on_current_plan=true", ""},
		{"listCustomerCosts", "GET", "/v1/customers/" + northwind + "/costs?starting_on=2026-03-01T00:00:00Z&ending_before=2026-03-04T00:00:00Z", ""},
		{"previewEvents", "POST", "/v1/customers/" + northwind + "/previewEvents",
			`{"mode":"merge","skip_zero_qty_line_items":true,"events":[{"event_type":"llm.call","timestamp":"2026-03-01T00:00:00Z",
			  "transaction_id":"p1","properties":{"tokens":5}},{"event_type":"llm.call"}]}`},
		{"getEmbeddableDashboardUrl", "POST", "/v1/dashboards/getEmbeddableUrl", `{"customer_id":"` + northwind + `","dashboard":"commits_and_credits",
			"dashboard_options":[{"key":"show_zero_usage_line_items","value":"false"}],
			"color_overrides":[{"name":"Primary_medium","value":"#0AF"},{"name":"White"}],
			"bm_group_key_overrides":[{"group_key_name":"model","display_name":"Model","value_display_names":{"a":"Alpha"}}]}`},
		{"listCustomFieldKeys", "POST", "/v1/customFields/listKeys", ""},
		{"listCustomFieldKeys-some", "POST", "/v1/customFields/listKeys", `{"entities":["billable_metric"]}`},
		{"listUsage", "POST", "/v1/usage", usageAsk(`"billable_metrics":[{"id":"` + tokensMetric + `","group_by":{"key":"region"}}]`)},
		{"listUsage-archived", "POST", "/v1/usage", usageAsk(`"window_size":"NONE","customer_ids":["` + contoso + `"],"billable_metrics":[{"id":"` + requests + `"}]`)},
		{"listUsageWithGroups", "POST", "/v1/usage/groups?limit=2", groupsAsk(`"billable_metric_id":"` + tokensMetric + `","group_key":["model","region"]`)},
		{"listUsageWithGroups-one-key", "POST", "/v1/usage/groups?limit=1", groupsAsk(`"group_key":["model"]`)},
		{"listUsageWithGroups-no-key", "POST", "/v1/usage/groups?limit=1", groupsAsk(``)},
		{"searchEvents", "POST", "/v1/events/search", `{"transactionIds":["e03","e01","nobody's","e01","e07"]}`},
	} {
		golden(t, row.name, w.ok(row.method, row.path, row.body))
	}
}

func TestWhatAnswersNothingAnswersNoType(t *testing.T) {
	w := newWorld(t, twoCustomers)
	for _, row := range []struct{ path, body string }{
		{"/v1/ingest", "[" + threeDays[0] + "]"},
		{"/v1/customers/" + northwind + "/setIngestAliases", `{"ingest_aliases":[]}`},
		{"/v1/customers/" + northwind + "/updateConfig", `{}`},
		{"/v1/customFields/addKey", `{"entity":"customer","key":"k","enforce_uniqueness":false}`},
		{"/v1/customFields/setValues", `{"entity":"customer","entity_id":"` + northwind + `","custom_fields":{"k":"v"}}`},
		{"/v1/customFields/deleteValues", `{"entity":"customer","entity_id":"` + northwind + `","keys":["k","other"]}`},
		{"/v1/customFields/removeKey", `{"entity":"customer","key":"k"}`},
	} {
		got := w.send("POST", row.path, row.body)
		if got.status != 200 || got.body != "" || got.header.Get("Content-Type") != "" || got.header.Get("Content-Length") != "0" {
			t.Errorf("%s: got %d %q %v", row.path, got.status, got.body, got.header)
		}
	}
}
