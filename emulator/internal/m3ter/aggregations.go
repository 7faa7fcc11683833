package m3ter

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fieldCode is the form of field and aggregation codes. It is checked here and not by the document because organizations
// under conformance are spared it.
var fieldCode = regexp.MustCompile(`^[\p{L}_$][\p{L}_$0-9]*$`)

// aggregation turns the values of a meter's field into a quantity to bill. SQL is stored and never run (M3T-055).
type aggregation struct {
	Name                string                  `json:"name"`
	Code                string                  `json:"code,omitempty"`
	MeterID             string                  `json:"meterId"`
	TargetField         string                  `json:"targetField"`
	Aggregation         string                  `json:"aggregation"`
	QuantityPerUnit     *number                 `json:"quantityPerUnit,omitempty"`
	Rounding            string                  `json:"rounding"`
	Unit                string                  `json:"unit"`
	DefaultValue        *number                 `json:"defaultValue,omitempty"`
	SegmentedFields     list[string]            `json:"segmentedFields"`
	Segments            list[map[string]string] `json:"segments"`
	AccountingProductID string                  `json:"accountingProductId,omitempty"`
	CustomSQL           string                  `json:"customSql,omitempty"`
	CustomFields        customFields            `json:"customFields"`
}

const aggregationKind = "aggregation"

var aggregations = &entity[aggregation]{
	kind: aggregationKind, title: "aggregation", family: "configuration", rows: aggregationRows,
	blank:  aggregation{Aggregation: "SUM", Rounding: "NONE"},
	code:   func(a *aggregation) string { return a.Code },
	custom: func(a *aggregation) customFields { return a.CustomFields }, customKind: "aggregation",
	references: []reference[aggregation]{
		to("meterId", meterKind, func(a *aggregation) string { return a.MeterID }),
		to("accountingProductId", productKind, func(a *aggregation) string { return a.AccountingProductID }),
	},
	filters: []filter[aggregation]{{"productId", func(c *call, l listing) (func(row[aggregation]) bool, error) {
		asked := l.values("productId")
		return func(r row[aggregation]) bool {
			if len(asked) == 0 {
				return true
			}
			m, ok := meterRows.Get(c.tx, c.org, r.Fields.MeterID) // M3T-054
			return ok && slices.Contains(asked, m.Fields.ProductID)
		}, nil
	}}},
	rules: checkAggregation,
}

func checkAggregation(c *call, next *aggregation, before *row[aggregation]) error {
	if next.Code == "" {
		next.Code = freeCode(c, aggregationKind, next.Name)
		if before != nil {
			next.Code = before.Fields.Code
		}
	}
	if c.rules.Conformance {
		return nil
	}
	if !fieldCode.MatchString(next.Code) {
		return errInvalid("code %s must begin with a letter, _ or $ and hold letters, digits, _ and $ alone", next.Code)
	}
	m, ok := meterRows.Get(c.tx, c.org, next.MeterID)
	if !ok {
		return errInvalid("meterId: there is no meter with id %s", next.MeterID)
	}
	target, ok := m.Fields.field(next.TargetField)
	if !ok {
		return errInvalid("targetField: the meter %s has no field %s", m.Fields.Code, next.TargetField)
	}
	switch next.Aggregation {
	case "UNIQUE":
		if target.Category != categoryMetadata {
			return errInvalid("aggregation: UNIQUE needs a METADATA field, %s is %s", target.Code, target.Category)
		}
	case "CUSTOM_SQL":
	default:
		if !target.Category.numeric() {
			return errInvalid("aggregation: %s needs a MEASURE, INCOME or COST field, %s is %s", next.Aggregation, target.Code, target.Category)
		}
	}
	for _, code := range next.SegmentedFields {
		if f, ok := m.Fields.field(code); !ok || f.Category.numeric() {
			return errInvalid("segmentedFields: the meter %s has no text field %s", m.Fields.Code, code)
		}
	}
	for _, segment := range next.Segments {
		for code := range segment {
			if !slices.Contains(next.SegmentedFields, code) {
				return errInvalid("segments: %s is not one of the segmentedFields", code)
			}
		}
	}
	return nil
}

// freeCode makes a code of a name that nobody has yet: _ for what may not stand in one (M3T-054).
func freeCode(c *call, kind, name string) string {
	code := strings.Map(func(r rune) rune {
		if !fieldCode.MatchString("_" + string(r)) {
			return '_'
		}
		return r
	}, name)
	if code == "" || !fieldCode.MatchString(code) {
		code = "_" + code
	}
	code = firstRunes(code, 72)
	free := code
	for n := 2; codes.Has(c.tx, codeKey(c.org, kind, free)); n++ {
		free = code + "_" + strconv.Itoa(n)
	}
	return free
}

func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// compoundAggregation computes a quantity from those of other aggregations. The calculation is stored and not evaluated
// (M3T-055); every answer shows it, also where the vendor's types lack it (M3T-056).
type compoundAggregation struct {
	Name                     string                  `json:"name"`
	Code                     string                  `json:"code,omitempty"`
	ProductID                string                  `json:"productId,omitempty"`
	Calculation              string                  `json:"calculation"`
	QuantityPerUnit          *number                 `json:"quantityPerUnit,omitempty"`
	Rounding                 string                  `json:"rounding"`
	Unit                     string                  `json:"unit"`
	EvaluateNullAggregations bool                    `json:"evaluateNullAggregations"`
	AccountingProductID      string                  `json:"accountingProductId,omitempty"`
	Segments                 list[map[string]string] `json:"segments"`
	CustomFields             customFields            `json:"customFields"`
}

const compoundKind = "compoundaggregation"

var compoundAggregations = &entity[compoundAggregation]{
	kind: compoundKind, title: "compound aggregation", family: "configuration",
	rows:   compoundRows,
	blank:  compoundAggregation{Rounding: "NONE"},
	code:   func(a *compoundAggregation) string { return a.Code },
	custom: func(a *compoundAggregation) customFields { return a.CustomFields }, customKind: "compoundAggregation",
	references: []reference[compoundAggregation]{
		to("productId", productKind, func(a *compoundAggregation) string { return a.ProductID }),
		to("accountingProductId", productKind, func(a *compoundAggregation) string { return a.AccountingProductID }),
	},
	filters: []filter[compoundAggregation]{by("productId", func(a *compoundAggregation) string { return a.ProductID })},
	rules: func(c *call, next *compoundAggregation, before *row[compoundAggregation]) error {
		next.Segments = nil
		if next.Code == "" {
			next.Code = freeCode(c, compoundKind, next.Name)
			if before != nil {
				next.Code = before.Fields.Code
			}
		}
		if !c.rules.Conformance && !fieldCode.MatchString(next.Code) {
			return errInvalid("code %s must begin with a letter, _ or $ and hold letters, digits, _ and $ alone", next.Code)
		}
		return nil
	},
}
