package metronome

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

type searchEventsRequest struct {
	TransactionIDs []string `json:"transactionIds"`
}

type foundEvent struct {
	ID              string               `json:"id"`
	TransactionID   string               `json:"transaction_id"`
	CustomerID      string               `json:"customer_id"`
	EventType       string               `json:"event_type"`
	Timestamp       string               `json:"timestamp"`
	Properties      json.RawMessage      `json:"properties,omitempty"`
	IsDuplicate     bool                 `json:"is_duplicate"`
	ProcessedAt     string               `json:"processed_at"`
	MatchedCustomer *matchedCustomer     `json:"matched_customer,omitempty"`
	MatchedMetrics  []customerMetricBody `json:"matched_billable_metrics"`
}

type matchedCustomer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// searchEvents answers every copy of the events asked for that came in within reach, duplicates too. Ids that nobody has
// sent are left out. What an event matches is decided as of now. // MET-030, MET-062
func (a *API) searchEvents(c echo.Context) error {
	var req searchEventsRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		found, seen, oldest := []foundEvent{}, map[string]bool{}, tx.Now.Add(-lookBack)
		for _, id := range req.TransactionIDs {
			if seen[id] {
				continue
			}
			seen[id] = true
			for _, event := range eventsOf(who.environment).Find(tx, id) {
				if !event.Arrived.Before(oldest) {
					found = append(found, who.show(tx, event))
				}
			}
		}
		return found, nil
	})
}

func (w caller) show(tx *store.Tx, event ledger.Stored) foundEvent {
	shown := foundEvent{
		ID: eventID(tx, w.environment, event.Number), TransactionID: event.ID, CustomerID: event.Stream,
		EventType: event.Type, Timestamp: event.Time.UTC().Format(time.RFC3339Nano), Properties: propertiesOf(event.Event),
		IsDuplicate: event.Duplicate, ProcessedAt: inMillis(event.Arrived), MatchedMetrics: []customerMetricBody{},
	}
	if owner, ok := w.owner(tx, event.Stream); ok {
		shown.MatchedCustomer = &matchedCustomer{ID: owner.ID, Name: owner.Name}
	}
	if event.Duplicate {
		return shown // counted by nobody
	}
	for _, m := range w.metricsFrom(tx, "", true) {
		if m.SQL == nil && event.Number > m.after(w) && m.filter().Passes(event.Event) {
			shown.MatchedMetrics = append(shown.MatchedMetrics, customerMetricBodyOf(m))
		}
	}
	return shown
}

// owner is the customer whose usage an event is: the one with that id, else the one with that alias. Archived customers
// keep theirs. // MET-035, MET-036
func (w caller) owner(tx *store.Tx, stream string) (customer, bool) {
	if row, ok := customers.get(tx, w.environment, stream); ok {
		return row, true
	}
	id, _ := aliasOwners.Get(tx, in(w.environment, stream))
	return customers.get(tx, w.environment, id)
}

// eventID is the server's name of one copy of an event: always the same for the same place in the same world.
func eventID(tx *store.Tx, environment string, number uint64) string {
	return store.UUID(store.Entropy(store.Seed(tx), "metronome/event/"+environment, number))
}

// propertiesOf writes an event's properties as they were sent; nothing for none.
func propertiesOf(event ledger.Event) json.RawMessage {
	if len(event.Fields) == 0 {
		return nil
	}
	var out bytes.Buffer
	for i, field := range event.Fields {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		out.WriteByte(separator)
		out.Write(encodeJSON(field.Name))
		out.WriteByte(':')
		out.WriteString(field.JSON)
	}
	out.WriteByte('}')
	return out.Bytes()
}
