package metronome

import (
	"strings"
	"testing"

	"github.com/submeter/submeter/fixtures"
)

const aWorld = `
metronome:
  tokens: [{token: both}, {token: sand, environment: SANDBOX}]
  custom_field_keys:
    - {entity: customer, key: crm_id, enforce_uniqueness: true}
    - {entity: customer, key: crm_id, environment: SANDBOX}
  customers:
    - {name: No id, ingest_aliases: [a], external_id: old-a, custom_fields: {crm_id: A}, salesforce_account_id: SF}
    - {id: d23f0824-128b-4f33-8c5c-7fd0a6a3a450, name: Contoso, created_at: 2026-02-01T00:00:00Z, archived_at: 2026-02-02T00:00:00Z}
    - {name: In the sandbox, ingest_aliases: [a], custom_fields: {crm_id: A}, environment: SANDBOX}
  billable_metrics:
    - {id: 36f675cc-81e7-4ef5-a8e2-5d940ed90475, name: All, aggregation_type: COUNT, created_at: 2026-01-01T00:00:00Z}
    - {id: 9531985d-5d9d-49f8-9818-e811892f902b, name: Later, aggregation_type: COUNT, created_at: 2026-03-02T00:00:00Z}
    - {name: Now, aggregation_type: COUNT}
    - {name: SQL, sql: SELECT 1}
  events:
    - {transaction_id: t3, customer_id: a, event_type: e, timestamp: 2026-03-03T13:00:00Z, properties: {n: 1.50, s: "x", deep: {k: [1, null]}}}
    - {transaction_id: t1, customer_id: a, event_type: e, timestamp: 2026-03-01T00:00:00Z}
    - {transaction_id: t2, customer_id: old-a, event_type: e, timestamp: 2026-03-02T00:00:00Z}
    - {customer_id: a, event_type: e, timestamp: 2026-03-01T00:00:00Z, environment: SANDBOX}
    - {transaction_id: t0, customer_id: a, event_type: e, timestamp: 2020-01-01T00:00:00Z}
`

func TestSeed(t *testing.T) {
	w := newWorld(t, aWorld)
	w.token = "both"
	var page list[customerDetail]
	w.decode(w.ok("GET", "/v1/customers?ingest_alias=a", ""), &page)
	first := page.Data[0]
	if first.ExternalID != "old-a" || len(first.IngestAliases) != 2 || first.CustomFields["crm_id"] != "A" || *first.CustomerConfig.SalesforceAccountID != "SF" {
		t.Errorf("got %+v", first)
	}
	if got := w.customerDetail(contoso); got.CreatedAt != "2026-02-01T00:00:00.000Z" || *got.ArchivedAt != "2026-02-02T00:00:00.000Z" {
		t.Errorf("got %+v", got)
	}
	for _, row := range []struct{ what, metric, days string }{
		{"a metric from before all events", requests, "1 1 1"},
		{"a metric from before some of them", tokensMetric, "null 1 1"},
	} {
		if got := w.usage(first.ID, row.metric, "DAY"); got != row.days {
			t.Errorf("%s: got %s, want %s", row.what, got, row.days)
		}
	}
	var found []foundEvent
	w.decode(w.ok("POST", "/v1/events/search", `{"transactionIds":["t0","t1","t3"]}`), &found)
	if len(found) != 2 || found[0].ProcessedAt != "2026-03-01T00:00:00.000Z" || found[1].ProcessedAt != "2026-03-03T12:00:00.000Z" {
		t.Errorf("events come in at their timestamps, at the latest now: got %+v", found)
	}
	if got := string(found[1].Properties); got != `{"deep":{"k":[1,null]},"n":1.50,"s":"x"}` {
		t.Errorf("got the properties %s", got)
	}
	w.refused("POST", "/v1/customers", `{"name":"x","custom_fields":{"crm_id":"A"}}`, 409, "Custom field 'crm_id' already has the value 'A' on another entity")
	w.token = "sand"
	if rows := w.walk("GET", "/v1/customers", "", 0); len(rows) != 1 || strings.Contains(rows[0], first.ID) {
		t.Errorf("got %s", rows)
	}
}

