package informatica

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

const (
	defaultOrg         = "Production" // of a world whose scenario names none
	defaultEnvironment = "Secure Agent"
	defaultAsset       = "Mapping Task"
)

// Seed lays a scenario on a world: what it names is added, or replaced where the world has it under the same name.
func (a *API) Seed(sb *store.Sandbox, s *fixtures.Scenario) error {
	return sb.Update(func(tx *store.Tx) error {
		w := &seeding{tx: tx, in: &s.Informatica, orgs: map[string]org{}}
		for _, step := range []func() error{
			w.addOrgs, w.addUsers, w.addMeters, w.addEnvironments, w.addAssets, w.addUsage, w.addRuns, w.addAlerts,
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Credentials lists the logins of a scenario.
func (a *API) Credentials(s *fixtures.Scenario) []string {
	if s.Informatica.Users == nil {
		return []string{"any user name and password"}
	}
	var lines []string
	for _, u := range s.Informatica.Users {
		lines = append(lines, u.Username+" / "+u.Password)
	}
	return lines
}

// seeding is a scenario on its way into a world.
type seeding struct {
	tx     *store.Tx
	in     *fixtures.Informatica
	orgs   map[string]org // by name, of those looked up
	prices priceList
}

func (w *seeding) addOrgs() error {
	s := settingOf(w.tx)
	if s.Edition == 0 || w.in.Options != fixtures.New().Informatica.Options { // a later scenario may be about something else
		s.Options = w.in.Options
		settings.Put(w.tx, everyone, s)
	}
	list := w.in.Orgs
	if len(list) == 0 && firstOrg(w.tx) == "" {
		list = []fixtures.InformaticaOrg{{
			Name: defaultOrg, Kind: fixtures.InformaticaProduction, License: fixtures.InformaticaLicenseConsumption,
		}}
	}
	for _, in := range list {
		before, known := orgNamed(w.tx, in.Name)
		o := org{
			ID: in.ID, Name: in.Name, Kind: in.Kind, Licensed: in.License != fixtures.InformaticaLicenseNone,
			JWT: in.Authentication == fixtures.InformaticaJWT, Entitled: in.EntitledIPUs, Unavailable: in.Unavailable,
			LicenseEnds: w.at(in.LicenseEnds, midnight(w.tx.Now).AddDate(1, 0, 0)), Created: w.at(in.CreatedAt, w.tx.Now),
		}
		if o.ID == "" {
			o.ID = newID(w.tx, "org")
			if known {
				o.ID = before.ID
			}
		}
		if in.Parent != "" {
			parent, err := w.org(in.Parent)
			if err != nil {
				return fmt.Errorf("informatica.orgs: %s: %w", in.Name, err)
			}
			o.Parent = parent.ID
		}
		orgs.Put(w.tx, everyone, o.ID, o)
		w.orgs[o.Name] = o
	}
	return nil
}

// at is an instant of the scenario, to the second because that is as much as the vendor shows.
func (w *seeding) at(t fixtures.Time, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise.Truncate(time.Second)
	}
	return t.At(w.tx.Now).Truncate(time.Second)
}

func (w *seeding) org(name string) (org, error) {
	if o, ok := w.orgs[name]; ok {
		return o, nil
	}
	o, ok := orgNamed(w.tx, name)
	if !ok {
		return o, fmt.Errorf("there is no organization %q", name)
	}
	w.orgs[name] = o
	return o, nil
}

func (w *seeding) addUsers() error {
	s := settingOf(w.tx)
	s.AnyLogin = w.in.Users == nil && (s.AnyLogin || s.Edition == 0) // a later scenario without users leaves it as it is
	settings.Put(w.tx, everyone, s)
	for _, in := range w.in.Users {
		o, err := w.org(in.Org)
		if err != nil {
			return fmt.Errorf("informatica.users: %s: %w", in.Username, err)
		}
		u := user{
			ID: in.ID, Name: in.Username, Password: in.Password, Org: o.ID, FirstName: in.FirstName, LastName: in.LastName,
			Timezone: in.Timezone, Roles: in.Roles, SomeLinked: in.LinkedOrgs != nil, Created: w.tx.Now,
		}
		if u.ID == "" {
			u.ID = newID(w.tx, "user")
		}
		if in.Roles == nil {
			u.Roles = []string{adminRole}
		}
		for _, name := range in.LinkedOrgs {
			linked, err := w.org(name)
			if err != nil {
				return fmt.Errorf("informatica.users: %s: %w", in.Username, err)
			}
			u.Linked = append(u.Linked, linked.ID)
		}
		users.Put(w.tx, u.Name, u)
	}
	return nil
}

// addMeters makes the next edition of the catalogue, which begins as the one before.
func (w *seeding) addMeters() error {
	c := currentCatalogue(w.tx)
	for _, in := range w.in.Meters {
		m := meter{
			ID: in.ID, Name: in.Name, Scalar: in.Scalar, Service: in.Service,
			Asset: slices.Contains(in.Requests, fixtures.InformaticaAssetRequest),
			Job:   slices.Contains(in.Requests, fixtures.InformaticaJobRequest),
		}
		c.Meters = append(slices.DeleteFunc(c.Meters, func(old meter) bool { return old.ID == m.ID }), m)
	}
	w.prices = newPriceList(c)
	changed := map[string][]rate{}
	for _, in := range w.in.Rates {
		m, err := w.meter(in.Meter)
		if err != nil {
			return fmt.Errorf("informatica.rates: %w", err)
		}
		price, err := amountOf(in.Rate)
		if err != nil {
			return fmt.Errorf("informatica.rates: %s: %w", in.Meter, err)
		}
		r := rate{Tier: in.Tier, Rate: price}
		if !in.From.IsZero() {
			r.From = midnight(in.From.At(w.tx.Now))
		}
		changed[m.ID] = append(changed[m.ID], r)
	}
	if c.Rates == nil {
		c.Rates = map[string][]rate{}
	}
	for id, rates := range changed {
		sortRates(rates)
		c.Rates[id] = rates
	}
	w.prices = newPriceList(c)
	s := settingOf(w.tx)
	s.Edition++
	settings.Put(w.tx, everyone, s)
	catalogues.Put(w.tx, editionKey(s.Edition), c)
	return nil
}

func editionKey(edition int) string { return strconv.Itoa(edition) }

func currentCatalogue(tx *store.Tx) catalogue {
	c, _ := catalogues.Get(tx, editionKey(settingOf(tx).Edition))
	return c
}

func (w *seeding) meter(idOrName string) (*meter, error) {
	m, ok := w.prices.find(idOrName)
	if !ok {
		return nil, fmt.Errorf("there is no meter %q", idOrName)
	}
	return m, nil
}

func amountOf(n json.Number) (decimal.Decimal, error) {
	if n == "" {
		return decimal.Zero, nil
	}
	return decimal.NewFromString(n.String())
}

func (w *seeding) addEnvironments() error {
	for _, in := range w.in.Environments {
		o, err := w.org(in.Org)
		if err != nil {
			return fmt.Errorf("informatica.environments: %s: %w", in.Name, err)
		}
		e := environment{ID: in.ID, Name: in.Name, Type: in.Type}
		if e.ID == "" {
			e.ID = newID(w.tx, "environment")
		}
		if e.Type == "" {
			e.Type = defaultEnvironment
		}
		environments.Put(w.tx, o.ID+"/"+e.Name, e)
	}
	return nil
}

func (w *seeding) addAssets() error {
	for _, in := range w.in.Assets {
		o, err := w.org(in.Org)
		if err != nil {
			return fmt.Errorf("informatica.assets: %s: %w", in.Path, err)
		}
		e, ok := environments.Get(w.tx, o.ID+"/"+in.Environment)
		if !ok {
			return fmt.Errorf("informatica.assets: %s: %s has no environment %q", in.Path, in.Org, in.Environment)
		}
		at := asset{ID: in.ID, Type: in.Type, Object: in.Object, Environment: e}
		at.Project, at.Folder, at.Name = splitPath(in.Path)
		if at.ID == "" {
			at.ID = newID(w.tx, "asset")
		}
		if at.Type == "" {
			at.Type = defaultAsset
		}
		assets.Put(w.tx, o.ID+"/"+in.Path, at)
	}
	return nil
}

func splitPath(path string) (project, folder, name string) {
	parts := strings.Split(path, "/")
	name = parts[len(parts)-1]
	if len(parts) > 1 {
		project = parts[0]
	}
	if len(parts) > 2 {
		folder = parts[1]
	}
	return project, folder, name
}

// whose finds what a usage or run speaks of. What an asset or job-level report can ask for belongs to an asset, or the
// reports would not agree.
func (w *seeding) whose(orgName, meterName, path string) (o org, m *meter, at asset, err error) {
	if o, err = w.org(orgName); err != nil {
		return o, m, at, err
	}
	if m, err = w.meter(meterName); err != nil {
		return o, m, at, err
	}
	if path == "" && (m.Asset || m.Job) {
		return o, m, at, fmt.Errorf("%s needs an asset", m.Name)
	}
	if path != "" {
		var ok bool
		if at, ok = assets.Get(w.tx, o.ID+"/"+path); !ok {
			return o, m, at, fmt.Errorf("%s has no asset %q", orgName, path)
		}
	}
	return o, m, at, nil
}

func (w *seeding) addUsage() error {
	for i, in := range w.in.Usage {
		o, m, at, err := w.whose(in.Org, in.Meter, in.Asset)
		if err != nil {
			return fmt.Errorf("informatica.usage[%d]: %w", i, err)
		}
		quantity, err := amountOf(in.Quantity)
		if err != nil {
			return fmt.Errorf("informatica.usage[%d]: %w", i, err)
		}
		entropy := store.NewEntropy(w.tx, vendor+"/usage")
		p := &pattern{
			Key: binary.BigEndian.Uint64(entropy[:8]), From: midnight(in.From.At(w.tx.Now)), Runs: in.Runs,
			Weekend: in.Weekend, Seconds: in.Minutes * 60, Spread: in.Spread, Cores: decimal.NewFromInt(int64(in.Cores)),
			Quantity: quantity, Executions: in.Executions,
		}
		if !in.Until.IsZero() {
			p.Until = midnight(in.Until.At(w.tx.Now))
		}
		w.put(o, usage{Asset: at, Meter: m.ID, Pattern: p})
	}
	return nil
}

// addRuns gathers the runs of an asset on a meter in one usage.
func (w *seeding) addRuns() error {
	type key struct{ org, meter, asset string }
	gathered := map[key]*usage{}
	var order []key
	owners := map[key]org{}
	for i, in := range w.in.Runs {
		o, m, at, err := w.whose(in.Org, in.Meter, in.Asset)
		cores, err1 := amountOf(in.Cores)
		quantity, err2 := amountOf(in.Quantity)
		if err := errors.Join(err, err1, err2); err != nil {
			return fmt.Errorf("informatica.runs[%d]: %w", i, err)
		}
		k := key{o.ID, m.ID, in.Asset}
		if gathered[k] == nil {
			gathered[k], owners[k], order = &usage{Asset: at, Meter: m.ID}, o, append(order, k)
		}
		gathered[k].Runs = append(gathered[k].Runs, run{
			Start: w.at(in.Start, w.tx.Now), Seconds: in.Seconds, Cores: cores, Quantity: quantity,
			Executions: in.Executions, Status: in.Status,
		})
	}
	for _, k := range order {
		slices.SortStableFunc(gathered[k].Runs, func(a, b run) int { return a.Start.Compare(b.Start) })
		w.put(owners[k], *gathered[k])
	}
	return nil
}

func (w *seeding) put(o org, u usage) {
	s := settingOf(w.tx)
	s.LastUsage++
	settings.Put(w.tx, everyone, s)
	u.Number = s.LastUsage
	usages.Put(w.tx, o.ID, strconv.FormatUint(u.Number, 10), u)
}

func (w *seeding) addAlerts() error {
	for _, in := range w.in.Alerts {
		o, err := w.org(in.Org)
		if err != nil {
			return fmt.Errorf("informatica.alerts: %w", err)
		}
		alerts.Put(w.tx, o.ID, in.Project+"/"+in.Folder, alert{
			Type: in.Type, Threshold: in.Threshold, Project: in.Project, Folder: in.Folder,
		})
	}
	return nil
}
