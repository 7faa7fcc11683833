package cognite

import (
	"encoding/json"

	"github.com/submeter/submeter/emulator/internal/series"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

var (
	settingsTable = store.NewTable[settings]("cognite/settings") // one row, under ""
	clients       = store.NewTable[client]("cognite/clients")    // by client id
	tokens        = store.NewTable[token]("cognite/tokens")      // by the token itself
	projects      = store.NewTable[project]("cognite/projects")  // by name
	groups        = store.NewOrdered[group]("cognite/groups")    // by project and id
	meters        = store.NewTable[meter]("cognite/meters")      // by project and meter id, see inProject
	limits        = store.NewTable[limit]("cognite/limits")      // by project and limit id, see inProject

	// samples are the meters' own numbers, under the keys of meters.
	samples = series.New("cognite/meters")
)

// settings are what holds for every request of a world.
type settings struct {
	Closed  bool                    `json:"closed,omitempty"` // only listed clients and tokens are known
	Options fixtures.CogniteOptions `json:"options"`
}

// client is an application that may ask the stand-in identity provider for tokens.
type client struct {
	Secret  string   `json:"secret"`
	Subject string   `json:"subject"`
	Groups  []string `json:"groups,omitempty"` // of the identity provider
}

// token is an access token: a fixed one of the scenario, or one that was issued.
type token struct {
	Subject string   `json:"subject"`
	Client  string   `json:"client,omitempty"`
	Groups  []string `json:"groups,omitempty"`  // of the identity provider
	Expires int64    `json:"expires,omitempty"` // Unix seconds; 0: never
}

type project struct{}

// group is who may do what in a project.
type group struct {
	Name         string            `json:"name"`
	SourceID     string            `json:"source_id,omitempty"`
	Members      []string          `json:"members,omitempty"`
	Everyone     bool              `json:"everyone,omitempty"`
	Capabilities []capability      `json:"capabilities,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	Apps         []string          `json:"apps,omitempty"`
}

// capability is one ACL of a group: what it allows, and how far that reaches.
type capability struct {
	ACL     string          `json:"acl"`
	Actions []string        `json:"actions"`
	Scope   json.RawMessage `json:"scope"`
}

// meter exists by having a row; its samples are a series.
type meter struct {
	Generator *generator `json:"generator,omitempty"`
}

type limit struct {
	Value float64 `json:"value"`
}

// inProject is the key of something that a project has by id. No project's name holds a NUL.
func inProject(project, id string) string { return project + "\x00" + id }

func settingsOf(tx *store.Tx) settings {
	s, _ := settingsTable.Get(tx, "")
	return s
}
