package metronome

import (
	"maps"
	"slices"
	"strconv"

	"github.com/submeter/submeter/emulator/internal/store"
)

// carrier is an object that carries custom fields.
type carrier struct {
	entity string
	id     string
	fields map[string]string
	put    func(fields map[string]string) // stores the object with other fields
}

func (w caller) customerCarrier(tx *store.Tx, row customer) carrier {
	return carrier{entity: entityCustomer, id: row.ID, fields: row.CustomFields, put: func(fields map[string]string) {
		row.CustomFields, row.Updated = fields, tx.Now // MET-047
		customers.put(tx, w.environment, row)
	}}
}

func (w caller) metricCarrier(tx *store.Tx, row billableMetric) carrier {
	return carrier{entity: entityBillableMetric, id: row.ID, fields: row.CustomFields, put: func(fields map[string]string) {
		row.CustomFields = fields
		metrics.put(tx, w.environment, row)
	}}
}

// carrier returns the object of an entity and id. Of the entities that are not emulated there is none.
func (w caller) carrier(tx *store.Tx, entity, id string) (carrier, error) {
	switch {
	case entity == entityCustomer:
		row, err := w.customer(tx, id)
		return w.customerCarrier(tx, row), err
	case entity == entityBillableMetric:
		row, err := w.metric(tx, id)
		return w.metricCarrier(tx, row), err
	case w.Conformance:
		return carrier{entity: entity, id: id, put: func(map[string]string) {}}, nil // MET-051
	}
	return carrier{}, errNoEntity(entity, id)
}

// carriers returns all objects of an entity.
func (w caller) carriers(tx *store.Tx, entity string) []carrier {
	var all []carrier
	switch entity {
	case entityCustomer:
		for _, row := range customers.from(tx, w.environment, "") {
			all = append(all, w.customerCarrier(tx, row))
		}
	case entityBillableMetric:
		for _, row := range metrics.from(tx, w.environment, "") {
			all = append(all, w.metricCarrier(tx, row))
		}
	}
	return all
}

// changeCustomFields changes the fields of a stored object.
func (w caller) changeCustomFields(tx *store.Tx, object carrier, change func(fields map[string]string)) error {
	after := maps.Clone(object.fields)
	if after == nil {
		after = map[string]string{}
	}
	change(after)
	if err := w.claimCustomFields(tx, object.entity, object.id, object.fields, after); err != nil {
		return err
	}
	object.put(after)
	return nil
}

// claimCustomFields checks the fields that an object is to carry in place of those it carried before: all keys must be
// registered, and a value that must be unique must be nobody else's. It keeps the book of such values. // MET-056
func (w caller) claimCustomFields(tx *store.Tx, entity, id string, before, after map[string]string) error {
	if w.Conformance {
		return nil // MET-051
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		registered, ok := customFieldKeys.get(tx, w.environment, customFieldID(entity, key))
		if !ok {
			return errBadCustomFields()
		}
		if !registered.Unique {
			continue
		}
		value := uniqueValue(w.environment, entity, key, after[key])
		if owner, taken := uniqueValues.Get(tx, value); taken && owner != id {
			return errValueTaken(key, after[key])
		}
		uniqueValues.Put(tx, value, id)
	}
	for key, value := range before {
		if now, carried := after[key]; carried && now == value {
			continue
		}
		uniqueValues.Delete(tx, uniqueValue(w.environment, entity, key, value)) // nothing, if it need not be unique
	}
	return nil
}

func uniqueValue(environment, entity, key, value string) string {
	return in(environment, entity, strconv.Quote(key), value)
}
