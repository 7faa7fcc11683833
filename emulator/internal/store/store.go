// Package store keeps the worlds of all sandboxes in one bbolt file, as layers.
//
// A layer is a set of rows over a parent layer; reading falls through, deleting leaves a tombstone. A baseline is a
// seeded layer that nobody writes again. A sandbox is a thin writable layer over a baseline; a snapshot freezes that
// layer and puts a fresh one on top. So fork, reset, snapshot and restore cost the same whatever the world's size.
//
// Only this package speaks bbolt. Values go in and come out as copies; nothing points into the file.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"
)

const (
	// reservedMmap is address space, not memory. bbolt remaps a file that outgrows it, and the remap waits for every
	// reader; a gigabyte makes that rare.
	reservedMmap = 1 << 30
	lockTimeout  = 500 * time.Millisecond
)

// Options say where a store lives and how much it keeps.
type Options struct {
	// Path is the durable file. Empty: a temporary file, never synced, gone when the store closes.
	Path string
	// MaxSandboxes bounds the sandboxes kept; the least recently used idle one goes first. 0: no bound.
	MaxSandboxes int
	// NoSync leaves it to the system when a durable file reaches the disk. What was written survives the end of the
	// process, not that of the machine: enough for tests, and many times as fast.
	NoSync bool
	Logger *slog.Logger
}

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("the store is closed")

// Store is one file of worlds.
type Store struct {
	db      *bbolt.DB
	log     *slog.Logger
	max     int
	durable bool
	sync    bool
	scratch string // folder to remove at Close; empty for a durable file

	// write is held for a whole write transaction and what follows its commit (indexes kept in memory), so that the
	// next writer sees both.
	write  sync.Mutex
	closed bool // guarded by write

	mu        sync.Mutex          // guards the maps together with write: who holds either may read, who holds both may write
	sandboxes map[string]*Sandbox // by name
	baselines map[string]*Baseline
	uses      uint64 // counts uses of sandboxes, for least recently used; guarded by mu alone

	reclaiming sync.WaitGroup
	failed     atomic.Pointer[error]
}

// Open opens or makes the file. It refuses, saying why, a file that another process holds, that is damaged, that some
// other program wrote, or that a newer submeter wrote.
func Open(opts Options) (*Store, error) {
	s := &Store{
		log: opts.Logger, max: opts.MaxSandboxes, durable: opts.Path != "",
		sync:      opts.Path != "" && !opts.NoSync,
		sandboxes: map[string]*Sandbox{}, baselines: map[string]*Baseline{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	path := opts.Path
	if !s.durable {
		dir, err := os.MkdirTemp("", "submeter-")
		if err != nil {
			return nil, fmt.Errorf("no place for the temporary data file: %w", err)
		}
		s.scratch, path = dir, filepath.Join(dir, "world.db")
	}
	if err := s.open(path); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	return s, nil
}

func (s *Store) open(path string) (err error) {
	if s.durable {
		if err := inspect(path); err != nil {
			return err
		}
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { // bbolt panics on a list of free pages that it cannot make sense of; other tools write one
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockTimeout, NoSync: !s.sync, NoGrowSync: !s.sync, NoStatistics: true,
		NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: reservedMmap,
	})
	if err != nil {
		return explain(err)
	}
	if !s.durable {
		_ = os.RemoveAll(s.scratch) // where the system allows it, the file is gone even if the process is killed
	}
	return s.prepare()
}

// explain says in our words why bbolt does not open a file.
func explain(err error) error {
	var system *fs.PathError
	switch {
	case errors.Is(err, bberrors.ErrTimeout):
		return errors.New("held by another process")
	case errors.As(err, &system):
		return err
	}
	return fmt.Errorf("damaged, or no data file: %w", err)
}

// Close waits for space being reclaimed and closes the file; a temporary one is removed. Transactions under way end
// first, none begins after.
func (s *Store) Close() error {
	s.write.Lock()
	s.closed = true
	s.write.Unlock()
	s.reclaiming.Wait()
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	if s.scratch != "" {
		err = errors.Join(err, os.RemoveAll(s.scratch))
	}
	return err
}

// usable returns why nothing can be written. Store.write is held.
func (s *Store) usable() error {
	if s.closed {
		return ErrClosed
	}
	return s.failure()
}

// failure returns why the store gave up, if it did: once the file could not be written, memory may be ahead of it, and
// no later answer could be trusted.
func (s *Store) failure() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// commit puts what tx wrote into the file.
func (s *Store) commit(tx *bbolt.Tx) error {
	err := tx.Commit()
	if err != nil {
		err = fmt.Errorf("the data file could not be written, nothing is answered until submeter is started again: %w", err)
		s.failed.Store(&err)
	}
	return err
}
