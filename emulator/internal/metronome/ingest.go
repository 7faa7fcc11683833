package metronome

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/tidwall/gjson"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

const (
	maxBatch         = 100 // events
	maxTransactionID = 128 // characters
	maxAhead         = 24 * time.Hour
)

// ingestEvents takes a batch in whole or not at all. What the events speak of need not exist; those whose transaction id
// came before are kept for searches, not counted, and not mentioned: the answer is empty. Only events taken in are
// remembered, so an event that was refused can be sent again. // MET-027, MET-031, MET-032
func (a *API) ingestEvents(c echo.Context) error {
	body, err := readBody(c.Request())
	if err != nil {
		return err
	}
	events, err := decodeEvents(c, body)
	if err != nil {
		return err
	}
	if events == nil {
		return a.ingestNothing(c)
	}
	if err := count(c, "metronome/events", len(events), eventsPerSecond); err != nil {
		return err
	}
	batch := ledger.NewBatch(events)
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		current, err := who.admitEvents(tx, events)
		switch {
		case err != nil || len(current) == 0:
			return nil, err
		case len(current) < len(events):
			batch = ledger.NewBatch(current)
		}
		eventsOf(who.environment).Append(tx, batch)
		return nil, nil
	})
}

// ingestNothing answers a call without a body. // MET-051
func (a *API) ingestNothing(c echo.Context) error {
	return a.read(c, func(_ *store.Tx, who caller) (any, error) {
		if who.Conformance {
			return nil, nil
		}
		return nil, errBodyRequired()
	})
}

// admitEvents returns those events that are neither too old nor too far ahead, measured when they arrive; exactly on
// the bound is neither. // MET-028, MET-029
func (w caller) admitEvents(tx *store.Tx, events []ledger.Event) ([]ledger.Event, error) {
	if w.Conformance {
		return events, nil // MET-051
	}
	oldest, newest, tooOld := tx.Now.Add(-lookBack), tx.Now.Add(maxAhead), 0
	for i := range events {
		switch e := &events[i]; {
		case e.Time.After(newest):
			return nil, errEventTooNew(i)
		case e.Time.Before(oldest) && !w.OldEventsDropped:
			return nil, errEventTooOld(i)
		case e.Time.Before(oldest):
			tooOld++
		}
		if w.MaxPropertyBytes > 0 {
			if name, long := longProperty(events[i], w.MaxPropertyBytes); long {
				return nil, errPropertyTooLong(i, name, w.MaxPropertyBytes) // MET-033
			}
		}
	}
	if tooOld == 0 {
		return events, nil
	}
	current := make([]ledger.Event, 0, len(events)-tooOld)
	for _, e := range events {
		if !e.Time.Before(oldest) {
			current = append(current, e)
		}
	}
	return current, nil
}

// longProperty returns the first property whose value is longer than most bytes: the text of a string, the JSON of
// anything else.
func longProperty(e ledger.Event, most int) (name string, long bool) {
	for _, field := range e.Fields {
		text := field.JSON
		if text[0] == '"' {
			text = unquote(text)
		}
		if len(text) > most {
			return field.Name, true
		}
	}
	return "", false
}

// decodeEvents reads the body of an ingest. It is nil when there is none: blank, or null.
func decodeEvents(c echo.Context, body []byte) ([]ledger.Event, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	parsed, broken := parseJSON(body)
	if broken != nil {
		return nil, broken.refuse(c)
	}
	if parsed.Type == gjson.Null {
		return nil, nil
	}
	elements, broken := wantArray(parsed, "objects", 1, maxBatch)
	if broken != nil {
		return nil, broken.refuse(c)
	}
	events, members := make([]ledger.Event, len(elements)), make([]gjson.Result, len(eventFields))
	for i, element := range elements {
		if broken := decodeEvent(element, members, &events[i]); broken != nil {
			return nil, broken.in(strconv.Itoa(i)).refuse(c)
		}
	}
	return events, nil
}

// The fields of an event, and which of them must be there, in the order in which the document checks them.
var (
	eventFields   = []string{"customer_id", "event_type", "properties", "timestamp", "transaction_id"}
	requiredEvent = []int{4, 0, 1, 3}
)

// decodeEvent fills e; members is room for its fields.
func decodeEvent(v gjson.Result, members []gjson.Result, e *ledger.Event) (b *breach) {
	if b := wantObject(v); b != nil {
		return b
	}
	clear(members)
	findMembers(v, eventFields, members)
	for i, field := range members {
		if !field.Exists() {
			continue
		}
		switch i {
		case 0:
			e.Stream, b = wantText(field, 1, 0)
		case 1:
			e.Type, b = wantText(field, 1, 0)
		case 2:
			e.Fields, b = wantProperties(field)
		case 3:
			e.Time, b = wantInstant(field)
		case 4:
			e.ID, b = wantText(field, 1, maxTransactionID)
		}
		if b != nil {
			return b.in(eventFields[i])
		}
	}
	return firstMissing(members, eventFields, requiredEvent)
}

// wantProperties keeps the values as they are written; what they mean is for metrics to say. Objects and lists are kept
// too, and match nothing. Of a name that stands there twice, the last counts. // MET-034, MET-037
func wantProperties(v gjson.Result) ([]ledger.Field, *breach) {
	if b := wantObject(v); b != nil {
		return nil, b
	}
	fields := make([]ledger.Field, 0, 8)
	var seen map[string]int // once there are too many to look through
	v.ForEach(func(key, value gjson.Result) bool {
		name := unquote(key.Raw)
		if seen == nil && len(fields) == manyFields {
			seen = make(map[string]int, 4*manyFields)
			for i, field := range fields {
				seen[field.Name] = i
			}
		}
		at, twice := seen[name]
		if seen == nil {
			at = slices.IndexFunc(fields, func(f ledger.Field) bool { return f.Name == name })
			twice = at >= 0
		}
		if twice {
			fields[at].JSON = value.Raw
			return true
		}
		if seen != nil {
			seen[name] = len(fields)
		}
		fields = append(fields, ledger.Field{Name: name, JSON: value.Raw})
		return true
	})
	return fields, nil
}

const manyFields = 32
