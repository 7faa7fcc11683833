package metronome

import (
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
)

const severalTokens = `
metronome:
  tokens:
    - {token: full, name: CI}
    - {token: reader, access: read_only}
    - {token: narrow, endpoints: ["GET /v1/customers/{customer_id}", "POST /v1/ingest"]}
    - {token: nothing, endpoints: []}
    - {token: old, archived: true}
    - {token: sandbox, environment: SANDBOX}
  customers:
    - {id: 6513270e-269e-4d37-b2a7-4de452e6b438, name: Northwind}
    - {id: d23f0824-128b-4f33-8c5c-7fd0a6a3a450, name: Contoso, environment: SANDBOX}
`

func TestTokens(t *testing.T) {
	w := newWorld(t, severalTokens)
	event := `[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-03T00:00:00Z"}]`
	for _, row := range []struct {
		what, token, method, path, body string
		status                          int
		message                         string // of a refusal
	}{
		{"full access reads", "full", "GET", "/v1/customers/" + northwind, "", 200, ""},
		{"full access writes", "full", "POST", "/v1/ingest", event, 200, ""},
		{"a token that is not listed", "any", "GET", "/v1/customers", "", 401, "Unauthorized"},
		{"a token in another case", "FULL", "GET", "/v1/customers", "", 401, "Unauthorized"},
		{"an archived token", "old", "GET", "/v1/customers", "", 401, "Unauthorized"},
		{"a reader reads", "reader", "GET", "/v1/customers", "", 200, ""},
		{"a reader reads by POST", "reader", "POST", "/v1/usage", usageAsk(""), 200, ""},
		{"a reader searches", "reader", "POST", "/v1/events/search", `{"transactionIds":["t"]}`, 200, ""},
		{"a reader previews", "reader", "POST", "/v1/customers/" + northwind + "/previewEvents", `{"events":[{"event_type":"e"}]}`, 200, ""},
		{"a reader ingests", "reader", "POST", "/v1/ingest", event, 403, "Forbidden"},
		{"a reader is refused before its body is", "reader", "POST", "/v1/ingest", "[]", 403, "Forbidden"},
		{"a reader renames", "reader", "PUT", "/v1/billable-metrics/" + nobody, `{"name":"x"}`, 403, "Forbidden"},
		{"a reader changes what is not emulated", "reader", "POST", "/v1/contracts/create", "{}", 403, "Forbidden"},
		{"a narrow token at an endpoint of its list", "narrow", "GET", "/v1/customers/" + northwind, "", 200, ""},
		{"a narrow token at another one of its list", "narrow", "POST", "/v1/ingest", event, 200, ""},
		{"a narrow token elsewhere", "narrow", "GET", "/v1/customers", "", 403, "Forbidden"},
		{"a token with an empty list", "nothing", "GET", "/v1/customers", "", 403, "Forbidden"},
		{"a token of the other environment", "sandbox", "GET", "/v1/customers/" + contoso, "", 200, ""},
		{"a token of the other environment and what is not there", "sandbox", "GET", "/v1/customers/" + northwind, "", 404,
			"Customer " + northwind + " not found"},
	} {
		w.token = row.token
		if row.status == 200 {
			w.ok(row.method, row.path, row.body)
			continue
		}
		w.refused(row.method, row.path, row.body, row.status, row.message)
	}
}

