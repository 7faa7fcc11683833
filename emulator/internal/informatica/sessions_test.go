package informatica_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestASessionLivesWhileItIsUsed(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	for range 5 {
		w.advance(30*time.Minute - time.Microsecond)
		w.call(http.MethodGet, "/saas/api/v2/org", session, nil).is(http.StatusOK)
	}
	w.call(http.MethodPost, export, session, "{").refused(http.StatusBadRequest, "METERING_01") // a bad call is one, too
	w.advance(30*time.Minute - time.Microsecond)
	w.call(http.MethodGet, "/saas/api/v2/org", session, nil).is(http.StatusOK)
	w.advance(30 * time.Minute)
	w.call(http.MethodGet, "/saas/api/v2/org", session, nil).refused(http.StatusUnauthorized, "AUTH_01")
}

func TestTheGraceOfASessionIsAnOption(t *testing.T) {
	w := withOptions(t, "session_grace_seconds: 90, session_error_code: AUTH_77")
	session := w.login(bot)
	w.advance(31 * time.Minute)
	w.call(http.MethodGet, v3+"/license/org/"+production, session, nil).is(http.StatusOK)
	w.advance(31*time.Minute + 30*time.Second)
	w.call(http.MethodGet, v3+"/license/org/"+production, session, nil).refused(http.StatusUnauthorized, "AUTH_77")
}

func TestOneSessionHasTwoHeadersAndEachResourceTakesItsOwn(t *testing.T) {
	for _, row := range []struct {
		sentence, path, header string
		status                 int
	}{
		{"v3 takes INFA-SESSION-ID", alerts + "/org('" + production + "')", "INFA-SESSION-ID", http.StatusOK},
		{"in any case", alerts + "/org('" + production + "')", "infa-session-id", http.StatusOK},
		{"v2 takes icSessionId", "/saas/api/v2/org", "icSessionId", http.StatusOK},
		{"v3 does not take icSessionId", alerts + "/org('" + production + "')", "icSessionId", http.StatusUnauthorized},
		{"v2 does not take INFA-SESSION-ID", "/saas/api/v2/org", "INFA-SESSION-ID", http.StatusUnauthorized},
		{"and a bearer token is no session", alerts + "/org('" + production + "')", "Authorization", http.StatusUnauthorized},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			w := acme(t)
			w.request(http.MethodGet, row.path, nil, http.Header{http.CanonicalHeaderKey(row.header): {w.login(bot)}}).is(row.status)
		})
	}
}

func TestLoggingOutEndsTheSessionEverywhere(t *testing.T) {
	w := acme(t)
	for _, path := range []string{v3 + "/logout", "/saas/api/v2/user/logout"} {
		session, another := w.login(bot), w.login(bot)
		if res := w.call(http.MethodPost, path, session, nil).is(http.StatusOK); string(res.body) != "{}" {
			t.Errorf("%s answers %s", path, res.body)
		}
		w.call(http.MethodGet, "/saas/api/v2/org", session, nil).is(http.StatusUnauthorized)
		w.call(http.MethodGet, "/saas/api/v2/org", another, nil).is(http.StatusOK)
	}
	first, second, elsewhere := w.login(bot), w.login("second.bot@acme.example"), w.login("add@acme.example")
	w.call(http.MethodPost, "/ma/api/v2/user/logoutall", "", fields{"@type": "logout", "username": bot, "password": "wrong"}).
		refused(http.StatusForbidden, "UI_10000")
	w.call(http.MethodGet, "/saas/api/v2/org", first, nil).is(http.StatusOK)
	w.call(http.MethodPost, "/ma/api/v2/user/logoutall", "", fields{"@type": "logout", "username": bot, "password": "right"}).is(http.StatusOK)
	w.call(http.MethodGet, "/saas/api/v2/org", first, nil).is(http.StatusUnauthorized)
	w.call(http.MethodGet, "/saas/api/v2/org", second, nil).is(http.StatusUnauthorized)
	w.call(http.MethodGet, "/saas/api/v2/org", elsewhere, nil).is(http.StatusOK)
}

func TestASessionCanBeAskedAboutWithoutKeepingItAlive(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	ask := func(user, token string) string {
		return string(w.call(http.MethodPost, "/saas/api/v2/user/validSessionId", "", fields{
			"@type": "validatedToken", "userName": user, "icToken": token,
		}).is(http.StatusOK).body)
	}
	const no = `{"@type":"validatedToken","timeUntilExpire":0,"isValidToken":false}`
	for _, row := range []struct {
		sentence string
		later    time.Duration
		user     string
		token    string
		want     string
	}{
		{"fresh it has half an hour", 0, bot, session, `{"@type":"validatedToken","timeUntilExpire":30,"isValidToken":true}`},
		{"a second on it has 29 whole minutes", time.Second, bot, session, `{"@type":"validatedToken","timeUntilExpire":29,"isValidToken":true}`},
		{"in its last minute none", 28*time.Minute + 59*time.Second + time.Microsecond, bot, session, `{"@type":"validatedToken","timeUntilExpire":0,"isValidToken":true}`},
		{"another's is not valid", 0, "second.bot@acme.example", session, no},
		{"nonsense is not valid", 0, bot, "nonsense", no},
		{"asking kept nothing alive", time.Minute, bot, session, no},
	} {
		w.advance(row.later)
		if got := ask(row.user, row.token); got != row.want {
			t.Errorf("%s: got %s, want %s", row.sentence, got, row.want)
		}
	}
}

func TestAnOrganizationOnJWTHasLongTokensThatActivityDoesNotProlong(t *testing.T) {
	w := acme(t)
	res := w.call(http.MethodPost, v3+"/login", "", fields{"username": "jwt@other.example", "password": "right"}).is(http.StatusOK)
	var info struct{ SessionID, ParentOrgID string }
	decode(t, []byte(res.field("userInfo")), &info)
	if len(info.SessionID) < 300 || strings.Count(info.SessionID, ".") != 2 {
		t.Errorf("got the token %s", info.SessionID)
	}
	if again := w.login("jwt@other.example"); again == info.SessionID {
		t.Error("two logins gave one token")
	}
	w.advance(20 * time.Minute)
	w.call(http.MethodGet, "/saas/api/v2/org", info.SessionID, nil).is(http.StatusOK)
	w.advance(10 * time.Minute)
	w.call(http.MethodGet, "/saas/api/v2/org", info.SessionID, nil).is(http.StatusUnauthorized)
}

func TestWithoutUsersAnybodyIsAnAdministrator(t *testing.T) {
	w := parsedWorld(t, "version: 1\nclock: {at: 2025-04-02T08:15:04Z, mode: frozen}\n")
	for _, user := range []string{"you", "me"} {
		res := w.call(http.MethodPost, v3+"/login", "", fields{"username": user, "password": "x"}).is(http.StatusOK)
		var info struct{ SessionID, OrgName string }
		decode(t, []byte(res.field("userInfo")), &info)
		if info.OrgName != "Production" {
			t.Errorf("%s is in %s", user, info.OrgName)
		}
		files := w.report(export, info.SessionID, with(march, fields{"jobType": "SUMMARY"}))
		if len(files) != 1 || files[0].text != summaryColumns+"\n" {
			t.Errorf("an organization without usage reports %+v", files)
		}
	}
	none := parsedWorld(t, "version: 1\nclock: {at: 2025-04-02T08:15:04Z, mode: frozen}\ninformatica: {users: []}\n")
	none.call(http.MethodPost, v3+"/login", "", fields{"username": "you", "password": "x"}).refused(http.StatusUnauthorized, "IDS_085")
}

func TestLoginNamesWhoAndWhere(t *testing.T) {
	w := acme(t)
	for _, row := range []struct{ user, parent string }{
		{bot, "SubmeterRootOrganizatn"}, {"add@acme.example", production}, {"sub@acme.example", production},
	} {
		res := w.call(http.MethodPost, v3+"/login", "", fields{"username": row.user, "password": "right"}).is(http.StatusOK)
		var info struct{ ParentOrgID, Name, Status string }
		decode(t, []byte(res.field("userInfo")), &info)
		if info.ParentOrgID != row.parent || info.Name != row.user || info.Status != "Active" {
			t.Errorf("%s: got %+v, want the parent %s", row.user, info, row.parent)
		}
	}
}
