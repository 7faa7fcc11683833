package m3ter

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/wire"
)

const twoTenants = `
m3ter:
  service_users:
    - {access_key_id: key-a, api_secret: secret-a, id: 00000000-0000-4000-8000-0000000000a1, organization: 00000000-0000-4000-8000-00000000000a}
    - {access_key_id: key-b, api_secret: secret-b, organization: 00000000-0000-4000-8000-00000000000b}
  organizations:
    - {id: 00000000-0000-4000-8000-00000000000a}
    - {id: 00000000-0000-4000-8000-00000000000b}
`

const (
	tenantA = "00000000-0000-4000-8000-00000000000a"
	tenantB = "00000000-0000-4000-8000-00000000000b"
)

func TestTokenCallsAreAnsweredByTheirCredentials(t *testing.T) {
	for _, row := range []struct {
		when, scenario, body, kind, authorization string
		status                                    int
	}{
		{"JSON and Basic", twoTenants, `{"grant_type":"client_credentials"}`, "application/json", basic("key-a", "secret-a"), 200},
		{"a form and Basic", twoTenants, "grant_type=client_credentials", "application/x-www-form-urlencoded", basic("key-a", "secret-a"), 200},
		{"a scope is ignored", twoTenants, `{"grant_type":"client_credentials","scope":"x"}`, "application/json", basic("key-a", "secret-a"), 200},
		{"another secret", twoTenants, `{"grant_type":"client_credentials"}`, "application/json", basic("key-a", "secret-b"), 401},
		{"an unknown key", twoTenants, `{"grant_type":"client_credentials"}`, "application/json", basic("key-c", "secret-a"), 401},
		{"no credentials", twoTenants, `{"grant_type":"client_credentials"}`, "application/json", "", 401},
		{"a bearer token in their place", twoTenants, `{"grant_type":"client_credentials"}`, "application/json", "Bearer My Token", 401},
		{"credentials in the body alone", twoTenants, "grant_type=client_credentials&client_id=key-a&client_secret=secret-a",
			"application/x-www-form-urlencoded", "", 401},
		{"another grant", twoTenants, `{"grant_type":"password"}`, "application/json", basic("key-a", "secret-a"), 400},
		{"no grant", twoTenants, `{}`, "application/json", basic("key-a", "secret-a"), 400},
		{"no body", twoTenants, "", "application/json", basic("key-a", "secret-a"), 400},
		{"any key where none is listed", "", `{"grant_type":"client_credentials"}`, "application/json", basic("any", "thing"), 200},
		{"no secret where none is listed", "", `{"grant_type":"client_credentials"}`, "application/json", basic("any", ""), 401},
		{"a list of nobody", "m3ter: {service_users: []}", `{"grant_type":"client_credentials"}`, "application/json", basic("any", "thing"), 401},
	} {
		t.Run(row.when, func(t *testing.T) {
			w := newWorld(t, row.scenario)
			got := w.send("POST", "/oauth/token", row.body, "Authorization", row.authorization, "Content-Type", row.kind)
			if got.status != row.status {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if row.status == 401 && got.body != `{"message":"Unauthorized"}` {
				t.Errorf("got %s", got.body)
			}
		})
	}
}

func TestATokenIsAJWTOfFiveHours(t *testing.T) {
	w := newWorld(t, twoTenants)
	w.org = tenantA
	got := w.send("POST", "/oauth/token", `{"grant_type":"client_credentials"}`, "Authorization", basic("key-a", "secret-a"))
	var answer getBearerTokenResponse
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.TokenType != "Bearer" || answer.ExpiresIn != 18000 ||
		!strings.HasSuffix(got.body, `"expires_in":18000,"scope":null}`) {
		t.Fatalf("got %s, %v", got.body, err)
	}
	parts := strings.Split(answer.AccessToken, ".")
	if len(parts) != 3 {
		t.Fatalf("got %q", answer.AccessToken)
	}
	var (
		head tokenHeader
		body claims
	)
	for i, into := range []any{&head, &body} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, into) != nil {
			t.Fatalf("part %d: %s, %v", i, text, err)
		}
	}
	if head.Type != "JWT" || head.Principal != "service" || head.KeyID != "serviceUser_"+tenantA {
		t.Errorf("got the header %+v", head)
	}
	if body.Subject != "00000000-0000-4000-8000-0000000000a1" || body.Organization != tenantA || body.Issuer != tokenIssuer ||
		body.IssuedAt != morning.Unix() || body.Expires != morning.Unix()+18000 {
		t.Errorf("got the claims %+v", body)
	}
}

