package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/metronome"
)

// metronomePull is what the flags of pull metronome say.
type metronomePull struct {
	*pull
	baseURL            string
	customers, metrics []string
	groupKeys          []string
	window             choice
	span
}

func (p *pull) metronomeCommand() *cobra.Command {
	m := &metronomePull{pull: p, window: newChoice("day", "hour", "day", "none")}
	cmd := &cobra.Command{
		Use:   "metronome",
		Short: "Usage by customer, metric and window",
		Long: `Fetch usage by customer, metric and window. A window in which no event matched has no value, which is not 0.
With group keys there is a row for each window and group that has usage, and a compound key wants all its members.

Metronome wants both bounds at midnight UTC. The token comes from METRONOME_BEARER_TOKEN.`,
		Example: `  submeter pull metronome --from 2026-03-01 --to 2026-04-01
  submeter pull metronome --from 2026-03-01 --to 2026-04-01 --window none --metric Tokens --group-by model,region -o csv
  submeter pull metronome customers -o jsonl`,
		Args: cobra.NoArgs,
		RunE: p.job(m.pullUsage),
	}
	envFlag(cmd.PersistentFlags(), &m.baseURL, "base-url", "METRONOME_BASE_URL", metronome.DefaultBaseURL, "base `URL`")
	addSpanFlags(cmd, &m.span)
	flags := cmd.Flags()
	flags.Var(&m.window, "window", "how long a row's window is; none is the whole range")
	flags.StringSliceVar(&m.customers, "customer", nil, "only these customers, by `id` or ingest alias (default: all active ones)")
	flags.StringArrayVar(&m.metrics, "metric", nil, "only this metric, by `id` or name; may be repeated (default: all active ones)")
	flags.StringSliceVar(&m.groupKeys, "group-by", nil, "group by these `keys` of the metrics")

	customers := &cobra.Command{
		Use: "customers", Short: "Active customers, oldest first", Example: `  submeter pull metronome customers -o csv`,
		Args: cobra.NoArgs, RunE: p.job(m.pullCustomers),
	}
	metrics := &cobra.Command{
		Use: "metrics", Short: "Active billable metrics, oldest first", Example: `  submeter pull metronome metrics -o csv`,
		Args: cobra.NoArgs, RunE: p.job(m.pullMetrics),
	}
	cmd.AddCommand(customers, metrics)
	return cmd
}

func (m *metronomePull) connect() (*metronome.Client, error) {
	token, err := m.mustSecret("METRONOME_BEARER_TOKEN")
	if err != nil {
		return nil, err
	}
	client, err := metronome.New(m.baseURL, token)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

func (m *metronomePull) pullUsage(ctx context.Context) error {
	if err := m.check(); err != nil {
		return err
	}
	client, err := m.connect()
	if err != nil {
		return err
	}
	customers, err := m.findCustomers(ctx, client)
	if err != nil {
		return err
	}
	metrics, err := m.findMetrics(ctx, client)
	if err != nil {
		return err
	}
	window := metronome.WindowSize(strings.ToUpper(m.window.value))
	if len(m.groupKeys) > 0 {
		return m.pullGroups(ctx, client, window, customers, metrics)
	}
	query := metronome.ListUsageRequest{StartingOn: m.from, EndingBefore: m.to, WindowSize: window, CustomerIds: customers}
	if len(m.metrics) > 0 {
		for _, metric := range metrics {
			query.BillableMetrics = append(query.BillableMetrics, metronome.UsageMetric{ID: metric.ID})
		}
	}
	return write(m.pull, "rows of usage", []column[metronome.UsageRow]{
		{"customer_id", func(r metronome.UsageRow) any { return r.CustomerID.String() }},
		{"billable_metric_id", func(r metronome.UsageRow) any { return r.BillableMetricID.String() }},
		{"billable_metric_name", func(r metronome.UsageRow) any { return r.BillableMetricName }},
		{"starting_on", func(r metronome.UsageRow) any { return r.StartTimestamp }},
		{"ending_before", func(r metronome.UsageRow) any { return r.EndTimestamp }},
		{"value", func(r metronome.UsageRow) any { return optional(r.Value) }},
	}, client.Usage(ctx, query))
}

// groupRow is a row of one customer and metric.
type groupRow struct {
	customer uuid.UUID
	metric   metronome.BillableMetric
	metronome.UsageGroupRow
}

// pullGroups asks for each customer and metric by itself, as the vendor answers groups for no more than one.
func (m *metronomePull) pullGroups(ctx context.Context, client *metronome.Client, window metronome.WindowSize, customers []uuid.UUID, metrics []metronome.BillableMetric) error {
	columns := []column[groupRow]{
		{"customer_id", func(r groupRow) any { return r.customer.String() }},
		{"billable_metric_id", func(r groupRow) any { return r.metric.ID.String() }},
		{"billable_metric_name", func(r groupRow) any { return r.metric.Name }},
		{"starting_on", func(r groupRow) any { return r.StartingOn }},
		{"ending_before", func(r groupRow) any { return r.EndingBefore }},
	}
	for _, key := range m.groupKeys {
		columns = append(columns, column[groupRow]{"group." + key, func(r groupRow) any {
			if value, ok := r.Group[key]; ok {
				return value
			}
			return nil
		}})
	}
	columns = append(columns, column[groupRow]{"value", func(r groupRow) any { return optional(r.Value) }})
	return write(m.pull, "rows of usage", columns, func(yield func(groupRow, error) bool) {
		for _, customer := range customers {
			for _, metric := range metrics {
				for row, err := range client.UsageGroups(ctx, metronome.ListUsageWithGroupsRequest{
					CustomerID: customer, BillableMetricID: metric.ID, WindowSize: window,
					StartingOn: &m.from, EndingBefore: &m.to, GroupKey: m.groupKeys,
				}) {
					if !yield(groupRow{customer, metric, row}, err) || err != nil {
						return
					}
				}
			}
		}
	})
}

// findCustomers turns what the flag names into ids. Without the flag it names all that groups are asked of.
func (m *metronomePull) findCustomers(ctx context.Context, client *metronome.Client) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	if len(m.customers) == 0 && len(m.groupKeys) > 0 {
		for customer, err := range client.Customers(ctx, metronome.ListCustomersParams{}) {
			if err != nil {
				return nil, err
			}
			ids = append(ids, customer.ID)
		}
	}
	for _, name := range m.customers {
		if id, err := uuid.Parse(name); err == nil {
			ids = append(ids, id)
			continue
		}
		customer, err := first(client.Customers(ctx, metronome.ListCustomersParams{IngestAlias: &name}))
		if errors.Is(err, errNone) {
			return nil, fmt.Errorf("no customer has the ingest alias %q", name)
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, customer.ID)
	}
	return ids, nil
}

