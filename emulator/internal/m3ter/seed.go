package m3ter

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// seededBy is who audit fields name for what a scenario made.
const seededBy = "00000000-0000-4000-8000-000000000001"

// Seed lays a scenario on the sandbox's world: an entity whose id is there already is replaced, everything else stays. All
// of it or nothing.
func (a *API) Seed(sb *store.Sandbox, s *fixtures.Scenario) error {
	return sb.Update(func(tx *store.Tx) error {
		if s.M3ter.ServiceUsers != nil {
			settingsTable.Put(tx, "", settings{Closed: true})
		}
		for _, u := range s.M3ter.ServiceUsers {
			row := serviceUser{ID: u.ID, Organization: cmp.Or(u.Organization, openOrganization), Secret: u.APISecret, Name: u.Name}
			if row.ID == "" {
				row.ID = store.NewUUID(tx, "m3ter/serviceuser")
			}
			serviceUsers.Put(tx, u.AccessKeyID, row)
			serviceUserIDs.Put(tx, row.ID, u.AccessKeyID)
		}
		for _, o := range s.M3ter.Organizations {
			id := cmp.Or(o.ID, openOrganization)
			organizations.Put(tx, id, organization{Name: o.Name, Options: optionsOf(o.Options)})
			if err := (&seeding{tx: tx, org: id}).add(o); err != nil {
				return fmt.Errorf("organization %s: %w", id, err)
			}
		}
		return nil
	})
}

func optionsOf(o fixtures.M3terOptions) options {
	chosen := options{
		Conformance: o.Conformance, EnforceCustomFields: o.EnforceCustomFields,
		ExportSinceCreated: o.ExportSince == fixtures.M3terExportSinceCreated,
	}
	if o.Conflict == fixtures.M3terConflictConflict {
		chosen.ConflictStatus = 409
	}
	return chosen
}

// Credentials lists the keys of a scenario.
func (a *API) Credentials(s *fixtures.Scenario) []string {
	if s.M3ter.ServiceUsers == nil {
		return []string{"any access key and secret, organization " + openOrganization}
	}
	var lines []string
	for _, u := range s.M3ter.ServiceUsers {
		lines = append(lines, u.AccessKeyID+" / "+u.APISecret+", organization "+cmp.Or(u.Organization, openOrganization))
	}
	return lines
}

// seeding is an organization on its way into a world.
type seeding struct {
	tx  *store.Tx
	org string
}

func (w *seeding) at(t fixtures.Time) *call {
	at := w.tx.Now
	if !t.IsZero() {
		at = t.At(w.tx.Now)
	}
	return callAs(w.tx, w.org, seededBy, at)
}

func (w *seeding) add(o fixtures.M3terOrganization) error {
	for _, step := range []func(fixtures.M3terOrganization) error{
		w.addCustomFields, w.addProducts, w.addMeters, w.addAggregations, w.addAccounts, w.addRecords, w.addUsage,
		w.addMeasurements,
	} {
		if err := step(o); err != nil {
			return err
		}
	}
	return nil
}

func (w *seeding) addCustomFields(o fixtures.M3terOrganization) error {
	if o.CustomFields == nil {
		return nil
	}
	c := w.at(fixtures.Time{})
	r := customFieldsOf(c)
	text, err := encode(o.CustomFields)
	if err != nil {
		return err
	}
	if err := unmarshal(text, &r.Fields); err != nil {
		return fmt.Errorf("custom_fields: %w", err)
	}
	r.Created, r.Modified, r.CreatedBy, r.ModifiedBy = c.now, c.now, c.actor, c.actor
	customFieldRows.Put(w.tx, w.org, r)
	return nil
}

// seedEntity stores an entity: under its id in place of what is there, or anew.
func seedEntity[T any](c *call, e *entity[T], id string, fields T) error {
	if id == "" {
		id = c.newID(e.kind)
	}
	var err error
	if before, ok := e.rows.Get(c.tx, c.org, id); ok {
		_, err = e.replace(c, before, fields)
	} else {
		_, err = e.insert(c, id, fields)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.title, err)
	}
	return nil
}

// byCode finds what a scenario names by code.
func (w *seeding) byCode(kind, code string) (string, error) {
	if code == "" {
		return "", nil
	}
	id, ok := codes.Get(w.tx, codeKey(w.org, kind, code))
	if !ok {
		return "", fmt.Errorf("there is no %s with the code %q", kind, code)
	}
	return id, nil
}

