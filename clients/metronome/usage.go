package metronome

import (
	"context"
	"iter"

	"github.com/google/uuid"

	"github.com/submeter/submeter/clients/internal/transport"
)

// Usage iterates over the usage of many customers and metrics: a row for each customer, metric and window, in that
// order. No customers in the query means all, and so for metrics. Both bounds must lie at midnight UTC. A row's Value is
// nil where no event matched.
func (c *Client) Usage(ctx context.Context, query ListUsageRequest) iter.Seq2[UsageRow, error] {
	ctx = transport.Idempotent(ctx)
	return transport.Pages(func(cursor string) ([]UsageRow, string, error) {
		page, err := value[ListUsageResponse](c.raw.ListUsage(ctx, &ListUsageParams{NextPage: unlessEmpty(cursor)}, query))
		return page.Data, orEmpty(page.NextPage), err
	})
}

// UsageGroups iterates over the usage of one customer and metric by group: with a group key in the query, a row for
// each window and group that has usage; without, a row for each window.
func (c *Client) UsageGroups(ctx context.Context, query ListUsageWithGroupsRequest) iter.Seq2[UsageGroupRow, error] {
	ctx = transport.Idempotent(ctx)
	return transport.Pages(func(cursor string) ([]UsageGroupRow, string, error) {
		page, err := value[ListUsageWithGroupsResponse](c.raw.ListUsageWithGroups(ctx, &ListUsageWithGroupsParams{
			Limit: new(int64(pageSize)), NextPage: unlessEmpty(cursor),
		}, query))
		return page.Data, orEmpty(page.NextPage), err
	})
}

// MetricBy names a metric for Usage and splits its windows by one of its single group keys, into the values given or,
// with none, those seen in the range.
func MetricBy(metric uuid.UUID, key string, values ...string) UsageMetric {
	return UsageMetric{ID: metric, GroupBy: &GroupBy{Key: key, Values: values}}
}
