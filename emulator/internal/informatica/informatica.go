// Package informatica emulates the metering part of Informatica's platform API: logins and sessions of v2 and v3, the
// three resources that start an export job, the job's status and its ZIP of CSV files, the thresholds of consumption
// alerts, and the two neighbours that tell of organizations and licenses.
//
// Paths are those of the login host (/saas/public/core/v3/login, /ma/api/v2/user/login) and of the base URL that a
// login hands out (/saas/...), both under one mount. XML is not served (INF-010), and there is no rate limit (INF-008).
// Nothing of the platform beyond metering is here: other paths answer 404.
package informatica

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

const (
	vendor   = "informatica"
	idLength = 22 // of everything the vendor numbers
)

// Config is what the emulator gives a vendor.
type Config struct {
	Referee wire.Referee // nil: requests are not held against the document
	Logger  *slog.Logger // nil: nothing is logged
}

// API serves the vendor's paths. Everything it knows is in the sandbox of the request.
type API struct {
	echo      *echo.Echo
	log       *slog.Logger
	callbacks *callbacks
}

// New makes the API. It parses nothing and opens nothing.
func New(cfg Config) *API {
	a := &API{echo: echo.New(), log: cfg.Logger}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.callbacks = newCallbacks(a.log)
	a.echo.HTTPErrorHandler = a.writeError
	a.echo.Use(wire.Recover)
	wire.Register(a.echo, a.doors(), cfg.Referee)
	wire.Register(a.echo, a.neighbours(), cfg.Referee, a.requireSession)
	wire.Register(a.echo, a.licenses(), cfg.Referee, a.requireSession, a.requireAdmin)
	wire.Register(a.echo, a.metering(), cfg.Referee, a.requireSession, a.requireAdmin, a.requireLicense)
	return a
}

// ServeHTTP answers a request whose path is as in the vendor's reference, the mount stripped. Routing goes by the
// decoded path, so that org('…') matches however a client escapes it (INF-025); doubled slashes count as one, and
// nothing is ever redirected.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if path != r.URL.Path || r.URL.RawPath != "" {
		plain := *r
		plain.URL = &url.URL{Scheme: r.URL.Scheme, Host: r.URL.Host, Path: path, RawQuery: r.URL.RawQuery}
		r = &plain
	}
	a.echo.ServeHTTP(w, r)
}

// Operations is the route table.
func (a *API) Operations() []wire.Operation {
	return append(append(append(a.doors(), a.neighbours()...), a.licenses()...), a.metering()...)
}

// NotEmulated is empty: every documented operation of metering is served.
func (a *API) NotEmulated() []wire.Operation { return nil }

// doors are open to everybody.
func (a *API) doors() []wire.Operation {
	return []wire.Operation{
		{ID: "login", Method: http.MethodPost, Path: "/saas/public/core/v3/login", Handle: a.login},
		{ID: "loginV2", Method: http.MethodPost, Path: "/ma/api/v2/user/login", Handle: a.loginV2},
		{ID: "logoutAllV2", Method: http.MethodPost, Path: "/ma/api/v2/user/logoutall", Handle: a.logoutAllV2},
		{ID: "validateSessionV2", Method: http.MethodPost, Path: "/saas/api/v2/user/validSessionId", Handle: a.validateSessionV2},
	}
}

// neighbours need a session and nothing else.
func (a *API) neighbours() []wire.Operation {
	return []wire.Operation{
		{ID: "logout", Method: http.MethodPost, Path: "/saas/public/core/v3/logout", Handle: a.logout},
		{ID: "logoutV2", Method: http.MethodPost, Path: "/saas/api/v2/user/logout", Handle: a.logout},
		{ID: "getOwnOrgV2", Method: http.MethodGet, Path: "/saas/api/v2/org", Handle: a.getOwnOrgV2},
		{ID: "getOrgV2", Method: http.MethodGet, Path: "/saas/api/v2/org/:orgId", Handle: a.getOrgV2},
		{ID: "getOrgByNameV2", Method: http.MethodGet, Path: "/saas/api/v2/org/name/:orgName", Handle: a.getOrgByNameV2},
	}
}

func (a *API) licenses() []wire.Operation {
	return []wire.Operation{
		{ID: "getOrgLicense", Method: http.MethodGet, Path: "/saas/public/core/v3/license/org/:orgId", Handle: a.getOrgLicense},
	}
}

// metering needs an administrator of an organization that is licensed by consumption. Exports lie under license,
// thresholds do not.
func (a *API) metering() []wire.Operation {
	const (
		root   = "/saas/public/core/v3/"
		export = root + "license/metering/ExportMeteringData"
		alerts = root + "metering/ipuAlert/:orgKey"
	)
	return []wire.Operation{
		{ID: "createExport", Method: http.MethodPost, Path: export, Handle: a.createExport},
		{ID: "createLinkedOrgsExport", Method: http.MethodPost, Path: export + "AllLinkedOrgsAcrossRegion", Handle: a.createLinkedOrgsExport},
		{ID: "createJobLevelExport", Method: http.MethodPost, Path: root + "license/metering/ExportServiceJobLevelMeteringData", Handle: a.createJobLevelExport},
		{ID: "getExport", Method: http.MethodGet, Path: export + "/:jobId", Handle: a.getExport},
		{ID: "downloadExport", Method: http.MethodGet, Path: export + "/:jobId/download", Handle: a.downloadExport},
		{ID: "getOrgAlert", Method: http.MethodGet, Path: alerts, Handle: a.getOrgAlert},
		{ID: "getTagAlerts", Method: http.MethodGet, Path: alerts + "/viewTagsPreference", Handle: a.getTagAlerts},
	}
}
