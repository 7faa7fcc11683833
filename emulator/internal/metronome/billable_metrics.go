package metronome

import (
	"iter"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

// The aggregations, as they are stored and answered; requests may write them in lower and title case, too.
const (
	aggregateCount  = "COUNT"
	aggregateLatest = "LATEST"
	aggregateMax    = "MAX"
	aggregateSum    = "SUM"
	aggregateUnique = "UNIQUE"
)

// valueFilter is a condition on the type of an event.
type valueFilter struct {
	In    []string `json:"in_values,omitempty"`
	NotIn []string `json:"not_in_values,omitempty"`
}

// propertyFilter is a condition on one property of an event.
type propertyFilter struct {
	Name   string   `json:"name"`
	Exists *bool    `json:"exists,omitempty"`
	In     []string `json:"in_values,omitempty"`
	NotIn  []string `json:"not_in_values,omitempty"`
}

type billableMetricBody struct {
	ID              string            `json:"id"`
	Name            string            `json:"name"`
	AggregationType string            `json:"aggregation_type,omitempty"`
	AggregationKey  *string           `json:"aggregation_key,omitempty"`
	EventTypeFilter *valueFilter      `json:"event_type_filter,omitempty"`
	PropertyFilters []propertyFilter  `json:"property_filters,omitempty"`
	GroupKeys       [][]string        `json:"group_keys,omitempty"`
	CustomFields    map[string]string `json:"custom_fields,omitempty"`
	SQL             *string           `json:"sql,omitempty"`
	ArchivedAt      *string           `json:"archived_at,omitempty"`
}

func billableMetricBodyOf(row billableMetric) billableMetricBody {
	return billableMetricBody{
		ID: row.ID, Name: row.Name, AggregationType: row.Aggregation, AggregationKey: row.Key,
		EventTypeFilter: row.EventTypes, PropertyFilters: row.Filters, GroupKeys: row.GroupKeys,
		CustomFields: row.CustomFields, SQL: row.SQL, ArchivedAt: inMillisOrNull(row.Archived),
	}
}

// metric returns the billable metric of an id, archived or not. What is no UUID is no metric's id. // MET-021
func (w caller) metric(tx *store.Tx, id string) (billableMetric, error) {
	id = lowered(id)
	row, ok := metrics.get(tx, w.environment, id)
	if ok {
		return row, nil
	}
	if w.Conformance {
		return billableMetric{ID: id, Name: id, Aggregation: aggregateCount, Created: tx.Now}, nil // MET-051
	}
	return row, errNoBillableMetric(id)
}

type createBillableMetricRequest struct {
	Name            string            `json:"name"`
	SQL             *string           `json:"sql"`
	AggregationType string            `json:"aggregation_type"`
	AggregationKey  *string           `json:"aggregation_key"`
	EventTypeFilter *valueFilter      `json:"event_type_filter"`
	PropertyFilters []propertyFilter  `json:"property_filters"`
	GroupKeys       [][]string        `json:"group_keys"`
	CustomFields    map[string]string `json:"custom_fields"`
}

// createBillableMetric lets any number of metrics have the same name. // MET-045
func (a *API) createBillableMetric(c echo.Context) error {
	var req createBillableMetricRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		if err := req.check(); err != nil && !who.Conformance { // MET-051
			return nil, err
		}
		row := billableMetric{
			ID: store.NewUUID(tx, "metronome/billable-metric"), Name: req.Name, SQL: req.SQL,
			Aggregation: strings.ToUpper(req.AggregationType), Key: req.AggregationKey, EventTypes: req.EventTypeFilter,
			Filters: req.PropertyFilters, GroupKeys: req.GroupKeys, CustomFields: req.CustomFields,
			After: eventsOf(who.environment).Position(tx), Created: tx.Now,
		}
		if err := who.claimCustomFields(tx, entityBillableMetric, row.ID, nil, row.CustomFields); err != nil {
			return nil, err
		}
		metrics.put(tx, who.environment, row)
		return idResponse{objectID{row.ID}}, nil
	})
}

// check holds the parts of a definition against one another. SUM, MAX, UNIQUE and LATEST without a key are taken: they
// come to nothing. // MET-057
func (r createBillableMetricRequest) check() error {
	filters := r.AggregationType != "" || r.AggregationKey != nil || r.EventTypeFilter != nil ||
		r.PropertyFilters != nil || r.GroupKeys != nil
	switch {
	case r.SQL != nil && filters:
		return errSQLAndFilters()
	case r.SQL != nil && strings.TrimSpace(*r.SQL) == "":
		return errEmptySQL()
	case r.SQL == nil && r.AggregationType == "":
		return errNeitherSQLNorAggregation()
	}
	named := func(key string) bool {
		return slices.ContainsFunc(r.PropertyFilters, func(f propertyFilter) bool { return f.Name == key })
	}
	var problems []string
	if key := r.AggregationKey; key != nil && strings.ToUpper(r.AggregationType) != aggregateCount && !named(*key) {
		problems = append(problems, badAggregationKey)
	}
	for _, group := range r.GroupKeys {
		for _, key := range group {
			if problem := badGroupKey(key); !named(key) && !slices.Contains(problems, problem) {
				problems = append(problems, problem)
			}
		}
	}
	if len(problems) > 0 {
		return errMetricKeys(problems)
	}
	return nil
}

type getBillableMetricResponse struct {
	Data billableMetricBody `json:"data"`
}

func (a *API) getBillableMetric(c echo.Context) error {
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		row, err := who.metric(tx, c.Param("billable_metric_id"))
		if err != nil {
			return nil, err
		}
		return getBillableMetricResponse{billableMetricBodyOf(row)}, nil
	})
}

func (a *API) listBillableMetrics(c echo.Context) error {
	archivedToo := c.QueryParam("include_archived") == "true"
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		rows := func(place string) iter.Seq2[string, billableMetric] { return who.metricsFrom(tx, place, archivedToo) }
		return listPage(c, who, rows, billableMetricBodyOf)
	})
}

// metricsFrom walks the metrics from a place in their list on.
func (w caller) metricsFrom(tx *store.Tx, place string, archivedToo bool) iter.Seq2[string, billableMetric] {
	return func(yield func(string, billableMetric) bool) {
		for place, row := range metrics.from(tx, w.environment, place) {
			if (row.Archived == nil || archivedToo) && !yield(place, row) {
				return
			}
		}
	}
}

type renameBillableMetricRequest struct {
	Name string `json:"name"`
}

func (a *API) renameBillableMetric(c echo.Context) error {
	var req renameBillableMetricRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		row, err := who.metric(tx, c.Param("billable_metric_id"))
		if err != nil {
			return nil, err
		}
		row.Name = req.Name
		metrics.put(tx, who.environment, row)
		return idResponse{objectID{row.ID}}, nil
	})
}

// archiveBillableMetric hides the metric from lists; it goes on metering. A second time changes nothing. // MET-046
func (a *API) archiveBillableMetric(c echo.Context) error {
	var req objectID
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		row, err := who.metric(tx, req.ID)
		if err != nil {
			return nil, err
		}
		if row.Archived == nil {
			row.Archived = &tx.Now
			metrics.put(tx, who.environment, row)
		}
		return idResponse{objectID{row.ID}}, nil
	})
}

// filter is which events the metric counts. // MET-038
func (m billableMetric) filter() ledger.Filter {
	var f ledger.Filter
	if m.EventTypes != nil {
		f.Types, f.NotTypes = m.EventTypes.In, m.EventTypes.NotIn
	}
	for _, p := range m.Filters {
		f.Fields = append(f.Fields, ledger.FieldFilter{Name: p.Name, Exists: p.Exists, In: p.In, NotIn: p.NotIn})
	}
	return f
}

// after is the place in the ledger beyond which the metric counts: it sees no event that came before it did. // MET-040
func (m billableMetric) after(who caller) uint64 {
	if who.RetroactiveMetrics {
		return 0
	}
	return m.After
}
