// Package control is the Go client of submeter's control plane: one method per operation of openapi/control.yaml,
// typed values out, and failures as *Problem. The generated half (control.gen.go) knows the wire; this file adds the
// sandbox's prefix and turns answers into values and errors.
package control

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../openapi/control.yaml

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultSandbox is the sandbox of a base URL without a prefix.
const DefaultSandbox = "default"

// A longer body is no problem document of ours; an error needs no more of it than this.
const maxProblemBytes = 64 << 10

// Client speaks to the control plane of one sandbox. It is safe for concurrent use.
type Client struct {
	host    url.URL // scheme, host and whatever path lies before a sandbox prefix, no trailing slash
	sandbox string
	raw     RawClient
}

// New returns a client for the sandbox that baseURL names: http://host:4010 is the sandbox default,
// http://host:4010/~t1 is t1. It sends nothing.
func New(baseURL string, opts ...ClientOption) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("base URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("base URL %q: want http://host:port or http://host:port/~sandbox", baseURL)
	}
	path, sandbox := strings.TrimRight(u.Path, "/"), DefaultSandbox
	if i := strings.LastIndex(path, "/"); i >= 0 && strings.HasPrefix(path[i:], "/~") {
		path, sandbox = path[:i], path[i+2:]
	}
	host := url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, Path: path}
	raw, err := NewClient(host.String(), opts...)
	if err != nil {
		return nil, fmt.Errorf("client for %s: %w", host.Redacted(), err)
	}
	return (&Client{host: host, raw: *raw}).Sandbox(sandbox), nil
}

// Sandbox returns a client for another sandbox of the same host. A name that breaks the rule for names is refused by
// the server, with a *Problem.
func (c *Client) Sandbox(name string) *Client {
	other := &Client{host: c.host, sandbox: name, raw: c.raw}
	other.raw.Server = other.URL() + "/"
	return other
}

// Name returns the sandbox's name.
func (c *Client) Name() string { return c.sandbox }

// URL returns the sandbox's base URL without a trailing slash: the vendors' mounts lie below it.
func (c *Client) URL() string {
	if c.sandbox == DefaultSandbox {
		return c.host.String()
	}
	return c.host.String() + "/~" + url.PathEscape(c.sandbox)
}

// Ready returns nil when the server's baseline is in place. While it is not, the error is a *Problem with status 503
// whose detail names what is pending.
func (c *Client) Ready(ctx context.Context) error {
	return done(c.Sandbox(DefaultSandbox).raw.Readyz(ctx)) // host-wide: a prefix would ask for a sandbox
}

// Info describes the emulator and this sandbox's world.
func (c *Client) Info(ctx context.Context) (Info, error) { return value[Info](c.raw.Info(ctx)) }

// Sandboxes lists every sandbox of the host, by name.
func (c *Client) Sandboxes(ctx context.Context) ([]Sandbox, error) {
	list, err := value[SandboxList](c.raw.Sandboxes(ctx))
	return list.Items, err
}

// Delete drops this sandbox. Its name may be used again and then finds a fresh fork of the baseline.
func (c *Client) Delete(ctx context.Context) error { return done(c.raw.DeleteSandbox(ctx)) }

// Reset brings this sandbox back to its baseline, or onto the one that to names.
func (c *Client) Reset(ctx context.Context, to Reset) error { return done(c.raw.Reset(ctx, to)) }

// Clock reads the sandbox's clock.
func (c *Client) Clock(ctx context.Context) (Clock, error) { return value[Clock](c.raw.Clock(ctx)) }

// Freeze stops the clock at an instant; the zero time means where it stands.
func (c *Client) Freeze(ctx context.Context, at time.Time) (Clock, error) {
	return value[Clock](c.raw.Freeze(ctx, Freeze{At: unlessZero(at)}))
}

// Resume lets the clock run on from where it stands.
func (c *Client) Resume(ctx context.Context) (Clock, error) { return value[Clock](c.raw.Resume(ctx)) }

// Advance moves the clock by a duration such as 36h, 2d or P1M, and returns what came due on the way in order.
func (c *Client) Advance(ctx context.Context, by string) (Advanced, error) {
	return value[Advanced](c.raw.Advance(ctx, Advance{By: &by}))
}

// AdvanceTo moves the clock to an instant that is not in its past, and returns what came due on the way in order.
func (c *Client) AdvanceTo(ctx context.Context, to time.Time) (Advanced, error) {
	return value[Advanced](c.raw.Advance(ctx, Advance{To: &to}))
}

// Snapshots lists the sandbox's snapshots, by name.
func (c *Client) Snapshots(ctx context.Context) ([]Snapshot, error) {
	list, err := value[SnapshotList](c.raw.Snapshots(ctx))
	return list.Items, err
}

// TakeSnapshot remembers the sandbox as it is now. A snapshot of the same name is replaced.
func (c *Client) TakeSnapshot(ctx context.Context, name string) (Snapshot, error) {
	return value[Snapshot](c.raw.TakeSnapshot(ctx, name))
}

// DeleteSnapshot forgets a snapshot.
func (c *Client) DeleteSnapshot(ctx context.Context, name string) error {
	return done(c.raw.DeleteSnapshot(ctx, name))
}

// Restore brings the sandbox, its clock included, back to a snapshot, which stays.
func (c *Client) Restore(ctx context.Context, name string) error {
	return done(c.raw.Restore(ctx, name))
}

// Jobs lists the asynchronous jobs of all vendors.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	list, err := value[JobList](c.raw.Jobs(ctx))
	return list.Items, err
}

// ForceJob puts a job into a state for good; cause is what it then says went wrong.
func (c *Client) ForceJob(ctx context.Context, id, state, cause string) (Job, error) {
	return value[Job](c.raw.ForceJob(ctx, id, ForceJob{State: state, Error: cause}))
}

