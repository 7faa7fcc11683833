// Package m3ter is a Go client of m3ter's metering: measurements in, usage out, as rows of a query or of exported files.
//
//	client, err := m3ter.New("", organization, m3ter.Credentials{AccessKeyID: key, APISecret: secret})
//	accepted, err := client.Submit(ctx, slices.Values(measurements))
//	for row, err := range client.Usage(ctx, m3ter.UsageQuery{StartDate: from, EndDate: to}) { … }
//	export, err := client.Export(ctx, m3ter.ExportRequest{SourceType: m3ter.SourceUSAGE, StartDate: from, EndDate: to})
//
// It speaks to the vendor and to an emulator alike: only the base URL and the credentials differ. The generated half
// (m3ter.gen.go) knows the wire. Quantities are json.Number, exact as they are written. Raw reaches the operations that
// have no method here.
package m3ter

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../openapi/m3ter.yaml

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/submeter/submeter/clients/internal/transport"
)

// DefaultBaseURL is the vendor's. All but measurements goes there.
const DefaultBaseURL = "https://api.m3ter.com"

// Error is a refusal of the vendor's.
type Error = transport.Error

// What an error is, by errors.Is, when the vendor does not accept who the caller is, or does not know an id. The vendor
// answers for an organization that is not the caller's as for a caller it does not know.
var (
	ErrSignIn   = transport.ErrSignIn
	ErrNotFound = transport.ErrNotFound
)

// Option changes how a client behaves.
type Option func(*settings)

type settings struct {
	transport        []transport.Option
	ingestURL        string
	firstPoll, polls time.Duration
	memory           int64
	progress         func(Progress)
}

// WithHTTP replaces the HTTP client below the retries, for a proxy, a private root certificate or a timeout.
func WithHTTP(c *http.Client) Option {
	return func(s *settings) { s.transport = append(s.transport, transport.WithHTTPClient(c)) }
}

// WithAttempts bounds how often a request is sent, the first time included. The default is 4; 1 repeats nothing.
func WithAttempts(n int) Option {
	return func(s *settings) { s.transport = append(s.transport, transport.WithAttempts(n)) }
}

// WithMaxWait bounds how long a Retry-After is waited for; one beyond it is a failure at once. The default is a minute.
func WithMaxWait(d time.Duration) Option {
	return func(s *settings) { s.transport = append(s.transport, transport.WithMaxWait(d)) }
}

// WithIngestURL sets where measurements go. The default is the base URL, in which a host api.….m3ter.com becomes
// ingest.….m3ter.com.
func WithIngestURL(baseURL string) Option { return func(s *settings) { s.ingestURL = baseURL } }

// WithPolling sets how long to wait before an export job's status is asked for again: first, and then half as much more
// each time, up to longest. The default is 1 and 15 seconds.
func WithPolling(first, longest time.Duration) Option {
	return func(s *settings) { s.firstPoll, s.polls = first, max(first, longest) }
}

// WithMemory sets up to how many bytes an export is kept in memory, compressed; a larger one goes to a temporary file.
// The default is 16 MiB.
func WithMemory(bytes int64) Option { return func(s *settings) { s.memory = bytes } }

// WithProgress calls fn, from the goroutine of the call, whenever something is known anew of an export under way.
func WithProgress(fn func(Progress)) Option { return func(s *settings) { s.progress = fn } }

// Credentials are the access key of a service user, or a token that somebody got for one.
type Credentials struct {
	AccessKeyID, APISecret string
	Token                  string
}

// Client speaks for one service user about one organization. It is safe for concurrent use.
type Client struct {
	settings
	organization string
	raw          *RawClient
	ingest       *RawClient // of measurements alone
	core         *transport.Client
}

// New returns a client of an organization, named by its id; an empty base URL is the vendor's. It sends nothing.
func New(baseURL, organization string, credentials Credentials, opts ...Option) (*Client, error) {
	if baseURL == "" {
		baseURL = DefaultBaseURL
	}
	base, err := url.Parse(baseURL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, fmt.Errorf("base URL %q: want one such as %s or http://host:port/m3ter", baseURL, DefaultBaseURL)
	}
	byKey := credentials.AccessKeyID != "" && credentials.APISecret != ""
	switch {
	case organization == "":
		return nil, errors.New("no organization given")
	case byKey == (credentials.Token != ""):
		return nil, errors.New("want either an access key id and its secret, or a token")
	}
	c := &Client{organization: organization, settings: settings{
		ingestURL: ingestURL(base), firstPoll: time.Second, polls: 15 * time.Second, memory: 16 << 20,
		progress: func(Progress) {},
	}}
	for _, opt := range opts {
		opt(&c.settings)
	}
	c.core = transport.New(c.transport...)
	door, err := NewClient(baseURL, WithHTTPClient(c.core))
	if err != nil {
		return nil, err
	}
	signed := WithHTTPClient(&signer{next: c.core, renew: credentials.token(door), static: credentials.Token})
	if c.raw, err = NewClient(baseURL, signed); err != nil {
		return nil, err
	}
	if c.ingest, err = NewClient(c.ingestURL, signed); err != nil {
		return nil, err
	}
	return c, nil
}

// ingestURL is the vendor's second host for the vendor's first; any other host takes everything.
func ingestURL(base *url.URL) string {
	ingest := *base
	if rest, ok := strings.CutPrefix(base.Host, "api."); ok && (rest == "m3ter.com" || strings.HasSuffix(rest, ".m3ter.com")) {
		ingest.Host = "ingest." + rest
	}
	return ingest.String()
}

// Raw returns the generated client, with the tokens and the retries of this one. Measurements go elsewhere.
func (c *Client) Raw() *RawClient { return c.raw }

// Organization returns the id of the organization.
func (c *Client) Organization() string { return c.organization }

// readRefusal reads the vendor's error, of which a message is all.
func readRefusal(body []byte, into *Error) bool {
	var own ErrorBody
	if json.Unmarshal(body, &own) != nil || own.Message == "" {
		return false
	}
	into.Message = own.Message
	return true
}

func value[T any](resp *http.Response, err error) (T, error) {
	return transport.Value[T](readRefusal)(resp, err)
}
