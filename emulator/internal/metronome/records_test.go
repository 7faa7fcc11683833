package metronome

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func (w *world) customerDetail(id string) customerDetail {
	w.t.Helper()
	var got getCustomerResponse
	w.decode(w.ok("GET", "/v1/customers/"+id, ""), &got)
	return got.Data
}

func TestUpdatedAtMovesWithTheCustomer(t *testing.T) {
	w := newWorld(t, twoCustomers+"  custom_field_keys: [{entity: customer, key: k}]")
	for i, row := range []struct{ what, path, body string }{
		{"a name", "/v1/customers/" + northwind + "/setName", `{"name":"x"}`},
		{"aliases", "/v1/customers/" + northwind + "/setIngestAliases", `{"ingest_aliases":["nw-eu"]}`},
		{"the configuration", "/v1/customers/" + northwind + "/updateConfig", `{"salesforce_account_id":"1"}`},
		{"a custom field", "/v1/customFields/setValues", `{"entity":"customer","entity_id":"` + northwind + `","custom_fields":{"k":"v"}}`},
		{"a custom field taken off", "/v1/customFields/deleteValues", `{"entity":"customer","entity_id":"` + northwind + `","keys":["k"]}`},
		{"the billable status", "/v1/customers/setBillableStatus",
			`{"customer_id":"` + northwind + `","billable_status":"billable","effective_at":"2026-03-01T00:00:00Z"}`},
		{"archiving", "/v1/customers/archive", `{"id":"` + northwind + `"}`},
	} {
		now := noon.Add(time.Duration(i+1) * time.Minute)
		w.at(now).ok("POST", row.path, row.body)
		if got := w.customerDetail(northwind).UpdatedAt; got != inMillis(now) {
			t.Errorf("%s: updated at %s, want %s", row.what, got, inMillis(now))
		}
	}
	w.at(noon.Add(time.Hour)).ok("POST", "/v1/ingest", "["+threeDays[0]+"]")
	if got := w.customerDetail(northwind).UpdatedAt; got != inMillis(noon.Add(7*time.Minute)) {
		t.Errorf("usage updated the customer at %s", got)
	}
}

func TestConfigurationOfACustomer(t *testing.T) {
	w := newWorld(t, twoCustomers)
	for _, row := range []struct{ what, body, want string }{
		{"nothing yet", `{}`, "null"},
		{"a value", `{"salesforce_account_id":"0018c","leave_stripe_invoices_in_draft":true}`, `"0018c"`},
		{"a field that is absent stays", `{"leave_stripe_invoices_in_draft":null}`, `"0018c"`},
		{"null clears", `{"salesforce_account_id":null}`, "null"},
	} {
		w.ok("POST", "/v1/customers/"+northwind+"/updateConfig", row.body)
		if got := w.ok("GET", "/v1/customers/"+northwind, ""); !strings.Contains(got, `"customer_config":{"salesforce_account_id":`+row.want+`}`) {
			t.Errorf("%s: got %s", row.what, got)
		}
	}
}

