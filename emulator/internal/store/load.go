package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"

	"github.com/submeter/submeter/emulator/internal/clock"
	"go.etcd.io/bbolt"
)

// SchemaVersion is the layout of the file. A file of a newer layout is refused; an older one would be upgraded here.
const SchemaVersion = 1

var (
	bucketMeta      = []byte("meta")
	bucketLayers    = []byte("layers")
	bucketSandboxes = []byte("sandboxes")
	bucketBaselines = []byte("baselines")
	keySchema       = []byte("schema")
	keyNextLayer    = []byte("next-layer")
)

var errForeign = errors.New("not a submeter data file")

// inspect checks an existing file without changing a byte of it.
func inspect(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil // yet to be made
	}
	if err != nil {
		return err
	}
	db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout, NoStatistics: true})
	if err != nil {
		return explain(err)
	}
	defer func() { _ = db.Close() }()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return db.View(func(tx *bbolt.Tx) error {
		if err := checkPages(file, tx); err != nil {
			return err
		}
		if isFresh(tx) {
			return nil
		}
		return checkSchema(tx)
	})
}

func isFresh(tx *bbolt.Tx) bool {
	name, _ := tx.Cursor().First()
	return name == nil
}

// prepare lays out a new file, or reads what an old one holds.
func (s *Store) prepare() error {
	var (
		fresh   bool
		orphans []*Layer
	)
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		if fresh = isFresh(tx); !fresh {
			orphans, err = s.load(tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	if fresh {
		return s.db.Update(layOut)
	}
	return s.change(func(c *change) error {
		for _, l := range orphans {
			c.refs[l] = 0
		}
		return nil
	})
}

func layOut(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketLayers, bucketSandboxes, bucketBaselines} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Put(keySchema, encodeID(SchemaVersion))
}

func checkSchema(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return errForeign
	}
	schema := meta.Get(keySchema)
	if len(schema) != 8 {
		return errForeign
	}
	if v := bytesToID(schema); v != SchemaVersion {
		return fmt.Errorf("written with data layout %d, this submeter reads layout %d", v, SchemaVersion)
	}
	for _, name := range [][]byte{bucketLayers, bucketSandboxes, bucketBaselines} {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("damaged: bucket %q is missing", name)
		}
	}
	if last := meta.Get(keyNextLayer); last != nil && len(last) != 8 {
		return errors.New("damaged: the number of the next layer")
	}
	return nil
}

// load rebuilds the layer tree, the baselines and the sandboxes of an existing file. It returns the layers that nothing
// refers to: what a process was seeding, or about to reclaim, when it ended.
func (s *Store) load(tx *bbolt.Tx) (orphans []*Layer, err error) {
	layers, err := loadLayers(tx)
	if err != nil {
		return nil, err
	}
	err = eachJSON(tx.Bucket(bucketBaselines), func(key string, r baselineRecord) error {
		l, ok := layers[r.Layer]
		if !ok {
			return fmt.Errorf("damaged: baseline %q has no layer", key)
		}
		l.baseline = true
		l.refs++
		s.baselines[key] = &Baseline{key: key, layer: l, clock: r.Clock}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = eachJSON(tx.Bucket(bucketSandboxes), func(name string, r sandboxRecord) error {
		w, err := r.world(layers)
		if err != nil {
			return fmt.Errorf("damaged: sandbox %q: %w", name, err)
		}
		for _, l := range w.layers() {
			l.refs++
		}
		sb := &Sandbox{store: s, name: name, created: r.Created, used: clock.Machine()}
		sb.world.Store(w)
		s.sandboxes[name] = sb
		return nil
	})
	if err != nil {
		return nil, err
	}
	for l := range maps.Values(layers) {
		if l.refs == 0 {
			orphans = append(orphans, l)
		}
	}
	return append(orphans, unrecorded(tx, layers)...), nil
}

func (r sandboxRecord) world(layers map[uint64]*Layer) (*world, error) {
	w := &world{top: layers[r.Layer], clock: r.Clock, baseline: r.Baseline, snapshots: map[string]snapshot{}}
	if w.top == nil {
		return nil, errors.New("it has no layer")
	}
	for name, snap := range r.Snapshots {
		l := layers[snap.Layer]
		if l == nil {
			return nil, fmt.Errorf("snapshot %q has no layer", name)
		}
		w.snapshots[name] = snapshot{layer: l, clock: snap.Clock, taken: snap.Taken}
	}
	return w, nil
}

func loadLayers(tx *bbolt.Tx) (map[uint64]*Layer, error) {
	parents, layers := map[uint64]uint64{}, map[uint64]*Layer{}
	err := eachJSON(tx.Bucket(bucketLayers), func(key string, r layerRecord) error {
		if len(key) != 8 {
			return fmt.Errorf("damaged: layer %q", key)
		}
		id := bytesToID([]byte(key))
		l := newLayer(id, nil)
		if b := tx.Bucket(l.name); b != nil {
			l.rows = b.Stats().KeyN
		}
		layers[id], parents[id] = l, r.Parent
		return nil
	})
	if err != nil {
		return nil, err
	}
	for id, parent := range parents {
		if parent == 0 {
			continue
		}
		l, ok := layers[parent]
		if !ok || parent >= id { // a parent is always older: also rules out a circle
			return nil, fmt.Errorf("damaged: the layer under layer %d is missing or out of order", id)
		}
		l.refs++
		layers[id].parent = l
	}
	return layers, nil
}

// unrecorded returns the layers that have rows but no record.
func unrecorded(tx *bbolt.Tx, layers map[uint64]*Layer) (orphans []*Layer) {
	c := tx.Cursor()
	for name, _ := c.Seek(layerPrefix); bytes.HasPrefix(name, layerPrefix); name, _ = c.Next() {
		id := name[len(layerPrefix):]
		if len(id) != 8 || layers[bytesToID(id)] != nil {
			continue
		}
		l := newLayer(bytesToID(id), nil)
		l.rows = tx.Bucket(name).Stats().KeyN
		orphans = append(orphans, l)
	}
	return orphans
}

func eachJSON[T any](b *bbolt.Bucket, fn func(key string, row T) error) error {
	return b.ForEach(func(k, v []byte) error {
		var row T
		if err := json.Unmarshal(v, &row); err != nil {
			return fmt.Errorf("damaged: record %q: %w", k, err)
		}
		return fn(string(k), row)
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

func bytesToID(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
