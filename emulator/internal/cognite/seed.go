package cognite

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/submeter/submeter/emulator/internal/series"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// openProjectName is the project of a scenario that lists none.
const openProjectName = "acme"

// Seed writes a scenario's part of this vendor into a world: what it lists is added to what is there, and replaces what
// has the same name.
func (a *API) Seed(sb *store.Sandbox, s *fixtures.Scenario) error {
	return sb.Update(func(tx *store.Tx) error {
		world := s.Cognite
		settingsTable.Put(tx, "", settings{Closed: world.Tokens != nil || world.Clients != nil, Options: world.Options})
		for _, c := range world.Clients {
			clients.Put(tx, c.ID, client{Secret: c.Secret, Subject: subjectOf(c.Subject, c.ID), Groups: c.Groups})
		}
		for i, t := range world.Tokens {
			row := token{Subject: subjectOf(t.Subject, "token-"+strconv.Itoa(i+1)), Client: t.Client, Groups: t.Groups}
			if !t.ExpiresAt.IsZero() {
				row.Expires = t.ExpiresAt.At(tx.Now).Unix()
			}
			tokens.Put(tx, t.Token, row)
		}
		if world.Projects == nil {
			openProject(tx, openProjectName)
		}
		for _, p := range world.Projects {
			if err := seedProject(tx, p); err != nil {
				return fmt.Errorf("project %s: %w", p.Name, err)
			}
		}
		return nil
	})
}

func subjectOf(given, otherwise string) string {
	if given != "" {
		return given
	}
	return otherwise
}

// openProject creates a project, unless it exists, in which every valid token may do everything: what a project is whose
// groups nobody has listed. // COG-051
func openProject(tx *store.Tx, name string) {
	if projects.Has(tx, name) {
		return
	}
	projects.Put(tx, name, project{})
	all := json.RawMessage(`{"all":{}}`)
	createGroup(tx, name, group{Name: "everyone", Everyone: true, Capabilities: []capability{
		{projectsACL, []string{"LIST", "READ"}, all},
		{groupsACL, []string{"LIST", "READ", "CREATE", "DELETE"}, all},
	}})
}

func seedProject(tx *store.Tx, p fixtures.CogniteProject) error {
	if p.Groups == nil {
		openProject(tx, p.Name)
	}
	projects.Put(tx, p.Name, project{})
	for _, g := range p.Groups {
		createGroup(tx, p.Name, groupRow(g))
	}
	for _, m := range p.Meters {
		if err := seedMeter(tx, p.Name, m); err != nil {
			return fmt.Errorf("meter %s: %w", m.ID, err)
		}
	}
	for _, l := range p.Limits {
		value, err := l.Value.Float64()
		if err != nil {
			return fmt.Errorf("limit %s: %w", l.ID, err)
		}
		limits.Put(tx, inProject(p.Name, l.ID), limit{Value: value})
	}
	return nil
}

func groupRow(g fixtures.CogniteGroup) group {
	row := group{Name: g.Name, SourceID: g.SourceID, Members: g.Members, Everyone: g.AllUserAccounts, Apps: g.AppIDs}
	for _, c := range g.Capabilities {
		scope, _ := json.Marshal(map[string]struct{}{c.Scope: {}}) // text and an empty object: cannot fail
		row.Capabilities = append(row.Capabilities, capability{ACL: c.ACL, Actions: c.Actions, Scope: scope})
	}
	return row
}

func seedMeter(tx *store.Tx, project string, m fixtures.CogniteMeter) error {
	row := meter{}
	if g := m.Generator; g != nil {
		row.Generator = &generator{Kind: g.Kind, From: g.From.At(tx.Now).UnixMilli()}
		for into, given := range map[*int64]json.Number{
			&row.Generator.Level: g.Level, &row.Generator.Swing: g.Swing, &row.Generator.PerDay: g.PerDay,
		} {
			if given == "" {
				continue
			}
			var err error
			if *into, err = given.Int64(); err != nil {
				return err
			}
		}
	}
	meters.Put(tx, inProject(project, m.ID), row)
	given := make([]series.Sample, len(m.Samples))
	for i, s := range m.Samples {
		value, err := s.Value.Float64()
		if err != nil {
			return err
		}
		given[i] = series.Sample{At: s.At.At(tx.Now).UnixMilli(), Value: value + 0}
	}
	samples.Append(tx, inProject(project, m.ID), given)
	return nil
}

// Credentials lists what a client can use, a line each.
func (a *API) Credentials(s *fixtures.Scenario) []string {
	world := s.Cognite
	if world.Tokens == nil && world.Clients == nil {
		names := []string{openProjectName}
		if world.Projects != nil {
			names = names[:0]
			for _, p := range world.Projects {
				names = append(names, p.Name)
			}
		}
		return []string{
			"Authorization: Bearer <any token> (project " + strings.Join(names, ", ") + ")",
			"client <any id> / <any secret> (at /oauth2/token)",
		}
	}
	var lines []string
	for _, t := range world.Tokens {
		lines = append(lines, "Authorization: Bearer "+t.Token)
	}
	for _, c := range world.Clients {
		lines = append(lines, "client "+c.ID+" / "+c.Secret+" (at /oauth2/token)")
	}
	return lines
}
