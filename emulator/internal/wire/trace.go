package wire

import (
	"context"
	"time"
)

// Trace is what the layers of one request tell about it on its way, for the journal.
type Trace struct {
	Vendor     string      // mount point: informatica, m3ter, cognite, metronome
	Operation  string      // operationId; empty when no route matched
	BaseURL    string      // scheme, host and sandbox prefix of the request, no trailing slash: http://host:4010/~t1
	Violations []Violation // what the referee found, request first
	Limiter    *Limiter    // of the sandbox; nil while rate limits are off
}

// Fired is a change of state that came about because sandbox time passed its instant.
type Fired struct {
	At     time.Time `json:"at"`
	Vendor string    `json:"vendor"`
	Kind   string    `json:"kind"`
	ID     string    `json:"id"`
	From   string    `json:"from"`
	To     string    `json:"to"`
}

// Job is an asynchronous job of any vendor, as the control plane shows it.
type Job struct {
	Vendor  string    `json:"vendor"`
	Kind    string    `json:"kind"`
	ID      string    `json:"id"`
	State   string    `json:"state"`
	Created time.Time `json:"created_at"`
	Since   time.Time `json:"since"` // when it entered the state
	Done    bool      `json:"done"`
	Error   string    `json:"error,omitempty"`
}

// Violation is one way in which a request or a response breaks the vendor's document.
type Violation struct {
	In      string `json:"in"`              // "body", "query", "path", "header" or "response"
	Field   string `json:"field,omitempty"` // parameter name, or a JSON pointer into the body: /events/0/timestamp
	Rule    string `json:"rule"`            // the schema keyword that failed: required, type, enum, format, maxItems, json …
	Message string `json:"message"`         // one plain sentence, no schema dump
}

// Error makes a *Violation an error that a vendor's error writer turns into its own body.
func (v *Violation) Error() string { return v.Message }

type traceKey struct{}

// WithTrace returns a context that carries t.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the trace of ctx. A context without one gets a trace nobody reads, so callers need no nil check.
func TraceOf(ctx context.Context) *Trace {
	if t, ok := ctx.Value(traceKey{}).(*Trace); ok {
		return t
	}
	return &Trace{}
}
