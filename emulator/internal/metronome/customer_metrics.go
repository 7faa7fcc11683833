package metronome

import (
	"iter"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// customerMetricBody is a billable metric with the fields of an older design beside the present ones. Nobody has written
// down how those follow from these. // MET-058
type customerMetricBody struct {
	billableMetricBody
	GroupBy       []string       `json:"group_by,omitempty"`
	Aggregate     string         `json:"aggregate,omitempty"`
	AggregateKeys []string       `json:"aggregate_keys,omitempty"`
	Filter        map[string]any `json:"filter,omitempty"`
}

func customerMetricBodyOf(row billableMetric) customerMetricBody {
	body := customerMetricBody{billableMetricBody: billableMetricBodyOf(row), Aggregate: strings.ToLower(row.Aggregation)}
	if row.SQL != nil {
		body.Aggregate = "custom_sql" // aggregation_type has that value in event searches alone, and no SQL metric matches there
		return body
	}
	for _, group := range row.GroupKeys {
		if len(group) == 1 {
			body.GroupBy = append(body.GroupBy, group[0])
		}
	}
	if row.Key != nil {
		body.AggregateKeys = []string{*row.Key}
	}
	body.Filter = schemaOf(row)
	return body
}

// schemaOf writes the filters of a metric as a JSON Schema of the events that pass.
func schemaOf(row billableMetric) map[string]any {
	fields := map[string]any{}
	if row.EventTypes != nil {
		fields["event_type"] = valueSchema(row.EventTypes.In, row.EventTypes.NotIn)
	}
	properties, required, absent := map[string]any{}, []string{}, []map[string]any{}
	for _, f := range row.Filters {
		properties[f.Name] = valueSchema(f.In, f.NotIn)
		switch {
		case f.Exists != nil && !*f.Exists:
			absent = append(absent, map[string]any{"required": []string{f.Name}})
		case f.Exists != nil, len(f.In) > 0:
			required = append(required, f.Name)
		}
	}
	inner := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		inner["required"] = required
	}
	if len(absent) > 0 {
		inner["not"] = map[string]any{"anyOf": absent}
	}
	fields["properties"] = inner
	return map[string]any{"type": "object", "properties": fields}
}

func valueSchema(in, notIn []string) map[string]any {
	schema := map[string]any{}
	if len(in) > 0 {
		schema["enum"] = in
	}
	if len(notIn) > 0 {
		schema["not"] = map[string]any{"enum": notIn}
	}
	return schema
}

// listCustomerBillableMetrics answers all metrics, for any of them can meter the customer. Of a current plan or contract
// there are none: no customer has one here. // MET-059
func (a *API) listCustomerBillableMetrics(c echo.Context) error {
	archivedToo := c.QueryParam("include_archived") == "true"
	ofPlan := c.QueryParam("on_current_plan") == "true"
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		if _, err := who.customer(tx, c.Param("customer_id")); err != nil {
			return nil, err
		}
		rows := func(place string) iter.Seq2[string, billableMetric] {
			if ofPlan {
				return func(func(string, billableMetric) bool) {}
			}
			return who.metricsFrom(tx, place, archivedToo)
		}
		return listPage(c, who, rows, customerMetricBodyOf)
	})
}