func (w *seeding) addProducts(o fixtures.M3terOrganization) error {
	for _, p := range o.Products {
		if err := seedEntity(w.at(p.CreatedAt), products, p.ID, product{Name: p.Name, Code: p.Code}); err != nil {
			return err
		}
	}
	return nil
}

func (w *seeding) addMeters(o fixtures.M3terOrganization) error {
	for _, m := range o.Meters {
		productID, err := w.byCode(productKind, m.Product)
		if err != nil {
			return fmt.Errorf("meter %s: %w", m.Code, err)
		}
		fields := meter{Name: m.Name, Code: m.Code, ProductID: productID}
		for _, f := range m.Fields {
			field := dataField{Category: category(f.Category), Code: f.Code, Name: cmp.Or(f.Name, f.Code), Unit: f.Unit}
			if f.Calculation != "" {
				fields.DerivedFields = append(fields.DerivedFields, derivedField{field, f.Calculation})
			} else {
				fields.DataFields = append(fields.DataFields, field)
			}
		}
		if err := seedEntity(w.at(m.CreatedAt), meters, m.ID, fields); err != nil {
			return err
		}
	}
	return nil
}

func (w *seeding) addAggregations(o fixtures.M3terOrganization) error {
	for _, g := range o.Aggregations {
		meterID, err := w.byCode(meterKind, g.Meter)
		if err != nil {
			return fmt.Errorf("aggregation %s: %w", g.Code, err)
		}
		per, err := parseNumber(cmp.Or(string(g.QuantityPerUnit), "1"))
		if err != nil {
			return fmt.Errorf("aggregation %s: quantity_per_unit %w", g.Code, err)
		}
		fields := aggregation{
			Name: g.Name, Code: g.Code, MeterID: meterID, TargetField: g.Field,
			Aggregation: cmp.Or(string(g.Function), "SUM"), QuantityPerUnit: newNumber(per),
			Rounding: cmp.Or(string(g.Rounding), "NONE"), Unit: g.Unit,
		}
		if err := seedEntity(w.at(g.CreatedAt), aggregations, g.ID, fields); err != nil {
			return err
		}
	}
	return nil
}

func (w *seeding) addAccounts(o fixtures.M3terOrganization) error {
	for _, a := range o.Accounts {
		parent, err := w.byCode(accountKind, a.Parent)
		if err != nil {
			return fmt.Errorf("account %s: %w", a.Code, err)
		}
		fields := account{
			Name: a.Name, Code: a.Code, EmailAddress: cmp.Or(a.Email, strings.ReplaceAll(a.Code, " ", "-")+"@example.com"),
			Currency: a.Currency, ParentAccountID: parent,
		}
		if err := seedEntity(w.at(a.CreatedAt), accounts, a.ID, fields); err != nil {
			return err
		}
	}
	return nil
}

// seeders make an entity of a body in the API's form.
var seeders = map[fixtures.M3terRecordKind]func(c *call, id string, body []byte) error{
	"accountplan": seedBody(accountPlans), "balance": seedBody(balances), "bill": seedBody(bills), "charge": seedBody(charges),
	"commitment": seedBody(commitments), "compoundaggregation": seedBody(compoundAggregations),
	"contract": seedBody(contracts), "destination": seedBody(destinations), "plan": seedBody(plans),
	"plangroup": seedBody(planGroups), "plangrouplink": seedBody(planGroupLinks), "plantemplate": seedBody(planTemplates),
	"pricing": seedBody(pricings), "schedule": seedBody(schedules), "transactiontype": seedBody(transactionTypes),
}

func seedBody[T any](e *entity[T]) func(*call, string, []byte) error {
	return func(c *call, id string, body []byte) error {
		var fields T
		if err := unmarshal(body, &fields); err != nil {
			return err
		}
		return seedEntity(c, e, id, fields)
	}
}

func (w *seeding) addRecords(o fixtures.M3terOrganization) error {
	for i, r := range o.Records {
		body, err := encode(r.Body)
		if err != nil {
			return err
		}
		if err := seeders[r.Kind](w.at(r.CreatedAt), r.ID, body); err != nil {
			return fmt.Errorf("records[%d]: %w", i, err)
		}
	}
	return nil
}

