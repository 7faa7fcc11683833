// Package cognite is a Go client of Cognite Data Fusion's Metering API and of its sibling Limits: what a project used,
// and what it may use. It speaks to the vendor and to submeter alike; only the base URL and the credentials differ.
//
// The generated half (cognite.gen.go) knows the wire. This half gets tokens and renews them, repeats what may be
// repeated, follows pages, and reads histories of any length. Raw reaches the operations that have no method here.
package cognite

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../openapi/cognite.yaml

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/submeter/submeter/clients/internal/transport"
)

// The metering API is in no other version than this one.
const version = "20230101-alpha"

// Error is a refusal of the vendor's, or of the identity provider's.
type Error = transport.Error

// What an error is, by errors.Is, when the credentials do not reach the project, or when an id is not known.
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

// Client speaks for one caller about one project. It is safe for concurrent use.
type Client struct {
	raw     *RawClient
	project string
}

// New returns a client. It sends nothing: a token is fetched when it is first needed. The base URL is that of a cluster,
// https://westeurope-1.cognitedata.com say, or http://localhost:4010/cognite for submeter.
func New(baseURL, project string, credentials Credentials, opts ...Option) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("base URL %q: want one such as https://westeurope-1.cognitedata.com", baseURL)
	}
	if project == "" {
		return nil, fmt.Errorf("no project given")
	}
	if err := credentials.check(); err != nil {
		return nil, err
	}
	name := func(_ context.Context, req *http.Request) error {
		req.Header.Set("cdf-version", version)
		return nil
	}
	raw, err := NewClient(baseURL, WithRequestEditorFn(name), func(c *RawClient) error {
		c.Client = credentials.sign(transport.New(opts...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &Client{raw, project}, nil
}

// Raw returns the generated client, with the token and the retries of this one.
func (c *Client) Raw() *RawClient { return c.raw }

// Project returns the project's name.
func (c *Client) Project() string { return c.project }

// InspectToken tells whom the token speaks for, which projects it reaches, and what it may do there. It answers a token
// without access too, so it is what to ask after an ErrSignIn.
func (c *Client) InspectToken(ctx context.Context) (InspectTokenResponse, error) {
	return value[InspectTokenResponse](c.raw.InspectToken(ctx))
}

func readRefusal(body []byte, into *Error) bool {
	var own struct{ Error struct{ Message string } }
	if json.Unmarshal(body, &own) != nil || own.Error.Message == "" {
		return false
	}
	into.Message = own.Error.Message // the code beside it repeats the status
	return true
}

func value[T any](resp *http.Response, err error) (T, error) {
	return transport.Value[T](readRefusal)(resp, err)
}

func unlessEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
