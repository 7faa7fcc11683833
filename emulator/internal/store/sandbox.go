package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"go.etcd.io/bbolt"
)

// ErrNoSnapshot says that a sandbox has no snapshot of the name asked for.
var ErrNoSnapshot = errors.New("no such snapshot")

// ErrAllBusy says that no sandbox could be dropped to make room for another: all are answering requests.
var ErrAllBusy = errors.New("the limit of sandboxes is reached and all of them are in use")

// Baseline is a seeded world that sandboxes are forked from. Nobody writes it after it was seeded.
type Baseline struct {
	key   string
	layer *Layer
	clock clock.State
}

// Key returns what the baseline was made under.
func (b *Baseline) Key() string { return b.key }

type baselineRecord struct {
	Layer uint64      `json:"layer"`
	Clock clock.State `json:"clock"`
}

// Sandbox is one private world: a writable layer over a baseline, a clock, and snapshots.
type Sandbox struct {
	store *Store
	name  string
	top   atomic.Pointer[Layer]
	clock atomic.Pointer[clock.State]
	gate  sync.RWMutex // held shared by each request, alone by what replaces the world
	gone  bool         // dropped; guarded by gate

	// guarded by Store.mu
	created   time.Time // machine time
	used      time.Time // machine time
	useNumber uint64
	baseline  string
	snapshots map[string]snapshot
}

