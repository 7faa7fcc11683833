package emulator

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/journal"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// ServeHTTP answers a request to a vendor or to the control plane of the sandbox that the path names.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, path := splitSandbox(r.URL.EscapedPath())
	r = withPath(r, path)
	mount, rest := splitMount(path)
	for i := range e.vendors {
		if e.vendors[i].name == mount {
			e.serveVendor(&e.vendors[i], name, rest, w, r)
			return
		}
	}
	e.control.ServeHTTP(w, r.WithContext(withName(r.Context(), name)))
}

// splitSandbox takes the sandbox's prefix off an escaped path: /~t1/metronome/v1/usage is t1 and /metronome/v1/usage.
func splitSandbox(path string) (name, rest string) {
	after, ok := strings.CutPrefix(path, "/~")
	if !ok {
		return DefaultSandbox, path
	}
	name, rest, _ = strings.Cut(after, "/")
	if decoded, err := url.PathUnescape(name); err == nil {
		name = decoded
	}
	return name, "/" + rest
}

// splitMount takes the first segment off an escaped path: /metronome/v1/usage is metronome and /v1/usage.
func splitMount(path string) (mount, rest string) {
	mount, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return mount, "/" + rest
}

// withPath returns the request with another escaped path.
func withPath(r *http.Request, path string) *http.Request {
	u := *r.URL
	u.Path, u.RawPath = path, ""
	if decoded, err := url.PathUnescape(path); err == nil && decoded != path {
		u.Path, u.RawPath = decoded, path
	}
	other := *r
	other.URL = &u
	return &other
}

// serveVendor is the way of a vendor's request: sandbox, body, vendor, journal. The body is read before the sandbox is
// entered, so that a slow client holds up nobody's reset.
func (e *Emulator) serveVendor(v *mounted, name, path string, w http.ResponseWriter, r *http.Request) {
	took := clock.Stopwatch()
	record := journal.Record{Exchange: journal.Exchange{
		Sandbox: name, Vendor: v.name, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
	}, RequestHeader: r.Header.Clone()}
	record.RequestBody = wire.ReadBody(r, e.cfg.maxBody)
	record.RequestBytes = int64(len(record.RequestBody))
	b, err := e.enter(r.Context(), name)
	if err != nil {
		e.writeProblem(w, r, err)
		return
	}
	defer b.Leave()
	if err := e.settleIfDue(b); err != nil {
		e.log.Error("what fell due could not be done", "sandbox", name, "error", err)
	}
	b.requests.Add(1)
	record.At = b.Now()
	trace := &wire.Trace{Vendor: v.name, BaseURL: baseURL(r, name), Limiter: b.limiter.Load()}
	ctx := store.WithSandbox(wire.WithTrace(r.Context(), trace), b.Sandbox)
	tee := &recorder{ResponseWriter: w}
	tee.Header()["Date"] = []string{record.At.Format(http.TimeFormat)}
	v.api.ServeHTTP(tee, withPath(r, path).WithContext(ctx))
	record.Operation, record.Violations = trace.Operation, trace.Violations
	record.Status, record.ResponseBody, record.ResponseBytes = tee.status, tee.body, tee.size
	record.ResponseHeader = tee.Header()
	if tee.err != nil {
		record.Error = "the answer did not reach the client: " + tee.err.Error()
	}
	record.DurationMS = float64(took().Microseconds()) / 1000
	b.journal.Add(record)
}

// baseURL is scheme, host and sandbox prefix as the client wrote them, for URLs that a vendor hands out.
func baseURL(r *http.Request, sandbox string) string {
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	base := scheme + "://" + r.Host
	if sandbox != DefaultSandbox {
		base += "/~" + sandbox
	}
	return base
}

// recorder passes an answer on and keeps its beginning.
type recorder struct {
	http.ResponseWriter
	status int
	body   []byte
	size   int64
	err    error
}

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	if room := journal.MaxMessage - len(rec.body); room > 0 {
		rec.body = append(rec.body, p[:min(room, len(p))]...)
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.size += int64(n)
	rec.err = errors.Join(rec.err, err)
	return n, err
}

// Unwrap lets http.ResponseController flush what a vendor streams.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }
