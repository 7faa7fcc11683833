package metronome

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// Seed lays a scenario on the sandbox's world: records of an id that is there already are replaced, everything else
// stays. All of it or nothing.
func (a *API) Seed(sb *store.Sandbox, s *fixtures.Scenario) error {
	return sb.Update(func(tx *store.Tx) error {
		world := seedSettings(tx, s.Metronome)
		in := func(environment fixtures.MetronomeEnvironment) caller {
			if environment == "" {
				environment = fixtures.MetronomeProduction
			}
			return caller{settings: world, environment: string(environment)}
		}
		for _, key := range s.Metronome.CustomFieldKeys {
			customFieldKeys.put(tx, in(key.Environment).environment, customFieldKey{
				Entity: string(key.Entity), Key: key.Key, Unique: key.EnforceUniqueness, Created: tx.Now,
			})
		}
		for _, c := range s.Metronome.Customers {
			if err := in(c.Environment).seedCustomer(tx, c); err != nil {
				return fmt.Errorf("customer %q: %w", c.Name, err)
			}
		}
		arrivals := map[string][]time.Time{}
		for environment, events := range eventsByEnvironment(tx, s.Metronome.Events) {
			arrivals[environment] = seedEvents(tx, environment, events)
		}
		for _, m := range s.Metronome.BillableMetrics {
			who := in(m.Environment)
			if err := who.seedMetric(tx, m, arrivals[who.environment]); err != nil {
				return fmt.Errorf("billable metric %q: %w", m.Name, err)
			}
		}
		return nil
	})
}

// seedSettings stores what the scenario decides about the world; one that decides nothing leaves it as it is.
func seedSettings(tx *store.Tx, m fixtures.Metronome) settings {
	world, _ := worldSettings.Get(tx, "")
	if chosen := settingsOf(m.Options); chosen != (settings{}) {
		chosen.TokensOnly = world.TokensOnly
		world = chosen
	}
	world.TokensOnly = world.TokensOnly || m.Tokens != nil
	worldSettings.Put(tx, "", world)
	for _, t := range m.Tokens {
		row := token{
			Name: t.Name, Environment: string(t.Environment), ReadOnly: t.Access == fixtures.MetronomeReadOnly,
			Archived: t.Archived,
		}
		if row.Environment == "" {
			row.Environment = string(fixtures.MetronomeProduction)
		}
		if t.Endpoints != nil {
			row.Endpoints = []string{}
		}
		for _, endpoint := range t.Endpoints {
			row.Endpoints = append(row.Endpoints, strings.NewReplacer("{", ":", "}", "").Replace(endpoint))
		}
		tokens.Put(tx, t.Token, row)
	}
	return world
}

// settingsOf leaves at zero what the scenario leaves as it is assumed.
func settingsOf(o fixtures.MetronomeOptions) settings {
	s := settings{
		PackedPages:        o.UsagePage == fixtures.MetronomePagesPacked,
		PageRows:           o.UsagePageRows,
		UnknownIDsRefused:  o.UnknownUsageIDs == fixtures.MetronomeUnknownNotFound,
		PeriodOfPlan:       o.CurrentPeriod == fixtures.MetronomePeriodOfLegacyPlan,
		LimitClamped:       o.LimitOverMax == fixtures.MetronomeLimitClamped,
		BadCursorEmpty:     o.BadCursor == fixtures.MetronomeBadCursorEmptyPage,
		OldEventsDropped:   o.OldEvents == fixtures.MetronomeOldEventsDropped,
		MaxPropertyBytes:   o.MaxPropertyBytes,
		RetroactiveMetrics: o.RetroactiveMetrics,
		Conformance:        o.Conformance,
	}
	if s.PageRows == defaultPageRows {
		s.PageRows = 0
	}
	return s
}

func (w caller) seedCustomer(tx *store.Tx, c fixtures.MetronomeCustomer) error {
	id := lowered(c.ID)
	if id == "" {
		id = store.NewUUID(tx, "metronome/customer")
	}
	before, _ := customers.get(tx, w.environment, id)
	row := customer{
		ID: id, Name: c.Name, Aliases: before.Aliases, CustomFields: c.CustomFields,
		Created: instantOf(c.CreatedAt, tx), Archived: instantOrNil(c.ArchivedAt, tx),
	}
	row.Updated = row.Created
	if row.Archived != nil {
		row.Updated = *row.Archived
	}
	if c.SalesforceAccountID != "" {
		row.Salesforce = &c.SalesforceAccountID
	}
	aliases := c.IngestAliases
	if c.ExternalID != "" && !slices.Contains(aliases, c.ExternalID) {
		aliases = slices.Concat([]string{c.ExternalID}, aliases)
	}
	if alias, taken := w.setAliases(tx, &row, aliases); taken {
		return errAliasTaken(alias)
	}
	if err := w.claimCustomFields(tx, entityCustomer, id, before.CustomFields, row.CustomFields); err != nil {
		return err
	}
	customers.put(tx, w.environment, row)
	return nil
}