type snapshot struct {
	layer *Layer
	clock clock.State
	taken time.Time // sandbox time
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

// Snapshot describes a snapshot of a sandbox.
type Snapshot struct {
	Name   string
	Taken  time.Time // sandbox time
	Layers int       // how deep the stack under it is, the baseline counted
}

// Info describes a sandbox.
type Info struct {
	Name     string
	Created  time.Time // machine time
	Used     time.Time // machine time
	Layers   int
	Now      time.Time // sandbox time
	Frozen   bool
	Baseline string
}

// Baseline returns the world made under key, or makes it: seed fills a sandbox of its own, in as many transactions as
// it likes, which then becomes the baseline. Its clock starts as clk.
func (s *Store) Baseline(key string, clk clock.State, seed func(*Sandbox) error) (*Baseline, error) {
	s.mu.Lock()
	b, ok := s.baselines[key]
	s.mu.Unlock()
	if ok {
		return b, nil
	}
	var layer *Layer
	if err := s.change(func(tx *bbolt.Tx) (dead []*Layer, err error) {
		layer, err = s.newLayer(tx, nil)
		return nil, err
	}); err != nil {
		return nil, err
	}
	sb := &Sandbox{store: s, name: key}
	sb.top.Store(layer)
	sb.clock.Store(&clk)
	if err := seed(sb); err != nil {
		return nil, errors.Join(err, s.change(func(tx *bbolt.Tx) ([]*Layer, error) { return []*Layer{layer}, nil }))
	}
	err := s.change(func(tx *bbolt.Tx) ([]*Layer, error) {
		if b, ok = s.baselines[key]; ok { // made by another caller meanwhile
			return []*Layer{layer}, nil
		}
		b = &Baseline{key: key, layer: layer, clock: clk}
		if err := s.recordRows(tx, layer); err != nil {
			return nil, err
		}
		if err := putJSON(tx.Bucket(bucketBaselines), []byte(key), baselineRecord{Layer: layer.id, Clock: clk}); err != nil {
			return nil, err
		}
		layer.baseline = true
		s.adopt(layer.hold())
		s.baselines[key] = b
		return nil, nil
	})
	return b, err
}

// Sandbox returns the sandbox of a name, forked from b if there is none yet. Forking may drop the least recently used
// idle sandbox; its name is then returned as well.
func (s *Store) Sandbox(name string, b *Baseline) (sb *Sandbox, dropped string, err error) {
	s.mu.Lock()
	sb, ok := s.sandboxes[name]
	if ok {
		s.touch(sb)
	}
	s.mu.Unlock()
	if ok {
		return sb, "", nil
	}
	err = s.change(func(tx *bbolt.Tx) (dead []*Layer, err error) {
		if sb, ok = s.sandboxes[name]; ok {
			return nil, nil
		}
		if dropped, dead, err = s.makeRoom(tx); err != nil {
			return nil, err
		}
		layer, err := s.newLayer(tx, b.layer)
		if err != nil {
			return nil, err
		}
		sb = &Sandbox{store: s, name: name, created: clock.Machine(), baseline: b.key, snapshots: map[string]snapshot{}}
		sb.top.Store(layer)
		sb.setClock(startOf(b.clock))
		s.adopt(layer.hold())
		s.sandboxes[name] = sb
		s.touch(sb)
		return dead, sb.save(tx)
	})
	if err != nil {
		return nil, "", err
	}
	return sb, dropped, nil
}

// startOf is the clock of a fresh fork: a running one begins again at the instant the baseline's began.
func startOf(c clock.State) clock.State {
	if c.Frozen || c.At.IsZero() {
		return c
	}
	return clock.RunningFrom(c.At)
}

func (s *Store) touch(sb *Sandbox) {
	s.uses++
	sb.useNumber, sb.used = s.uses, clock.Machine()
}

// makeRoom drops the least recently used idle sandbox when the limit is reached.
func (s *Store) makeRoom(tx *bbolt.Tx) (name string, dead []*Layer, err error) {
	if s.max <= 0 || len(s.sandboxes) < s.max {
		return "", nil, nil
	}
	byUse := make([]*Sandbox, 0, len(s.sandboxes))
	for _, sb := range s.sandboxes {
		byUse = append(byUse, sb)
	}
	slices.SortFunc(byUse, func(a, b *Sandbox) int { return cmp.Compare(a.useNumber, b.useNumber) })
	for _, sb := range byUse {
		if !sb.gate.TryLock() {
			continue
		}
		defer sb.gate.Unlock()
		dead, err = s.drop(tx, sb)
		return sb.name, dead, err
	}
	return "", nil, ErrAllBusy
}

func (s *Store) drop(tx *bbolt.Tx, sb *Sandbox) ([]*Layer, error) {
	sb.gone = true
	delete(s.sandboxes, sb.name)
	dead := s.release(sb.top.Load())
	for _, snap := range sb.snapshots {
		dead = append(dead, s.release(snap.layer)...)
	}
	return dead, tx.Bucket(bucketSandboxes).Delete([]byte(sb.name))
}

// Sandboxes describes all sandboxes, by name.
func (s *Store) Sandboxes() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := make([]Info, 0, len(s.sandboxes))
	for _, sb := range s.sandboxes {
		infos = append(infos, Info{
			Name: sb.name, Created: sb.created, Used: sb.used, Layers: sb.top.Load().depth(), Now: sb.Now(),
			Frozen: sb.Clock().Frozen, Baseline: sb.baseline,
		})
	}
	slices.SortFunc(infos, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	return infos
}

// change runs fn in a transaction, with the layer tree locked; what fn found dead is deleted. An error of fn means that
// it changed nothing in memory.
func (s *Store) change(fn func(tx *bbolt.Tx) (dead []*Layer, err error)) error {
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	var (
		large   []*Layer
		refused error
	)
	err := s.db.Update(func(tx *bbolt.Tx) (err error) {
		var dead []*Layer
		if dead, refused = fn(tx); refused != nil {
			return refused
		}
		large, err = bury(tx, dead)
		return err
	})
	if err != nil && refused == nil {
		err = fmt.Errorf("the data file could not be written: %w", err)
		s.broken.Store(&err)
	}
	if err == nil && len(large) > 0 {
		s.reclaiming.Go(func() { s.reclaim(large) })
	}
	return err
}

// Name returns the sandbox's name.
func (sb *Sandbox) Name() string { return sb.name }

// Enter announces a request, which Leave ends. Reset, Restore, Snapshot and Drop wait for the requests under way, so that
// none of them writes into a world it did not read. Enter answers false when the sandbox was dropped meanwhile: then
// there is nothing to leave, and the name leads to a new one.
func (sb *Sandbox) Enter() bool {
	sb.gate.RLock()
	if sb.gone {
		sb.gate.RUnlock()
		return false
	}
	return true
}

// Leave ends a request.
func (sb *Sandbox) Leave() { sb.gate.RUnlock() }

// Clock returns the sandbox's clock.
func (sb *Sandbox) Clock() clock.State { return *sb.clock.Load() }

// Now returns the sandbox's time.
func (sb *Sandbox) Now() time.Time { return sb.Clock().Now() }

func (sb *Sandbox) setClock(c clock.State) { sb.clock.Store(&c) }

// SetClock changes the sandbox's clock.
func (sb *Sandbox) SetClock(c clock.State) error {
	return sb.alter(func(tx *bbolt.Tx) ([]*Layer, error) {
		sb.setClock(c)
		return nil, nil
	})
}

// Reset takes the sandbox back to a baseline, time included. Snapshots are dropped: a reset sandbox is as a new one.
func (sb *Sandbox) Reset(b *Baseline) error {
	return sb.alter(func(tx *bbolt.Tx) ([]*Layer, error) {
		var dead []*Layer
		for _, snap := range sb.snapshots {
			dead = append(dead, sb.store.release(snap.layer)...)
		}
		sb.snapshots, sb.baseline = map[string]snapshot{}, b.key
		sb.setClock(startOf(b.clock))
		more, err := sb.replaceTop(tx, b.layer)
		return append(dead, more...), err
	})
}

// Snapshot keeps the sandbox as it is now, time included, under a name; an older snapshot of that name is replaced.
func (sb *Sandbox) Snapshot(name string) error {
	return sb.alter(func(tx *bbolt.Tx) (dead []*Layer, err error) {
		s, frozen := sb.store, sb.top.Load()
		under, err := s.flatten(tx, frozen)
		if err != nil {
			return nil, err
		}
		if under != frozen {
			s.adopt(under)
		}
		if old, ok := sb.snapshots[name]; ok {
			dead = s.release(old.layer)
		}
		now := sb.Now()
		sb.snapshots[name] = snapshot{layer: frozen.hold(), clock: sb.Clock(), taken: now}
		more, err := sb.replaceTop(tx, under)
		return append(dead, more...), err
	})
}

// Restore takes the sandbox back to a snapshot, time included: a clock that ran then runs on from that instant.
func (sb *Sandbox) Restore(name string) error {
	return sb.alter(func(tx *bbolt.Tx) ([]*Layer, error) {
		snap, ok := sb.snapshots[name]
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrNoSnapshot, name)
		}
		sb.setClock(snap.clock.MovedTo(snap.taken))
		return sb.replaceTop(tx, snap.layer)
	})
}