func TestEnvironmentsShareNothing(t *testing.T) {
	w := newWorld(t, severalTokens)
	event := `[{"transaction_id":"t","customer_id":"shared","event_type":"e","timestamp":"2026-03-03T00:00:00Z"}]`
	for _, token := range []string{"full", "sandbox"} {
		w.token = token
		customer := w.created("/v1/customers", `{"name":"x","ingest_aliases":["shared"]}`)
		metric := w.created("/v1/billable-metrics/create", `{"name":"m","aggregation_type":"COUNT"}`)
		w.ok("POST", "/v1/customFields/addKey", `{"entity":"customer","key":"k","enforce_uniqueness":true}`)
		w.ok("POST", "/v1/customFields/setValues", `{"entity":"customer","entity_id":"`+customer+`","custom_fields":{"k":"v"}}`)
		w.ok("POST", "/v1/ingest", event)
		if got := w.usage(customer, metric, "NONE"); got != "1" {
			t.Errorf("%s: got %s events, want 1", token, got)
		}
		if found := w.ok("POST", "/v1/events/search", `{"transactionIds":["t"]}`); strings.Contains(found, `"is_duplicate":true`) {
			t.Errorf("%s: the event is a duplicate: %s", token, found)
		}
		if rows := w.walk("GET", "/v1/customers", "", 0); len(rows) != 2 {
			t.Errorf("%s: got %d customers, want 2", token, len(rows))
		}
	}
	w.token = "full"
	cursor := list[customerDetail]{}
	w.decode(w.ok("GET", "/v1/customers?limit=1", ""), &cursor)
	w.token = "sandbox"
	w.refused("GET", "/v1/customers?limit=1&next_page="+*cursor.NextPage, "", 400, "Invalid next_page cursor")
}

func TestNoTokenAtAllWorksWhereTheListIsEmpty(t *testing.T) {
	w := newWorld(t, "\nmetronome: {tokens: []}")
	w.refused("GET", "/v1/customers", "", 401, "Unauthorized")
}

func TestCredentials(t *testing.T) {
	w := newWorld(t, "")
	for scenario, want := range map[string][]string{
		"": {"Authorization: Bearer <any token> (production, full access)"},
		severalTokens: {
			"Authorization: Bearer full (production, full access)",
			"Authorization: Bearer reader (production, read only)",
			"Authorization: Bearer narrow (production, full access, 2 endpoints)",
			"Authorization: Bearer nothing (production, full access, 0 endpoints)",
			"Authorization: Bearer sandbox (sandbox, full access)",
		},
	} {
		s, err := fixtures.Parse("test.yaml", []byte("version: 1\n"+scenario))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.api.Credentials(s); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRateLimits(t *testing.T) {
	w := exampleWorld(t)
	for range 20 {
		w.ok("GET", "/v1/customers", "")
	}
	w.limiter = &wire.Limiter{}
	w.at(noon.Add(300 * time.Millisecond))
	for range 8 {
		w.ok("GET", "/v1/customers", "")
	}
	got := w.send("POST", "/v1/usage", usageAsk(""))
	if got.status != 429 || got.body != `{"message":"Too Many Requests"}` {
		t.Errorf("the ninth request: got %d %s", got.status, got.body)
	}
	if kind, wait := got.header.Get("X-Metronome-Rate-Limit-Type"), got.header.Get("Retry-After"); kind != "client" || wait != "1" {
		t.Errorf("the ninth request: got the headers %q and %q", kind, wait)
	}
	if got := w.send("GET", "/v1/customers", "", "Authorization", ""); got.status != 401 {
		t.Errorf("whoever has no token is not counted: got %d", got.status)
	}
	preview := "/v1/customers/" + northwind + "/previewEvents"
	for range 8 {
		w.ok("POST", preview, `{"events":[{"event_type":"e"}]}`)
	}
	w.refused("POST", preview, `{"events":[{"event_type":"e"}]}`, 429, "Too Many Requests")
	batch := "[" + threeDays[0] + strings.Repeat(","+threeDays[0], 99) + "]"
	for range 50 {
		w.ok("POST", "/v1/ingest", batch)
	}
	w.refused("POST", "/v1/ingest", "["+threeDays[0]+"]", 429, "Too Many Requests")
	w.at(noon.Add(time.Second))
	w.ok("GET", "/v1/customers", "")
	w.ok("POST", "/v1/ingest", batch)
	w.ok("POST", preview, `{"events":[{"event_type":"e"}]}`)
}
