package m3ter

import (
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/ledger"
)

const maxUsageRows = 20_000

// usageSelection says which usage a query or an export is about.
type usageSelection struct {
	MeterIDs         list[string]          `json:"meterIds"`
	AccountIDs       list[string]          `json:"accountIds"`
	DimensionFilters list[dimensionFilter] `json:"dimensionFilters"`
	Aggregations     list[fieldFunction]   `json:"aggregations"`
	Groups           list[usageGroup]      `json:"groups"`
}

type dimensionFilter struct {
	MeterID   string   `json:"meterId"`
	FieldCode string   `json:"fieldCode"`
	Values    []string `json:"values"`
}

type fieldFunction struct {
	MeterID   string `json:"meterId"`
	FieldCode string `json:"fieldCode"`
	FieldType string `json:"fieldType"`
	Function  string `json:"function"`
}

type usageGroup struct {
	GroupType string `json:"groupType"`
	MeterID   string `json:"meterId,omitempty"`
	FieldCode string `json:"fieldCode,omitempty"`
	Frequency string `json:"frequency,omitempty"`
}

type queryUsageRequest struct {
	usageSelection
	StartDate *instant `json:"startDate"`
	EndDate   *instant `json:"endDate"`
	Limit     int      `json:"limit"`
}

type queryUsageResponse struct {
	Data        list[usageRecord] `json:"data"`
	HasMoreData bool              `json:"hasMoreData"`
}

// queryUsage answers rows of usage, the most recent ones when there are too many.
func queryUsage(c echo.Context) error {
	var req queryUsageRequest
	if err := bind(c, &req); err != nil {
		return err
	}
	return view(c, func(c *call) (any, error) {
		from, until, err := c.period(req.StartDate, req.EndDate)
		if err != nil {
			return nil, err
		}
		plan, err := c.planUsage(req.usageSelection)
		if err != nil {
			return nil, err
		}
		most := maxUsageRows // (M3T-040)
		if req.Limit > 0 {
			most = min(req.Limit, most)
		}
		var answer queryUsageResponse
		for record := range plan.records(c, from, until) {
			if len(answer.Data) == most {
				answer.HasMoreData = true
				break
			}
			answer.Data = append(answer.Data, record)
		}
		return answer, nil
	})
}

// period holds the two dates of a usage query or export against each other (M3T-040). They are compared with the times
// of measurements, not of their arrival (M3T-025).
func (c *call) period(start, end *instant) (from, until time.Time, err error) {
	if c.rules.Conformance && (start == nil || end == nil || !end.After(start.Time)) {
		return c.now, c.now, nil
	}
	switch {
	case start == nil:
		return from, until, errInvalid("startDate is required")
	case end == nil:
		return from, until, errInvalid("endDate is required")
	case !end.After(start.Time):
		return from, until, errInvalid("endDate must be after startDate")
	}
	return start.Time, end.Time, nil
}

// usagePlan is a selection that was held against the meters: what to read and how to show it. It can be stored, for an
// export shows its meters as they were when it ran.
type usagePlan struct {
	Meters    []plannedMeter  `json:"meters"`
	Accounts  []string        `json:"accounts,omitempty"` // empty: all
	Functions []plannedColumn `json:"functions,omitempty"`
	ByAccount bool            `json:"by_account,omitempty"`
	Frequency string          `json:"frequency,omitempty"`  // of the time group; empty: none
	Splits    []plannedColumn `json:"dimensions,omitempty"` // the dimension groups
}

// plannedMeter is a selected meter.
type plannedMeter struct {
	ID      string             `json:"id"`
	Code    string             `json:"code"`
	Columns []string           `json:"columns"`
	Filter  []plannedCondition `json:"filter,omitempty"`
}

// plannedCondition keeps measurements whose column has one of the values.
type plannedCondition struct {
	Column string   `json:"column"`
	Values []string `json:"values"`
}

// plannedColumn is a field of a meter, to be aggregated or grouped by.
type plannedColumn struct {
	Meter    string `json:"meter"` // id
	Column   string `json:"column"`
	Function string `json:"function,omitempty"`
	Header   string `json:"header"`
}

// planUsage checks a selection. Ids of meters and accounts that nobody has select nothing (M3T-063); what names a field
// must be right.
func (c *call) planUsage(s usageSelection) (usagePlan, error) {
	plan := usagePlan{Accounts: s.AccountIDs}
	for r := range each(c, meterRows) {
		if len(s.MeterIDs) > 0 && !slices.Contains(s.MeterIDs, r.ID) { // M3T-024
			continue
		}
		m := plannedMeter{ID: r.ID, Code: r.Fields.Code}
		for _, f := range r.Fields.fields() {
			m.Columns = append(m.Columns, column(f))
		}
		plan.Meters = append(plan.Meters, m)
	}
	if len(s.Groups) > 0 && len(s.Aggregations) == 0 && !c.rules.Conformance {
		return plan, errInvalid("groups need aggregations")
	}
	for _, step := range []func(*usagePlan, usageSelection) error{c.planFilters, c.planFunctions, c.planGroups} {
		if err := step(&plan, s); err != nil && !c.rules.Conformance {
			return plan, err
		}
	}
	return plan, nil
}

// fieldOf finds a field of a meter of the organization.
func (c *call) fieldOf(param, meterID, code string) (dataField, string, error) {
	r, ok := meterRows.Get(c.tx, c.org, meterID)
	if !ok {
		return dataField{}, "", errInvalid("%s: there is no meter with id %s", param, meterID)
	}
	f, ok := r.Fields.field(code)
	if !ok {
		return f, "", errInvalid("%s: the meter %s has no field %s", param, r.Fields.Code, code)
	}
	return f, r.Fields.Code, nil
}

