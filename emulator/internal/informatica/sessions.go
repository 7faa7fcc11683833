package informatica

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
)

const (
	sessionLife = 30 * time.Minute // of inactivity; of a JWT in all (INF-005)

	headerV2 = "icSessionId"
	headerV3 = "INFA-SESSION-ID"

	// rootOrgID stands where the v3 login tells the parent of an organization that has none (INF-042).
	rootOrgID = "SubmeterRootOrganizatn"

	productName = "Integration Cloud" // one client looks for exactly this
	adminRole   = "Admin"
)

// caller is who a session belongs to, as of the beginning of the request.
type caller struct {
	token   string
	user    user
	org     org
	options fixtures.InformaticaOptions
}

const callerKey = "informatica/caller"

func callerOf(c echo.Context) caller {
	who, _ := c.Get(callerKey).(caller)
	return who
}

// requireSession lets a request pass that carries a live session, and keeps the session alive: every authenticated call
// is activity (INF-003).
func (a *API) requireSession(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := headerV3
		if isV2(c.Request().URL.Path) {
			header = headerV2
		}
		who := caller{token: c.Request().Header.Get(header)}
		err := store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
			who.options = settingOf(tx).Options
			s, ok := sessions.Get(tx, who.token)
			if !ok || !tx.Now.Before(s.ends(who.options)) {
				return errSession(who.options.SessionErrorCode) // INF-004
			}
			who.user, _ = users.Get(tx, s.User)
			who.org, _ = orgs.Get(tx, everyone, s.Org)
			if !s.Used.Equal(tx.Now) {
				s.Used = tx.Now
				sessions.Put(tx, who.token, s)
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.Set(callerKey, who)
		return next(c)
	}
}

// requireAdmin refuses users without the role that metering is open to (INF-012, INF-052).
func (a *API) requireAdmin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		who := callerOf(c)
		if !slices.Contains(who.user.Roles, adminRole) {
			return errPrivilege(who.options.Forbidden == fixtures.InformaticaForbiddenNotFound)
		}
		return next(c)
	}
}

// requireLicense refuses users of organizations that are not licensed by consumption.
func (a *API) requireLicense(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		who := callerOf(c)
		if !who.org.Licensed {
			return errLicense(who.options.Forbidden == fixtures.InformaticaForbiddenNotFound)
		}
		return next(c)
	}
}

// ends returns the instant at which a session is over if nobody uses it.
func (s session) ends(o fixtures.InformaticaOptions) time.Time {
	since := s.Used
	if s.JWT {
		since = s.Created
	}
	return since.Add(sessionLife + time.Duration(o.SessionGraceSeconds)*time.Second)
}

func settingOf(tx *store.Tx) setting {
	s, _ := settings.Get(tx, everyone)
	return s
}

type loginRequest struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

type loginResponse struct {
	Products []product `json:"products"`
	UserInfo userInfo  `json:"userInfo"`
}

type product struct {
	Name       string `json:"name"`
	BaseAPIURL string `json:"baseApiUrl"`
}

type userInfo struct {
	SessionID   string   `json:"sessionId"`
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	ParentOrgID string   `json:"parentOrgId"`
	OrgID       string   `json:"orgId"`
	OrgName     string   `json:"orgName"`
	Groups      struct{} `json:"groups"` // an object, as the vendor shows it
	Status      string   `json:"status"`
}

func (a *API) login(c echo.Context) error {
	var req loginRequest
	if err := readJSON(c, &req); err != nil {
		return err
	}
	who, err := begin(c, req, false)
	if err != nil {
		return err
	}
	res := loginResponse{
		Products: []product{{Name: productName, BaseAPIURL: serverURL(c)}},
		UserInfo: userInfo{
			SessionID: who.token, ID: who.user.ID, Name: who.user.Name, ParentOrgID: who.org.Parent,
			OrgID: who.org.ID, OrgName: who.org.Name, Status: "Active",
		},
	}
	if who.org.Parent == "" {
		res.UserInfo.ParentOrgID = rootOrgID
	}
	return writeJSON(c, http.StatusOK, res)
}

// loginV2Response leaves out what is not set (INF-002).
type loginV2Response struct {
	Type                string `json:"@type"`
	ID                  string `json:"id"`
	OrgID               string `json:"orgId"`
	OrgUUID             string `json:"orgUuid"`
	Name                string `json:"name"`
	CreateTime          string `json:"createTime"`
	UpdateTime          string `json:"updateTime"`
	FirstName           string `json:"firstName,omitempty"`
	LastName            string `json:"lastName,omitempty"`
	Roles               []role `json:"roles"`
	Emails              string `json:"emails"`
	Timezone            string `json:"timezone"`
	ServerURL           string `json:"serverUrl"`
	UUID                string `json:"uuId"`
	IcSessionID         string `json:"icSessionId"`
	ForceChangePassword bool   `json:"forceChangePassword"`
}