// Transitions tells how jobs of a vendor's kind made from now on live.
func (c *Client) Transitions(ctx context.Context, vendor, kind string) (Transitions, error) {
	return value[Transitions](c.raw.Transitions(ctx, vendor, kind))
}

// SetTransitions sets how jobs of a vendor's kind made from now on live.
func (c *Client) SetTransitions(ctx context.Context, vendor, kind string, to Transitions) (Transitions, error) {
	return value[Transitions](c.raw.SetTransitions(ctx, vendor, kind, to))
}

// ClearTransitions lets jobs of a vendor's kind made from now on live as the vendor's do.
func (c *Client) ClearTransitions(ctx context.Context, vendor, kind string) error {
	return done(c.raw.ClearTransitions(ctx, vendor, kind))
}

// AppendCogniteSamples gives meters of a Cognite project samples, all or none, and tells how many instants had none
// before.
func (c *Client) AppendCogniteSamples(ctx context.Context, project string, samples []CogniteSample) (int, error) {
	added, err := value[Added](c.raw.AppendCogniteSamples(ctx, CogniteSamples{Project: project, Items: samples}))
	return added.Added, err
}

// Filter picks exchanges from the journal. A field's zero value lets everything pass.
type Filter struct {
	Vendor    string
	Operation string    // operationId in the vendor's document
	Method    string    // HTTP method
	Status    int       // HTTP status of the answer
	Path      string    // text the path contains
	Since     time.Time // the sandbox's clock
	Limit     int       // at most so many, the newest; no matter when counting
}

// Requests lists recorded exchanges, oldest first.
func (c *Client) Requests(ctx context.Context, f Filter) ([]Exchange, error) {
	list, err := value[ExchangeList](c.raw.Requests(ctx, &RequestsParams{
		Vendor: unlessZero(f.Vendor), Operation: unlessZero(f.Operation), Method: unlessZero(f.Method),
		Status: unlessZero(f.Status), Path: unlessZero(f.Path), Since: unlessZero(f.Since), Limit: unlessZero(f.Limit),
	}))
	return list.Items, err
}

// CountRequests counts recorded exchanges.
func (c *Client) CountRequests(ctx context.Context, f Filter) (int64, error) {
	count, err := value[Count](c.raw.CountRequests(ctx, &CountRequestsParams{
		Vendor: unlessZero(f.Vendor), Operation: unlessZero(f.Operation), Method: unlessZero(f.Method),
		Status: unlessZero(f.Status), Path: unlessZero(f.Path), Since: unlessZero(f.Since),
	}))
	return count.Count, err
}

// Request reads one recorded exchange.
func (c *Client) Request(ctx context.Context, id int64) (Exchange, error) {
	return value[Exchange](c.raw.Request(ctx, id))
}

// ClearRequests empties the sandbox's journal.
func (c *Client) ClearRequests(ctx context.Context) error { return done(c.raw.ClearRequests(ctx)) }

// RateLimits tells whether the vendors' rate limits apply in this sandbox.
func (c *Client) RateLimits(ctx context.Context) (RateLimitMode, error) {
	limits, err := value[RateLimits](c.raw.RateLimits(ctx))
	return limits.Mode, err
}

// SetRateLimits switches the vendors' rate limits for this sandbox, and returns the mode then in force.
func (c *Client) SetRateLimits(ctx context.Context, mode RateLimitMode) (RateLimitMode, error) {
	limits, err := value[RateLimits](c.raw.SetRateLimits(ctx, RateLimits{Mode: mode}))
	return limits.Mode, err
}

// Coverage tells, operation by operation, what is emulated and on what evidence.
func (c *Client) Coverage(ctx context.Context) ([]VendorCoverage, error) {
	coverage, err := value[Coverage](c.raw.Coverage(ctx))
	return coverage.Vendors, err
}

// OpenAPI returns the document of a vendor, or of the control plane under the name control, in YAML.
func (c *Client) OpenAPI(ctx context.Context, vendor string) ([]byte, error) {
	resp, err := c.raw.OpenAPI(ctx, vendor+".yaml")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := refusal(resp); err != nil {
		return nil, err
	}
	return io.ReadAll(resp.Body)
}

// value decodes the answer of an operation that has one.
func value[T any](resp *http.Response, err error) (T, error) {
	var v T
	if err != nil {
		return v, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := refusal(resp); err != nil {
		return v, err
	}
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		return v, fmt.Errorf("answer of %s %s: %w", resp.Request.Method, resp.Request.URL.Redacted(), err)
	}
	return v, nil
}

// done reads the answer of an operation that has no value.
func done(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return refusal(resp)
}

// refusal returns the *Problem of an answer that is no success. Something else than submeter may have answered, a
// proxy for one, so a body that is no problem document becomes the detail of one.
func refusal(resp *http.Response) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblemBytes))
	if err != nil {
		return fmt.Errorf("answer %s of %s %s: %w", resp.Status, resp.Request.Method, resp.Request.URL.Redacted(), err)
	}
	p := &Problem{}
	if json.Unmarshal(body, p) != nil || p.Title == "" {
		p = &Problem{Type: "about:blank", Title: http.StatusText(resp.StatusCode), Detail: strings.TrimSpace(string(body))}
	}
	p.Status = resp.StatusCode
	return p
}

// Error makes a *Problem an error of one line.
func (p *Problem) Error() string {
	line := fmt.Sprintf("%d %s", p.Status, p.Title)
	if detail := strings.Join(strings.Fields(p.Detail), " "); detail != "" {
		line += ": " + detail
	}
	return line
}

func unlessZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
