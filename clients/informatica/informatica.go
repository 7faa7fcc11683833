// Package informatica is a Go client of Informatica's metering exports: Client.Report logs in, starts an export job,
// waits for it, downloads its ZIP and reads the CSV files in it row by row.
//
//	client, err := informatica.New("https://dm-us.informaticacloud.com", username, password)
//	report, err := client.Report(ctx, informatica.Request{Kind: informatica.Summary, Start: from, End: to})
//	defer report.Close()
//	for row, err := range report.Summaries() { … }
//
// The same code works against an emulator: only the login host's URL and the credentials differ. The generated half
// (informatica.gen.go) knows the wire.
package informatica

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../openapi/informatica.yaml

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/submeter/submeter/clients/internal/transport"
)

// Error is a refusal of the vendor's.
type Error = transport.Error

// What an error is, by errors.Is, when the vendor does not accept who the caller is, or does not know an id.
var (
	ErrSignIn   = transport.ErrSignIn
	ErrNotFound = transport.ErrNotFound
)

// Option changes how a client behaves.
type Option func(*settings)

type settings struct {
	transport        []transport.Option
	firstPoll, polls time.Duration
	memory           int64
	progress         func(Progress)
}

// WithHTTP replaces the HTTP client below the retries, for a proxy, a private root certificate or a timeout.
func WithHTTP(c *http.Client) Option {
	return func(s *settings) { s.transport = append(s.transport, transport.WithHTTPClient(c)) }
}

// WithAttempts bounds how often a request is sent, the first time included. The default is 4.
func WithAttempts(n int) Option {
	return func(s *settings) { s.transport = append(s.transport, transport.WithAttempts(n)) }
}

// WithMaxWait bounds how long a Retry-After is waited for; one beyond it is a failure at once. The default is a minute.
func WithMaxWait(d time.Duration) Option {
	return func(s *settings) { s.transport = append(s.transport, transport.WithMaxWait(d)) }
}

// WithPolling sets how long to wait before a job's status is asked for again, and before a job that found no free slot
// is tried again: first, and then half as much more each time, up to longest. The default is 1 and 15 seconds.
func WithPolling(first, longest time.Duration) Option {
	return func(s *settings) { s.firstPoll, s.polls = first, max(first, longest) }
}

// WithMemory sets up to how many bytes an archive is kept in memory; a larger one goes to a temporary file. The default
// is 16 MiB.
func WithMemory(bytes int64) Option { return func(s *settings) { s.memory = bytes } }

// WithProgress calls fn, from the goroutine of the call, whenever something is known anew of a report under way.
func WithProgress(fn func(Progress)) Option { return func(s *settings) { s.progress = fn } }

// Progress tells how far a report has come.
type Progress struct {
	Stage Stage
	Job   Job   // of all stages but WaitingForSlot
	Bytes int64 // of the archive so far, when Downloading
	Total int64 // of the archive, when Downloading; -1 when the vendor does not tell
}

// Stage is a part of the way to a report.
type Stage string

// The stages, in order.
const (
	WaitingForSlot Stage = "waiting for a slot"
	WaitingForJob  Stage = "waiting for the job"
	Downloading    Stage = "downloading"
)

// Client speaks for one user of one organization. It logs in on first use, and again when the session is over. It is
// safe for concurrent use.
type Client struct {
	settings
	username, password string
	prefix             string     // of the paths of all requests, before the host to send them to is known
	door               *RawClient // of the login host
	raw                *RawClient // of the host that the login names, through the session

	mu        sync.Mutex
	sessionID string // empty: never logged in, or logged out
}