type role struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

func (a *API) loginV2(c echo.Context) error {
	var req loginRequest
	if err := readJSON(c, &req); err != nil {
		return err
	}
	who, err := begin(c, req, true)
	if err != nil {
		return err
	}
	u := who.user
	res := loginV2Response{
		Type: "user", ID: u.ID, OrgID: u.Org, OrgUUID: u.Org, Name: u.Name,
		CreateTime: u.Created.Format(v2Time), UpdateTime: u.Created.Format(v2Time),
		FirstName: u.FirstName, LastName: u.LastName, Roles: []role{}, Emails: u.Name, Timezone: u.Timezone,
		ServerURL: serverURL(c), UUID: u.ID, IcSessionID: who.token,
	}
	for _, name := range u.Roles {
		res.Roles = append(res.Roles, role{Name: name, Description: "The role " + name + "."})
	}
	return writeJSON(c, http.StatusOK, res)
}

// begin checks credentials and starts a session.
func begin(c echo.Context, req loginRequest, v2 bool) (who caller, err error) {
	err = store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
		u, err := authenticate(tx, req, v2)
		if err != nil {
			return err
		}
		who.user = u
		who.org, _ = orgs.Get(tx, everyone, u.Org)
		s := session{User: u.Name, Org: u.Org, Created: tx.Now, Used: tx.Now, JWT: who.org.JWT}
		if s.JWT {
			who.token = newJWT(tx, s)
		} else {
			who.token = newID(tx, "session")
		}
		sessions.Put(tx, who.token, s)
		return nil
	})
	return who, err
}

// authenticate returns the user of a name and password. A world that lists no users makes one of every name.
func authenticate(tx *store.Tx, req loginRequest, v2 bool) (user, error) {
	s := settingOf(tx)
	u, ok := users.Get(tx, req.Username)
	if !ok && s.AnyLogin {
		u = user{
			ID: newID(tx, "user"), Name: req.Username, Password: req.Password, Org: firstOrg(tx),
			Timezone: "UTC", Roles: []string{adminRole}, Created: tx.Now,
		}
		users.Put(tx, u.Name, u)
		ok = true
	}
	if !ok || u.Password != req.Password && !s.AnyLogin {
		return user{}, errLogin(v2, s.Options.BadLogin == fixtures.InformaticaBadLoginBadRequest) // INF-001
	}
	return u, nil
}

// serverURL is what every further call is appended to: no slash at its end, and on the host that the login reached.
func serverURL(c echo.Context) string {
	return wire.TraceOf(c.Request().Context()).BaseURL + "/" + vendor + "/saas"
}

// logout ends the session of the request: that of v3 and that of v2 alike. Its answer is an empty object (INF-006).
func (a *API) logout(c echo.Context) error {
	err := store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
		sessions.Delete(tx, callerOf(c).token)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, struct{}{})
}

// logoutAllV2 ends every session of the user's organization.
func (a *API) logoutAllV2(c echo.Context) error {
	var req loginRequest
	if err := readJSON(c, &req); err != nil {
		return err
	}
	err := store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
		u, err := authenticate(tx, req, true)
		if err != nil {
			return err
		}
		var ended []string
		for token, s := range sessions.Prefix(tx, "") {
			if s.Org == u.Org {
				ended = append(ended, token)
			}
		}
		for _, token := range ended {
			sessions.Delete(tx, token)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, successV2{Type: "success"})
}

type successV2 struct {
	Type string `json:"@type"`
}

type validateSessionV2Request struct {
	UserName string `json:"userName"`
	IcToken  string `json:"icToken"`
}

type validateSessionV2Response struct {
	Type            string `json:"@type"`
	TimeUntilExpire int    `json:"timeUntilExpire"` // whole minutes
	IsValidToken    bool   `json:"isValidToken"`
}

// validateSessionV2 tells of any token whether it is good; to one that is not, or is another user's, it never answers an
// error (INF-007). Asking is no activity.
func (a *API) validateSessionV2(c echo.Context) error {
	var req validateSessionV2Request
	if err := readJSON(c, &req); err != nil {
		return err
	}
	res := validateSessionV2Response{Type: "validatedToken"}
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		s, ok := sessions.Get(tx, req.IcToken)
		o := settingOf(tx).Options
		if ok && s.User == req.UserName && tx.Now.Before(s.ends(o)) {
			res.IsValidToken = true
			res.TimeUntilExpire = min(int(s.ends(o).Sub(tx.Now)/time.Minute), int(sessionLife/time.Minute))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, res)
}

// readJSON reads the body, whatever its Content-Type says: clients differ, and none is known to be refused for it.
func readJSON(c echo.Context, into any) error {
	text, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return errMalformed(fmt.Sprintf("The request body cannot be read: %v.", err))
	}
	return nil
}
