package metronome

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"strconv"
	"strings"
	"testing"
)

// refusals are all ways in which a request is refused, but for those that need a world of their own; each names the
// constructor of its error. The world is that of the two customers, with what refusalWorld adds.
var refusals = []struct {
	what, by           string
	method, path, body string
	status             int
	message            string
	header             []string
}{
	// ---- ingest
	{"ingest of no event at all", "", "POST", "/v1/ingest", `[]`, 400, "The request body must have at least 1 item", nil},
	{"ingest of more than 100 events", "", "POST", "/v1/ingest", "[" + strings.Repeat("{},", 100) + "{}]", 400,
		"The request body must have at most 100 items", nil},
	{"ingest of something else than a list", "", "POST", "/v1/ingest", `{"transaction_id":"t"}`, 400,
		"The request body must be an array of objects", nil},
	{"ingest without a body", "errBodyRequired", "POST", "/v1/ingest", "", 400, "A request body is required", nil},
	{"ingest of null", "errBodyRequired", "POST", "/v1/ingest", "null", 400, "A request body is required", nil},
	{"ingest of half a document", "", "POST", "/v1/ingest", `[{"transaction_id":`, 400, "The request body is not valid JSON", nil},
	{"an event without a transaction id", "", "POST", "/v1/ingest",
		`[{"customer_id":"c","event_type":"e","timestamp":"2026-03-03T00:00:00Z"}]`, 400, "[0].transaction_id is required", nil},
	{"an event without a customer", "", "POST", "/v1/ingest",
		`[{"transaction_id":"t","event_type":"e","timestamp":"2026-03-03T00:00:00Z"}]`, 400, "[0].customer_id is required", nil},
	{"an event without a type", "", "POST", "/v1/ingest",
		`[{"transaction_id":"t","customer_id":"c","timestamp":"2026-03-03T00:00:00Z"}]`, 400, "[0].event_type is required", nil},
	{"an event without a timestamp", "", "POST", "/v1/ingest",
		`[{"transaction_id":"t","customer_id":"c","event_type":"e"}]`, 400, "[0].timestamp is required", nil},
	{"an empty transaction id", "", "POST", "/v1/ingest",
		`[{"transaction_id":"","customer_id":"c","event_type":"e","timestamp":"2026-03-03T00:00:00Z"}]`, 400,
		"[0].transaction_id must have at least 1 character", nil},
	{"a transaction id of 129 characters", "", "POST", "/v1/ingest",
		`[{"transaction_id":"` + strings.Repeat("x", 129) + `","customer_id":"c","event_type":"e","timestamp":"2026-03-03T00:00:00Z"}]`,
		400, "[0].transaction_id must have at most 128 characters", nil},
	{"a timestamp that is none", "", "POST", "/v1/ingest",
		`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"yesterday"}]`, 400,
		"[0].timestamp must be an RFC 3339 date-time such as 2026-03-01T00:00:00Z", nil},
	{"properties that are a list", "", "POST", "/v1/ingest",
		`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-03T00:00:00Z","properties":[]}]`, 400,
		"[0].properties must be an object", nil},
	{"an event too far in the past", "errEventTooOld", "POST", "/v1/ingest",
		`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-01-28T11:59:59.999Z"}]`, 400,
		"[0].timestamp must not be more than 34 days in the past", nil},
	{"an event too far in the future", "errEventTooNew", "POST", "/v1/ingest",
		`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-04T12:00:00.000000001Z"}]`, 400,
		"[0].timestamp must not be more than 24 hours in the future", nil},

	// ---- usage
	{"usage without a body", "", "POST", "/v1/usage", "", 400, "A request body is required", nil},
	{"usage without a window size", "", "POST", "/v1/usage", `{"starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z"}`,
		400, "window_size is required", nil},
	{"usage in weeks", "", "POST", "/v1/usage", usageAsk(`"window_size":"WEEK"`), 400, "window_size must be one of hour, day, none", nil},
	{"usage from noon", "errNotMidnight", "POST", "/v1/usage", usageAsk(`"starting_on":"2026-03-01T12:00:00Z"`), 400,
		"starting_on and ending_before must be at midnight UTC", nil},
	{"usage until a midnight that is not UTC's", "errNotMidnight", "POST", "/v1/usage", usageAsk(`"ending_before":"2026-03-03T00:00:00+01:00"`),
		400, "starting_on and ending_before must be at midnight UTC", nil},
	{"usage of no time at all", "errReversedRange", "POST", "/v1/usage", usageAsk(`"ending_before":"2026-03-01T00:00:00Z"`), 400,
		"ending_before must be after starting_on", nil},
	{"usage backwards", "errReversedRange", "POST", "/v1/usage", usageAsk(`"ending_before":"2026-02-01T00:00:00Z"`), 400,
		"ending_before must be after starting_on", nil},
	{"usage of an alias", "", "POST", "/v1/usage", usageAsk(`"customer_ids":["nw-eu"]`), 400, "customer_ids[0] must be a UUID", nil},
	{"usage by a key that is none of the metric's", "errNotAGroupKey", "POST", "/v1/usage",
		usageAsk(`"billable_metrics":[{"id":"` + requests + `","group_by":{"key":"region"}}]`), 400,
		"Group key 'region' is not a group key of billable metric " + requests, nil},
	{"usage by more than 200 values", "", "POST", "/v1/usage", usageAsk(`"billable_metrics":[{"id":"` + requests +
		`","group_by":{"key":"model","values":["a"` + strings.Repeat(`,"a"`, 200) + `]}}]`), 400,
		"billable_metrics[0].group_by.values must have at most 200 items", nil},
	{"usage with a cursor that is none", "errBadCursor", "POST", "/v1/usage?next_page=x", usageAsk(""), 400, "Invalid next_page cursor", nil},

	// ---- groups
	{"groups by both ways to name a key", "errGroupKeyAndGroupBy", "POST", "/v1/usage/groups",
		groupsAsk(`"group_key":["model"],"group_by":{"key":"model"}`), 400, "group_key and group_by must not be used together", nil},
	{"groups by a part of a compound key", "errNotAGroupKey", "POST", "/v1/usage/groups",
		groupsAsk(`"billable_metric_id":"` + tokensMetric + `","group_key":["model","region","model"]`), 400,
		"Group key 'model, region, model' is not a group key of billable metric " + tokensMetric, nil},
	{"groups filtered by what is not grouped", "errFilterNotGrouped", "POST", "/v1/usage/groups",
		groupsAsk(`"group_key":["model"],"group_filters":{"region":["eu"]}`), 400, "group_filters key 'region' must be one of group_key", nil},
	{"groups of the running period and of a range", "errPeriodAndDates", "POST", "/v1/usage/groups",
		groupsAsk(`"current_period":true`), 400, "current_period must not be used together with starting_on or ending_before", nil},
	{"groups of the running period of a customer without a contract", "errNoPeriod", "POST", "/v1/usage/groups",
		`{"customer_id":"` + northwind + `","billable_metric_id":"` + requests + `","window_size":"DAY","current_period":true}`, 400,
		"current_period is not available: customer " + northwind + " has no active contract", nil},
	{"groups of no range", "errDatesMissing", "POST", "/v1/usage/groups",
		`{"customer_id":"` + northwind + `","billable_metric_id":"` + requests + `","window_size":"DAY","starting_on":"2026-03-01T00:00:00Z"}`,
		400, "starting_on and ending_before are required unless current_period is true", nil},
	{"groups from noon", "errNotMidnight", "POST", "/v1/usage/groups", groupsAsk(`"starting_on":"2026-03-01T12:00:00Z"`), 400,
		"starting_on and ending_before must be at midnight UTC", nil},
	{"groups of a customer that nobody knows", "errNoCustomer", "POST", "/v1/usage/groups", groupsAsk(`"customer_id":"` + nobody + `"`),
		404, "Customer " + nobody + " not found", nil},
	{"groups of a metric that nobody knows", "errNoBillableMetric", "POST", "/v1/usage/groups",
		groupsAsk(`"billable_metric_id":"` + nobody + `"`), 404, "Billable metric " + nobody + " not found", nil},
	{"a page of 0 rows", "", "POST", "/v1/usage/groups?limit=0", groupsAsk(""), 400, "Query parameter limit must be at least 1", nil},
	{"a page of 101 rows", "errLimitTooHigh", "POST", "/v1/usage/groups?limit=101", groupsAsk(""), 400, "limit must be at most 100", nil},
	{"a page of some rows", "", "GET", "/v1/customers?limit=some", "", 400, "Query parameter limit must be an integer", nil},

	// ---- search
	{"a search for nothing", "", "POST", "/v1/events/search", `{}`, 400, "transactionIds is required", nil},
	{"a search in snake case", "", "POST", "/v1/events/search", `{"transaction_ids":["e01"]}`, 400, "transactionIds is required", nil},

	// ---- customers
	{"a customer without a name", "", "POST", "/v1/customers", `{}`, 400, "name is required", nil},
	{"a customer with an alias that is taken", "errCustomerExists", "POST", "/v1/customers", `{"name":"x","ingest_aliases":["new","nw-eu"]}`,
		409, "A customer with this ID already exists", nil},
	{"a customer with an external id that is taken", "errCustomerExists", "POST", "/v1/customers", `{"name":"x","external_id":"contoso"}`,
		409, "A customer with this ID already exists", nil},
	{"a customer with the alias of an archived one", "errCustomerExists", "POST", "/v1/customers", `{"name":"x","ingest_aliases":["gone"]}`,
		409, "A customer with this ID already exists", nil},
	{"a customer with an empty alias", "", "POST", "/v1/customers", `{"name":"x","ingest_aliases":[""]}`, 400,
		"ingest_aliases[0] must have at least 1 character", nil},
	{"a customer with a custom field that is not registered", "errBadCustomFields", "POST", "/v1/customers",
		`{"name":"x","custom_fields":{"shoe_size":"43"}}`, 400, "Invalid custom field keys", nil},
	{"a customer with a value that another one has", "errValueTaken", "POST", "/v1/customers",
		`{"name":"x","custom_fields":{"crm_id":"A-1"}}`, 409, "Custom field 'crm_id' already has the value 'A-1' on another entity", nil},
	{"a custom field of 201 characters", "", "POST", "/v1/customers",
		`{"name":"x","custom_fields":{"crm_id":"` + strings.Repeat("x", 201) + `"}}`, 400, "custom_fields.crm_id must have at most 200 characters", nil},
	{"a customer whose invoices go two ways", "errDeliveryTwice", "POST", "/v1/customers",
		`{"name":"x","customer_billing_provider_configurations":[{"billing_provider":"stripe","delivery_method":"tackle","delivery_method_id":"` +
			nobody + `"}]}`, 400, "delivery_method and delivery_method_id must not be used together", nil},
	{"a customer that nobody knows", "errNoCustomer", "GET", "/v1/customers/" + nobody, "", 404, "Customer " + nobody + " not found", nil},
	{"a customer by its alias", "errNoCustomer", "GET", "/v1/customers/nw-eu", "", 404, "Customer nw-eu not found", nil},
	{"archiving a customer that nobody knows", "errNoCustomer", "POST", "/v1/customers/archive", `{"id":"` + nobody + `"}`, 404,
		"Customer " + nobody + " not found", nil},
	{"archiving what is no id", "", "POST", "/v1/customers/archive", `{"id":"nw-eu"}`, 400, "id must be a UUID", nil},
	{"archiving a customer twice", "errAlreadyArchived", "POST", "/v1/customers/archive", `{"id":"` + archived + `"}`, 400,
		"Customer " + archived + " is already archived", nil},
	{"taking another customer's alias", "errAliasTaken", "POST", "/v1/customers/" + northwind + "/setIngestAliases",
		`{"ingest_aliases":["nw-eu","contoso"]}`, 409, "Ingest alias 'contoso' is already used by another customer", nil},
	{"taking an archived customer's alias", "errAliasTaken", "POST", "/v1/customers/" + northwind + "/setIngestAliases",
		`{"ingest_aliases":["gone"]}`, 409, "Ingest alias 'gone' is already used by another customer", nil},
	{"aliases for a customer that nobody knows", "errNoCustomer", "POST", "/v1/customers/" + nobody + "/setIngestAliases",
		`{"ingest_aliases":[]}`, 404, "Customer " + nobody + " not found", nil},
	{"a name that is missing", "", "POST", "/v1/customers/" + northwind + "/setName", `{}`, 400, "name is required", nil},
	{"a configuration of another type", "", "POST", "/v1/customers/" + northwind + "/updateConfig", `{"salesforce_account_id":5}`, 400,
		"salesforce_account_id must be a string", nil},
	{"a billable status that is none", "", "POST", "/v1/customers/setBillableStatus",
		`{"customer_id":"` + northwind + `","billable_status":"maybe","effective_at":"2026-03-01T00:00:00Z"}`, 400,
		"billable_status must be one of billable, unbillable", nil},
	{"metrics of a customer that nobody knows", "errNoCustomer", "GET", "/v1/customers/" + nobody + "/billable-metrics", "", 404,
		"Customer " + nobody + " not found", nil},
	{"costs of a customer that nobody knows", "errNoCustomer", "GET",
		"/v1/customers/" + nobody + "/costs?starting_on=2026-03-01T00:00:00Z&ending_before=2026-03-02T00:00:00Z", "", 404,
		"Customer " + nobody + " not found", nil},
	{"costs of no range", "", "GET", "/v1/customers/" + northwind + "/costs", "", 400, "Query parameter starting_on is required", nil},
	{"costs backwards", "errReversedRange", "GET",
		"/v1/customers/" + northwind + "/costs?starting_on=2026-03-02T00:00:00Z&ending_before=2026-03-01T00:00:00Z", "", 400,
		"ending_before must be after starting_on", nil},

	// ---- previews and dashboards
	{"a preview of nothing", "", "POST", "/v1/customers/" + northwind + "/previewEvents", `{"events":[]}`, 400,
		"events must have at least 1 item", nil},
	{"a preview of more than 100 events", "", "POST", "/v1/customers/" + northwind + "/previewEvents",
		`{"events":[{"event_type":"e"}` + strings.Repeat(`,{"event_type":"e"}`, 100) + `]}`, 400, "events must have at most 100 items", nil},
	{"a preview with a field that is not known", "", "POST", "/v1/customers/" + northwind + "/previewEvents",
		`{"events":[{"event_type":"e"}],"dry_run":true}`, 400, "dry_run is not a known field", nil},
	{"a preview of an event that names a customer", "", "POST", "/v1/customers/" + northwind + "/previewEvents",
		`{"events":[{"event_type":"e","customer_id":"nw-eu"}]}`, 400, "events[0].customer_id is not a known field", nil},
	{"a preview in another mode", "", "POST", "/v1/customers/" + northwind + "/previewEvents",
		`{"events":[{"event_type":"e"}],"mode":"MERGE"}`, 400, "mode must be one of replace, merge", nil},
	{"a preview of an event twice", "errDuplicateTransaction", "POST", "/v1/customers/" + northwind + "/previewEvents",
		`{"events":[{"event_type":"e","transaction_id":"t"},{"event_type":"e","transaction_id":"t"}]}`, 400,
		"events must not contain transaction_id 't' twice", nil},
	{"a preview for a customer that nobody knows", "errNoCustomer", "POST", "/v1/customers/" + nobody + "/previewEvents",
		`{"events":[{"event_type":"e"}]}`, 404, "Customer " + nobody + " not found", nil},
	{"a dashboard of a customer that nobody knows", "errNoCustomer", "POST", "/v1/dashboards/getEmbeddableUrl",
		`{"customer_id":"` + nobody + `","dashboard":"usage"}`, 404, "Customer " + nobody + " not found", nil},
	{"a dashboard that there is not", "", "POST", "/v1/dashboards/getEmbeddableUrl",
		`{"customer_id":"` + northwind + `","dashboard":"weather"}`, 400,
		"dashboard must be one of invoices, usage, credits, commits_and_credits", nil},
	{"a dashboard in a colour that is none", "errBadColor", "POST", "/v1/dashboards/getEmbeddableUrl",
		`{"customer_id":"` + northwind + `","dashboard":"usage","color_overrides":[{"name":"White","value":"white"}]}`, 400,
		"color_overrides value 'white' must be a hex color such as #ff0000", nil},

	// ---- billable metrics
	{"a metric that is nothing", "errNeitherSQLNorAggregation", "POST", "/v1/billable-metrics/create", `{"name":"m"}`, 400,
		"Either sql or aggregation_type is required", nil},
	{"a metric that is two things", "errSQLAndFilters", "POST", "/v1/billable-metrics/create",
		`{"name":"m","sql":"SELECT 1","aggregation_type":"COUNT"}`, 400,
		"sql must not be used together with aggregation_type, aggregation_key, event_type_filter, property_filters or group_keys", nil},
	{"a metric of empty SQL", "errEmptySQL", "POST", "/v1/billable-metrics/create", `{"name":"m","sql":" "}`, 400, "sql must not be empty", nil},
	{"a metric of a key that no filter names", "errMetricKeys", "POST", "/v1/billable-metrics/create",
		`{"name":"m","aggregation_type":"SUM","aggregation_key":"tokens"}`, 400,
		"The specified aggregation key must be one of the property filter names", nil},
	{"a metric of several keys that no filter names", "errMetricKeys", "POST", "/v1/billable-metrics/create",
		`{"name":"m","aggregation_type":"sum","aggregation_key":"tokens","group_keys":[["model"],["model","region"]],
		  "property_filters":[{"name":"region"}]}`, 400,
		"The specified aggregation key must be one of the property filter names; Group key 'model' does not match one of the property filter names.", nil},
	{"a metric of another aggregation", "", "POST", "/v1/billable-metrics/create", `{"name":"m","aggregation_type":"MEDIAN"}`, 400,
		"aggregation_type must be one of COUNT, LATEST, MAX, SUM, UNIQUE", nil},
	{"a metric with an empty list of types", "", "POST", "/v1/billable-metrics/create",
		`{"name":"m","aggregation_type":"COUNT","event_type_filter":{"in_values":[]}}`, 400,
		"event_type_filter.in_values must have at least 1 item", nil},
	{"a metric with a custom field that is not registered", "errBadCustomFields", "POST", "/v1/billable-metrics/create",
		`{"name":"m","aggregation_type":"COUNT","custom_fields":{"crm_id":"x"}}`, 400, "Invalid custom field keys", nil},
	{"a metric that nobody knows", "errNoBillableMetric", "GET", "/v1/billable-metrics/" + nobody, "", 404,
		"Billable metric " + nobody + " not found", nil},
	{"a metric by a word", "errNoBillableMetric", "GET", "/v1/billable-metrics/tokens", "", 404, "Billable metric tokens not found", nil},
	{"renaming a metric that nobody knows", "errNoBillableMetric", "PUT", "/v1/billable-metrics/" + nobody, `{"name":"m"}`, 404,
		"Billable metric " + nobody + " not found", nil},
	{"archiving a metric that nobody knows", "errNoBillableMetric", "POST", "/v1/billable-metrics/archive", `{"id":"` + nobody + `"}`, 404,
		"Billable metric " + nobody + " not found", nil},

	// ---- custom fields
	{"registering a key twice", "errKeyExists", "POST", "/v1/customFields/addKey",
		`{"entity":"customer","key":"crm_id","enforce_uniqueness":false}`, 409, "Custom field key 'crm_id' already exists on entity customer", nil},
	{"registering a key for nothing that is known", "", "POST", "/v1/customFields/addKey",
		`{"entity":"planet","key":"crm_id","enforce_uniqueness":false}`, 400, "entity must be one of alert, billable_metric, charge, commit, " +
			"contract_credit, contract_product, contract, credit_grant, customer_plan, customer, discount, invoice, plan, professional_service, " +
			"product, rate_card, scheduled_charge, subscription, package_commit, package_credit, package_subscription, package_scheduled_charge", nil},
	{"removing a key that is not registered", "errNoCustomFieldKey", "POST", "/v1/customFields/removeKey",
		`{"entity":"contract","key":"crm_id"}`, 404, "Custom field key 'crm_id' not found on entity contract", nil},
	{"a value for a contract, of which there are none", "errNoEntity", "POST", "/v1/customFields/setValues",
		`{"entity":"contract","entity_id":"` + nobody + `","custom_fields":{}}`, 404, "Entity " + nobody + " of type contract not found", nil},
	{"a value for a customer that nobody knows", "errNoCustomer", "POST", "/v1/customFields/setValues",
		`{"entity":"customer","entity_id":"` + nobody + `","custom_fields":{}}`, 404, "Customer " + nobody + " not found", nil},
	{"a value under a key that is not registered", "errBadCustomFields", "POST", "/v1/customFields/setValues",
		`{"entity":"customer","entity_id":"` + contoso + `","custom_fields":{"tier":"gold","shoe_size":"43"}}`, 400, "Invalid custom field keys", nil},
	{"a value that another customer has", "errValueTaken", "POST", "/v1/customFields/setValues",
		`{"entity":"customer","entity_id":"` + contoso + `","custom_fields":{"crm_id":"A-1"}}`, 409,
		"Custom field 'crm_id' already has the value 'A-1' on another entity", nil},
	{"deleting a value of a metric that nobody knows", "errNoBillableMetric", "POST", "/v1/customFields/deleteValues",
		`{"entity":"billable_metric","entity_id":"` + nobody + `","keys":["unit"]}`, 404, "Billable metric " + nobody + " not found", nil},

	// ---- whoever calls
	{"what is not emulated", "errNotEmulated", "GET", "/v1/plans", "", 501,
		"GET /v1/plans is an operation of Metronome that submeter knows and does not emulate", nil},
	{"no token", "errUnauthorized", "GET", "/v1/customers", "", 401, "Unauthorized", []string{"Authorization", ""}},
	{"what nobody knows", "errNoSuchRoute", "GET", "/v3/customers", "", 404, "Not found", nil},
}

