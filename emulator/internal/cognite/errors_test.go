package cognite_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestRefusalsAreWhole compares every refusal with a golden file: status and whole body, one a line.
func TestRefusalsAreWhole(t *testing.T) {
	s := closed()
	w := newWorld(t, s)
	open := newWorld(t, nil)
	var other meterPage
	w.append("beta-plant", example[0])
	w.do(call{method: "GET", path: "/api/v1/projects/beta-plant/metering/meters?limit=1", header: as("admin-token")}).into(t, &other)
	admin := as("admin-token")
	rows := []struct {
		sentence string
		call     call
	}{
		{"no token", call{method: "GET", path: meters, header: map[string]string{"Authorization": ""}}},
		{"an unknown project", call{method: "GET", path: "/api/v1/projects/nowhere/metering/meters", header: admin}},
		{"no version", call{method: "GET", path: meters, header: map[string]string{"Authorization": "Bearer admin-token", "cdf-version": ""}}},
		{"a stable version", call{method: "GET", path: meters, header: map[string]string{"Authorization": "Bearer admin-token", "cdf-version": "20230101"}}},
		{"no capability", call{method: "GET", path: meters, header: as("blind-token")}},
		{"an unknown route", call{method: "GET", path: "/api/v1/projects/acme/metering", header: admin}},
		{"writing a meter", call{method: "PUT", path: meters + "/files.storage_bytes", header: admin}},
		{"deleting a meter", call{method: "DELETE", path: meters + "/files.storage_bytes", header: admin}},
		{"posting to the list of meters", call{method: "POST", path: meters, body: "{}", header: admin}},
		{"the heads of the meters", call{method: "HEAD", path: meters, header: admin}},
		{"an unknown meter", call{method: "GET", path: meters + "/nonexistent.meter.id", header: admin}},
		{"a meter called list", call{method: "GET", path: meters + "/list", header: admin}},
		{"a meter called byids", call{method: "GET", path: meters + "/byids", header: admin}},
		{"an unknown id among known ones", call{method: "POST", path: meters + "/byids", body: `{"items":[{"meterId":"files.storage_bytes"},{"meterId":"nonexistent.meter.id"}]}`, header: admin}},
		{"an id in upper case", call{method: "POST", path: meters + "/byids", body: `{"items":[{"meterId":"Files.storage_bytes"}]}`, header: admin}},
		{"an unknown limit", call{method: "GET", path: limits + "/nonexistent.limit.id", header: admin}},
		{"no ids", call{method: "POST", path: meters + "/byids", body: `{"items":[]}`, header: admin}},
		{"no items", call{method: "POST", path: meters + "/byids", body: `{}`, header: admin}},
		{"no body", call{method: "POST", path: meters + "/byids", header: admin}},
		{"null in place of a body", call{method: "POST", path: meters + "/byids", body: `null`, header: admin}},
		{"bare ids", call{method: "POST", path: meters + "/byids", body: `{"items":["files.storage_bytes"]}`, header: admin}},
		{"an item without an id", call{method: "POST", path: meters + "/byids", body: `{"items":[{}]}`, header: admin}},
		{"an id that is a number", call{method: "POST", path: meters + "/byids", body: `{"items":[{"meterId":7}]}`, header: admin}},
		{"JSON that ends early", call{method: "POST", path: meters + "/list", body: `{"limit":`, header: admin}},
		{"two JSON values", call{method: "POST", path: meters + "/list", body: `{} {}`, header: admin}},
		{"a list for a body", call{method: "POST", path: meters + "/list", body: `[]`, header: admin}},
		{"an equals filter", call{method: "POST", path: meters + "/list", body: `{"filter":{"equals":{"property":["meterId"],"value":"a"}}}`, header: admin}},
		{"two operators", call{method: "POST", path: meters + "/list", body: `{"filter":{"prefix":{"property":["meterId"],"value":"a"},"not":{}}}`, header: admin}},
		{"another property", call{method: "POST", path: meters + "/list", body: `{"filter":{"prefix":{"property":["name"],"value":"a"}}}`, header: admin}},
		{"a property that is no list", call{method: "POST", path: meters + "/list", body: `{"filter":{"prefix":{"property":"meterId","value":"a"}}}`, header: admin}},
		{"a prefix without a value", call{method: "POST", path: meters + "/list", body: `{"filter":{"prefix":{"property":["meterId"]}}}`, header: admin}},
		{"a limit of 0", call{method: "POST", path: meters + "/list", body: `{"limit":0}`, header: admin}},
		{"a limit of 1001", call{method: "POST", path: meters + "/list", body: `{"limit":1001}`, header: admin}},
		{"half a limit", call{method: "POST", path: meters + "/list", body: `{"limit":0.5}`, header: admin}},
		{"a limit in quotes", call{method: "POST", path: meters + "/list", body: `{"limit":"10"}`, header: admin}},
		{"a limit of 0 in the query", call{method: "GET", path: meters + "?limit=0", header: admin}},
		{"a limit of -1 in the query", call{method: "GET", path: meters + "?limit=-1", header: admin}},
		{"a limit of 1001 in the query", call{method: "GET", path: meters + "?limit=1001", header: admin}},
		{"a word for a limit", call{method: "GET", path: meters + "?limit=ten", header: admin}},
		{"an empty limit", call{method: "GET", path: meters + "?limit=", header: admin}},
		{"a made-up cursor", call{method: "GET", path: meters + "?cursor=eyJhZnRlciI6ImEifQ", header: admin}},
		{"an empty cursor", call{method: "POST", path: meters + "/list", body: `{"cursor":""}`, header: admin}},
		{"another project's cursor", call{method: "GET", path: meters + "?cursor=" + *other.NextCursor, header: admin}},
		{"601 datapoints", call{method: "POST", path: meters + "/list", body: `{"numberOfDatapoints":601}`, header: admin}},
		{"-1 datapoints", call{method: "GET", path: meters + "?numberOfDatapoints=-1", header: admin}},
		{"a date for a start", call{method: "GET", path: meters + "?start=2025-12-01T00:00:00Z", header: admin}},
		{"a fraction for a start", call{method: "POST", path: meters + "/list", body: `{"start":1.5}`, header: admin}},
		{"a start of more than 64 bits", call{method: "POST", path: meters + "/list", body: `{"start":9223372036854775808}`, header: admin}},
		{"an end before the start", call{method: "GET", path: meters + "?start=2&end=1&numberOfDatapoints=1", header: admin}},
		{"a wrong client", call{method: "POST", path: "/oauth2/token", body: "grant_type=client_credentials&client_id=a&client_secret=b", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}},
		{"another grant", call{method: "POST", path: "/oauth2/token", body: "grant_type=password", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}},
		{"a group with two ways in", call{method: "POST", path: inAcme + "/groups", body: `{"items":[{"name":"a","sourceId":"b","members":["c"]}]}`, header: admin}},
		{"a group's wrong action", call{method: "POST", path: inAcme + "/groups", body: `{"items":[{"name":"a","capabilities":[{"projectsAcl":{"actions":["WRITE"],"scope":{"all":{}}}}]}]}`, header: admin}},
		{"an unknown group", call{method: "POST", path: inAcme + "/groups/delete", body: `{"items":[1,2]}`, header: admin}},
		{"creating groups without the capability", call{method: "POST", path: inAcme + "/groups", body: `{"items":[{"name":"a"}]}`, header: as("reader-token")}},
		{"what is known and not emulated", call{method: "POST", path: inAcme + "/update", body: `{}`, header: admin}},
		{"what is known and not emulated, without a token", call{method: "GET", path: "/api/v1/orgs/acme/projects", header: map[string]string{"Authorization": ""}}},
	}
	var b strings.Builder
	for _, row := range rows {
		got := w.do(row.call)
		fmt.Fprintf(&b, "%s: %d %s\n", row.sentence, got.status, got.body)
		switch {
		case got.status < 400 || got.status == 500:
			t.Errorf("%s: got %d %s", row.sentence, got.status, got.body)
		case len(got.header.Get("x-request-id")) != 36 || strings.Contains(got.body, got.header.Get("x-request-id")):
			t.Errorf("%s: got the request id %q", row.sentence, got.header.Get("x-request-id"))
		case row.call.method != "HEAD" && got.header.Get("Content-Type") != "application/json":
			t.Errorf("%s: got the type %q", row.sentence, got.header.Get("Content-Type"))
		case got.header.Get("cdf-is-auto-retryable") != "" || got.header.Get("Location") != "":
			t.Errorf("%s: got the headers %v", row.sentence, got.header)
		}
	}
	golden(t, "refusals.txt", b.String())
	open.get(meters).wants(t, 200, `{"items":[]}`)
}
