package m3ter

import (
	"encoding/json"
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"
)

// operationalType is one of the twenty kinds of file of an operational export.
type operationalType struct {
	file    string   // names the file (M3T-047)
	fields  []string // of the rows
	entries func(c *call, since time.Time) iter.Seq[any]
}

// columns begin with id and version; the rest is in alphabetical order (M3T-046).
func (t operationalType) columns() []string {
	columns := slices.DeleteFunc(slices.Clone(t.fields), func(name string) bool { return name == "id" || name == "version" })
	slices.Sort(columns)
	return append([]string{"id", "version"}, slices.Compact(columns)...)
}

// records are the rows of what changed since an instant; the zero time: all.
func (t operationalType) records(c *call, since time.Time) iter.Seq[usageRecord] {
	columns := t.columns()
	return func(yield func(usageRecord) bool) {
		for entry := range t.entries(c, since) {
			text, err := encode(entry)
			if err != nil {
				c.tx.Corrupt("row of an export", err)
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(text, &fields); err != nil {
				c.tx.Corrupt("row of an export", err)
			}
			cells := make([]string, len(columns))
			for i, name := range columns {
				if value := string(fields[name]); value != "null" {
					cells[i] = value
				}
			}
			if !yield(usageRecord{columns: columns, cells: cells}) {
				return
			}
		}
	}
}

// asAnswered is the type whose rows are what the API answers for an entity, but for fields that are left out.
func asAnswered[T any](e *entity[T], hidden ...string) operationalType {
	fields := jsonFields(reflect.TypeFor[T]())
	maps.Copy(fields, jsonFields(reflect.TypeFor[audit]()))
	for _, name := range hidden {
		delete(fields, name)
	}
	return operationalType{
		file: e.kind, fields: slices.Collect(maps.Keys(fields)),
		entries: func(c *call, since time.Time) iter.Seq[any] {
			return func(yield func(any) bool) {
				for r := range each(c, e.rows) {
					if c.changedSince(r.Created, r.Modified, since) && !yield(e.answer(c, r)) {
						return
					}
				}
			}
		},
	}
}

// withinRows is the type whose rows are parts of an entity.
func withinRows[T, P any](file string, e *entity[T], parts func(row[T]) []P) operationalType {
	return operationalType{
		file: file, fields: slices.Collect(maps.Keys(jsonFields(reflect.TypeFor[P]()))),
		entries: func(c *call, since time.Time) iter.Seq[any] {
			return func(yield func(any) bool) {
				for r := range each(c, e.rows) {
					if !c.changedSince(r.Created, r.Modified, since) {
						continue
					}
					for _, part := range parts(r) {
						if !yield(part) {
							return
						}
					}
				}
			}
		},
	}
}

// changedSince compares the last change, or by the organization's option the creation, with the start of an export
// (M3T-022).
func (c *call) changedSince(created, modified, since time.Time) bool {
	if c.rules.ExportSinceCreated {
		modified = created
	}
	return since.IsZero() || !modified.Before(since)
}

var operationalTypes = map[string]operationalType{
	"ACCOUNTS":              asAnswered(accounts),
	"PRODUCTS":              asAnswered(products),
	"METERS":                asAnswered(meters),
	"AGGREGATIONS":          asAnswered(aggregations),
	"COMPOUND_AGGREGATIONS": asAnswered(compoundAggregations),
	"PLAN_TEMPLATES":        asAnswered(planTemplates),
	"PLANS":                 asAnswered(plans),
	"PLAN_GROUPS":           asAnswered(planGroups),
	"PLAN_GROUP_LINKS":      asAnswered(planGroupLinks),
	"ACCOUNT_PLANS":         asAnswered(accountPlans),
	"PRICING":               asAnswered(pricings),
	"PRICING_BANDS":         withinRows("pricingband", pricings, bandRows),
	"CONTRACTS":             asAnswered(contracts),
	"COMMITMENTS":           asAnswered(commitments),
	"BALANCES":              asAnswered(balances),
	"BALANCE_TRANSACTIONS":  asAnswered(transactions),
	"TRANSACTION_TYPES":     asAnswered(transactionTypes),
	"CHARGES":               asAnswered(charges),
	"BILLS":                 asAnswered(bills, "lineItems"),
	"BILL_LINE_ITEMS":       withinRows("billlineitem", bills, lineItemRows),
}
