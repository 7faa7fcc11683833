package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/journal"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
)

var (
	// ErrNotFound says that there is no snapshot, exchange or document of that name.
	ErrNotFound = errors.New("not found")
	// ErrInvalid says what is wrong with an argument.
	ErrInvalid = errors.New("invalid")
)

// names is what a sandbox and a snapshot may be called.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Sandbox is control of one private world: its clock, its snapshots, its journal. Each method is also a route of the
// control plane. The world itself is forked from the baseline when it is first used.
type Sandbox struct {
	emulator *Emulator
	name     string
}

// Sandbox returns the sandbox of a name: lower-case letters, digits, dot, dash and underscore, at most 63.
func (e *Emulator) Sandbox(name string) *Sandbox { return &Sandbox{emulator: e, name: name} }

// Name returns the sandbox's name.
func (s *Sandbox) Name() string { return s.name }

// URL returns the sandbox's base URL of a vendor, or with no name the sandbox's own; empty before Listen.
func (s *Sandbox) URL(vendor ...string) string {
	addr := s.emulator.Addr()
	if addr == "" {
		return ""
	}
	if host, port, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host).IsUnspecified() {
		addr = net.JoinHostPort("127.0.0.1", port) // all interfaces: name one that can be called
	}
	url := "http://" + addr
	if s.name != DefaultSandbox {
		url += "/~" + s.name
	}
	if len(vendor) > 0 {
		url += "/" + strings.Join(vendor, "/")
	}
	return url
}

// box is a sandbox with what lives beside its world in memory.
type box struct {
	*store.Sandbox
	journal  *journal.Journal
	limiter  atomic.Pointer[wire.Limiter] // nil while rate limits are off
	world    atomic.Pointer[world]        // that the sandbox was last forked from or reset to
	requests atomic.Int64
	settling
}

// enter returns the sandbox of a name, forked if need be, with a request announced on it; the caller leaves it.
func (e *Emulator) enter(ctx context.Context, name string) (*box, error) {
	if !names.MatchString(name) {
		return nil, fmt.Errorf("%w: a sandbox is named by lower-case letters, digits, dot, dash and underscore, at most 63; not %q", ErrInvalid, name)
	}
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	for {
		sb, dropped, err := e.store.Sandbox(name, e.worlds.first.baseline)
		if err != nil {
			return nil, err
		}
		if dropped != "" {
			e.log.Warn("sandbox dropped: the limit is reached and it was used least recently", "sandbox", dropped, "limit", e.cfg.maxSandboxes)
		}
		b := e.box(sb, dropped)
		if b.Enter() {
			return b, nil
		}
	}
}

// box returns what is kept beside a sandbox, and forgets that of one that was dropped.
func (e *Emulator) box(sb *store.Sandbox, dropped string) *box {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.boxes, dropped)
	b, ok := e.boxes[sb.Name()]
	if !ok || b.Sandbox != sb {
		b = &box{Sandbox: sb, journal: journal.New(e.cfg.journalEntries, e.cfg.journalBytes)}
		b.restart(e, e.worlds.first)
		e.boxes[sb.Name()] = b
	}
	return b
}

// restart makes what lives beside the world as it is with a new sandbox.
func (b *box) restart(e *Emulator, w *world) {
	b.world.Store(w)
	b.settledTo(b.Now())
	b.journal.Clear()
	b.requests.Store(0)
	b.limit(e.cfg.rateLimits)
}

func (b *box) limit(mode RateLimitMode) {
	if mode == RateLimitsOff {
		b.limiter.Store(nil)
		return
	}
	b.limiter.Store(&wire.Limiter{})
}

// use runs fn on the sandbox, forked if need be.
func (s *Sandbox) use(fn func(*box) error) error {
	b, err := s.emulator.enter(context.Background(), s.name)
	if err != nil {
		return err
	}
	defer b.Leave()
	return fn(b)
}

// alter runs fn on the sandbox with no request announced, for what waits until there is none.
func (s *Sandbox) alter(fn func(*box) error) error {
	b, err := s.emulator.enter(context.Background(), s.name)
	if err != nil {
		return err
	}
	b.Leave()
	err = fn(b)
	if errors.Is(err, store.ErrNoSnapshot) {
		return fmt.Errorf("%w: sandbox %s has no such snapshot", ErrNotFound, s.name)
	}
	return err
}

// SandboxInfo describes a sandbox.
type SandboxInfo struct {
	Name       string    `json:"name"`
	CreatedAt  time.Time `json:"created_at"`   // machine time
	LastUsedAt time.Time `json:"last_used_at"` // machine time
	Requests   int64     `json:"requests"`     // to its vendors since it was made or reset
	Layers     int       `json:"layers"`       // that a read falls through at most
	Now        time.Time `json:"now"`          // sandbox time
	ClockMode  ClockMode `json:"clock_mode"`
}