const archived = "11111111-1111-4111-8111-111111111111"

// refusalWorld is the world of the two customers, one of them with a custom field, and of a third that is archived.
const refusalWorld = twoCustomers + `
  custom_field_keys:
    - {entity: customer, key: crm_id, enforce_uniqueness: true}
    - {entity: customer, key: tier}
    - {entity: billable_metric, key: unit}
`

// usageAsk is the body of a usage query with some fields given; a field that stands twice counts the second time.
func usageAsk(fields string) string {
	return ask(`"window_size":"DAY","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-04T00:00:00Z"`, fields)
}

// groupsAsk is usageAsk for usage by groups.
func groupsAsk(fields string) string {
	return ask(`"window_size":"DAY","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-04T00:00:00Z",
		"customer_id":"`+northwind+`","billable_metric_id":"`+requests+`"`, fields)
}

func ask(always, fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return "{" + always + fields + "}"
}

func newRefusalWorld(t testing.TB) *world {
	w := newWorld(t, refusalWorld)
	w.ok("POST", "/v1/customFields/setValues", `{"entity":"customer","entity_id":"`+northwind+`","custom_fields":{"crm_id":"A-1"}}`)
	w.seed(`
metronome:
  customers: [{id: ` + archived + `, name: Gone, ingest_aliases: [gone], archived_at: 2026-03-01T00:00:00Z, created_at: 2026-02-01T00:00:00Z}]`)
	return w
}

