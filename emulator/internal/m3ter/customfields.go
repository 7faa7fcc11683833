package m3ter

import (
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// organizationCustomFields are the custom fields of each type of entity, with the values that hold where an entity has
// none of its own.
type organizationCustomFields struct {
	Organization        customFields `json:"organization"`
	Account             customFields `json:"account"`
	AccountPlan         customFields `json:"accountPlan"`
	Aggregation         customFields `json:"aggregation"`
	CompoundAggregation customFields `json:"compoundAggregation"`
	Contract            customFields `json:"contract"`
	Meter               customFields `json:"meter"`
	Plan                customFields `json:"plan"`
	PlanTemplate        customFields `json:"planTemplate"`
	Product             customFields `json:"product"`
}

// of returns the part of a type of entity, and whether that type has one: plan groups and balances do not.
func (o *organizationCustomFields) of(kind string) (customFields, bool) {
	f, ok := map[string]customFields{
		"account": o.Account, "accountPlan": o.AccountPlan, "aggregation": o.Aggregation,
		"compoundAggregation": o.CompoundAggregation, "contract": o.Contract, "meter": o.Meter, "plan": o.Plan,
		"planTemplate": o.PlanTemplate, "product": o.Product,
	}[kind]
	return f, ok
}

const customFieldKind = "customfield"

var customFieldRows = store.NewTable[row[organizationCustomFields]]("m3ter/customfield")

// customFieldsOf returns the organization's document, which is there from the start, empty (M3T-057).
func customFieldsOf(c *call) row[organizationCustomFields] {
	if r, ok := customFieldRows.Get(c.tx, c.org); ok {
		return r
	}
	return row[organizationCustomFields]{Version: 1, ID: store.UUID(store.Entropy(store.Seed(c.tx), "m3ter/customfield/"+c.org, 0))}
}

func getCustomFields(c echo.Context) error {
	return view(c, func(c *call) (any, error) {
		r := customFieldsOf(c)
		return answer{audit: r.audit(), fields: r.Fields}, nil
	})
}

func updateCustomFields(c echo.Context) error {
	b, err := readBody[organizationCustomFields](c)
	if err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		before := customFieldsOf(c)
		if err := c.checkVersion(b.version, before.Version); err != nil {
			return nil, err
		}
		r := before
		r.Version, r.Modified, r.ModifiedBy, r.Fields = before.Version+1, c.now, c.actor, b.fields
		if r.Created.IsZero() {
			r.Created, r.CreatedBy = c.now, c.actor
		}
		customFieldRows.Put(c.tx, c.org, r)
		shown := answer{audit: r.audit(), fields: r.Fields}
		ev := event{Name: "configuration." + customFieldKind + ".updated", Resource: r.ID}
		if ev.Old, err = encode(answer{audit: before.audit(), fields: before.Fields}); err != nil {
			return nil, err
		}
		if ev.New, err = encode(shown); err != nil {
			return nil, err
		}
		c.record(ev)
		return shown, nil
	})
}

// checkCustomFields refuses names that the organization does not have, where its option asks for that (M3T-014).
func (c *call) checkCustomFields(kind string, fields customFields) error {
	if !c.rules.EnforceCustomFields || len(fields) == 0 {
		return nil
	}
	document := customFieldsOf(c)
	known, ok := document.Fields.of(kind)
	if !ok {
		return nil
	}
	for name := range fields {
		if _, ok := known[name]; !ok {
			return errInvalid("customFields: the organization has no custom field %s for this type of entity", name)
		}
	}
	return nil
}
