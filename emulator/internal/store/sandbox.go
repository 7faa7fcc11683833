package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
)

var (
	// ErrNoSnapshot says that a sandbox has no snapshot of the name asked for.
	ErrNoSnapshot = errors.New("no such snapshot")
	// ErrDropped says that a sandbox was dropped; its name leads to a new one.
	ErrDropped = errors.New("the sandbox was dropped")
	// ErrTime says that a clock was to show a time that no timestamp can.
	ErrTime = errors.New("sandbox time lies in the years 1 to 9999")
)

// Sandbox is one private world: a writable layer over a baseline, a clock, and snapshots.
type Sandbox struct {
	store   *Store
	name    string
	created time.Time // machine time

	gate  sync.RWMutex // held shared by each request, alone by what replaces the world
	turn  sync.RWMutex // held shared while a transaction begins, alone while file and world change together
	world atomic.Pointer[world]
	gone  atomic.Bool // dropped

	writes atomic.Uint64 // transactions that wrote

	used      time.Time // machine time; guarded by Store.mu
	useNumber uint64    // guarded by Store.mu
}

// world is all that a sandbox is at a moment. It is replaced, never changed.
type world struct {
	top       *Layer
	clock     clock.State
	baseline  string
	snapshots map[string]snapshot
}

type snapshot struct {
	layer *Layer
	clock clock.State
	taken time.Time // sandbox time
}

// layers returns the layers that w holds.
func (w *world) layers() []*Layer {
	layers := []*Layer{w.top}
	for _, snap := range w.snapshots {
		layers = append(layers, snap.layer)
	}
	return layers
}

type sandboxRecord struct {
	Layer     uint64                    `json:"layer"`
	Baseline  string                    `json:"baseline"`
	Clock     clock.State               `json:"clock"`
	Created   time.Time                 `json:"created"`
	Snapshots map[string]snapshotRecord `json:"snapshots,omitempty"`
}

type snapshotRecord struct {
	Layer uint64      `json:"layer"`
	Clock clock.State `json:"clock"`
	Taken time.Time   `json:"taken"`
}

func (sb *Sandbox) record(w *world) sandboxRecord {
	r := sandboxRecord{
		Layer: w.top.id, Baseline: w.baseline, Clock: w.clock, Created: sb.created,
		Snapshots: map[string]snapshotRecord{},
	}
	for name, snap := range w.snapshots {
		r.Snapshots[name] = snapshotRecord{Layer: snap.layer.id, Clock: snap.clock, Taken: snap.taken}
	}
	return r
}

// Name returns the sandbox's name.
func (sb *Sandbox) Name() string { return sb.name }

// Clock returns the sandbox's clock.
func (sb *Sandbox) Clock() clock.State { return sb.world.Load().clock }

// Now returns the sandbox's time.
func (sb *Sandbox) Now() time.Time { return sb.Clock().Now() }

// Enter announces a request, which Leave ends. Reset, Restore, Snapshot, SetClock and Drop wait for the requests under
// way, so that none of them writes into a world it did not read. Enter answers false when the sandbox was dropped
// meanwhile: then there is nothing to leave, and the name leads to a new one.
func (sb *Sandbox) Enter() bool {
	sb.gate.RLock()
	if sb.gone.Load() {
		sb.gate.RUnlock()
		return false
	}
	return true
}

// Leave ends a request.
func (sb *Sandbox) Leave() { sb.gate.RUnlock() }

// alter gives the sandbox the next world that fn makes of the one it has, while no request is under way.
func (sb *Sandbox) alter(fn func(*change, world) (world, error)) error {
	sb.gate.Lock()
	defer sb.gate.Unlock()
	return sb.store.change(func(c *change) error {
		if sb.gone.Load() {
			return ErrDropped
		}
		next, err := fn(c, *sb.world.Load())
		if err != nil {
			return err
		}
		return c.settle(sb, &next)
	})
}