// addUsage makes measurements from the seed: the same ones for each row, whatever other rows there are.
func (w *seeding) addUsage(o fixtures.M3terOrganization) error {
	in := newIntake(callAs(w.tx, w.org, seededBy, w.tx.Now))
	for i, u := range o.Usage {
		seed := store.Entropy(store.Seed(w.tx), "m3ter/usage/"+w.org+"/"+u.Meter+"/"+u.Account, uint64(i))
		random := rand.New(rand.NewChaCha8(seed))
		tokens := map[string]func() string{}
		for code, value := range u.Fields {
			token, err := drawer(random, value)
			if err != nil {
				return fmt.Errorf("usage[%d]: field %s: %w", i, code, err)
			}
			tokens[code] = token
		}
		end := w.tx.Now
		if !u.To.IsZero() {
			end = u.To.At(w.tx.Now)
		}
		step := time.Duration(max(u.EveryMinutes, 1)) * time.Minute
		var batch []measurement
		for at := u.From.At(w.tx.Now); at.Before(end); at = at.Add(step) {
			m, err := in.made(measurement{meter: u.Meter, account: u.Account, ts: at, raw: "{}"}, tokens)
			if err != nil {
				return fmt.Errorf("usage[%d]: %w", i, err)
			}
			batch = append(batch, m)
		}
		in.take(batch)
	}
	return nil
}

func (w *seeding) addMeasurements(o fixtures.M3terOrganization) error {
	in := newIntake(callAs(w.tx, w.org, seededBy, w.tx.Now))
	var batch []measurement
	for i, one := range o.Measurements {
		tokens := map[string]func() string{}
		for code, value := range one.Fields {
			token, err := encode(value)
			if err != nil {
				return fmt.Errorf("measurements[%d]: field %s: %w", i, code, err)
			}
			tokens[code] = func() string { return string(token) }
		}
		bare := measurement{uid: one.UID, meter: one.Meter, account: one.Account, ts: one.At.At(w.tx.Now), raw: "{}"}
		m, err := in.made(bare, tokens)
		if err != nil {
			return fmt.Errorf("measurements[%d]: %w", i, err)
		}
		batch = append(batch, m)
	}
	in.take(batch)
	return nil
}

// made completes a measurement by the fields of its meter; one that would fail is an error of the scenario.
func (in *intake) made(m measurement, tokens map[string]func() string) (measurement, error) {
	plan := in.meter(m.meter)
	if plan == nil {
		return m, fmt.Errorf("there is no meter with the code %q", m.meter)
	}
	m.fields = make([]measured, 0, len(plan.data))
	for _, f := range plan.data {
		draw, ok := tokens[f.Code]
		if !ok {
			return m, fmt.Errorf("a measurement of %s needs the field %s", m.meter, f.Code)
		}
		token := draw()
		if f.Category.numeric() == strings.HasPrefix(token, `"`) {
			return m, fmt.Errorf("field %s of %s is %s, and %s is not", f.Code, m.meter, f.Category, token)
		}
		m.fields = append(m.fields, measured{category: f.Category, code: f.Code, token: token})
	}
	return m, nil
}

// drawer makes the values of a field: one of a list, a number of a range, or always the same.
func drawer(random *rand.Rand, value any) (func() string, error) {
	if list, ok := value.([]any); ok && len(list) > 0 {
		tokens := make([]string, len(list))
		for i, one := range list {
			token, err := encode(one)
			if err != nil {
				return nil, err
			}
			tokens[i] = string(token)
		}
		return func() string { return tokens[random.IntN(len(tokens))] }, nil
	}
	if text, ok := value.(string); ok {
		if draw, ok := rangeDrawer(random, text); ok {
			return draw, nil
		}
	}
	token, err := encode(value)
	return func() string { return string(token) }, err
}

// rangeDrawer draws numbers between the two of LOW..HIGH, both included, with as many decimals as they show.
func rangeDrawer(random *rand.Rand, text string) (draw func() string, ok bool) {
	low, high, ok := strings.Cut(text, "..")
	if !ok {
		return nil, false
	}
	from, errFrom := parseNumber(low)
	to, errTo := parseNumber(high)
	if errFrom != nil || errTo != nil || to.LessThan(from) {
		return nil, false
	}
	places := max(-from.Exponent(), -to.Exponent(), 0)
	steps := to.Sub(from).Shift(places)
	if steps.NumDigits() > 18 {
		return nil, false
	}
	return func() string {
		return from.Add(decimal.New(random.Int64N(steps.IntPart()+1), -places)).String()
	}, true
}