func TestRefusals(t *testing.T) {
	w := newRefusalWorld(t)
	for _, row := range refusals {
		t.Run(row.what, func(t *testing.T) {
			w.t = t
			w.refused(row.method, row.path, row.body, row.status, row.message, row.header...)
		})
	}
}

// elsewhere are the errors that need another world to come about, and the tests that bring them about.
var elsewhere = map[string]string{
	"errForbidden":       "TestTokens",
	"errTooManyRequests": "TestRateLimits",
	"errKeyInUse":        "TestIdempotencyKeysOfRequestsUnderWay",
	"errKeyReused":       "TestIdempotencyKeys",
	"errPropertyTooLong": "TestOptions",
	"errBadBody":         "TestWithoutAReferee",
	"errLimitInvalid":    "TestWithoutAReferee",
	"errDatesNeeded":     "TestWithoutAReferee",
}

func TestNoRefusalIsForgotten(t *testing.T) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), "errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, row := range refusals {
		shown[row.by] = true
	}
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "err") {
			continue
		}
		if name := f.Name.Name; !shown[name] && elsewhere[name] == "" {
			t.Errorf("no row shows %s", name)
		}
	}
}

func TestWithoutAReferee(t *testing.T) {
	w := newWorld(t, twoCustomers)
	w.api = New(Config{})
	for _, row := range []struct{ what, method, path, body, message string }{
		{"a body that is no JSON", "POST", "/v1/customers", `{"name":`, "The request body is not valid JSON of the expected types"},
		{"a body of another type", "POST", "/v1/customers", `{"name":5}`, "The request body is not valid JSON of the expected types"},
		{"a limit that is no number", "GET", "/v1/customers?limit=x", "", "limit must be an integer of at least 1"},
		{"dates that are none", "GET", "/v1/customers/" + northwind + "/costs", "", "starting_on and ending_before must be RFC 3339 date-times"},
	} {
		t.Run(row.what, func(t *testing.T) {
			w.t = t
			w.refused(row.method, row.path, row.body, 400, row.message)
		})
	}
}

func TestLongQueries(t *testing.T) {
	w := newWorld(t, "")
	ids := make([]string, 101)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	w.refused("GET", "/v1/customers?customer_ids="+strings.Join(ids, ","), "", 400, "Query parameter customer_ids must have at most 100 items")
	w.refused("GET", "/v1/customers?customer_ids="+strings.Join(ids, "&customer_ids="), "", 400,
		"Query parameter customer_ids must have at most 100 items")
}