// SetClock changes the sandbox's clock; ErrTime when it is set to what no timestamp can show.
func (sb *Sandbox) SetClock(state clock.State) error {
	if err := checkClock(state); err != nil {
		return err
	}
	return sb.alter(func(_ *change, w world) (world, error) {
		w.clock = state
		return w, nil
	})
}

// Reset takes the sandbox back to a baseline, time included. Snapshots are dropped: a reset sandbox is as a new one.
func (sb *Sandbox) Reset(b *Baseline) error {
	return sb.alter(func(c *change, _ world) (world, error) { return c.fork(b) })
}

// fork makes the world of a new sandbox.
func (c *change) fork(b *Baseline) (world, error) {
	top, err := c.newLayer(b.layer)
	return world{top: top, clock: startOf(b.clock), baseline: b.key, snapshots: map[string]snapshot{}}, err
}

// Snapshot keeps the sandbox as it is now, time included, under a name; an older snapshot of that name is replaced.
func (sb *Sandbox) Snapshot(name string) error {
	return sb.alter(func(c *change, w world) (world, error) {
		frozen, err := c.flatten(w.top)
		if err != nil {
			return w, err
		}
		w.snapshots = maps.Clone(w.snapshots)
		w.snapshots[name] = snapshot{layer: frozen, clock: w.clock, taken: w.clock.Now()}
		w.top, err = c.newLayer(frozen)
		return w, err
	})
}

// Restore takes the sandbox back to a snapshot, time included: a clock that ran then runs on from that instant.
func (sb *Sandbox) Restore(name string) error {
	return sb.alter(func(c *change, w world) (world, error) {
		snap, ok := w.snapshots[name]
		if !ok {
			return w, fmt.Errorf("%w: %s", ErrNoSnapshot, name)
		}
		var err error
		w.clock = snap.clock.MovedTo(snap.taken)
		w.top, err = c.newLayer(snap.layer)
		return w, err
	})
}

// DeleteSnapshot forgets a snapshot.
func (sb *Sandbox) DeleteSnapshot(name string) error {
	return sb.alter(func(_ *change, w world) (world, error) {
		if _, ok := w.snapshots[name]; !ok {
			return w, fmt.Errorf("%w: %s", ErrNoSnapshot, name)
		}
		w.snapshots = maps.Clone(w.snapshots)
		delete(w.snapshots, name)
		return w, nil
	})
}

// Snapshot describes a snapshot of a sandbox.
type Snapshot struct {
	Name   string
	Taken  time.Time // sandbox time
	Layers int       // how deep the stack under it is, the baseline counted
}

// Snapshots describes the sandbox's snapshots, by name.
func (sb *Sandbox) Snapshots() []Snapshot {
	list := []Snapshot{}
	for name, snap := range sb.world.Load().snapshots {
		list = append(list, Snapshot{Name: name, Taken: snap.taken, Layers: snap.layer.depth()})
	}
	slices.SortFunc(list, func(a, b Snapshot) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Drop deletes the sandbox; its next use forks a new one. Dropping it again does nothing.
func (sb *Sandbox) Drop() error {
	sb.gate.Lock()
	defer sb.gate.Unlock()
	return sb.store.change(func(c *change) error {
		if sb.gone.Load() {
			return nil
		}
		return c.settle(sb, nil)
	})
}

type sandboxKey struct{}

// WithSandbox returns a context that carries the sandbox of a request.
func WithSandbox(ctx context.Context, sb *Sandbox) context.Context {
	return context.WithValue(ctx, sandboxKey{}, sb)
}

// SandboxOf returns the sandbox of a request.
func SandboxOf(ctx context.Context) *Sandbox {
	sb, _ := ctx.Value(sandboxKey{}).(*Sandbox)
	return sb
}

// Writes returns how many transactions have written to the sandbox: while it stays the same, nothing that was worked out
// from the rows has changed.
func (sb *Sandbox) Writes() uint64 { return sb.writes.Load() }
