package cognite_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestGroupsAreCreatedListedAndDeleted(t *testing.T) {
	w := newWorld(t, closed())
	admin := func(method, path, body string) answer {
		t.Helper()
		return w.do(call{method: method, path: path, body: body, header: as("admin-token")})
	}
	const full = `{"items":[{"name":"listers","members":["sam"],"capabilities":[{"projectsAcl":{"actions":["LIST"],"scope":{"all":{}}},` +
		`"projectUrlNames":{"urlNames":["acme"]}},{"timeSeriesAcl":{"actions":["READ"],"scope":{"idScope":{"ids":[1]}}}}],` +
		`"metadata":{"team":"a"},"attributes":{"token":{"appIds":[]}}},{"name":"everyone","members":"allUserAccounts"},{"name":"from the provider","sourceId":"idp-1"}]}`
	created := admin("POST", inAcme+"/groups", full)
	golden(t, "groups-created.json", fmt.Sprintln(created.status, created.body))
	golden(t, "groups-all.json", admin("GET", inAcme+"/groups?all=true", "").wants(t, 200, "").body+"\n")
	golden(t, "groups-own.json", admin("GET", inAcme+"/groups", "").wants(t, 200, "").body+"\n")

	// A principal who was a stranger may list from here on, without a new token.
	w.do(call{method: "GET", path: meters, header: as("stranger-token")}).wants(t, 200, "")
	id := between(created.body, `"id":`, `,`)
	second := between(strings.SplitN(created.body, `"id":`, 3)[2], "", ",")
	admin("POST", inAcme+"/groups/delete", `{"items":[`+id+`,7]}`).
		wants(t, 400, `{"error":{"code":400,"message":"Groups not found","missing":[{"id":7}]}}`)
	w.do(call{method: "GET", path: meters, header: as("stranger-token")}).wants(t, 200, "")
	admin("POST", inAcme+"/groups/delete", `{"items":[`+id+`]}`).wants(t, 200, `{}`)
	w.do(call{method: "GET", path: meters, header: as("stranger-token")}).wants(t, 403, "") // still one of everyone
	admin("POST", inAcme+"/groups/delete", `{"items":[`+second+`]}`).wants(t, 200, `{}`)
	w.do(call{method: "GET", path: meters, header: as("stranger-token")}).wants(t, 401, "")
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func TestGroupsThatCannotBeAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	group := func(fields string) string { return `{"items":[{"name":"good"},{` + fields + `}]}` }
	rows := []struct{ sentence, path, body string }{
		{"no body", "", ""},
		{"no items", "", `{}`},
		{"an empty list", "", `{"items":[]}`},
		{"no name", "", group(`"sourceId":"a"`)},
		{"a name of 256 characters", "", group(`"name":"` + strings.Repeat("a", 256) + `"`)},
		{"both a provider's group and members", "", group(`"name":"a","sourceId":"a","members":["b"]`)},
		{"both a provider's group and everyone", "", group(`"name":"a","sourceId":"a","members":"allUserAccounts"`)},
		{"a word that is not allUserAccounts", "", group(`"name":"a","members":"everybody"`)},
		{"101 members", "", group(`"name":"a","members":["` + strings.Repeat(`b","`, 100) + `b"]`)},
		{"17 pairs of metadata", "", group(`"name":"a","metadata":{` + pairs(17, 1, 1) + `}`)},
		{"a key of 33 bytes", "", group(`"name":"a","metadata":{"` + strings.Repeat("k", 33) + `":""}`)},
		{"a value of 513 bytes", "", group(`"name":"a","metadata":{"k":"` + strings.Repeat("v", 513) + `"}`)},
		{"metadata of more than 4096 bytes", "", group(`"name":"a","metadata":{` + pairs(9, 20, 500) + `}`)},
		{"a capability of no ACL", "", group(`"name":"a","capabilities":[{"projectUrlNames":{"urlNames":["acme"]}}]`)},
		{"a capability of two ACLs", "", group(`"name":"a","capabilities":[{"projectsAcl":{"actions":[],"scope":{"all":{}}},"groupsAcl":{"actions":[],"scope":{"all":{}}}}]`)},
		{"a capability without a scope", "", group(`"name":"a","capabilities":[{"projectsAcl":{"actions":[],"scope":{}}}]`)},
		{"a capability of two scopes", "", group(`"name":"a","capabilities":[{"projectsAcl":{"actions":[],"scope":{"all":{},"currentuserscope":{}}}}]`)},
		{"a scope that projectsAcl has not", "", group(`"name":"a","capabilities":[{"projectsAcl":{"actions":["LIST"],"scope":{"currentuserscope":{}}}}]`)},
		{"an action that projectsAcl has not", "", group(`"name":"a","capabilities":[{"projectsAcl":{"actions":["WRITE"],"scope":{"all":{}}}}]`)},
		{"deleting nothing", "/delete", `{"items":[]}`},
		{"deleting one twice", "/delete", `{"items":[1,1]}`},
		{"deleting by name", "/delete", `{"items":["everyone"]}`},
		{"deleting with objects", "/delete", `{"items":[{"id":1}]}`},
	}
	before := w.get(inAcme+"/groups?all=true").wants(t, 200, "")
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			w.post(inAcme+"/groups"+row.path, row.body).wants(t, 400, "")
		})
	}
	w.get(inAcme+"/groups?all=true").wants(t, 200, before.body)
}

func pairs(n, key, value int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"%0*d":%q`, key, i, strings.Repeat("v", value)))
	}
	return strings.Join(all, ",")
}