// planFilters reads the filters: all of a meter's must agree, a filter leaves other meters alone (M3T-041).
func (c *call) planFilters(plan *usagePlan, s usageSelection) error {
	for _, f := range s.DimensionFilters {
		field, _, err := c.fieldOf("dimensionFilters", f.MeterID, f.FieldCode)
		if err != nil {
			return err
		}
		if !field.Category.dimension() {
			return errInvalid("dimensionFilters: %s is a %s field and cannot be filtered by", f.FieldCode, field.Category)
		}
		for i := range plan.Meters {
			if plan.Meters[i].ID == f.MeterID {
				plan.Meters[i].Filter = append(plan.Meters[i].Filter, plannedCondition{column(field), f.Values})
			}
		}
	}
	return nil
}

// functionsOf are the functions of the two types of field.
var functionsOf = map[string][]string{
	"MEASURE":   {"SUM", "MIN", "MAX", "COUNT", "LATEST", "MEAN"},
	"DIMENSION": {"COUNT", "UNIQUE"},
}

// planFunctions reads the aggregations. MEASURE is the three numeric categories, DIMENSION the rest (M3T-042).
func (c *call) planFunctions(plan *usagePlan, s usageSelection) error {
	for _, f := range s.Aggregations {
		field, meterCode, err := c.fieldOf("aggregations", f.MeterID, f.FieldCode)
		if err != nil {
			return err
		}
		if field.Category.numeric() != (f.FieldType == "MEASURE") {
			return errInvalid("aggregations: %s is a %s field, not a %s", f.FieldCode, field.Category, f.FieldType)
		}
		if !slices.Contains(functionsOf[f.FieldType], f.Function) {
			return errInvalid("aggregations: %s does not apply to a %s field", f.Function, f.FieldType)
		}
		p := plannedColumn{Meter: f.MeterID, Column: column(field), Function: f.Function, Header: meterCode + "." + f.FieldCode + "." + f.Function}
		if !slices.Contains(plan.Functions, p) {
			plan.Functions = append(plan.Functions, p)
		}
	}
	return nil
}

// planGroups reads the groups: one by account and one by time at most (M3T-043).
func (c *call) planGroups(plan *usagePlan, s usageSelection) error {
	for _, g := range s.Groups {
		switch g.GroupType {
		case "ACCOUNT":
			if plan.ByAccount {
				return errInvalid("groups: there can be one ACCOUNT group")
			}
			plan.ByAccount = true
		case "TIME":
			if plan.Frequency != "" {
				return errInvalid("groups: there can be one TIME group")
			}
			if plan.Frequency = g.Frequency; bucketStart(g.Frequency, c.now).IsZero() {
				return errInvalid("groups: a TIME group needs a frequency: HOUR, DAY, WEEK, MONTH or QUARTER")
			}
		case "DIMENSION":
			if g.MeterID == "" || g.FieldCode == "" {
				return errInvalid("groups: a DIMENSION group needs meterId and fieldCode")
			}
			field, _, err := c.fieldOf("groups", g.MeterID, g.FieldCode)
			if err != nil {
				return err
			}
			if field.Category.numeric() {
				return errInvalid("groups: %s is a %s field and cannot be grouped by", g.FieldCode, field.Category)
			}
			plan.Splits = append(plan.Splits, plannedColumn{Meter: g.MeterID, Column: column(field), Header: column(field)})
		}
	}
	return nil
}

// bucketStart returns the start of the bucket that holds an instant; weeks begin on Monday.
func bucketStart(frequency string, t time.Time) time.Time {
	day := midnight(t)
	switch frequency {
	case "HOUR":
		return t.UTC().Truncate(time.Hour)
	case "DAY":
		return day
	case "WEEK":
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case "MONTH":
		return day.AddDate(0, 0, 1-day.Day())
	case "QUARTER":
		first := day.AddDate(0, 0, 1-day.Day())
		return first.AddDate(0, -(int(first.Month())-1)%3, 0)
	}
	return time.Time{}
}

// nextBucket returns the start of the bucket after the one that begins at an instant.
func nextBucket(frequency string, start time.Time) time.Time {
	switch frequency {
	case "HOUR":
		return start.Add(time.Hour)
	case "DAY":
		return start.AddDate(0, 0, 1)
	case "WEEK":
		return start.AddDate(0, 0, 7)
	case "MONTH":
		return start.AddDate(0, 1, 0)
	}
	return start.AddDate(0, 3, 0)
}

// streams returns the streams of a selected meter.
func (p usagePlan) streams(c *call, m plannedMeter) []string {
	if len(p.Accounts) == 0 {
		streams := usageOf(c.org).Streams(c.tx, stream(m.ID, ""))
		slices.Sort(streams)
		return streams
	}
	streams := make([]string, 0, len(p.Accounts))
	for _, id := range p.Accounts {
		streams = append(streams, stream(m.ID, id))
	}
	slices.Sort(streams)
	return slices.Compact(streams)
}

// conditions are a meter's filters in the ledger's terms.
func (m plannedMeter) conditions() []ledger.FieldFilter {
	var conditions []ledger.FieldFilter
	for _, f := range m.Filter {
		conditions = append(conditions, ledger.FieldFilter{Name: f.Column, In: f.Values})
	}
	return conditions
}
