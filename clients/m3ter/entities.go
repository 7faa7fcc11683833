package m3ter

import (
	"context"
	"iter"

	"github.com/submeter/submeter/clients/internal/transport"
)

// Accounts iterates over accounts, newest first, or over those that filter picks. The paging fields of a filter are not
// looked at.
func (c *Client) Accounts(ctx context.Context, filter ListAccountsParams) iter.Seq2[Account, error] {
	filter.PageSize = nil // as many as the vendor allows
	return transport.Pages(func(cursor string) ([]Account, string, error) {
		filter.NextToken = unlessEmpty(cursor)
		page, err := value[AccountPage](c.raw.ListAccounts(ctx, c.organization, &filter))
		return page.Data, orEmpty(page.NextToken), err
	})
}

// Account reads an account by its id.
func (c *Client) Account(ctx context.Context, id string) (Account, error) {
	return value[Account](c.raw.GetAccount(ctx, c.organization, id))
}

// CreateAccount makes an account. An account that measurements name before it is there is made by the vendor.
func (c *Client) CreateAccount(ctx context.Context, account AccountRequest) (Account, error) {
	return value[Account](c.raw.CreateAccount(ctx, c.organization, account))
}

// Products iterates over products, newest first, or over those that filter picks.
func (c *Client) Products(ctx context.Context, filter ListProductsParams) iter.Seq2[Product, error] {
	filter.PageSize = nil
	return transport.Pages(func(cursor string) ([]Product, string, error) {
		filter.NextToken = unlessEmpty(cursor)
		page, err := value[ProductPage](c.raw.ListProducts(ctx, c.organization, &filter))
		return page.Data, orEmpty(page.NextToken), err
	})
}

// Product reads a product by its id.
func (c *Client) Product(ctx context.Context, id string) (Product, error) {
	return value[Product](c.raw.GetProduct(ctx, c.organization, id))
}

// CreateProduct makes a product.
func (c *Client) CreateProduct(ctx context.Context, product ProductRequest) (Product, error) {
	return value[Product](c.raw.CreateProduct(ctx, c.organization, product))
}

// Meters iterates over meters, newest first, or over those that filter picks.
func (c *Client) Meters(ctx context.Context, filter ListMetersParams) iter.Seq2[Meter, error] {
	filter.PageSize = nil
	return transport.Pages(func(cursor string) ([]Meter, string, error) {
		filter.NextToken = unlessEmpty(cursor)
		page, err := value[MeterPage](c.raw.ListMeters(ctx, c.organization, &filter))
		return page.Data, orEmpty(page.NextToken), err
	})
}

// Meter reads a meter by its id.
func (c *Client) Meter(ctx context.Context, id string) (Meter, error) {
	return value[Meter](c.raw.GetMeter(ctx, c.organization, id))
}

// CreateMeter makes a meter.
func (c *Client) CreateMeter(ctx context.Context, meter MeterRequest) (Meter, error) {
	if meter.DataFields == nil {
		meter.DataFields = []DataField{}
	}
	if meter.DerivedFields == nil {
		meter.DerivedFields = []DerivedField{} // the vendor wants the list, though it be empty
	}
	return value[Meter](c.raw.CreateMeter(ctx, c.organization, meter))
}

// Events iterates over events, newest first, or over those that filter picks.
func (c *Client) Events(ctx context.Context, filter ListEventsParams) iter.Seq2[Event, error] {
	filter.PageSize = nil
	return transport.Pages(func(cursor string) ([]Event, string, error) {
		filter.NextToken = unlessEmpty(cursor)
		page, err := value[EventPage](c.raw.ListEvents(ctx, c.organization, &filter))
		return page.Data, orEmpty(page.NextToken), err
	})
}

// ingestFailure is the name of the events of measurements that were accepted and then found wrong.
const ingestFailure = "ingest.validation.failure"

// FailedMeasurements iterates over the events of measurements that were accepted and then found wrong, newest first:
// without a meter of their code, with a field missing, with a uid that was there before. Most of them do not count.
func (c *Client) FailedMeasurements(ctx context.Context) iter.Seq2[Event, error] {
	name := ingestFailure
	return c.Events(ctx, ListEventsParams{EventName: &name})
}

func unlessEmpty(cursor string) *string {
	if cursor == "" {
		return nil
	}
	return &cursor
}

func orEmpty(cursor *string) string {
	if cursor == nil {
		return ""
	}
	return *cursor
}
