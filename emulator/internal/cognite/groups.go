package cognite

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// everyone is what members says when every account of the project belongs to a group.
const everyone = "allUserAccounts"

type groupAnswer struct {
	ID           int64             `json:"id"`
	Name         string            `json:"name"`
	IsDeleted    bool              `json:"isDeleted"`
	DeletedTime  int64             `json:"deletedTime"`
	SourceID     string            `json:"sourceId,omitempty"`
	Members      any               `json:"members,omitempty"` // []string or everyone
	Capabilities []map[string]acl  `json:"capabilities"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	Attributes   *groupAttributes  `json:"attributes,omitempty"`
}

type groupAttributes struct {
	Token struct {
		AppIDs []string `json:"appIds"`
	} `json:"token"`
}

type groupList struct {
	Items []groupAnswer `json:"items"`
}

func groupID(key string) int64 {
	id, _ := strconv.ParseInt(key, 10, 64) // written by createGroup
	return id
}

func answerGroup(row store.Row[group]) groupAnswer {
	g := row.Value
	answer := groupAnswer{
		ID: groupID(row.ID), Name: g.Name, DeletedTime: -1, SourceID: g.SourceID, Metadata: g.Metadata,
		Capabilities: []map[string]acl{},
	}
	for _, c := range g.Capabilities {
		answer.Capabilities = append(answer.Capabilities, map[string]acl{c.ACL: {c.Actions, c.Scope}})
	}
	switch {
	case g.Everyone:
		answer.Members = everyone
	case len(g.Members) > 0:
		answer.Members = g.Members
	}
	if len(g.Apps) > 0 {
		answer.Attributes = &groupAttributes{}
		answer.Attributes.Token.AppIDs = g.Apps
	}
	return answer
}

// listGroups answers the caller's own groups, or all of them to those who may see them.
func listGroups(c echo.Context) error {
	who := callerOf(c)
	answer := groupList{Items: []groupAnswer{}}
	if c.QueryParam("all") != "true" {
		for _, row := range who.groups {
			answer.Items = append(answer.Items, answerGroup(row))
		}
		return respond(c, http.StatusOK, answer)
	}
	if !who.may(groupsACL, "LIST") {
		return errForbidden(groupsACL, "LIST", who.project)
	}
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		for row := range groups.After(tx, who.project, 0) {
			answer.Items = append(answer.Items, answerGroup(row))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, answer)
}

type createGroupsRequest struct {
	Items []groupRequest `json:"items"`
}

type groupRequest struct {
	Name         string                       `json:"name"`
	SourceID     string                       `json:"sourceId"`
	Members      json.RawMessage              `json:"members"`
	Capabilities []map[string]json.RawMessage `json:"capabilities"`
	Metadata     map[string]string            `json:"metadata"`
	Attributes   groupAttributes              `json:"attributes"`
}

// createGroups creates all groups of the request or none.
func createGroups(c echo.Context) error {
	var asked createGroupsRequest
	if _, err := bind(c, &asked); err != nil {
		return err
	}
	made := make([]group, len(asked.Items))
	for i, item := range asked.Items {
		var err error
		if made[i], err = item.group(); err != nil {
			return err
		}
	}
	var answer groupList
	err := store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
		for _, g := range made {
			answer.Items = append(answer.Items, answerGroup(createGroup(tx, callerOf(c).project, g)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusCreated, answer)
}

func createGroup(tx *store.Tx, project string, g group) store.Row[group] {
	id := strconv.FormatInt(idOf(store.NewEntropy(tx, "cognite/group")), 10)
	groups.Put(tx, project, id, g)
	return store.Row[group]{ID: id, Value: g}
}

// group checks what the document cannot say.
func (r groupRequest) group() (group, error) {
	g := group{Name: r.Name, SourceID: r.SourceID, Metadata: r.Metadata, Apps: r.Attributes.Token.AppIDs}
	if err := r.readMembers(&g); err != nil {
		return g, err
	}
	if g.SourceID != "" && (g.Everyone || len(g.Members) > 0) {
		return g, errSourceAndMembers()
	}
	total := 0
	for key, value := range r.Metadata {
		if total += len(key) + len(value); len(key) > 32 || len(value) > 512 {
			return g, errMetadata("keys must not be longer than 32 bytes, values not than 512")
		}
	}
	if total > 4096 {
		return g, errMetadata("must not be longer than 4096 bytes in total")
	}
	for _, c := range r.Capabilities {
		held, err := readCapability(c)
		if err != nil {
			return g, err
		}
		g.Capabilities = append(g.Capabilities, held)
	}
	return g, nil
}

func (r groupRequest) readMembers(g *group) error {
	if len(r.Members) == 0 || string(r.Members) == "null" || json.Unmarshal(r.Members, &g.Members) == nil {
		return nil
	}
	var word string
	if json.Unmarshal(r.Members, &word) != nil || word != everyone {
		return errBadBody()
	}
	g.Everyone = true
	return nil
}

// knownACLs are what the ACLs that matter here can hold; a group may hold any other, which is kept and never asked for.
// COG-050
var knownACLs = map[string]struct{ actions, scopes []string }{
	projectsACL: {[]string{"LIST", "READ", "CREATE", "UPDATE", "DELETE"}, []string{"all"}},
	groupsACL:   {[]string{"LIST", "READ", "CREATE", "UPDATE", "DELETE"}, []string{"all", "currentuserscope"}},
}

func readCapability(fields map[string]json.RawMessage) (capability, error) {
	delete(fields, "projectUrlNames") // answers may carry it, so clients may send it back
	if len(fields) != 1 {
		return capability{}, errCapability(fmt.Sprintf("each must name one ACL, got %d", len(fields)))
	}
	name := slices.Collect(maps.Keys(fields))[0]
	var body acl
	if err := json.Unmarshal(fields[name], &body); err != nil {
		return capability{}, errBadBody()
	}
	var scope map[string]json.RawMessage
	if err := json.Unmarshal(body.Scope, &scope); err != nil || len(scope) != 1 {
		return capability{}, errCapability(name + " must have one scope")
	}
	known, ok := knownACLs[name]
	for _, action := range body.Actions {
		if ok && !slices.Contains(known.actions, action) {
			return capability{}, errCapability(fmt.Sprintf("%s has no action %q", name, action))
		}
	}
	for reach := range scope {
		if ok && !slices.Contains(known.scopes, reach) {
			return capability{}, errCapability(fmt.Sprintf("%s has no scope %q", name, reach))
		}
	}
	return capability{ACL: name, Actions: body.Actions, Scope: body.Scope}, nil
}

type deleteGroupsRequest struct {
	Items []wholeNumber `json:"items"`
}

// deleteGroups deletes all groups of the request or none: unknown ids are told as the older parts of the vendor's API tell
// them. // COG-050
func deleteGroups(c echo.Context) error {
	var asked deleteGroupsRequest
	if _, err := bind(c, &asked); err != nil {
		return err
	}
	project := callerOf(c).project
	err := store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
		var missing []map[string]any
		for _, id := range asked.Items {
			if !groups.Has(tx, project, strconv.FormatInt(int64(id), 10)) {
				missing = append(missing, map[string]any{"id": id})
			}
			groups.Delete(tx, project, strconv.FormatInt(int64(id), 10))
		}
		if missing != nil {
			return errNoGroups(missing)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, struct{}{})
}
