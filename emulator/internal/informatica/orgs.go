package informatica

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// family returns an organization and all that are linked under it, in tree order: each before those under it.
func family(tx *store.Tx, top org) []org {
	children := map[string][]org{}
	for row := range orgs.After(tx, everyone, 0) {
		children[row.Value.Parent] = append(children[row.Value.Parent], row.Value)
	}
	list := []org{}
	var walk func(o org)
	walk = func(o org) {
		list = append(list, o)
		for _, child := range children[o.ID] {
			walk(child)
		}
	}
	walk(top)
	return list
}

// mayRead says whether a user has rights on an organization of its own family.
func (u *user) mayRead(orgID string) bool {
	return orgID == u.Org || !u.SomeLinked || slices.Contains(u.Linked, orgID)
}

// visibleOrg returns the organization of an id when the caller may read it: its own, or one linked under it that it has
// rights on (INF-028).
func visibleOrg(tx *store.Tx, who caller, id string) (org, error) {
	o, ok := orgs.Get(tx, everyone, id)
	if !ok {
		return org{}, errNoOrg()
	}
	linked := slices.ContainsFunc(family(tx, who.org), func(member org) bool { return member.ID == id })
	if !linked || !who.user.mayRead(id) {
		return org{}, errForeignOrg()
	}
	return o, nil
}

func firstOrg(tx *store.Tx) string {
	for row := range orgs.After(tx, everyone, 0) {
		return row.ID
	}
	return ""
}

func orgNamed(tx *store.Tx, name string) (org, bool) {
	for row := range orgs.After(tx, everyone, 0) {
		if row.Value.Name == name {
			return row.Value, true
		}
	}
	return org{}, false
}

// orgV2Response is the part of the v2 organization that there is something to say of. The name of the list of
// sub-organizations is a guess (INF-045).
type orgV2Response struct {
	Type        string    `json:"@type"`
	ID          string    `json:"id"`
	OrgID       string    `json:"orgId"`
	Name        string    `json:"name"`
	CreateTime  string    `json:"createTime"`
	UpdateTime  string    `json:"updateTime"`
	ParentOrgID string    `json:"parentOrgId"`
	Timezone    string    `json:"timezone"`
	DevOrg      bool      `json:"devOrg"`
	SubOrgs     []namedV2 `json:"subOrgs,omitempty"`
}

type namedV2 struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (a *API) getOwnOrgV2(c echo.Context) error {
	return answerOrg(c, func(_ *store.Tx, who caller) (org, error) { return who.org, nil })
}

func (a *API) getOrgV2(c echo.Context) error {
	return answerOrg(c, func(tx *store.Tx, who caller) (org, error) { return visibleOrg(tx, who, c.Param("orgId")) })
}

func (a *API) getOrgByNameV2(c echo.Context) error {
	return answerOrg(c, func(tx *store.Tx, who caller) (org, error) {
		o, ok := orgNamed(tx, c.Param("orgName"))
		if !ok {
			return org{}, errNoOrg()
		}
		return visibleOrg(tx, who, o.ID)
	})
}

func answerOrg(c echo.Context, find func(*store.Tx, caller) (org, error)) error {
	var res orgV2Response
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		o, err := find(tx, callerOf(c))
		if err != nil {
			return err
		}
		res = orgV2Response{
			Type: "org", ID: o.ID, OrgID: o.ID, Name: o.Name, CreateTime: o.Created.Format(v2Time),
			UpdateTime: o.Created.Format(v2Time), ParentOrgID: o.Parent, Timezone: "UTC",
			DevOrg: o.Kind == fixtures.InformaticaSandbox,
		}
		if o.Parent == "" {
			res.ParentOrgID = "0" // INF-042
		}
		for row := range orgs.After(tx, everyone, 0) {
			if sub := row.Value; sub.Parent == o.ID && sub.Kind == fixtures.InformaticaSubOrganization {
				res.SubOrgs = append(res.SubOrgs, namedV2{ID: sub.ID, Name: sub.Name})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, res)
}

type getOrgLicenseResponse struct {
	CustomLicenses   []customLicense   `json:"customLicenses"`
	AssignedEditions []assignedEdition `json:"assignedEditions"`
	CustomLimits     []customLimit     `json:"customLimits"`
}

type customLicense struct {
	LicenseDef     string `json:"licenseDef"`
	ExpirationDate string `json:"expirationDate"`
	LicenseType    string `json:"licenseType"`
}

type assignedEdition struct {
	Edition        string `json:"edition"`
	ExpirationDate string `json:"expirationDate"`
}

type customLimit struct {
	LimitDefinition string `json:"limitDefinition"`
	Value           int    `json:"value"` // -1: none
}

// getOrgLicense tells the little of a license that metering goes by; names and limits are made up (INF-053).
func (a *API) getOrgLicense(c echo.Context) error {
	var o org
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) (err error) {
		o, err = visibleOrg(tx, callerOf(c), c.Param("orgId"))
		return err
	})
	if err != nil {
		return err
	}
	ends := formatDate(o.LicenseEnds)
	res := getOrgLicenseResponse{
		CustomLicenses:   []customLicense{},
		AssignedEditions: []assignedEdition{{Edition: "Enterprise", ExpirationDate: ends}},
		CustomLimits:     []customLimit{{LimitDefinition: "SubOrganizations", Value: -1}},
	}
	if o.Licensed {
		res.CustomLicenses = append(res.CustomLicenses, customLicense{
			LicenseDef: "IntelligentCloudDataManagement", ExpirationDate: ends, LicenseType: "SUBSCRIPTION",
		})
	}
	return writeJSON(c, http.StatusOK, res)
}
