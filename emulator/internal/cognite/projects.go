package cognite

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

type projectName struct {
	URLName string `json:"urlName"`
}

type listProjectsResponse struct {
	Items []projectName `json:"items"`
}

// listProjects answers the projects in which the caller may list, by name. // COG-049
func listProjects(c echo.Context) error {
	who := callerOf(c)
	answer := listProjectsResponse{Items: []projectName{}}
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		for name := range projects.Prefix(tx, "") {
			there := caller{groups: memberships(tx, name, who.token)}
			if there.may(projectsACL, "LIST") {
				answer.Items = append(answer.Items, projectName{name})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, answer)
}

type getProjectResponse struct {
	Name                      string               `json:"name"`
	URLName                   string               `json:"urlName"`
	UserProfilesConfiguration userProfilesResponse `json:"userProfilesConfiguration"`
}

type userProfilesResponse struct {
	Enabled bool `json:"enabled"`
}

// getProject answers the project of the path. That it exists was found when the caller was let in.
func getProject(c echo.Context) error {
	name := callerOf(c).project
	return respond(c, http.StatusOK, getProjectResponse{Name: name, URLName: name})
}
