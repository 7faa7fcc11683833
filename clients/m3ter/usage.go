package m3ter

import (
	"context"
	"errors"
	"iter"

	"github.com/submeter/submeter/clients/internal/transport"
)

// ErrTruncated is what the rows of a query end with when the vendor has more than it answers at once: 20000. A query has no
// next page; a shorter period has fewer rows, and an export has all of them.
var ErrTruncated = errors.New("the vendor has left out rows of the query")

// Usage iterates over the rows of a query, most recent first: with aggregations one for each group that has usage,
// without one for each measurement. A query with a limit of its own does not end in ErrTruncated.
func (c *Client) Usage(ctx context.Context, query UsageQuery) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		answer, err := value[UsageQueryResponse](c.raw.QueryUsage(transport.Idempotent(ctx), c.organization, query))
		if err != nil {
			yield(Row{}, err)
			return
		}
		for _, row := range answer.Data {
			if !yield(row, nil) {
				return
			}
		}
		if answer.HasMoreData && query.Limit == nil {
			yield(Row{}, ErrTruncated)
		}
	}
}