// seedMetric stores a metric whose place in the ledger is behind the events that had come in when it was made, and
// behind those of any scenario seeded before.
func (w caller) seedMetric(tx *store.Tx, m fixtures.MetronomeBillableMetric, arrivals []time.Time) error {
	row := billableMetric{
		ID: lowered(m.ID), Name: m.Name, Aggregation: string(m.AggregationType), GroupKeys: m.GroupKeys,
		CustomFields: m.CustomFields, Created: instantOf(m.CreatedAt, tx), Archived: instantOrNil(m.ArchivedAt, tx),
	}
	if row.ID == "" {
		row.ID = store.NewUUID(tx, "metronome/billable-metric")
	}
	if m.SQL != "" {
		row.SQL = &m.SQL
	}
	if m.AggregationKey != "" {
		row.Key = &m.AggregationKey
	}
	if f := m.EventTypeFilter; f != nil {
		row.EventTypes = &valueFilter{In: f.InValues, NotIn: f.NotInValues}
	}
	for _, f := range m.PropertyFilters {
		row.Filters = append(row.Filters, propertyFilter{Name: f.Name, Exists: f.Exists, In: f.InValues, NotIn: f.NotInValues})
	}
	earlier, _ := slices.BinarySearchFunc(arrivals, row.Created, time.Time.Compare)
	row.After = eventsOf(w.environment).Position(tx) - uint64(len(arrivals)-earlier)
	before, _ := metrics.get(tx, w.environment, row.ID)
	if err := w.claimCustomFields(tx, entityBillableMetric, row.ID, before.CustomFields, row.CustomFields); err != nil {
		return err
	}
	metrics.put(tx, w.environment, row)
	return nil
}

// arrival is an event of a scenario and when it counts as having come in.
type arrival struct {
	at    time.Time
	event ledger.Event
}

// eventsByEnvironment makes the events of a scenario, in the order of their arrival.
func eventsByEnvironment(tx *store.Tx, list []fixtures.MetronomeEvent) map[string][]arrival {
	events := map[string][]arrival{}
	for _, e := range list {
		environment := string(e.Environment)
		if environment == "" {
			environment = string(fixtures.MetronomeProduction)
		}
		event := ledger.Event{ID: e.TransactionID, Stream: e.CustomerID, Type: e.EventType, Time: e.Timestamp.At(tx.Now)}
		if event.ID == "" {
			event.ID = store.NewUUID(tx, "metronome/transaction")
		}
		for _, name := range slices.Sorted(maps.Keys(e.Properties)) {
			event.Fields = append(event.Fields, ledger.Field{Name: name, JSON: string(encodeJSON(e.Properties[name]))})
		}
		at := event.Time
		if at.After(tx.Now) {
			at = tx.Now
		}
		events[environment] = append(events[environment], arrival{at: at, event: event})
	}
	for _, list := range events {
		slices.SortStableFunc(list, func(a, b arrival) int { return a.at.Compare(b.at) })
	}
	return events
}

// seedEvents appends events to the ledger, each at its arrival, and returns when they came in, ascending.
func seedEvents(tx *store.Tx, environment string, events []arrival) []time.Time {
	now, arrivals := tx.Now, make([]time.Time, 0, len(events))
	defer func() { tx.Now = now }() // the ledger takes the transaction's instant for that of the arrival
	for len(events) > 0 {
		at, batch := events[0].at, []ledger.Event{}
		for len(events) > 0 && events[0].at.Equal(at) {
			batch, arrivals, events = append(batch, events[0].event), append(arrivals, at), events[1:]
		}
		tx.Now = at
		eventsOf(environment).Append(tx, ledger.NewBatch(batch))
	}
	return arrivals
}

func instantOf(t fixtures.Time, tx *store.Tx) time.Time {
	if t.IsZero() {
		return tx.Now
	}
	return t.At(tx.Now)
}

func instantOrNil(t fixtures.Time, tx *store.Tx) *time.Time {
	if t.IsZero() {
		return nil
	}
	at := t.At(tx.Now)
	return &at
}

// Credentials says, a line each, with what a client can call.
func (a *API) Credentials(s *fixtures.Scenario) []string {
	if s.Metronome.Tokens == nil {
		return []string{"Authorization: Bearer <any token> (production, full access)"} // MET-052
	}
	var lines []string
	for _, t := range s.Metronome.Tokens {
		if t.Archived {
			continue
		}
		access := "full access"
		if t.Access == fixtures.MetronomeReadOnly {
			access = "read only"
		}
		if t.Endpoints != nil {
			access += fmt.Sprintf(", %d endpoints", len(t.Endpoints))
		}
		environment := "production"
		if t.Environment == fixtures.MetronomeSandbox {
			environment = "sandbox"
		}
		lines = append(lines, fmt.Sprintf("Authorization: Bearer %s (%s, %s)", t.Token, environment, access))
	}
	return lines
}