func TestTokensEndAndOlderOnesOutliveNewerOnes(t *testing.T) {
	w := newWorld(t, twoTenants)
	w.org = tenantA
	w.login("key-a", "secret-a")
	first := w.token
	w.at(morning.Add(time.Hour))
	w.login("key-a", "secret-a")
	w.token = first
	w.at(morning.Add(5*time.Hour - time.Second))
	w.ok("GET", "/products", "")
	w.at(morning.Add(5 * time.Hour))
	w.refused("GET", "/products", "", 403, "Unauthorized")
}

func TestOrganizationsAreShutToOneAnother(t *testing.T) {
	w := newWorld(t, twoTenants)
	w.org = tenantA
	w.login("key-a", "secret-a")
	made := w.ok("POST", "/products", `{"name":"A","code":"a"}`)
	for when, org := range map[string]string{"another's": tenantB, "nobody's": nobody, "no organization at all": "My Org ID"} {
		w.org = org
		w.refused("GET", "/products", "", 403, "Forbidden")
		_ = when
	}
	w.org = tenantB
	w.login("key-b", "secret-b")
	w.refused("GET", "/products/"+made.id(), "", 404, "product")
	w.ok("POST", "/products", `{"name":"The same code","code":"a"}`)
	w.refused("POST", "/meters", `{"name":"M","code":"m","productId":"`+made.id()+`","derivedFields":[],"dataFields":[{"category":"WHO","code":"a","name":"a"}]}`,
		400, "productId")
	if made["createdBy"] != "SERVICE_USER_00000000-0000-4000-8000-0000000000a1" {
		t.Errorf("got %v", made["createdBy"])
	}
}

func TestBadTokensAreForbidden(t *testing.T) {
	w := newWorld(t, "")
	good := w.token
	for _, token := range []string{"", "nonsense", "a.b.c", good[:len(good)-2], strings.Replace(good, ".", ".x", 1)} {
		w.token = token
		w.refused("GET", "/products", "", 403, "Unauthorized")
	}
	w.token = good
	w.org = nobody // open worlds have every organization
	w.ok("GET", "/products", "")
	w.org = "My Org ID"
	w.refused("GET", "/products", "", 403, "Forbidden")
}

func TestATokenOfAnotherWorldIsWorthNothing(t *testing.T) {
	other := newWorld(t, "")
	w := newWorld(t, twoTenants)
	w.token, w.org = other.token, tenantA
	w.refused("GET", "/products", "", 403, "Unauthorized")
}

func TestDoubledSlashesAreOne(t *testing.T) {
	w := newWorld(t, transfers)
	body := `{"measurements":[` + transfer("u", "northwind", "2025-05-20T08:00:00Z", "eu", "t", "1") + `]}`
	got := w.send("POST", "//organizations//"+w.org+"/measurements", body)
	if got.status != 200 || got.body != `{"result":"accepted"}` {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestUnknownPathsAndMethodsAreNotFound(t *testing.T) {
	w := newWorld(t, "")
	for _, row := range [][2]string{{"GET", "/"}, {"GET", "/nothing"}, {"PATCH", w.in("/products")}, {"GET", "/oauth/token"}} {
		if got := w.send(row[0], row[1], ""); got.status != 404 || got.body != `{"message":"Not Found"}` {
			t.Errorf("%s %s: got %d %s", row[0], row[1], got.status, got.body)
		}
	}
}

func TestRateLimitsAreTheDocumentedOnes(t *testing.T) {
	w := newWorld(t, "")
	w.limiter = &wire.Limiter{}
	for range 50 {
		w.ok("GET", "/products", "")
	}
	got := w.send("GET", w.in("/products"), "")
	if got.status != 429 || got.header.Get("Retry-After") != "1" {
		t.Errorf("the 51st of a second: got %d %s", got.status, got.body)
	}
	w.at(morning.Add(time.Second))
	w.ok("GET", "/products", "")
	w.at(morning.Add(10 * time.Second))
	query := `{"startDate":"2025-05-19T00:00:00Z","endDate":"2025-05-20T00:00:00Z"}`
	for range 20 {
		w.ok("POST", "/usage/query", query)
	}
	if got := w.send("POST", w.in("/usage/query"), query); got.status != 429 {
		t.Errorf("the 21st query: got %d", got.status)
	}
}
