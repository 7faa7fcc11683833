package cognite

import (
	"context"
	"iter"
	"slices"

	"github.com/submeter/submeter/clients/internal/transport"
)

const (
	pageSize = 1000 // the vendor's maximum

	// The vendor does not say how many ids one request may name; its Python SDK names as many.
	idsAtOnce = 100
)

// Meters iterates over the project's meters by id, those whose id begins with prefix, or all for an empty one. They come
// without datapoints, which History reads.
func (c *Client) Meters(ctx context.Context, prefix string) iter.Seq2[Meter, error] {
	ctx = transport.Idempotent(ctx)
	request := ListConsumptionDataRequest{Limit: new(PageLimit(pageSize))}
	if prefix != "" {
		request.Filter = &MeterFilter{Prefix: &MeterPrefix{
			Property: []ListConsumptionDataRequestFilterPrefixProperty{ListConsumptionDataRequestFilterPrefixPropertyMeterID}, Value: prefix,
		}}
	}
	return transport.Pages(func(cursor string) ([]Meter, string, error) {
		request.Cursor = unlessEmpty(cursor)
		page, err := value[MeterPage](c.raw.ListConsumptionDataAdvanced(ctx, c.project, nil, request))
		return page.Items, orEmpty(page.NextCursor), err
	})
}

// Meter reads one meter. The vendor tells nothing of it but the id, so this asks whether there is one: an id that is not
// known is an ErrNotFound.
func (c *Client) Meter(ctx context.Context, id string) (Meter, error) {
	return value[Meter](c.raw.FetchConsumptionDataByID(ctx, c.project, id, nil))
}

// Retrieve reads meters by id, in the order of the ids. One unknown id is an ErrNotFound for all of them.
func (c *Client) Retrieve(ctx context.Context, ids ...string) ([]Meter, error) {
	var meters []Meter
	for some := range slices.Chunk(ids, idsAtOnce) {
		answered, err := c.byIDs(ctx, FetchConsumptionDataByIdsRequest{Items: identities(some)})
		if err != nil {
			return nil, err
		}
		meters = append(meters, answered...)
	}
	return meters, nil
}

func (c *Client) byIDs(ctx context.Context, request FetchConsumptionDataByIdsRequest) ([]Meter, error) {
	answer, err := value[FetchConsumptionDataByIdsResponse](
		c.raw.FetchConsumptionDataByIds(transport.Idempotent(ctx), c.project, nil, request))
	return answer.Items, err
}

func identities(ids []string) []MeterIdentity {
	items := make([]MeterIdentity, len(ids))
	for i, id := range ids {
		items[i].MeterID = id
	}
	return items
}

// Limits iterates over what the project may use, by id, as Meters does over what it uses. The same ids mean the same.
func (c *Client) Limits(ctx context.Context, prefix string) iter.Seq2[Limit, error] {
	ctx = transport.Idempotent(ctx)
	request := ListLimitsRequest{Limit: new(PageLimit(pageSize))}
	if prefix != "" {
		request.Filter = &LimitFilter{Prefix: &LimitPrefix{
			Property: []ListLimitsRequestFilterPrefixProperty{ListLimitsRequestFilterPrefixPropertyLimitID}, Value: prefix,
		}}
	}
	return transport.Pages(func(cursor string) ([]Limit, string, error) {
		request.Cursor = unlessEmpty(cursor)
		page, err := value[LimitPage](c.raw.ListLimitsAdvanced(ctx, c.project, nil, request))
		return page.Items, orEmpty(page.NextCursor), err
	})
}

// Limit reads one limit. An id that is not known is an ErrNotFound.
func (c *Client) Limit(ctx context.Context, id string) (Limit, error) {
	return value[Limit](c.raw.GetLimit(ctx, c.project, id, nil))
}
