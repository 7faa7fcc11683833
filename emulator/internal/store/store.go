// Package store keeps the worlds of all sandboxes in one bbolt file, as layers.
//
// A layer is a set of rows over a parent layer; reading falls through, deleting leaves a tombstone. A baseline is a
// seeded layer that nobody writes again. A sandbox is a thin writable layer over a baseline; a snapshot freezes that layer and
// puts a fresh one on top. So fork, reset, snapshot and restore cost the same whatever the world's size.
//
// Only this package speaks bbolt. Values go in and come out as copies; nothing points into the file.
package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bberrors "go.etcd.io/bbolt/errors"
)

// SchemaVersion is the layout of the file. A file of a newer layout is refused; an older one would be upgraded here.
const SchemaVersion = 1

const (
	// reservedMmap is address space, not memory. bbolt remaps a file that outgrows it, and the remap waits for every
	// reader; a gigabyte makes that rare.
	reservedMmap = 1 << 30
	lockTimeout  = 500 * time.Millisecond
)

var (
	bucketMeta      = []byte("meta")
	bucketLayers    = []byte("layers")
	bucketSandboxes = []byte("sandboxes")
	bucketBaselines = []byte("baselines")
	keySchema       = []byte("schema")
	keyNextLayer    = []byte("next-layer")
)

// Options say where a store lives and how much it keeps.
type Options struct {
	// Path is the durable file. Empty: a temporary file, never synced, gone when the store closes.
	Path string
	// MaxSandboxes bounds the sandboxes kept; the least recently used idle one goes first. 0: no bound.
	MaxSandboxes int
	Logger       *slog.Logger
}

// Store is one file of worlds.
type Store struct {
	db      *bbolt.DB
	log     *slog.Logger
	max     int
	durable bool
	scratch string // folder to remove at Close; empty for a durable file

	// write is held for a whole write transaction and what follows its commit (indexes kept in memory), so that the
	// next writer sees both.
	write sync.Mutex

	mu        sync.Mutex // guards the maps and the shape of the layer tree
	layers    map[uint64]*Layer
	sandboxes map[string]*Sandbox
	baselines map[string]*Baseline
	uses      uint64 // counts uses of sandboxes, for least recently used

	reclaiming sync.WaitGroup
	broken     atomic.Pointer[error]
}

// Open opens or makes the file. It refuses, saying why, a file that another process holds, that is damaged, that some
// other program wrote, or that a newer submeter wrote.
func Open(opts Options) (*Store, error) {
	s := &Store{
		log: opts.Logger, max: opts.MaxSandboxes, durable: opts.Path != "",
		layers: map[uint64]*Layer{}, sandboxes: map[string]*Sandbox{}, baselines: map[string]*Baseline{},
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
		return nil, err
	}
	return s, nil
}

func (s *Store) open(path string) (err error) {
	defer func() { // bbolt panics on pages it cannot make sense of
		if p := recover(); p != nil {
			err = fmt.Errorf("data file %s is damaged: %v", path, p)
		}
	}()
	s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockTimeout, NoSync: !s.durable, NoGrowSync: !s.durable,
		NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, InitialMmapSize: reservedMmap,
	})
	switch {
	case errors.Is(err, bberrors.ErrTimeout):
		return fmt.Errorf("data file %s is held by another process", path)
	case errors.Is(err, bberrors.ErrInvalid), errors.Is(err, bberrors.ErrChecksum), errors.Is(err, bberrors.ErrVersionMismatch):
		return fmt.Errorf("data file %s is damaged or no data file: %w", path, err)
	case err != nil:
		return fmt.Errorf("data file %s: %w", path, err)
	}
	if !s.durable {
		_ = os.RemoveAll(s.scratch) // where the system allows it, the file is gone even if the process is killed
	}
	if err := s.db.Update(s.prepare); err != nil {
		return fmt.Errorf("data file %s: %w", path, err)
	}
	return s.reclaimOrphans()
}

// prepare makes the buckets of a new file, or checks an old one and reads what it holds.
func (s *Store) prepare(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		if name, _ := tx.Cursor().First(); name != nil {
			return errors.New("not a submeter data file")
		}
		for _, name := range [][]byte{bucketMeta, bucketLayers, bucketSandboxes, bucketBaselines} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, encodeID(SchemaVersion))
	}
	schema := meta.Get(keySchema)
	if len(schema) != 8 {
		return errors.New("not a submeter data file")
	}
	if v := binary.BigEndian.Uint64(schema); v != SchemaVersion {
		return fmt.Errorf("written with data layout %d, this submeter reads layout %d", v, SchemaVersion)
	}
	for _, name := range [][]byte{bucketLayers, bucketSandboxes, bucketBaselines} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("damaged: bucket %q is missing", name)
		}
	}
	return s.load(tx)
}

// load rebuilds the layer tree, the baselines and the sandboxes of an existing file.
func (s *Store) load(tx *bbolt.Tx) error {
	records := map[uint64]layerRecord{}
	err := eachJSON(tx.Bucket(bucketLayers), func(key []byte, r layerRecord) error {
		records[binary.BigEndian.Uint64(key)] = r
		return nil
	})
	if err != nil {
		return err
	}
	for id := range records {
		if _, err := s.loadLayer(id, records); err != nil {
			return err
		}
	}
	err = eachJSON(tx.Bucket(bucketBaselines), func(key []byte, r baselineRecord) error {
		l, ok := s.layers[r.Layer]
		if !ok {
			return fmt.Errorf("damaged: baseline %q has no layer", key)
		}
		l.baseline = true
		s.baselines[string(key)] = &Baseline{key: string(key), layer: l.hold(), clock: r.Clock}
		return nil
	})
	if err != nil {
		return err
	}
	return eachJSON(tx.Bucket(bucketSandboxes), func(key []byte, r sandboxRecord) error {
		sb, err := s.loadSandbox(string(key), r)
		if err != nil {
			return err
		}
		s.sandboxes[sb.name] = sb
		return nil
	})
}

// Close waits for space being reclaimed and closes the file; a temporary one is removed.
func (s *Store) Close() error {
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

// usable returns why the store gave up, if it did: a change of the layer tree that did not reach the file leaves memory
// and file apart, and nothing that is answered after that could be trusted.
func (s *Store) usable() error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}

func eachJSON[T any](b *bbolt.Bucket, fn func(key []byte, row T) error) error {
	return b.ForEach(func(k, v []byte) error {
		var row T
		if err := json.Unmarshal(v, &row); err != nil {
			return fmt.Errorf("damaged: record %q: %w", k, err)
		}
		return fn(k, row)
	})
}

func putJSON(b *bbolt.Bucket, key []byte, row any) error {
	data, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return b.Put(key, data)
}

func encodeID(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }
