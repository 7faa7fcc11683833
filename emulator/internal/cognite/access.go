package cognite

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
)

// The ACLs that this part of the vendor's API looks at. Groups may hold any others.
const (
	projectsACL = "projectsAcl"
	groupsACL   = "groupsAcl"
)

// access is what an operation asks of its caller, in the order in which it is checked.
type access struct {
	project     bool   // the token is valid for the project in the path
	alpha       bool   // the request names an alpha version
	acl, action string // a capability in the project; none when empty
}

// caller is whom a token speaks for, and the groups of the project that this makes them a member of.
type caller struct {
	token
	project string
	groups  []store.Row[group]
}

const callerKey = "cognite.caller"

func callerOf(c echo.Context) caller {
	who, _ := c.Get(callerKey).(caller)
	return who
}

// admit lets those pass who have the access that an operation needs. It runs before the body is looked at.
func admit(need access) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			var who caller
			err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) (err error) {
				who, err = enter(tx, c, need)
				return err
			})
			if err != nil {
				return err
			}
			c.Set(callerKey, who)
			return next(c)
		}
	}
}

func enter(tx *store.Tx, c echo.Context, need access) (caller, error) {
	rules, request := settingsFor(c), c.Request()
	who := caller{}
	var known bool
	// The JavaScript SDK sends its first request without a token, and asks for one on 401 alone.
	if who.token, known = identify(tx, rules, request.Header.Get(echo.HeaderAuthorization)); !known {
		return who, errUnauthorized()
	}
	if need.project {
		// A project nobody has heard of looks like one that is closed to the caller. // COG-003 COG-051
		who.project = pathParam(c, "project")
		if who.groups = memberships(tx, who.project, who.token); len(who.groups) == 0 {
			return who, errUnauthorized()
		}
	}
	if err := withinBudget(tx.Now, rules.Options, request, who); err != nil {
		return who, err
	}
	if version := request.Header.Get("cdf-version"); need.alpha && !isAlpha(version) &&
		rules.Options.VersionHeader != fixtures.CogniteVersionIgnored { // COG-001
		return who, errNotAlpha(version)
	}
	if need.acl != "" && !who.may(need.acl, need.action) { // COG-004
		return who, errForbidden(need.acl, need.action, who.project)
	}
	return who, nil
}

// isAlpha says whether a value of cdf-version names an alpha version; the bare word does, too. // COG-002
func isAlpha(version string) bool { return version == "alpha" || strings.HasSuffix(version, "-alpha") }

// identify returns whom an Authorization header speaks for. While the scenario lists neither clients nor tokens, any
// bearer token is good, but one that was issued here expires all the same. // COG-051
func identify(tx *store.Tx, rules settings, authorization string) (token, bool) {
	scheme, bearer, _ := strings.Cut(authorization, " ")
	if bearer = strings.TrimSpace(bearer); !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return token{}, false
	}
	if t, found := tokens.Get(tx, bearer); found {
		return t, t.Expires == 0 || tx.Now.Unix() < t.Expires
	}
	return token{Subject: "anyone"}, !rules.Closed // COG-047
}

// memberships returns the groups of a project that count a caller among theirs: by a group of the identity provider, by
// name, or because they take everyone. // COG-051
func memberships(tx *store.Tx, project string, who token) (of []store.Row[group]) {
	if !projects.Has(tx, project) {
		return nil
	}
	for row := range groups.After(tx, project, 0) {
		g := row.Value
		counts := g.Everyone || slices.Contains(g.Members, who.Subject) || g.SourceID != "" && slices.Contains(who.Groups, g.SourceID)
		if counts && (len(g.Apps) == 0 || slices.Contains(g.Apps, who.Client)) {
			of = append(of, row)
		}
	}
	return of
}

// may says whether one of the caller's groups allows an action on everything that the ACL guards.
func (who caller) may(acl, action string) bool {
	for _, row := range who.groups {
		for _, c := range row.Value.Capabilities {
			if c.ACL == acl && slices.Contains(c.Actions, action) && c.reachesAll() {
				return true
			}
		}
	}
	return false
}

func (c capability) reachesAll() bool {
	var scope map[string]json.RawMessage
	return json.Unmarshal(c.Scope, &scope) == nil && scope["all"] != nil
}

// withinBudget counts the request in the budget of its identity and project while the sandbox has rate limits on.
// // COG-041
func withinBudget(now time.Time, rules fixtures.CogniteOptions, r *http.Request, who caller) error {
	limiter := wire.TraceOf(r.Context()).Limiter
	key := "cognite/" + who.project + "/" + who.Subject
	if ok, wait := limiter.Allow(now, key, rules.RequestsPerSecond, time.Second); !ok {
		return errTooManyRequests(rules.RequestsPerSecond, wait)
	}
	return nil
}
