// Package transport is what the reference clients share below their generated halves: a Client that repeats what may
// be repeated, a Session that signs in and does so again when the vendor forgets it, refusals as *Error, and iterators
// over pages. It knows no vendor, and the vendors' packages export what callers need of it under their own names.
//
//	core := transport.New(opts...)                                      // repeats, names itself
//	session := transport.NewSession(core, login)                        // optional: signs in, attaches headers
//	raw, err := NewClient(baseURL, WithHTTPClient(session))             // oapi-codegen's
//	v, err := transport.Value[Answer](readRefusal)(raw.GetThing(ctx))   // an answer, or an *Error
package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

const (
	defaultAttempts = 4
	defaultMaxWait  = time.Minute
	firstWait       = 250 * time.Millisecond
	longestBackoff  = 8 * time.Second // the vendors' own SDKs stop doubling here

	// A download may last, but its first byte may not; the vendors' own SDKs wait as long.
	firstByteTimeout = time.Minute
)

// Option changes how a client sends requests.
type Option func(*settings)

type settings struct {
	http     *http.Client
	attempts int
	maxWait  time.Duration
}

// WithHTTPClient replaces the client below the retries, for a proxy, a private root certificate or a timeout.
func WithHTTPClient(c *http.Client) Option { return func(s *settings) { s.http = c } }

// WithAttempts bounds how often a request is sent, the first time included. The default is 4; 1 repeats nothing.
func WithAttempts(n int) Option { return func(s *settings) { s.attempts = max(n, 1) } }

// WithMaxWait bounds the wait between two attempts. A Retry-After beyond it is not waited for, nor shortened: the
// refusal that carried it is returned at once. The default is a minute.
func WithMaxWait(d time.Duration) Option { return func(s *settings) { s.maxWait = d } }

// Client sends requests and repeats those that may be repeated: see Do. It is safe for concurrent use.
type Client struct {
	settings
	retrying retryablehttp.Client
}

// New returns a client. It sends nothing.
func New(opts ...Option) *Client {
	c := &Client{settings: settings{attempts: defaultAttempts, maxWait: defaultMaxWait}}
	for _, opt := range opts {
		opt(&c.settings)
	}
	if c.http == nil {
		pool := http.DefaultTransport.(*http.Transport).Clone()
		pool.ResponseHeaderTimeout = firstByteTimeout
		c.http = &http.Client{Transport: pool}
	}
	c.retrying = retryablehttp.Client{
		HTTPClient:   c.http,
		RetryWaitMin: firstWait,
		RetryWaitMax: min(longestBackoff, c.maxWait),
		RetryMax:     c.attempts - 1,
		CheckRetry:   c.again,
		Backoff:      retryablehttp.DefaultBackoff,
		ErrorHandler: giveUp,
	}
	return c
}

type repeatable struct{}

// Idempotent marks the calls made with the context as safe to repeat, though their method does not say so: a query by
// POST, or an ingest whose duplicates the vendor ignores.
func Idempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatable{}, true)
}

// Do sends a request until it succeeds, is refused for good, has been sent as often as allowed, or its context ends.
//
// An answer 429 and a connection that could not be made are repeated for every request, since nothing was carried out.
// Answers 502, 503 and 504 and broken connections are repeated for safe methods, and for PUT, DELETE and what
// Idempotent marks. A Retry-After of 429 and 503, in seconds or as a date, is obeyed; otherwise waits double. JSON is
// read whole as part of the attempt, so that one cut short counts as a broken connection; all else is streamed.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete}, req.Method) {
		ctx = Idempotent(ctx)
	}
	own := req.Clone(ctx)
	if own.Header.Get("User-Agent") == "" {
		own.Header.Set("User-Agent", UserAgent())
	}
	again, err := retryablehttp.FromRequest(own)
	if err != nil {
		return nil, fmt.Errorf("body of %s %s: %w", req.Method, req.URL.Redacted(), err)
	}
	again.SetResponseHandler(readJSON)
	return c.retrying.Do(again)
}

// HTTP returns the client in the shape that other libraries take: what they send goes through Do.
func (c *Client) HTTP() *http.Client { return &http.Client{Transport: roundTripper{c}} }

type roundTripper struct{ client *Client }

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r.client.Do(req) }

// again is the rule that Do describes.
func (c *Client) again(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	marked, _ := ctx.Value(repeatable{}).(bool)
	if err != nil {
		recoverable, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, err)
		dial := (*net.OpError)(nil)
		return recoverable && (marked || errors.As(err, &dial) && dial.Op == "dial"), nil
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if !marked {
			return false, nil
		}
	default:
		return false, nil
	}
	return retryablehttp.DefaultBackoff(0, 0, 0, resp) <= c.maxWait, nil
}

// giveUp hands out the last answer, whatever it says, or the last error without an answer.
func giveUp(resp *http.Response, err error, _ int) (*http.Response, error) {
	if err == nil {
		return resp, nil
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	return nil, err
}

func readJSON(resp *http.Response) error {
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); !isJSON(kind) {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return err
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}
