package metronome

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

// The stored world. Every row but settings and tokens belongs to one environment of the vendor; the environments share
// nothing.
var (
	worldSettings = store.NewTable[settings]("metronome/settings") // one row, under ""; none: the zero value
	tokens        = store.NewTable[token]("metronome/tokens")      // by the secret

	customers       = newShelf[customer]("metronome/customers")
	aliasOwners     = store.NewTable[string]("metronome/alias-owners") // alias to customer id
	metrics         = newShelf[billableMetric]("metronome/billable-metrics")
	customFieldKeys = newShelf[customFieldKey]("metronome/custom-field-keys")
	uniqueValues    = store.NewTable[string]("metronome/unique-values") // custom field value to id of its one owner
	keptAnswers     = store.NewTable[keptAnswer]("metronome/kept-answers")
)

// lookBack is how far back an event may be dated, for how long its transaction id is remembered and how far searches
// reach.
const lookBack = 34 * 24 * time.Hour

// eventsOf is the ledger of an environment. A stream holds the events sent under one customer_id, as it was sent.
func eventsOf(environment string) ledger.Ledger {
	return ledger.New("metronome/"+environment, lookBack) // MET-030
}

// in makes a key of an environment and what follows; no part holds a NUL but the last.
func in(environment string, parts ...string) string {
	for _, part := range parts {
		environment += "\x00" + part
	}
	return environment
}

// lowered is an id as it is stored. // MET-064
func lowered(id string) string { return strings.ToLower(id) }

type customer struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Aliases      []string          `json:"aliases,omitempty"`
	CustomFields map[string]string `json:"custom_fields,omitempty"`
	Salesforce   *string           `json:"salesforce,omitempty"`
	LeaveDraft   *bool             `json:"leave_draft,omitempty"`
	Billing      *billing          `json:"billing,omitempty"`
	Statuses     []billableStatus  `json:"statuses,omitempty"` // by the instant from which they hold
	Created      time.Time         `json:"created"`
	Updated      time.Time         `json:"updated"`
	Archived     *time.Time        `json:"archived,omitempty"`
}

// billing is what a customer was created with about invoices, as it was sent.
type billing struct {
	Providers json.RawMessage `json:"providers,omitempty"`
	Revenue   json.RawMessage `json:"revenue,omitempty"`
	Legacy    json.RawMessage `json:"legacy,omitempty"`
}

type billableStatus struct {
	Value string    `json:"value"`
	From  time.Time `json:"from"`
}

type billableMetric struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	SQL          *string           `json:"sql,omitempty"`
	Aggregation  string            `json:"aggregation,omitempty"` // in upper case
	Key          *string           `json:"key,omitempty"`
	EventTypes   *valueFilter      `json:"event_types,omitempty"`
	Filters      []propertyFilter  `json:"filters,omitempty"`
	GroupKeys    [][]string        `json:"group_keys,omitempty"`
	CustomFields map[string]string `json:"custom_fields,omitempty"`
	After        uint64            `json:"after,omitempty"` // place in the ledger: only later events count
	Created      time.Time         `json:"created"`
	Archived     *time.Time        `json:"archived,omitempty"`
}

type customFieldKey struct {
	Entity  string    `json:"entity"`
	Key     string    `json:"key"`
	Unique  bool      `json:"unique,omitempty"`
	Created time.Time `json:"created"`
}

func (c customer) identity() (string, time.Time)       { return c.ID, c.Created }
func (m billableMetric) identity() (string, time.Time) { return m.ID, m.Created }
func (k customFieldKey) identity() (string, time.Time) {
	return customFieldID(k.Entity, k.Key), k.Created
}

// shelf is a table whose rows stand in the order in which lists show them: by creation, then by id. // MET-042
type shelf[T shelved] struct {
	rows   store.Table[T]      // by environment and place
	places store.Table[string] // by environment and id
}

type shelved interface {
	// identity tells the id of a row and when it was created; neither ever changes.
	identity() (id string, created time.Time)
}

func newShelf[T shelved](name string) shelf[T] {
	return shelf[T]{rows: store.NewTable[T](name), places: store.NewTable[string](name + "#place")}
}

func (s shelf[T]) get(tx *store.Tx, environment, id string) (row T, ok bool) {
	place, ok := s.places.Get(tx, in(environment, id))
	if !ok {
		return row, false
	}
	return s.rows.Get(tx, in(environment, place))
}

func (s shelf[T]) has(tx *store.Tx, environment, id string) bool {
	return s.places.Has(tx, in(environment, id))
}

// put inserts a row or replaces the one of its id.
func (s shelf[T]) put(tx *store.Tx, environment string, row T) {
	id, created := row.identity()
	place := placeOf(created, id)
	if old, ok := s.places.Get(tx, in(environment, id)); ok && old != place { // laid on top by another scenario
		s.rows.Delete(tx, in(environment, old))
	}
	s.places.Put(tx, in(environment, id), place)
	s.rows.Put(tx, in(environment, place), row)
}

func (s shelf[T]) delete(tx *store.Tx, environment, id string) {
	if place, ok := s.places.Get(tx, in(environment, id)); ok {
		s.rows.Delete(tx, in(environment, place))
		s.places.Delete(tx, in(environment, id))
	}
}

// from walks the rows that do not stand before a place, with their places; "" walks them all.
func (s shelf[T]) from(tx *store.Tx, environment, place string) iter.Seq2[string, T] {
	prefix := in(environment, "")
	return func(yield func(string, T) bool) {
		for key, row := range s.rows.From(tx, prefix, prefix+place) {
			if !yield(key[len(prefix):], row) {
				return
			}
		}
	}
}

// placeOf is text that sorts as the instant does and then as the id does.
func placeOf(created time.Time, id string) string {
	return fmt.Sprintf("%016x", uint64(created.UnixMicro())+1<<63) + id
}
