package cognite_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/cognite"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
)

// closed is a scenario whose tokens, clients and groups decide: two projects, and principals with more and less access.
func closed() *fixtures.Scenario {
	s := fixtures.New()
	list := []fixtures.CogniteCapability{{ACL: "projectsAcl", Actions: []string{"LIST", "READ"}, Scope: "all"}}
	s.Cognite.Tokens = []fixtures.CogniteToken{
		{Token: "admin-token", Subject: "ada", Groups: []string{"idp-admins"}},
		{Token: "reader-token", Subject: "rob"},
		{Token: "blind-token", Subject: "bea", Groups: []string{"idp-blind"}},
		{Token: "stranger-token", Subject: "sam"},
		{Token: "app-token", Subject: "sam", Client: "app-1"},
		{Token: "old-token", Subject: "ada", Groups: []string{"idp-admins"}, ExpiresAt: fixtures.Instant(noon)},
	}
	s.Cognite.Clients = []fixtures.CogniteClient{{ID: "billing", Secret: "s3cr+t", Subject: "svc-billing", Groups: []string{"idp-admins"}}}
	s.Cognite.Projects = []fixtures.CogniteProject{
		{
			Name: "acme",
			Groups: []fixtures.CogniteGroup{
				{Name: "admins", SourceID: "idp-admins", Capabilities: append(list,
					fixtures.CogniteCapability{ACL: "groupsAcl", Actions: []string{"LIST", "READ", "CREATE", "DELETE"}, Scope: "all"})},
				{Name: "readers", Members: []string{"rob"}, Capabilities: list},
				{Name: "blind", SourceID: "idp-blind", Capabilities: []fixtures.CogniteCapability{
					{ACL: "projectsAcl", Actions: []string{"READ"}, Scope: "all"},
					{ACL: "groupsAcl", Actions: []string{"LIST"}, Scope: "currentuserscope"},
				}},
				{Name: "app", AllUserAccounts: true, AppIDs: []string{"app-1"}, Capabilities: list},
			},
			Meters: []fixtures.CogniteMeter{{ID: storage}},
		},
		{Name: "beta-plant", Groups: []fixtures.CogniteGroup{{Name: "admins", SourceID: "idp-admins", Capabilities: list}},
			Meters: []fixtures.CogniteMeter{{ID: "atlas.monthly_ai_tokens"}}},
		{Name: "nobodys", Groups: []fixtures.CogniteGroup{}},
	}
	return s
}

func as(token string) map[string]string { return map[string]string{"Authorization": "Bearer " + token} }

func TestGroupsDecideWhoIsLetIn(t *testing.T) {
	w := newWorld(t, closed())
	const beta = "/api/v1/projects/beta-plant/metering/meters"
	rows := []struct {
		sentence, authorization, path string
		status                        int
	}{
		{"a member by the provider's group may list", "Bearer admin-token", meters, 200},
		{"a member by name may list", "Bearer reader-token", meters, 200},
		{"the scheme's name may be in lower case", "bearer reader-token", meters, 200},
		{"no header at all", "", meters, 401},
		{"no token behind the scheme", "Bearer ", meters, 401},
		{"another scheme", "Basic YTpi", meters, 401},
		{"a token without a scheme", "admin-token", meters, 401},
		{"an unknown token", "Bearer made-up", meters, 401},
		{"a token that has expired this second", "Bearer old-token", meters, 401},
		{"a token of nobody's group", "Bearer stranger-token", meters, 401},
		{"a group for everyone from one application", "Bearer app-token", meters, 200},
		{"a member of the other project's groups", "Bearer reader-token", beta, 401},
		{"the other project for who is in both", "Bearer admin-token", beta, 200},
		{"a project that does not exist", "Bearer admin-token", "/api/v1/projects/nowhere/metering/meters", 401},
		{"a project without groups", "Bearer admin-token", "/api/v1/projects/nobodys/metering/meters", 401},
		{"a member who may read and not list", "Bearer blind-token", meters, 403},
		{"limits ask for the same", "Bearer blind-token", limits, 403},
		{"reading the project asks for READ", "Bearer blind-token", inAcme, 200},
		{"reading the project as a stranger", "Bearer stranger-token", inAcme, 401},
		{"one's own groups need no capability", "Bearer blind-token", inAcme + "/groups", 200},
		{"all groups need groupsAcl:LIST on all", "Bearer blind-token", inAcme + "/groups?all=true", 403},
		{"all groups for who may list them", "Bearer admin-token", inAcme + "/groups?all=true", 200},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			got := w.do(call{method: "GET", path: row.path, header: map[string]string{"Authorization": row.authorization}})
			if got.status != row.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, row.status)
			}
			if id := got.header.Get("x-request-id"); len(id) != 36 {
				t.Errorf("got the request id %q", id)
			}
		})
	}
}

