package metronome

import (
	"iter"
	"maps"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// The entities that are emulated. Keys can be registered for all the others too; objects of theirs there are none.
const (
	entityCustomer       = "customer"
	entityBillableMetric = "billable_metric"
)

// customFieldID is the id of a key: no entity holds a blank.
func customFieldID(entity, key string) string { return entity + " " + key }

type customFieldKeyBody struct {
	Entity string `json:"entity"`
	Key    string `json:"key"`
	Unique bool   `json:"enforce_uniqueness"`
}

func (a *API) addCustomFieldKey(c echo.Context) error {
	var req customFieldKeyBody
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		if customFieldKeys.has(tx, who.environment, customFieldID(req.Entity, req.Key)) {
			if who.Conformance {
				return nil, nil // MET-051
			}
			return nil, errKeyExists(req.Entity, req.Key) // MET-056
		}
		customFieldKeys.put(tx, who.environment, customFieldKey{
			Entity: req.Entity, Key: req.Key, Unique: req.Unique, Created: tx.Now,
		})
		return nil, nil
	})
}

type removeCustomFieldKeyRequest struct {
	Entity string `json:"entity"`
	Key    string `json:"key"`
}

// removeCustomFieldKey takes the key off all objects, too: none can carry a key that is not registered. // MET-056
func (a *API) removeCustomFieldKey(c echo.Context) error {
	var req removeCustomFieldKeyRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		id := customFieldID(req.Entity, req.Key)
		if !customFieldKeys.has(tx, who.environment, id) && !who.Conformance {
			return nil, errNoCustomFieldKey(req.Entity, req.Key)
		}
		for _, object := range who.carriers(tx, req.Entity) {
			if _, carried := object.fields[req.Key]; !carried {
				continue
			}
			err := who.changeCustomFields(tx, object, func(fields map[string]string) { delete(fields, req.Key) })
			if err != nil {
				return nil, err
			}
		}
		customFieldKeys.delete(tx, who.environment, id)
		return nil, nil
	})
}

type listCustomFieldKeysRequest struct {
	Entities []string `json:"entities"`
}

func (a *API) listCustomFieldKeys(c echo.Context) error {
	var req listCustomFieldKeysRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		rows := func(place string) iter.Seq2[string, customFieldKey] {
			return func(yield func(string, customFieldKey) bool) {
				for place, row := range customFieldKeys.from(tx, who.environment, place) {
					if (req.Entities == nil || slices.Contains(req.Entities, row.Entity)) && !yield(place, row) {
						return
					}
				}
			}
		}
		return listPage(c, who, rows, func(row customFieldKey) customFieldKeyBody {
			return customFieldKeyBody{Entity: row.Entity, Key: row.Key, Unique: row.Unique}
		})
	})
}

type setCustomFieldValuesRequest struct {
	Entity       string            `json:"entity"`
	EntityID     string            `json:"entity_id"`
	CustomFields map[string]string `json:"custom_fields"`
}

func (a *API) setCustomFieldValues(c echo.Context) error {
	var req setCustomFieldValuesRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		object, err := who.carrier(tx, req.Entity, req.EntityID)
		if err != nil {
			return nil, err
		}
		return nil, who.changeCustomFields(tx, object, func(fields map[string]string) {
			maps.Copy(fields, req.CustomFields)
		})
	})
}

type deleteCustomFieldValuesRequest struct {
	Entity   string   `json:"entity"`
	EntityID string   `json:"entity_id"`
	Keys     []string `json:"keys"`
}

func (a *API) deleteCustomFieldValues(c echo.Context) error {
	var req deleteCustomFieldValuesRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		object, err := who.carrier(tx, req.Entity, req.EntityID)
		if err != nil {
			return nil, err
		}
		return nil, who.changeCustomFields(tx, object, func(fields map[string]string) {
			for _, key := range req.Keys {
				delete(fields, key)
			}
		})
	})
}