// DeleteSnapshot forgets a snapshot.
func (sb *Sandbox) DeleteSnapshot(name string) error {
	return sb.alter(func(tx *bbolt.Tx) ([]*Layer, error) {
		snap, ok := sb.snapshots[name]
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrNoSnapshot, name)
		}
		delete(sb.snapshots, name)
		return sb.store.release(snap.layer), nil
	})
}

// Snapshots describes the sandbox's snapshots, by name.
func (sb *Sandbox) Snapshots() []Snapshot {
	sb.store.mu.Lock()
	defer sb.store.mu.Unlock()
	list := make([]Snapshot, 0, len(sb.snapshots))
	for name, snap := range sb.snapshots {
		list = append(list, Snapshot{Name: name, Taken: snap.taken, Layers: snap.layer.depth()})
	}
	slices.SortFunc(list, func(a, b Snapshot) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Drop deletes the sandbox; its next use forks a new one.
func (sb *Sandbox) Drop() error {
	sb.gate.Lock()
	defer sb.gate.Unlock()
	return sb.store.change(func(tx *bbolt.Tx) ([]*Layer, error) {
		if sb.store.sandboxes[sb.name] != sb {
			return nil, nil
		}
		return sb.store.drop(tx, sb)
	})
}

// alter changes the sandbox's record and layers while no request is under way.
func (sb *Sandbox) alter(fn func(tx *bbolt.Tx) ([]*Layer, error)) error {
	sb.gate.Lock()
	defer sb.gate.Unlock()
	return sb.store.change(func(tx *bbolt.Tx) ([]*Layer, error) {
		if sb.store.sandboxes[sb.name] != sb {
			return nil, fmt.Errorf("sandbox %s was dropped", sb.name)
		}
		dead, err := fn(tx)
		if err != nil {
			return nil, err
		}
		return dead, sb.save(tx)
	})
}

// replaceTop puts a fresh layer over parent and gives up the one before.
func (sb *Sandbox) replaceTop(tx *bbolt.Tx, parent *Layer) ([]*Layer, error) {
	layer, err := sb.store.newLayer(tx, parent)
	if err != nil {
		return nil, err
	}
	sb.store.adopt(layer.hold())
	return sb.store.release(sb.top.Swap(layer)), nil
}

func (sb *Sandbox) save(tx *bbolt.Tx) error {
	r := sandboxRecord{
		Layer: sb.top.Load().id, Baseline: sb.baseline, Clock: sb.Clock(), Created: sb.created,
		Snapshots: map[string]snapshotRecord{},
	}
	for name, snap := range sb.snapshots {
		r.Snapshots[name] = snapshotRecord{Layer: snap.layer.id, Clock: snap.clock, Taken: snap.taken}
	}
	return putJSON(tx.Bucket(bucketSandboxes), []byte(sb.name), r)
}

func (s *Store) loadSandbox(name string, r sandboxRecord) (*Sandbox, error) {
	sb := &Sandbox{
		store: s, name: name, created: r.Created, used: clock.Machine(), baseline: r.Baseline,
		snapshots: map[string]snapshot{},
	}
	top, ok := s.layers[r.Layer]
	if !ok {
		return nil, fmt.Errorf("damaged: sandbox %q has no layer", name)
	}
	sb.top.Store(top.hold())
	sb.setClock(r.Clock)
	for snapName, snap := range r.Snapshots {
		l, ok := s.layers[snap.Layer]
		if !ok {
			return nil, fmt.Errorf("damaged: snapshot %q of sandbox %q has no layer", snapName, name)
		}
		sb.snapshots[snapName] = snapshot{layer: l.hold(), clock: snap.Clock, taken: snap.Taken}
	}
	return sb, nil
}

func (l *Layer) depth() int {
	n := 0
	for ; l != nil; l = l.parent {
		n++
	}
	return n
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
