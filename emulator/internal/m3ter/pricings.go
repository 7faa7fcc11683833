package m3ter

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// pricing is what the units of an aggregation cost on a plan, or on all plans of a template.
type pricing struct {
	PlanID                    string            `json:"planId,omitempty"`
	PlanTemplateID            string            `json:"planTemplateId,omitempty"`
	AggregationID             string            `json:"aggregationId,omitempty"`
	CompoundAggregationID     string            `json:"compoundAggregationId,omitempty"`
	AggregationType           string            `json:"aggregationType,omitempty"` // SIMPLE or COMPOUND
	Code                      string            `json:"code,omitempty"`
	Description               string            `json:"description,omitempty"`
	Type                      string            `json:"type,omitempty"`
	Cumulative                bool              `json:"cumulative"`
	TiersSpanPlan             bool              `json:"tiersSpanPlan"`
	StartDate                 instant           `json:"startDate"`
	EndDate                   *instant          `json:"endDate,omitempty"`
	Segment                   map[string]string `json:"segment,omitempty"`
	SegmentString             string            `json:"segmentString,omitempty"`
	MinimumSpend              *number           `json:"minimumSpend,omitempty"`
	MinimumSpendDescription   string            `json:"minimumSpendDescription,omitempty"`
	MinimumSpendBillInAdvance *bool             `json:"minimumSpendBillInAdvance,omitempty"`
	AccountingProductID       string            `json:"accountingProductId,omitempty"`
	PricingBands              list[band]        `json:"pricingBands"`
	OveragePricingBands       list[band]        `json:"overagePricingBands"`
}

// band is a step of a pricing: what units cost from a limit on.
type band struct {
	ID           string  `json:"id"`
	LowerLimit   *number `json:"lowerLimit"`
	FixedPrice   *number `json:"fixedPrice"`
	UnitPrice    *number `json:"unitPrice"`
	CreditTypeID string  `json:"creditTypeId,omitempty"`
}

const pricingKind = "pricing"

var pricings = &entity[pricing]{
	kind: pricingKind, title: "pricing", family: "configuration", rows: pricingRows,
	code: func(p *pricing) string { return p.Code },
	references: []reference[pricing]{
		to("planId", planKind, func(p *pricing) string { return p.PlanID }),
		to("planTemplateId", planTemplateKind, func(p *pricing) string { return p.PlanTemplateID }),
		to("aggregationId", aggregationKind, func(p *pricing) string { return p.AggregationID }),
		to("compoundAggregationId", compoundKind, func(p *pricing) string { return p.CompoundAggregationID }),
		to("accountingProductId", productKind, func(p *pricing) string { return p.AccountingProductID }),
	},
	filters: []filter[pricing]{
		by("planId", func(p *pricing) string { return p.PlanID }),
		by("planTemplateId", func(p *pricing) string { return p.PlanTemplateID }),
		by("aggregationId", func(p *pricing) string { return p.AggregationID }),
		{"date", pricingsAt},
	},
	rules: checkPricing,
}

// pricingsAt keeps those that hold at a date.
func pricingsAt(c *call, l listing) (func(row[pricing]) bool, error) {
	text := l.query.Get("date")
	if text == "" {
		return func(row[pricing]) bool { return true }, nil
	}
	at, err := parseDate("date", text[:min(len(text), len(time.DateOnly))])
	if err != nil && !c.rules.Conformance {
		return nil, err
	}
	return func(r row[pricing]) bool { return r.Fields.holdsAt(at) }, nil
}

func (p *pricing) holdsAt(at time.Time) bool {
	return !p.StartDate.After(at) && (p.EndDate == nil || p.EndDate.After(at))
}

func checkPricing(c *call, next *pricing, _ *row[pricing]) error {
	next.AggregationType = "SIMPLE"
	if next.CompoundAggregationID != "" {
		next.AggregationType = "COMPOUND"
	}
	if next.Type == "" {
		next.Type = "DEBIT"
	}
	next.SegmentString = segmentString(next.Segment)
	for _, bands := range []list[band]{next.PricingBands, next.OveragePricingBands} {
		for i := range bands {
			if bands[i].ID == "" {
				bands[i].ID = c.newID("pricingband")
			}
		}
	}
	if c.rules.Conformance {
		return nil
	}
	switch {
	case (next.PlanID == "") == (next.PlanTemplateID == ""):
		return errInvalid("Either planId or planTemplateId is required, and not both")
	case (next.AggregationID == "") == (next.CompoundAggregationID == ""):
		return errInvalid("Either aggregationId or compoundAggregationId is required, and not both")
	case next.EndDate != nil && !next.EndDate.After(next.StartDate.Time):
		return errInvalid("endDate must be after startDate")
	case len(next.Segment) == 0 || next.AggregationID == "":
		return nil
	}
	a, ok := aggregationRows.Get(c.tx, c.org, next.AggregationID)
	if ok && !slices.ContainsFunc(a.Fields.Segments, func(s map[string]string) bool { return maps.Equal(s, next.Segment) }) {
		return errInvalid("segment is not one of the aggregation's segments")
	}
	return nil
}

// segmentString writes a segment as one text, field by field.
func segmentString(segment map[string]string) string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(segment)) {
		parts = append(parts, code+":"+segment[code])
	}
	return strings.Join(parts, ",")
}

// bandRow is a row of an export of pricing bands.
type bandRow struct {
	ID           string  `json:"id"`
	Version      int64   `json:"version"`
	PricingID    string  `json:"pricingId"`
	Type         string  `json:"type"`
	LowerLimit   *number `json:"lowerLimit"`
	FixedPrice   *number `json:"fixedPrice"`
	UnitPrice    *number `json:"unitPrice"`
	CreditTypeID string  `json:"creditTypeId,omitempty"`
}

func bandRows(r row[pricing]) []bandRow {
	var rows []bandRow
	for _, part := range []struct {
		kind  string
		bands list[band]
	}{{"STANDARD", r.Fields.PricingBands}, {"OVERAGE", r.Fields.OveragePricingBands}} {
		for _, b := range part.bands {
			rows = append(rows, bandRow{
				ID: b.ID, Version: r.Version, PricingID: r.ID, Type: part.kind, LowerLimit: b.LowerLimit,
				FixedPrice: b.FixedPrice, UnitPrice: b.UnitPrice, CreditTypeID: b.CreditTypeID,
			})
		}
	}
	return rows
}