// New returns a client. It sends nothing. The URL is the login host's: https://dm-us.informaticacloud.com for one
// region of the vendor's, http://localhost:4010/informatica for an emulator.
func New(loginURL, username, password string, opts ...Option) (*Client, error) {
	u, err := url.Parse(loginURL)
	if err != nil {
		return nil, fmt.Errorf("login URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("login URL %q: want https://host or http://host:port/path", loginURL)
	}
	c := &Client{
		settings: settings{firstPoll: time.Second, polls: 15 * time.Second, memory: 16 << 20, progress: func(Progress) {}},
		username: username, password: password, prefix: strings.TrimRight(u.EscapedPath(), "/"),
	}
	for _, opt := range opts {
		opt(&c.settings)
	}
	server := strings.TrimRight(loginURL, "/")
	core := transport.New(c.transport...)
	if c.door, err = NewClient(server, WithHTTPClient(core)); err != nil {
		return nil, fmt.Errorf("client for %s: %w", u.Redacted(), err)
	}
	if c.raw, err = NewClient(server, WithHTTPClient(transport.NewSession(core, c.login))); err != nil {
		return nil, fmt.Errorf("client for %s: %w", u.Redacted(), err)
	}
	return c, nil
}

// Raw returns the generated client, with the session and the retries of this one.
func (c *Client) Raw() *RawClient { return c.raw }

// loginAnswer is what is needed of a LoginResponse: userInfo.groups is shown as an object and called a collection.
type loginAnswer struct {
	Products []product `json:"products"`
	UserInfo struct {
		SessionID string `json:"sessionId"`
	} `json:"userInfo"`
}

type product struct {
	Name       string `json:"name"`
	BaseAPIURL string `json:"baseApiUrl"`
}

// login opens a session. Its ticket sends a request to the host that the login names, with the session.
func (c *Client) login(ctx context.Context) (transport.Ticket, error) {
	answer, err := transport.Value[loginAnswer](readError)(
		c.door.Login(transport.Idempotent(ctx), Credentials{Username: c.username, Password: c.password}))
	if err != nil {
		return nil, err
	}
	session := answer.UserInfo.SessionID
	if session == "" {
		return nil, errors.New("the login names no session")
	}
	base, err := answer.baseURL()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.sessionID = session
	c.mu.Unlock()
	return func(req *http.Request) {
		path := strings.TrimPrefix(req.URL.EscapedPath(), c.prefix+"/saas") // with which base ends
		to := base.JoinPath(path)
		to.RawQuery = req.URL.RawQuery
		req.URL, req.Host = to, to.Host
		if strings.HasPrefix(path, "/api/v2/") {
			req.Header.Set("icSessionId", session)
			return
		}
		req.Header.Set("INFA-SESSION-ID", session)
	}, nil
}

// baseURL is where all requests but those for logging in and out go.
func (a loginAnswer) baseURL() (*url.URL, error) {
	if len(a.Products) == 0 {
		return nil, errors.New("the login names no product")
	}
	i := max(slices.IndexFunc(a.Products, func(p product) bool { return p.Name == "Integration Cloud" }), 0)
	base, err := url.Parse(a.Products[i].BaseAPIURL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("the login names no base URL, but %q", a.Products[i].BaseAPIURL)
	}
	return base, nil
}

// Logout ends the session. The next call logs in again.
func (c *Client) Logout(ctx context.Context) error {
	c.mu.Lock()
	session := c.sessionID
	c.sessionID = ""
	c.mu.Unlock()
	if session == "" {
		return nil
	}
	err := transport.Done(readError)(c.door.Logout(transport.Idempotent(ctx), func(_ context.Context, req *http.Request) error {
		req.Header.Set("INFA-SESSION-ID", session)
		return nil
	}))
	if refused := (*Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		return nil // it was over already
	}
	return err
}

// readError reads either of the vendor's two shapes: both stand on v2 resources.
func readError(body []byte, into *Error) bool {
	var v3 ErrorBody
	var v2 ErrorV2Body
	if json.Unmarshal(body, &v3) == nil && v3.Error.Message != "" {
		into.Code, into.Message = v3.Error.Code, v3.Error.Message
		into.RequestID = cmp.Or(v3.Error.RequestID, into.RequestID)
		return true
	}
	if json.Unmarshal(body, &v2) != nil || v2.Description == "" {
		return false
	}
	into.Code, into.Message = v2.Code, v2.Description
	return true
}
