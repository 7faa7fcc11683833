// Package metronome is a Go client of Metronome's metering API: events in, usage out. It speaks to the vendor and to
// submeter alike; only the base URL and the token differ.
//
// The generated half (metronome.gen.go) knows the wire. This half signs requests, repeats those that may be repeated,
// sends events in batches whose repetition counts once, and follows pages. Quantities are json.Number, exact as the
// vendor wrote them. Raw reaches the operations that have no method here.
package metronome

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../openapi/metronome.yaml

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/submeter/submeter/clients/internal/transport"
)

// DefaultBaseURL is the vendor's. Sandbox and production differ by token, not by address.
const DefaultBaseURL = "https://api.metronome.com"

// The largest page that lists with a limit take.
const pageSize = 100

// Error is a refusal of the vendor's.
type Error = transport.Error

// What an error is, by errors.Is, when the vendor does not accept the token, or does not know an id.
var (
	ErrSignIn   = transport.ErrSignIn
	ErrNotFound = transport.ErrNotFound
)

// Option changes how a client sends requests.
type Option = transport.Option

// WithHTTP replaces the HTTP client below the retries, for a proxy, a private root certificate or a timeout.
func WithHTTP(c *http.Client) Option { return transport.WithHTTPClient(c) }

// WithAttempts bounds how often a request is sent, the first time included. The default is 4; 1 repeats nothing.
func WithAttempts(n int) Option { return transport.WithAttempts(n) }

// WithMaxWait bounds how long a Retry-After is waited for; one beyond it is a failure at once. The default is a minute.
func WithMaxWait(d time.Duration) Option { return transport.WithMaxWait(d) }

// Client speaks for one token, which decides the environment. It is safe for concurrent use.
type Client struct{ raw *RawClient }

// New returns a client; an empty base URL is the vendor's. It sends nothing.
func New(baseURL, token string, opts ...Option) (*Client, error) {
	if baseURL == "" {
		baseURL = DefaultBaseURL
	}
	if u, err := url.Parse(baseURL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("base URL %q: want one such as %s or http://host:port/metronome", baseURL, DefaultBaseURL)
	}
	if token == "" {
		return nil, errors.New("no token given")
	}
	sign := func(_ context.Context, req *http.Request) error {
		transport.Token(token)(req)
		return nil
	}
	raw, err := NewClient(baseURL, WithRequestEditorFn(sign), func(c *RawClient) error {
		c.Client = transport.New(opts...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Client{raw}, nil
}

// Raw returns the generated client, with the token and the retries of this one.
func (c *Client) Raw() *RawClient { return c.raw }

// Customers iterates over active customers, oldest first, or over those that filter picks. Its paging fields are not
// looked at.
func (c *Client) Customers(ctx context.Context, filter ListCustomersParams) iter.Seq2[CustomerDetail, error] {
	return transport.Pages(func(cursor string) ([]CustomerDetail, string, error) {
		filter.Limit, filter.NextPage = new(int64(pageSize)), unlessEmpty(cursor)
		page, err := value[ListCustomersResponse](c.raw.ListCustomers(ctx, &filter))
		return page.Data, orEmpty(page.NextPage), err
	})
}

// Customer reads one customer by its id.
func (c *Client) Customer(ctx context.Context, id uuid.UUID) (CustomerDetail, error) {
	answer, err := value[GetCustomerResponse](c.raw.GetCustomer(ctx, id.String()))
	return answer.Data, err
}

// CreateCustomer makes a customer and returns it with its id. The call carries an idempotency key, so that its own
// retries make one customer; another call makes another.
func (c *Client) CreateCustomer(ctx context.Context, customer CreateCustomerRequest) (Customer, error) {
	key := uuid.NewString()
	answer, err := value[CustomerResponse](
		c.raw.CreateCustomer(transport.Idempotent(ctx), &CreateCustomerParams{IdempotencyKey: &key}, customer))
	return answer.Data, err
}

// BillableMetrics iterates over metrics, oldest first, with the archived ones or without.
func (c *Client) BillableMetrics(ctx context.Context, archivedToo bool) iter.Seq2[BillableMetric, error] {
	return transport.Pages(func(cursor string) ([]BillableMetric, string, error) {
		page, err := value[ListBillableMetricsResponse](c.raw.ListBillableMetrics(ctx, &ListBillableMetricsParams{
			Limit: new(int64(pageSize)), NextPage: unlessEmpty(cursor), IncludeArchived: &archivedToo,
		}))
		return page.Data, orEmpty(page.NextPage), err
	})
}

// BillableMetric reads one metric by its id.
func (c *Client) BillableMetric(ctx context.Context, id uuid.UUID) (BillableMetric, error) {
	answer, err := value[GetBillableMetricResponse](c.raw.GetBillableMetric(ctx, id.String()))
	return answer.Data, err
}

// CreateBillableMetric makes a metric and returns its id. It counts events that come in from then on. The call carries
// an idempotency key, as CreateCustomer does.
func (c *Client) CreateBillableMetric(ctx context.Context, metric CreateBillableMetricRequest) (uuid.UUID, error) {
	key := uuid.NewString()
	answer, err := value[IDResponse](
		c.raw.CreateBillableMetric(transport.Idempotent(ctx), &CreateBillableMetricParams{IdempotencyKey: &key}, metric))
	return answer.Data.ID, err
}

// readRefusal reads the vendor's error. Newer endpoints add a code to the message.
func readRefusal(body []byte, into *Error) bool {
	var own struct{ Code, Message string }
	if json.Unmarshal(body, &own) != nil || own.Message == "" {
		return false
	}
	into.Code, into.Message = own.Code, own.Message
	return true
}

func value[T any](resp *http.Response, err error) (T, error) {
	return transport.Value[T](readRefusal)(resp, err)
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
