package cognite

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

type settingsKey struct{}

// settingsFor returns the settings that a request is served under.
func settingsFor(c echo.Context) settings {
	s, _ := c.Request().Context().Value(settingsKey{}).(settings)
	return s
}

// ServeHTTP serves a request whose path is as in the vendor's reference: /api/v1/projects/acme/metering/meters.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var (
		of settings
		id string
	)
	err := store.SandboxOf(r.Context()).View(func(tx *store.Tx) error {
		of, id = settingsOf(tx), requestID(tx)
		return nil
	})
	w.Header().Set("X-Request-Id", id)
	if preflight := allowOrigins(w.Header(), r); preflight {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err != nil {
		a.writeError(err, a.echo.NewContext(r, w))
		return
	}
	if of.Options.CompressResponses && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		zipped := &zippedResponse{ResponseWriter: w}
		defer zipped.close()
		w = zipped
	}
	r = r.WithContext(context.WithValue(r.Context(), settingsKey{}, of))
	r.URL = plainURL(r.URL)
	a.echo.ServeHTTP(w, r)
}

// allowOrigins lets pages of any origin use the API, and their scripts read the request's id. A browser that asks first,
// in a preflight, needs no more of an answer than that. // COG-038
func allowOrigins(h http.Header, r *http.Request) (preflight bool) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "x-request-id")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers",
		"Authorization, cdf-version, Content-Type, Accept, Content-Encoding, x-cdp-sdk, x-cdp-app, x-cdp-clienttag")
	return true
}

var slashes = regexp.MustCompile(`/{2,}`)

// plainURL takes doubled and trailing slashes out of a path, because the SDKs do not follow redirects. // COG-033 COG-034
func plainURL(u *url.URL) *url.URL {
	plain := *u
	plain.Path, plain.RawPath = plainPath(u.Path), plainPath(u.RawPath)
	return &plain
}

func plainPath(path string) string {
	if path = slashes.ReplaceAllString(path, "/"); len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return path
}

// requestID returns an id that follows from the world's seed and the number of requests the sandbox has had before this
// one: the same requests to a sandbox that was reset get the same ids. The number is kept in memory beside the
// sandbox's topmost layer, so that a request that reads needs no write; a snapshot carries it on. // COG-042
func requestID(tx *store.Tx) string {
	number := requestsOf(tx.Stack()).Add(1)
	return store.UUID(store.Entropy(store.Seed(tx), "cognite/request", number))
}

func requestsOf(stack []*store.Layer) *atomic.Uint64 {
	return stack[0].Companion("cognite/requests", func() any {
		count := new(atomic.Uint64)
		if below := stack[1:]; len(below) > 0 {
			count.Store(requestsOf(below).Load())
		}
		return count
	}).(*atomic.Uint64)
}

// zippedResponse compresses a body on its way out. // COG-035
type zippedResponse struct {
	http.ResponseWriter
	gzip *gzip.Writer
}

// WriteHeader announces the compression, for answers that have a body.
func (z *zippedResponse) WriteHeader(status int) {
	if status != http.StatusNoContent {
		z.Header().Set("Content-Encoding", "gzip")
		z.Header().Add("Vary", "Accept-Encoding")
		z.Header().Del("Content-Length")
		z.gzip = gzip.NewWriter(z.ResponseWriter)
	}
	z.ResponseWriter.WriteHeader(status)
}

func (z *zippedResponse) Write(data []byte) (int, error) {
	if z.gzip == nil {
		z.WriteHeader(http.StatusOK)
	}
	return z.gzip.Write(data)
}

func (z *zippedResponse) close() {
	if z.gzip != nil {
		_ = z.gzip.Close() // fails only when the client has gone
	}
}

// idOf makes a positive number of 53 bits, which JavaScript can hold, of random bytes.
func idOf(e [32]byte) int64 { return int64(binary.BigEndian.Uint64(e[:8])>>11) | 1<<40 }