// findMetrics turns what the flag names into metrics. Without the flag it names all that groups are asked of. A name
// may belong to several metrics, which are then all meant.
func (m *metronomePull) findMetrics(ctx context.Context, client *metronome.Client) ([]metronome.BillableMetric, error) {
	if len(m.metrics) == 0 && len(m.groupKeys) == 0 {
		return nil, nil
	}
	var all, found []metronome.BillableMetric
	for metric, err := range client.BillableMetrics(ctx, true) {
		if err != nil {
			return nil, err
		}
		all = append(all, metric)
	}
	for _, metric := range all {
		if len(m.metrics) == 0 && metric.ArchivedAt == nil {
			found = append(found, metric)
		}
	}
	for _, name := range m.metrics {
		before := len(found)
		for _, metric := range all {
			if strings.EqualFold(metric.ID.String(), name) || (metric.Name == name && metric.ArchivedAt == nil) {
				found = append(found, metric)
			}
		}
		if len(found) == before {
			return nil, fmt.Errorf("no billable metric has the id or name %q", name)
		}
	}
	return found, nil
}

func (m *metronomePull) pullCustomers(ctx context.Context) error {
	client, err := m.connect()
	if err != nil {
		return err
	}
	return write(m.pull, "customers", []column[metronome.CustomerDetail]{
		{"id", func(c metronome.CustomerDetail) any { return c.ID.String() }},
		{"name", func(c metronome.CustomerDetail) any { return c.Name }},
		{"ingest_aliases", func(c metronome.CustomerDetail) any { return c.IngestAliases }},
		{"created_at", func(c metronome.CustomerDetail) any { return c.CreatedAt }},
	}, client.Customers(ctx, metronome.ListCustomersParams{}))
}

func (m *metronomePull) pullMetrics(ctx context.Context) error {
	client, err := m.connect()
	if err != nil {
		return err
	}
	return write(m.pull, "metrics", []column[metronome.BillableMetric]{
		{"id", func(b metronome.BillableMetric) any { return b.ID.String() }},
		{"name", func(b metronome.BillableMetric) any { return b.Name }},
		{"aggregation_type", func(b metronome.BillableMetric) any { return optional(b.AggregationType) }},
		{"aggregation_key", func(b metronome.BillableMetric) any { return optional(b.AggregationKey) }},
		{"group_keys", func(b metronome.BillableMetric) any {
			keys := make([]string, len(b.GroupKeys))
			for i, members := range b.GroupKeys {
				keys[i] = strings.Join(members, "+")
			}
			return keys
		}},
	}, client.BillableMetrics(ctx, false))
}

var errNone = errors.New("none")

func first[T any](items iter.Seq2[T, error]) (T, error) {
	for item, err := range items {
		return item, err
	}
	var none T
	return none, errNone
}

// optional is a cell of what may not be there.
func optional[T any](v *T) any {
	if v == nil {
		return nil
	}
	return *v
}
