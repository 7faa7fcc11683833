// Package emulator is submeter as a Go package: a local, stateful stand-in for the usage-metering APIs of Informatica
// IDMC, m3ter, Cognite Data Fusion and Metronome. In a test:
//
//	e := emulator.Start(t)
//	client := metronome.NewClient(option.WithBaseURL(e.URL("metronome")), option.WithBearerToken("any"))
//
// Everything mutable belongs to a sandbox, which the base URL names: http://host:4010/metronome is the sandbox
// "default", http://host:4010/~checkout-17/metronome is "checkout-17". A name not seen before is a fork of the
// seeded world. Sandbox gives a test control of one: its clock, its snapshots, its journal.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
)

// DefaultSandbox is the sandbox of a base URL that names none.
const DefaultSandbox = "default"

var errSeeding = errors.New("the baseline could not be seeded")

// Emulator is one server: an http.Handler over any number of sandboxes. Its methods may be called side by side.
type Emulator struct {
	cfg     config
	log     *slog.Logger
	store   *store.Store
	vendors []mounted
	control *echo.Echo
	worlds  worlds
	started time.Time
	uptime  func() time.Duration

	seeded  chan struct{} // closed once the baseline is there, or seedErr says why not
	seedErr error

	mu    sync.Mutex
	boxes map[string]*box

	server  serving
	closing sync.Once
}

// New makes an emulator and begins to seed its baseline; requests that come before it is seeded wait. An error says
// what is wrong with an option, the scenario or the data file. The caller closes the emulator.
func New(opts ...Option) (*Emulator, error) {
	cfg, err := resolve(opts)
	if err != nil {
		return nil, err
	}
	e := &Emulator{
		cfg: cfg, log: cfg.logger, boxes: map[string]*box{}, seeded: make(chan struct{}),
		started: clock.Machine(), uptime: clock.Stopwatch(),
	}
	if e.store, err = store.Open(store.Options{Path: cfg.data, MaxSandboxes: cfg.maxSandboxes, Logger: cfg.logger}); err != nil {
		return nil, err
	}
	e.vendors = mountVendors(cfg)
	e.control = e.newControl()
	e.worlds.emulator = e
	go e.seed()
	return e, nil
}

func (e *Emulator) seed() {
	defer close(e.seeded)
	took := clock.Stopwatch()
	world, err := e.worlds.of(e.cfg.scenario, e.cfg.seed)
	if err == nil {
		err = e.worlds.warm()
	}
	if err != nil {
		e.seedErr = fmt.Errorf("%w: %w", errSeeding, err)
		e.log.Error("seeding failed", "scenario", e.cfg.scenario.Name, "error", err)
		return
	}
	e.worlds.first = world
	e.log.Debug("baseline seeded", "scenario", world.scenario.Name, "seed", world.seed, "took", took())
}

// ready waits until the baseline is seeded.
func (e *Emulator) ready(ctx context.Context) error {
	select {
	case <-e.seeded:
		return e.seedErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// URL returns the base URL of a vendor in the sandbox "default", or with no name the emulator's own; empty before
// Listen.
func (e *Emulator) URL(vendor ...string) string { return e.Sandbox(DefaultSandbox).URL(vendor...) }

// Vendors returns the names of the emulated vendors, which are also their mounts, in alphabetical order.
func (e *Emulator) Vendors() []string {
	names := make([]string, len(e.vendors))
	for i, v := range e.vendors {
		names[i] = v.name
	}
	return names
}

// Credential is how to call a vendor in the baseline world.
type Credential struct {
	Vendor string
	Lines  []string // each one usable credential, in words
}

// Credentials returns the credentials of each vendor as the scenario states them.
func (e *Emulator) Credentials() []Credential {
	list := make([]Credential, len(e.vendors))
	for i, v := range e.vendors {
		list[i] = Credential{Vendor: v.name, Lines: v.api.Credentials(e.cfg.scenario)}
	}
	return list
}

// Close stops listening at once and closes the store; a temporary one is removed.
func (e *Emulator) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := e.Shutdown(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// Shutdown stops listening, lets the requests under way end until ctx does, and closes the store.
func (e *Emulator) Shutdown(ctx context.Context) error {
	var err error
	e.closing.Do(func() {
		err = e.server.stop(ctx)
		<-e.seeded
		err = errors.Join(err, e.store.Close())
	})
	return err
}

var _ http.Handler = (*Emulator)(nil)

// serving is the listening side of an emulator.
type serving struct {
	mu       sync.Mutex
	listener net.Listener
	http     *http.Server
	done     chan struct{} // closed when serving ended
	err      error         // why, when nobody asked for it
	ticker   *clock.Ticker
}
