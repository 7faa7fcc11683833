// Package cognite emulates the Metering API of Cognite Data Fusion: meters by id, their samples averaged over equal
// periods, and what stands around it: its sibling Limits, projects, groups with capabilities, token/inspect, and a
// stand-in for the identity provider whose tokens a project trusts.
//
// The vendor's API only reads. Meters and samples come from the scenario and through AppendSamples, which the control
// plane calls; a meter can also be generated, and then has a sample every quarter of an hour without any being stored.
//
// Not emulated is the rest of Cognite Data Fusion, two operations on projects that are known and answer 501 among it.
package cognite

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// Config is what the emulator gives the vendor.
type Config struct {
	Referee wire.Referee // nil: requests are not held against the document
	Logger  *slog.Logger // nil: nothing is logged
}

// API serves Cognite's API. It keeps nothing of a world itself: each request's sandbox does.
type API struct {
	echo *echo.Echo
	log  *slog.Logger
}

// New makes the API ready to serve.
func New(cfg Config) *API {
	a := &API{echo: echo.New(), log: cfg.Logger}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.echo.HTTPErrorHandler = a.writeError
	a.echo.Use(wire.Recover)
	for _, area := range a.areas() {
		wire.Register(a.echo, area.operations, cfg.Referee, area.guards...)
	}
	return a
}

// area is operations that ask the same of their caller.
type area struct {
	guards     []echo.MiddlewareFunc
	emulated   bool
	operations []wire.Operation
}

func (a *API) areas() []area {
	const inProject = "/api/v1/projects/:project"
	const get, post = http.MethodGet, http.MethodPost
	alpha := admit(access{project: true, alpha: true, acl: projectsACL, action: "LIST"})
	return []area{
		{[]echo.MiddlewareFunc{alpha}, true, []wire.Operation{
			{ID: "listConsumptionData", Method: get, Path: inProject + "/metering/meters", Handle: listConsumptionData},
			{ID: "fetchConsumptionDataById", Method: get, Path: inProject + "/metering/meters/:meterId", Handle: fetchConsumptionDataByID},
			{ID: "fetchConsumptionDataByIds", Method: post, Path: inProject + "/metering/meters/byids", Handle: fetchConsumptionDataByIDs},
			{ID: "listConsumptionDataAdvanced", Method: post, Path: inProject + "/metering/meters/list", Handle: listConsumptionDataAdvanced},
			{ID: "listLimits", Method: get, Path: inProject + "/limits/values", Handle: listLimits},
			{ID: "getLimit", Method: get, Path: inProject + "/limits/values/:limitId", Handle: getLimit},
			{ID: "listLimitsAdvanced", Method: post, Path: inProject + "/limits/values/list", Handle: listLimitsAdvanced},
		}},
		{nil, true, []wire.Operation{
			{ID: "issueToken", Method: post, Path: "/oauth2/token", Handle: issueToken, TypedBody: true},
			{ID: "issueTenantToken", Method: post, Path: "/:tenant/oauth2/v2.0/token", Handle: issueToken, TypedBody: true},
		}},
		{[]echo.MiddlewareFunc{admit(access{})}, true, []wire.Operation{
			{ID: "inspectToken", Method: get, Path: "/api/v1/token/inspect", Handle: inspectToken},
			{ID: "listProjects", Method: get, Path: "/api/v1/projects", Handle: listProjects},
		}},
		{[]echo.MiddlewareFunc{admit(access{project: true, acl: projectsACL, action: "READ"})}, true, []wire.Operation{
			{ID: "getProject", Method: get, Path: inProject, Handle: getProject},
		}},
		{[]echo.MiddlewareFunc{admit(access{project: true})}, true, []wire.Operation{
			{ID: "listGroups", Method: get, Path: inProject + "/groups", Handle: listGroups},
		}},
		{[]echo.MiddlewareFunc{admit(access{project: true, acl: groupsACL, action: "CREATE"})}, true, []wire.Operation{
			{ID: "createGroups", Method: post, Path: inProject + "/groups", Handle: createGroups},
		}},
		{[]echo.MiddlewareFunc{admit(access{project: true, acl: groupsACL, action: "DELETE"})}, true, []wire.Operation{
			{ID: "deleteGroups", Method: post, Path: inProject + "/groups/delete", Handle: deleteGroups},
		}},
		{[]echo.MiddlewareFunc{admit(access{})}, false, []wire.Operation{
			{ID: "updateProject", Method: post, Path: inProject + "/update", Handle: notEmulated},
			{ID: "listOrganizationProjects", Method: get, Path: "/api/v1/orgs/:org/projects", Handle: notEmulated},
		}},
	}
}

// Operations is the route table of what is emulated.
func (a *API) Operations() []wire.Operation { return a.table(true) }

// NotEmulated is the route table of what is known and answered 501.
func (a *API) NotEmulated() []wire.Operation { return a.table(false) }

func (a *API) table(emulated bool) (operations []wire.Operation) {
	for _, area := range a.areas() {
		if area.emulated == emulated {
			operations = append(operations, area.operations...)
		}
	}
	return operations
}

func notEmulated(c echo.Context) error {
	return errNotEmulated(c.Request().Method, c.Request().URL.Path)
}
