package store

import (
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
)

// inlineReclaim is the size up to which a dead layer's rows are deleted on the spot; those of a larger one go in the
// background, so that reset stays as quick for a sandbox of a million rows as for an empty one.
const inlineReclaim = 512

// Layer is a set of rows over a parent. Its bucket in the file is made with its first row.
type Layer struct {
	id       uint64
	name     []byte // of the bucket
	parent   *Layer // nil at the bottom
	baseline bool
	refs     int // children, sandboxes, snapshots and baselines that need it; guarded by Store.write
	rows     int // rows written to it, those overwritten counted again; guarded by Store.write

	mu         sync.Mutex
	companions map[string]any
}

type layerRecord struct {
	Parent uint64 `json:"parent,omitempty"`
}

var layerPrefix = []byte("layer:")

func newLayer(id uint64, parent *Layer) *Layer {
	return &Layer{id: id, name: append(layerPrefix[:len(layerPrefix):len(layerPrefix)], encodeID(id)...), parent: parent}
}

func (l *Layer) depth() int {
	n := 0
	for ; l != nil; l = l.parent {
		n++
	}
	return n
}

// Companion returns what is kept in memory beside the layer's rows under name (an index of them, say), made by load
// on first use. It is dropped with the layer.
func (l *Layer) Companion(name string, load func() any) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.companions[name]
	if !ok {
		c = load()
		if l.companions == nil {
			l.companions = map[string]any{}
		}
		l.companions[name] = c
	}
	return c
}

// bury forgets dead layers. It deletes the rows of the small ones and returns the large ones, for reclaim. A bucket whose
// record is gone is reclaimed when the file is opened, should the process end before.
func bury(tx *bbolt.Tx, dead []*Layer) (large []*Layer, err error) {
	for _, l := range dead {
		if err := tx.Bucket(bucketLayers).Delete(encodeID(l.id)); err != nil {
			return nil, err
		}
		if l.rows > inlineReclaim {
			large = append(large, l)
			continue
		}
		if err := deleteRows(tx, l); err != nil {
			return nil, err
		}
	}
	return large, nil
}

func deleteRows(tx *bbolt.Tx, l *Layer) error {
	if tx.Bucket(l.name) == nil {
		return nil
	}
	return tx.DeleteBucket(l.name)
}

// reclaim deletes the rows of large dead layers, a transaction each, so that other writers come between. What it does not
// get to before the store closes is left for the next to open the file.
func (s *Store) reclaim(dead []*Layer) {
	for _, l := range dead {
		if err := s.reclaimOne(l); err != nil {
			s.log.Error("the space of a dropped world was not reclaimed", "layer", l.id, "error", err)
			return
		}
	}
}

func (s *Store) reclaimOne(l *Layer) error {
	s.write.Lock()
	defer s.write.Unlock()
	if s.closed {
		return nil
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := deleteRows(tx, l); err != nil {
		return fmt.Errorf("delete rows: %w", err)
	}
	return s.commit(tx)
}

// bucketsOf returns the buckets of layers, topmost first, of those that have one.
func bucketsOf(tx *bbolt.Tx, stack []*Layer) []*bbolt.Bucket {
	var buckets []*bbolt.Bucket
	for _, l := range stack {
		if b := tx.Bucket(l.name); b != nil {
			buckets = append(buckets, b)
		}
	}
	return buckets
}