func TestCustomersInTheList(t *testing.T) {
	w := newWorld(t, refusalWorld)
	for _, id := range []string{northwind, contoso} {
		w.ok("POST", "/v1/customers/"+id+"/updateConfig", `{"salesforce_account_id":"SF-`+id[:4]+`"}`)
	}
	gone := w.created("/v1/customers", `{"name":"Gone","ingest_aliases":["gone"]}`)
	w.ok("POST", "/v1/customers/archive", `{"id":"`+gone+`"}`)
	for _, row := range []struct{ what, query, want string }{
		{"all that are active", "", "Northwind Contoso"},
		{"all that are archived", "only_archived=true", "Gone"},
		{"saying that archived ones are not wanted", "only_archived=false", "Northwind Contoso"},
		{"by alias", "ingest_alias=nw-us", "Northwind"},
		{"by part of an alias", "ingest_alias=nw", ""},
		{"by an alias that is written otherwise", "ingest_alias=NW-US", ""},
		{"by the alias of an archived one", "ingest_alias=gone", ""},
		{"by the alias of an archived one, among these", "ingest_alias=gone&only_archived=true", "Gone"},
		{"by no alias", "ingest_alias=", ""},
		{"by ids, joined", "customer_ids=" + contoso + "," + northwind, "Northwind Contoso"},
		{"by ids, repeated", "customer_ids=" + contoso + "&customer_ids=" + nobody, "Contoso"},
		{"by an id in upper case", "customer_ids=" + strings.ToUpper(contoso), "Contoso"},
		{"by what is no id", "customer_ids=string", ""},
		{"by account", "salesforce_account_ids=SF-6513,SF-x", "Northwind"},
		{"by account in another case", "salesforce_account_ids=sf-6513", ""},
		{"by alias and by account that are not one's", "ingest_alias=contoso&salesforce_account_ids=SF-6513", ""},
		{"by alias, id and account", "ingest_alias=contoso&customer_ids=" + contoso + "&salesforce_account_ids=SF-d23f", "Contoso"},
	} {
		var page list[customerDetail]
		w.decode(w.ok("GET", "/v1/customers?"+row.query, ""), &page)
		var names []string
		for _, c := range page.Data {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != row.want {
			t.Errorf("%s: got %q, want %q", row.what, got, row.want)
		}
	}
}

func TestAliases(t *testing.T) {
	w := newWorld(t, twoCustomers)
	set := "/v1/customers/" + northwind + "/setIngestAliases"
	w.ok("POST", set, `{"ingest_aliases":["b","a","b"]}`)
	if got := w.customerDetail(northwind); strings.Join(got.IngestAliases, " ") != "b a" || got.ExternalID != "b" {
		t.Errorf("got %v and the external id %s", got.IngestAliases, got.ExternalID)
	}
	w.ok("POST", set, `{"ingest_aliases":["b","a"]}`) // again
	w.ok("POST", "/v1/customers/"+contoso+"/setIngestAliases", `{"ingest_aliases":["nw-eu"]}`)
	w.refused("POST", set, `{"ingest_aliases":["c","nw-eu"]}`, 409, "Ingest alias 'nw-eu' is already used by another customer")
	w.ok("POST", "/v1/customers/"+contoso+"/setIngestAliases", `{"ingest_aliases":["c"]}`) // a refused call takes nothing
	w.ok("POST", set, `{"ingest_aliases":[]}`)
	if got := w.customerDetail(northwind); len(got.IngestAliases) != 0 || got.ExternalID != northwind {
		t.Errorf("got %v and the external id %s", got.IngestAliases, got.ExternalID)
	}
	w.ok("POST", "/v1/customers/archive", `{"id":"`+contoso+`"}`)
	w.refused("POST", set, `{"ingest_aliases":["c"]}`, 409, "Ingest alias 'c' is already used by another customer")
	w.ok("POST", "/v1/customers/"+contoso+"/setIngestAliases", `{"ingest_aliases":[]}`) // still possible
	w.ok("POST", set, `{"ingest_aliases":["c"]}`)
}

func TestBillableStatus(t *testing.T) {
	w := newWorld(t, twoCustomers)
	status := func() string {
		if s := w.customerDetail(northwind).CurrentBillableStatus; s == nil {
			return "none"
		} else if s.EffectiveAt == nil {
			return s.Value
		} else {
			return s.Value + " from " + *s.EffectiveAt
		}
	}
	set := func(value, from string) {
		w.ok("POST", "/v1/customers/setBillableStatus",
			fmt.Sprintf(`{"customer_id":%q,"billable_status":%q,"effective_at":%q}`, northwind, value, from))
	}
	for _, row := range []struct {
		what, want string
		do         func()
	}{
		{"before anybody said", "none", func() {}},
		{"from a day to come", "billable", func() { set("unbillable", "2026-03-10T00:00:00Z") }},
		{"when it has come", "unbillable from 2026-03-10T00:00:00.000Z", func() { w.at(noon.AddDate(0, 0, 7)) }},
		{"changed for the same day", "billable from 2026-03-10T00:00:00.000Z", func() { set("billable", "2026-03-10T00:00:00Z") }},
		{"an older day does not count any more", "billable from 2026-03-10T00:00:00.000Z", func() { set("unbillable", "2026-03-01T00:00:00Z") }},
	} {
		row.do()
		if got := status(); got != row.want {
			t.Errorf("%s: got %s, want %s", row.what, got, row.want)
		}
	}
}

func TestCustomFields(t *testing.T) {
	w := newWorld(t, refusalWorld)
	set := func(customer, fields string) (string, string, string) {
		return "POST", "/v1/customFields/setValues", `{"entity":"customer","entity_id":"` + customer + `","custom_fields":` + fields + `}`
	}
	fields := func(customer string) string { return fmt.Sprint(w.customerDetail(customer).CustomFields) }
	const taken = "Custom field 'crm_id' already has the value 'A' on another entity"

	w.ok(set(northwind, `{"crm_id":"A","tier":"gold"}`))
	w.ok(set(northwind, `{"tier":"silver"}`))
	if got := fields(northwind); got != "map[crm_id:A tier:silver]" {
		t.Errorf("values that are not named stay: got %s", got)
	}
	method, path, body := set(contoso, `{"tier":"gold","crm_id":"A"}`)
	w.refused(method, path, body, 409, taken)
	if got := fields(contoso); got != "map[]" {
		t.Errorf("all or nothing: got %s", got)
	}
	w.ok(set(northwind, `{"crm_id":"A"}`)) // its own
	w.ok(set(northwind, `{"crm_id":"B"}`))
	w.ok(set(contoso, `{"crm_id":"A"}`)) // free again
	w.ok("POST", "/v1/customFields/deleteValues", `{"entity":"customer","entity_id":"`+contoso+`","keys":["crm_id","never"]}`)
	w.ok(set(northwind, `{"crm_id":"A"}`))
	w.ok(set(contoso, `{"tier":"silver"}`)) // need not be unique
	w.refused("POST", "/v1/customers", `{"name":"x","custom_fields":{"crm_id":"A"}}`, 409, taken)

	w.ok("POST", "/v1/customFields/removeKey", `{"entity":"customer","key":"crm_id"}`)
	if got := fields(northwind); got != "map[tier:silver]" {
		t.Errorf("a key that is gone leaves no value: got %s", got)
	}
	method, path, body = set(northwind, `{"crm_id":"A"}`)
	w.refused(method, path, body, 400, "Invalid custom field keys")
	w.ok("POST", "/v1/customFields/addKey", `{"entity":"customer","key":"crm_id","enforce_uniqueness":true}`)
	w.ok(set(contoso, `{"crm_id":"A"}`)) // nobody's any more

	w.ok("POST", "/v1/customFields/setValues", `{"entity":"billable_metric","entity_id":"`+requests+`","custom_fields":{"unit":"call"}}`)
	if got := w.ok("GET", "/v1/billable-metrics/"+requests, ""); !strings.Contains(got, `"custom_fields":{"unit":"call"}`) {
		t.Errorf("got %s", got)
	}
	w.ok("POST", "/v1/customFields/removeKey", `{"entity":"billable_metric","key":"unit"}`)
	if got := w.ok("GET", "/v1/billable-metrics/"+requests, ""); strings.Contains(got, "call\"}") {
		t.Errorf("got %s", got)
	}
}

func TestArchivedRecordsOfUsage(t *testing.T) {
	w := exampleWorld(t)
	w.ok("POST", "/v1/customers/archive", `{"id":"`+contoso+`"}`)
	w.ok("POST", "/v1/billable-metrics/archive", `{"id":"`+tokensMetric+`"}`)
	w.ok("POST", "/v1/billable-metrics/archive", `{"id":"`+tokensMetric+`"}`) // again
	w.ok("POST", "/v1/ingest", `[{"transaction_id":"late","customer_id":"contoso","event_type":"llm.call",
		"timestamp":"2026-03-02T00:00:00Z","properties":{"model":"a","region":"eu","tokens":"1","user_id":"u"}}]`)
	if got := w.usage(contoso, tokensMetric, "DAY"); got != "10 1 null" {
		t.Errorf("by their ids: got %s, want what is still metered", got)
	}
	rows := w.walk("POST", "/v1/usage", usageAsk(`"window_size":"NONE"`), 0)
	if all := strings.Join(rows, ""); len(rows) != 4 || strings.Contains(all, contoso) || strings.Contains(all, tokensMetric) {
		t.Errorf("without ids: got %s", all)
	}
	if rows := w.walk("GET", "/v1/billable-metrics", "", 0); len(rows) != 4 {
		t.Errorf("the list shows %d metrics, want 4", len(rows))
	}
	if got := w.ok("GET", "/v1/billable-metrics/"+tokensMetric, ""); !strings.Contains(got, `"archived_at":"2026-03-03T12:00:00.000Z"`) {
		t.Errorf("got %s", got)
	}
}

func TestEmptyListsOfIDsAskForNothing(t *testing.T) {
	w := exampleWorld(t)
	for _, field := range []string{"customer_ids", "billable_metrics"} {
		if got := w.ok("POST", "/v1/usage", usageAsk(`"`+field+`":[]`)); got != `{"data":[],"next_page":null}` {
			t.Errorf("%s: got %s", field, got)
		}
	}
}

func TestRowsComeInTheOrderAskedFor(t *testing.T) {
	w := exampleWorld(t)
	rows := w.walk("POST", "/v1/usage", usageAsk(`"window_size":"NONE","customer_ids":["`+contoso+`","`+nobody+`","`+northwind+`"],
		"billable_metrics":[{"id":"`+activeUsers+`"},{"id":"`+tokensMetric+`"}]`), 0)
	var got []string
	for _, row := range rows {
		var one usageRowIDs
		w.decode(row, &one)
		got = append(got, one.Customer[:4]+"/"+one.Metric[:4])
	}
	if line := strings.Join(got, " "); line != "d23f/90c1 d23f/9531 6513/90c1 6513/9531" {
		t.Errorf("got %s", line)
	}
}

type usageRowIDs struct {
	Customer string `json:"customer_id"`
	Metric   string `json:"billable_metric_id"`
}
