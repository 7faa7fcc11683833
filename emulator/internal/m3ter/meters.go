package m3ter

import (
	"slices"
)

// meter says what a measurement of it holds.
type meter struct {
	Name          string             `json:"name"`
	Code          string             `json:"code"`
	ProductID     string             `json:"productId,omitempty"`
	GroupID       string             `json:"groupId,omitempty"` // any value: meter groups have no endpoint (M3T-052)
	DataFields    list[dataField]    `json:"dataFields"`
	DerivedFields list[derivedField] `json:"derivedFields"`
	CustomFields  customFields       `json:"customFields"`
}

type dataField struct {
	Category category `json:"category"`
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Unit     string   `json:"unit,omitempty"`
}

type derivedField struct {
	dataField
	Calculation string `json:"calculation"`
}

// category is the kind of a meter's field.
type category string

const (
	categoryWho      category = "WHO"
	categoryWhere    category = "WHERE"
	categoryWhat     category = "WHAT"
	categoryOther    category = "OTHER"
	categoryMetadata category = "METADATA"
	categoryMeasure  category = "MEASURE"
	categoryIncome   category = "INCOME"
	categoryCost     category = "COST"
)

// numeric says whether values are numbers.
func (c category) numeric() bool {
	return c == categoryMeasure || c == categoryIncome || c == categoryCost
}

// dimension says whether values are texts that usage can be segmented by; metadata is not meant for it.
func (c category) dimension() bool { return !c.numeric() && c != categoryMetadata }

const meterKind = "meter"

var meters = &entity[meter]{
	kind: meterKind, title: "meter", family: "configuration", rows: meterRows,
	code:   func(m *meter) string { return m.Code },
	custom: func(m *meter) customFields { return m.CustomFields }, customKind: "meter",
	references: []reference[meter]{to("productId", productKind, func(m *meter) string { return m.ProductID })},
	filters:    []filter[meter]{by("productId", func(m *meter) string { return m.ProductID })},
	rules:      checkMeter,
}

// field finds a data or derived field by its code.
func (m *meter) field(code string) (dataField, bool) {
	for _, f := range m.DataFields {
		if f.Code == code {
			return f, true
		}
	}
	for _, f := range m.DerivedFields {
		if f.Code == code {
			return f.dataField, true
		}
	}
	return dataField{}, false
}

// fields returns the data fields, then the derived ones.
func (m *meter) fields() []dataField {
	all := slices.Clone([]dataField(m.DataFields))
	for _, f := range m.DerivedFields {
		all = append(all, f.dataField)
	}
	return all
}

func checkMeter(c *call, next *meter, before *row[meter]) error {
	if c.rules.Conformance {
		return nil
	}
	seen := map[string]bool{}
	for _, f := range next.fields() {
		switch {
		case !fieldCode.MatchString(f.Code):
			return errInvalid("Field code %s must begin with a letter, _ or $ and hold letters, digits, _ and $ alone", f.Code)
		case seen[f.Code]: // M3T-053
			return errInvalid("Field code %s is used twice", f.Code)
		case f.Category.numeric() && f.Unit == "": // M3T-053
			return errInvalid("Field %s is a %s and needs a unit", f.Code, f.Category)
		}
		seen[f.Code] = true
	}
	if before == nil {
		return nil
	}
	for r := range each(c, aggregationRows) {
		if r.Fields.MeterID != before.ID {
			continue
		}
		if _, ok := next.field(r.Fields.TargetField); !ok {
			return errInvalid("Field %s cannot be removed: the aggregation %s targets it", r.Fields.TargetField, r.ID)
		}
	}
	return nil
}