func TestSeedOnTop(t *testing.T) {
	w := newWorld(t, twoCustomers+"  options: {usage_page_rows: 2}")
	w.seed(`
metronome:
  customers: [{id: ` + northwind + `, name: Northwind anew, ingest_aliases: [nw-us, nw-asia], created_at: 2026-02-20T00:00:00Z}]`)
	if rows := w.walk("GET", "/v1/customers", "", 0); len(rows) != 2 || !strings.Contains(rows[1], "Northwind anew") {
		t.Errorf("a record of the same id is replaced: got %s", rows)
	}
	w.ok("POST", "/v1/customers/"+contoso+"/setIngestAliases", `{"ingest_aliases":["nw-eu"]}`) // free again
	var page list[usageRowIDs]
	if w.decode(w.ok("POST", "/v1/usage", usageAsk("")), &page); len(page.Data) != 2 {
		t.Errorf("an option of the world before is gone: got %d rows", len(page.Data))
	}
	w.seed("\nmetronome: {tokens: [{token: mine}]}")
	w.refused("GET", "/v1/customers", "", 401, "Unauthorized")
	w.token = "mine"
	if w.decode(w.ok("POST", "/v1/usage", usageAsk("")), &page); len(page.Data) != 2 {
		t.Errorf("tokens change an option: got %d rows", len(page.Data))
	}
}

func TestScenariosThatDoNotFitTheWorld(t *testing.T) {
	for _, row := range []struct{ what, scenario, message string }{
		{"an alias that somebody has", "customers: [{name: Thief, ingest_aliases: [nw-eu]}]",
			`customer "Thief": Ingest alias 'nw-eu' is already used by another customer`},
		{"a field that is not registered", "customers: [{name: Eager, custom_fields: {shoe_size: '43'}}]",
			`customer "Eager": Invalid custom field keys`},
		{"a metric's field that is not registered", "billable_metrics: [{name: Eager, aggregation_type: COUNT, custom_fields: {tier: gold}}]",
			`billable metric "Eager": Invalid custom field keys`},
	} {
		t.Run(row.what, func(t *testing.T) {
			w := newWorld(t, refusalWorld)
			before := w.ok("GET", "/v1/customers", "")
			s, err := fixtures.Parse("more.yaml", []byte("version: 1\nmetronome:\n  "+row.scenario))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.api.Seed(w.sandbox, s); err == nil || err.Error() != row.message {
				t.Errorf("got %v, want %s", err, row.message)
			}
			if after := w.ok("GET", "/v1/customers", ""); after != before {
				t.Errorf("a part of it is there: %s", after)
			}
		})
	}
}

// TestAScenarioMadeByHand leaves out what Parse would have filled in.
func TestAScenarioMadeByHand(t *testing.T) {
	w := newWorld(t, "")
	err := w.api.Seed(w.sandbox, &fixtures.Scenario{Metronome: fixtures.Metronome{
		Tokens:          []fixtures.MetronomeToken{{Token: "t"}},
		Customers:       []fixtures.MetronomeCustomer{{Name: "c", IngestAliases: []string{"a"}}},
		BillableMetrics: []fixtures.MetronomeBillableMetric{{Name: "m", AggregationType: fixtures.MetronomeCount}},
		Events:          []fixtures.MetronomeEvent{{CustomerID: "a", EventType: "e", Timestamp: fixtures.Instant(noon)}},
		CustomFieldKeys: []fixtures.MetronomeCustomFieldKey{{Entity: fixtures.MetronomeEntityCustomer, Key: "k"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.token = "t"
	var page list[struct{ Value *float64 }]
	if w.decode(w.ok("POST", "/v1/usage", usageAsk(`"window_size":"NONE"`)), &page); len(page.Data) != 1 || page.Data[0].Value == nil {
		t.Errorf("got %+v", page.Data)
	}
}