func TestProjectsDoNotSeeEachOthersMeters(t *testing.T) {
	w := newWorld(t, closed())
	for path, want := range map[string]string{
		meters: `{"items":[{"meterId":"files.storage_bytes","datapoints":[]}]}`,
		"/api/v1/projects/beta-plant/metering/meters": `{"items":[{"meterId":"atlas.monthly_ai_tokens","datapoints":[]}]}`,
	} {
		w.do(call{method: "GET", path: path, header: as("admin-token")}).wants(t, 200, want)
	}
	w.append("beta-plant", cognite.Sample{MeterID: storage, Timestamp: 1, Value: 7})
	w.do(call{method: "GET", path: meters + "/files.storage_bytes?start=1&end=1&numberOfDatapoints=1", header: as("admin-token")}).
		wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1,"average":0}]}`)
}

func TestChecksComeInOneOrder(t *testing.T) {
	w := newWorld(t, closed())
	rows := []struct {
		sentence string
		call     call
		status   int
	}{
		{"the route before the token", call{method: "GET", path: "/api/v1/nothing", header: map[string]string{"Authorization": ""}}, 404},
		{"the method before the token", call{method: "PUT", path: meters, header: map[string]string{"Authorization": ""}}, 405},
		{"the token before the version", call{method: "GET", path: meters, header: map[string]string{"Authorization": "", "cdf-version": ""}}, 401},
		{"the project before the version", call{method: "GET", path: meters, header: map[string]string{"Authorization": "Bearer stranger-token", "cdf-version": ""}}, 401},
		{"the version before the capability", call{method: "GET", path: meters, header: map[string]string{"Authorization": "Bearer blind-token", "cdf-version": ""}}, 400},
		{"the capability before the body", call{method: "POST", path: meters + "/list", body: "{", header: as("blind-token")}, 403},
		{"the capability before the parameters", call{method: "GET", path: meters + "?limit=0", header: as("blind-token")}, 403},
		{"the fields before existence", call{method: "GET", path: meters + "/no.such?numberOfDatapoints=601", header: as("admin-token")}, 400},
		{"the range before existence", call{method: "GET", path: meters + "/no.such?numberOfDatapoints=6&start=1&end=0", header: as("admin-token")}, 400},
		{"existence last", call{method: "GET", path: meters + "/no.such?numberOfDatapoints=6&start=1", header: as("admin-token")}, 404},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			if got := w.do(row.call); got.status != row.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, row.status)
			}
		})
	}
}

func TestVersionsThatAreAlphaAreTaken(t *testing.T) {
	w := newWorld(t, nil)
	for version, status := range map[string]int{
		"20230101-alpha": 200, "alpha": 200, "20240101-alpha": 200,
		"": 400, "20230101": 400, "20230101-beta": 400, "beta": 400, "alpha-20230101": 400, "junk": 400,
	} {
		for _, path := range []string{meters, limits} {
			if got := w.do(call{method: "GET", path: path, header: map[string]string{"cdf-version": version}}); got.status != status {
				t.Errorf("%s with %q: got %d %s, want %d", path, version, got.status, got.body, status)
			}
		}
		for _, path := range []string{inAcme, inAcme + "/groups", "/api/v1/token/inspect", "/api/v1/projects"} {
			w.do(call{method: "GET", path: path, header: map[string]string{"cdf-version": version}}).wants(t, 200, "")
		}
	}
}

func TestTheTokenEndpointGivesTokensForClientCredentials(t *testing.T) {
	const form = "application/x-www-form-urlencoded;charset=UTF-8"
	rows := []struct {
		sentence, body, kind, basic string
		status                      int
		reason                      string
	}{
		{"id and secret in the form", "grant_type=client_credentials&client_id=billing&client_secret=s3cr%2Bt&scope=a+b&audience=c", form, "", 200, ""},
		{"id and secret in a Basic header", "grant_type=client_credentials", form, "Basic YmlsbGluZzpzM2NyJTJCdA==", 200, ""},
		{"a wrong secret", "grant_type=client_credentials&client_id=billing&client_secret=guess", form, "", 401, "invalid_client"},
		{"an unknown client", "grant_type=client_credentials&client_id=filling&client_secret=s3cr%2Bt", form, "", 401, "invalid_client"},
		{"no client", "grant_type=client_credentials", form, "", 401, "invalid_client"},
		{"another grant", "grant_type=password&username=a&password=b", form, "", 400, "unsupported_grant_type"},
		{"no grant", "client_id=billing&client_secret=s3cr%2Bt", form, "", 400, "unsupported_grant_type"},
		{"a body that is no form", `{"grant_type":"client_credentials"}`, "application/json", "", 400, "invalid_request"},
		{"a form with a broken escape", "grant_type=%zz", form, "", 400, "invalid_request"},
	}
	w := newWorld(t, closed())
	for _, row := range rows {
		for _, path := range []string{"/oauth2/token", "/some-tenant/oauth2/v2.0/token"} {
			t.Run(row.sentence+" at "+path, func(t *testing.T) {
				got := w.do(call{method: "POST", path: path, body: row.body, header: map[string]string{
					"Authorization": row.basic, "Content-Type": row.kind, "cdf-version": "",
				}})
				if got.status != row.status || row.reason != "" && !strings.Contains(got.body, `"error":"`+row.reason+`"`) {
					t.Errorf("got %d %s, want %d %s", got.status, got.body, row.status, row.reason)
				}
			})
		}
	}
	got := w.do(call{method: "POST", path: "/oauth2/token", body: "grant_type=client_credentials", header: map[string]string{
		"Content-Type": form, "Content-Encoding": "gzip",
	}})
	got.wants(t, 400, "")
	if !strings.Contains(got.body, `"error":"invalid_request"`) {
		t.Errorf("a body that is not the gzip it claims to be: got %s", got.body)
	}
}

func TestAnIssuedTokenWorksUntilItExpires(t *testing.T) {
	s := closed()
	s.Cognite.Options.TokenLifetimeSeconds = 60
	for name, w := range map[string]*world{"closed": newWorld(t, s), "open to all": newWorld(t, nil)} {
		t.Run(name, func(t *testing.T) {
			login := func() string {
				t.Helper()
				var token struct {
					TokenType   string `json:"token_type"`
					ExpiresIn   int    `json:"expires_in"`
					AccessToken string `json:"access_token"`
				}
				w.do(call{method: "POST", path: "/oauth2/token", body: "grant_type=client_credentials&client_id=billing&client_secret=s3cr%2Bt",
					header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}).into(t, &token)
				if token.TokenType != "Bearer" || token.AccessToken == "" || token.ExpiresIn < 60 {
					t.Fatalf("got %+v", token)
				}
				return token.AccessToken
			}
			first, second := login(), login()
			if first == second {
				t.Errorf("twice the token %s", first)
			}
			list := func(token string) int { return w.do(call{method: "GET", path: meters, header: as(token)}).status }
			if list(first) != 200 || list(second) != 200 {
				t.Errorf("fresh tokens: got %d and %d", list(first), list(second))
			}
			check(t, w.sandbox.SetClock(clock.FrozenAt(noon.Add(3599*time.Second))))
			if got := list(first); got != 401 {
				t.Errorf("a token that has expired: got %d", got)
			}
			if got := list(login()); got != 200 {
				t.Errorf("a token fetched anew: got %d", got)
			}
		})
	}
}

func TestAnyTokenWillDoWhereNoneIsListed(t *testing.T) {
	w := newWorld(t, catalogue())
	for _, authorization := range []string{"Bearer any", "Bearer eyJhbGciOiJub25lIn0.e30.", "bearer 0"} {
		w.do(call{method: "GET", path: meters, header: map[string]string{"Authorization": authorization}}).wants(t, 200, "")
	}
	w.do(call{method: "GET", path: meters, header: map[string]string{"Authorization": ""}}).
		wants(t, 401, `{"error":{"code":401,"message":"Unauthorized"}}`)
	w.get("/api/v1/projects").wants(t, 200, `{"items":[{"urlName":"acme"}]}`)
	w.get(inAcme).wants(t, 200, `{"name":"acme","urlName":"acme","userProfilesConfiguration":{"enabled":false}}`)
}

func TestInspectTellsWhatATokenReaches(t *testing.T) {
	w := newWorld(t, closed())
	inspect := func(token string) string {
		t.Helper()
		return w.do(call{method: "GET", path: "/api/v1/token/inspect", header: as(token)}).wants(t, 200, "").body
	}
	if got, want := inspect("stranger-token"), `{"subject":"sam","projects":[],"capabilities":[]}`; got != want {
		t.Errorf("a token without any access: got %s", got)
	}
	golden(t, "inspect.json", inspect("admin-token")+"\n")
	w.do(call{method: "GET", path: "/api/v1/token/inspect", header: as("old-token")}).wants(t, 401, "")
	w.do(call{method: "GET", path: "/api/v1/projects", header: as("blind-token")}).wants(t, 200, `{"items":[]}`)
	w.do(call{method: "GET", path: "/api/v1/projects", header: as("admin-token")}).
		wants(t, 200, `{"items":[{"urlName":"acme"},{"urlName":"beta-plant"}]}`)
}

func TestBudgetsCountByIdentityAndProject(t *testing.T) {
	s := closed()
	s.Cognite.Options.RequestsPerSecond = 2
	w := newWorld(t, s)
	list := func(token, project string) answer {
		return w.do(call{method: "GET", path: "/api/v1/projects/" + project + "/metering/meters", header: as(token)})
	}
	for range 5 {
		list("admin-token", "acme").wants(t, 200, "")
	}
	w.limiter = &wire.Limiter{}
	list("admin-token", "acme").wants(t, 200, "")
	list("admin-token", "acme").wants(t, 200, "")
	refused := list("admin-token", "acme").wants(t, http.StatusTooManyRequests,
		`{"error":{"code":429,"message":"Request budget of 2 per second for this identity and project is used up; retry later."}}`)
	if after := refused.header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After is %q", after)
	}
	list("admin-token", "beta-plant").wants(t, 200, "")
	list("reader-token", "acme").wants(t, 200, "")
	check(t, w.sandbox.SetClock(clock.FrozenAt(noon.Add(time.Second))))
	list("admin-token", "acme").wants(t, 200, "")
}

func TestPagesOfAnyOriginMayAsk(t *testing.T) {
	w := newWorld(t, catalogue())
	preflight := w.do(call{method: "OPTIONS", path: meters + "/list", header: map[string]string{
		"Authorization": "", "cdf-version": "", "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
		"Access-Control-Request-Headers": "authorization,cdf-version,content-type,x-cdp-app,x-cdp-sdk",
	}}).wants(t, 204, "")
	if preflight.body != "" {
		t.Errorf("the preflight has a body: %s", preflight.body)
	}
	allowed := strings.ToLower(preflight.header.Get("Access-Control-Allow-Headers"))
	for _, name := range []string{"authorization", "cdf-version", "content-type", "accept", "content-encoding", "x-cdp-sdk", "x-cdp-app"} {
		if !strings.Contains(allowed, name) {
			t.Errorf("%s is not allowed: %s", name, allowed)
		}
	}
	if !strings.Contains(preflight.header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("methods: got %s", preflight.header.Get("Access-Control-Allow-Methods"))
	}
	for _, got := range []answer{preflight, w.get(meters), w.get("/nothing"), w.do(call{method: "GET", path: meters, header: map[string]string{"Authorization": ""}})} {
		if got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Access-Control-Expose-Headers") != "x-request-id" {
			t.Errorf("got the headers %v", got.header)
		}
	}
}

func TestAnswersAreZippedOnlyWhenSetSoAndAccepted(t *testing.T) {
	s := catalogue()
	s.Cognite.Options.CompressResponses = true
	accepts := map[string]string{"Accept-Encoding": "gzip, deflate"}
	plain := newWorld(t, catalogue()).do(call{method: "GET", path: meters, header: accepts}).wants(t, 200, "")
	w := newWorld(t, s)
	zippedAnswer := w.do(call{method: "GET", path: meters, header: accepts}).wants(t, 200, zipped(t, plain.body))
	if zippedAnswer.header.Get("Content-Encoding") != "gzip" || zippedAnswer.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("got the headers %v", zippedAnswer.header)
	}
	refused := w.do(call{method: "GET", path: meters + "/no.such", header: accepts})
	refused.wants(t, 404, zipped(t, `{"error":{"code":404,"message":"Meters not found"}}`))
	if got := w.get(meters).wants(t, 200, plain.body); got.header.Get("Content-Encoding") != "" {
		t.Errorf("a client that accepts nothing: got the headers %v", got.header)
	}
}

// A transcript of reads and writes, of refusals too.
func transcript(w *world) string {
	var b strings.Builder
	for _, c := range []call{
		{method: "GET", path: meters},
		{method: "POST", path: "/oauth2/token", body: "grant_type=client_credentials&client_id=a&client_secret=b",
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{method: "POST", path: inAcme + "/groups", body: `{"items":[{"name":"one"},{"name":"two"}]}`},
		{method: "GET", path: inAcme + "/groups?all=true"},
		{method: "GET", path: meters + "/no.such"},
		{method: "GET", path: meters, header: map[string]string{"Authorization": ""}},
		{method: "GET", path: fmt.Sprintf("%s?start=%d&numberOfDatapoints=3", meters, dayBegin)},
		{method: "GET", path: "/api/v1/token/inspect"},
	} {
		got := w.do(c)
		fmt.Fprintln(&b, got.status, got.header, got.body)
	}
	return b.String()
}

func TestAResetSandboxCannotBeToldFromANewOne(t *testing.T) {
	s := generated()
	s.Seed = 11
	w := newWorld(t, s)
	first := transcript(w)
	w.append("acme", example...)
	w.append("other", example...)
	if again := transcript(w); again == first {
		t.Error("a used sandbox answers like a new one, request ids included")
	}
	check(t, w.sandbox.Snapshot("kept"))
	check(t, w.sandbox.Reset(w.baseline))
	if again := transcript(w); again != first {
		t.Errorf("got\n%s\nwant\n%s", again, first)
	}
	if other := transcript(w.fork("two")); other != first {
		t.Errorf("another sandbox: got\n%s\nwant\n%s", other, first)
	}
	s.Seed = 12
	if other := transcript(newWorld(t, s)); other == first {
		t.Error("another seed answers alike")
	}
}

func TestRequestIdsDoNotRepeatAcrossASnapshot(t *testing.T) {
	w := newWorld(t, nil)
	seen := map[string]bool{}
	for i := range 30 {
		id := w.get(meters).header.Get("x-request-id")
		if seen[id] {
			t.Fatalf("request %d has the id %s of an earlier one", i, id)
		}
		seen[id] = true
		if i%10 == 9 {
			check(t, w.sandbox.Snapshot("now"))
		}
	}
}
