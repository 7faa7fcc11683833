// Package m3ter emulates m3ter's Config API and Ingest API, which share one mount.
//
// Emulated are: tokens; the entities of pricing and billing with their conventions (versions, codes, references, lists,
// events); measurements with everything that happens to them after they were accepted; usage queries; file uploads;
// data exports with their jobs, schedules, destinations and files; and bills, as far as standing charges, ad-hoc
// charges and tiered or volume pricing of stored usage go. Counters, statements, notifications, integrations, lookup
// tables, permissions and users answer 501. Bucket roles and pools are checked for their form only (M3T-050).
//
// Ledger: one for each organization. A stream is a meter and an account; the name of a field is its category and code, as
// in where.region.
package m3ter

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// Config is what the emulator gives a vendor.
type Config struct {
	Referee wire.Referee // nil: requests are not held against the document
	Logger  *slog.Logger

	// Deliver is the folder that receives the files of exports, a folder in it for each bucket. Empty: none does.
	Deliver string
	// Bucket is the S3-compatible service that receives them. Nil: none does.
	Bucket *BucketService
}

// API is m3ter's API for all sandboxes.
type API struct {
	echo    *echo.Echo
	log     *slog.Logger
	deliver []courier
}

// New makes the API. It parses and opens nothing.
func New(cfg Config) *API {
	a := &API{echo: echo.New(), log: cfg.Logger, deliver: couriers(cfg)}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.echo.HTTPErrorHandler = a.writeError
	a.echo.Use(wire.Recover)
	wire.Register(a.echo, tokenOperations(), cfg.Referee)
	wire.Register(a.echo, configOperations(), cfg.Referee, a.authenticate, limitBy(configRates...), a.catchUp)
	wire.Register(a.echo, explorerOperations(), cfg.Referee, a.authenticate, limitBy(append(configRates, explorerRate)...), a.catchUp)
	wire.Register(a.echo, ingestOperations(), cfg.Referee, a.authenticate, limitBy(ingestRates...), boundIngest, a.catchUp)
	wire.Register(a.echo, a.NotEmulated(), nil, a.authenticate)
	a.registerLinks()
	return a
}

// ServeHTTP answers a request whose path begins after the mount. Python's SDK doubles the first slash of its ingest
// calls; an answer that redirects would lose the body.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "//") {
		u := *r.URL
		u.Path, u.RawPath = singleSlashes(u.Path), singleSlashes(u.RawPath)
		r = r.WithContext(r.Context())
		r.URL = &u
	}
	a.echo.ServeHTTP(w, r)
}

func singleSlashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// Operations is the route table of what is emulated.
func (a *API) Operations() []wire.Operation {
	ops := append(tokenOperations(), configOperations()...)
	return append(append(ops, explorerOperations()...), ingestOperations()...)
}