// Sandboxes returns all sandboxes, by name.
func (e *Emulator) Sandboxes() ([]SandboxInfo, error) {
	if err := e.ready(context.Background()); err != nil {
		return nil, err
	}
	infos := e.store.Sandboxes()
	list := make([]SandboxInfo, len(infos))
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, info := range infos {
		list[i] = SandboxInfo{
			Name: info.Name, CreatedAt: info.Created, LastUsedAt: info.Used, Layers: info.Layers, Now: info.Now,
			ClockMode: modeOf(info.Frozen),
		}
		if b, ok := e.boxes[info.Name]; ok {
			list[i].Requests = b.requests.Load()
		}
	}
	return list, nil
}

// Delete drops the sandbox with all it holds. Its next use forks a new one.
func (s *Sandbox) Delete() error {
	return s.alter(func(b *box) error {
		if err := b.Drop(); err != nil {
			return err
		}
		s.emulator.mu.Lock()
		defer s.emulator.mu.Unlock()
		if s.emulator.boxes[s.name] == b {
			delete(s.emulator.boxes, s.name)
		}
		return nil
	})
}

// Baseline names what a sandbox goes back to. A zero field keeps what the sandbox has.
type Baseline struct {
	Scenario string  `json:"scenario,omitempty"` // built-in
	Seed     *uint64 `json:"seed,omitempty"`
}

// Reset takes the sandbox back to its baseline, or onto another one: rows, clock, journal, snapshots, everything. It
// waits for requests under way. A reset sandbox cannot be told from a new one.
func (s *Sandbox) Reset(to Baseline) error {
	return s.alter(func(b *box) error {
		w, err := s.emulator.resolveBaseline(b.world.Load(), to)
		if err != nil {
			return err
		}
		if err := b.Reset(w.baseline); err != nil {
			return err
		}
		b.restart(s.emulator, w)
		return nil
	})
}

func (e *Emulator) resolveBaseline(now *world, to Baseline) (*world, error) {
	if to == (Baseline{}) {
		return now, nil
	}
	scenario, seed := now.scenario, now.seed
	if to.Scenario != "" {
		if !slices.Contains(fixtures.Names(), to.Scenario) {
			return nil, fmt.Errorf("%w: there is no built-in scenario %q, only %s", ErrInvalid, to.Scenario, strings.Join(fixtures.Names(), ", "))
		}
		loaded, err := loadScenario(to.Scenario)
		if err != nil {
			return nil, err
		}
		scenario, seed = loaded, loaded.Seed
	}
	if to.Seed != nil {
		seed = *to.Seed
	}
	return e.worlds.of(scenario, seed)
}

// SnapshotInfo describes a snapshot.
type SnapshotInfo struct {
	Name    string    `json:"name"`
	TakenAt time.Time `json:"taken_at"` // sandbox time
	Layers  int       `json:"layers"`
}

// Snapshots returns the sandbox's snapshots, by name.
func (s *Sandbox) Snapshots() ([]SnapshotInfo, error) {
	list := []SnapshotInfo{}
	err := s.use(func(b *box) error {
		for _, snap := range b.Snapshots() {
			list = append(list, SnapshotInfo{Name: snap.Name, TakenAt: snap.Taken, Layers: snap.Layers})
		}
		return nil
	})
	return list, err
}

// TakeSnapshot keeps the sandbox as it is, time included, under a name; an older one of that name is replaced.
func (s *Sandbox) TakeSnapshot(name string) (SnapshotInfo, error) {
	if !names.MatchString(name) {
		return SnapshotInfo{}, fmt.Errorf("%w: a snapshot is named like a sandbox, not %q", ErrInvalid, name)
	}
	if err := s.alter(func(b *box) error { return b.Snapshot(name) }); err != nil {
		return SnapshotInfo{}, err
	}
	list, err := s.Snapshots()
	i := slices.IndexFunc(list, func(snap SnapshotInfo) bool { return snap.Name == name })
	if err != nil || i < 0 { // another caller was quicker to delete it
		return SnapshotInfo{}, cmp.Or(err, fmt.Errorf("%w: snapshot %s is gone again", ErrNotFound, name))
	}
	return list[i], nil
}

// Restore takes the sandbox back to a snapshot, time included. The journal stays: it tells what happened.
func (s *Sandbox) Restore(name string) error {
	return s.alter(func(b *box) error {
		if err := b.Sandbox.Restore(name); err != nil {
			return err
		}
		b.settledTo(b.Now())
		return nil
	})
}

// DeleteSnapshot forgets a snapshot.
func (s *Sandbox) DeleteSnapshot(name string) error {
	return s.alter(func(b *box) error { return b.Sandbox.DeleteSnapshot(name) })
}

// modeOf names the way a clock goes.
func modeOf(frozen bool) ClockMode {
	if frozen {
		return ClockFrozen
	}
	return ClockRunning
}

// clockState is the clock of a box in the words of the control plane.
func clockState(c clock.State) Clock { return Clock{Now: c.Now(), Mode: modeOf(c.Frozen)} }
