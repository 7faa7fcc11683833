package store

import (
	"bytes"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
)

const (
	// maxStack is how many frozen layers a sandbox stacks over its baseline before the small ones on top are merged.
	maxStack = 8
	// inlineReclaim is the size up to which a dead layer is deleted on the spot; a larger one goes in the background,
	// so that reset stays as quick for a sandbox of a million rows as for an empty one.
	inlineReclaim = 512
)

// Layer is a set of rows over a parent. Its bucket in the file is made with its first row.
type Layer struct {
	id       uint64
	parent   *Layer // nil at the bottom
	baseline bool
	refs     int // children, sandboxes, snapshots and baselines that need it; guarded by Store.mu
	rows     int // rows put since the file was opened; guarded by Store.write

	mu         sync.Mutex
	companions map[string]any
}

type layerRecord struct {
	Parent uint64 `json:"parent,omitempty"`
	Rows   int    `json:"rows,omitempty"`
}

func (l *Layer) bucket() []byte { return append([]byte("layer:"), encodeID(l.id)...) }

func (l *Layer) hold() *Layer {
	l.refs++
	return l
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

func (s *Store) loadLayer(id uint64, records map[uint64]layerRecord) (*Layer, error) {
	if l, ok := s.layers[id]; ok {
		return l, nil
	}
	r, ok := records[id]
	if !ok || r.Parent >= id && r.Parent != 0 { // a parent is always older: also rules out a circle
		return nil, fmt.Errorf("damaged: layer %d is missing or out of order", id)
	}
	l := &Layer{id: id, rows: r.Rows}
	if r.Parent != 0 {
		parent, err := s.loadLayer(r.Parent, records)
		if err != nil {
			return nil, err
		}
		l.parent = parent.hold()
	}
	s.layers[id] = l
	return l, nil
}

// newLayer makes an empty layer over parent. The caller holds it by storing it in a sandbox, snapshot or baseline.
func (s *Store) newLayer(tx *bbolt.Tx, parent *Layer) (*Layer, error) {
	meta := tx.Bucket(bucketMeta)
	id := uint64(1)
	if last := meta.Get(keyNextLayer); last != nil {
		id = bytesToID(last) + 1
	}
	if err := meta.Put(keyNextLayer, encodeID(id)); err != nil {
		return nil, err
	}
	l := &Layer{id: id, parent: parent}
	var r layerRecord
	if parent != nil {
		r.Parent = parent.id
		if err := s.recordRows(tx, parent); err != nil {
			return nil, err
		}
	}
	return l, putJSON(tx.Bucket(bucketLayers), encodeID(id), r)
}

// recordRows notes the size of a layer that is being frozen; it steers later merges, nothing else.
func (s *Store) recordRows(tx *bbolt.Tx, l *Layer) error {
	r := layerRecord{Rows: l.rows}
	if l.parent != nil {
		r.Parent = l.parent.id
	}
	return putJSON(tx.Bucket(bucketLayers), encodeID(l.id), r)
}

// adopt enters layers made in a committed transaction into the tree.
func (s *Store) adopt(layers ...*Layer) {
	for _, l := range layers {
		s.layers[l.id] = l
		if l.parent != nil {
			l.parent.hold()
		}
	}
}

// release gives up one hold of l and returns the layers that nobody needs any more. Store.mu is held.
func (s *Store) release(l *Layer) []*Layer {
	var dead []*Layer
	for ; l != nil; l = l.parent {
		l.refs--
		if l.refs > 0 {
			break
		}
		delete(s.layers, l.id)
		dead = append(dead, l)
	}
	return dead
}

// bury deletes the small ones among dead layers from the file and returns the large ones, for reclaim.
func bury(tx *bbolt.Tx, dead []*Layer) (large []*Layer, err error) {
	for _, l := range dead {
		if l.rows > inlineReclaim {
			large = append(large, l)
			continue
		}
		if err := deleteLayer(tx, l); err != nil {
			return nil, err
		}
	}
	return large, nil
}

// reclaim deletes large dead layers from the file, a transaction each, so that other writers come between.
func (s *Store) reclaim(dead []*Layer) {
	for _, l := range dead {
		s.write.Lock()
		err := s.db.Update(func(tx *bbolt.Tx) error { return deleteLayer(tx, l) })
		s.write.Unlock()
		if err != nil {
			s.log.Error("space of a dropped world could not be reclaimed", "layer", l.id, "error", err)
		}
	}
}

// reclaimOrphans deletes the layers that nothing refers to: what a killed process was seeding or about to reclaim.
func (s *Store) reclaimOrphans() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var dead []*Layer
	for _, l := range s.layers {
		if l.refs == 0 {
			l.refs = 1
			dead = append(dead, s.release(l)...)
		}
	}
	if len(dead) == 0 {
		return nil
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, l := range dead {
			if err := deleteLayer(tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func deleteLayer(tx *bbolt.Tx, l *Layer) error {
	if err := tx.Bucket(bucketLayers).Delete(encodeID(l.id)); err != nil {
		return err
	}
	if tx.Bucket(l.bucket()) == nil {
		return nil
	}
	return tx.DeleteBucket(l.bucket())
}

// flatten merges the small layers on top of a stack that has grown deep, so that reading does not slow down with the
// number of snapshots taken. A layer is merged only with others of its size or smaller: a row is copied a number of
// times that grows with the logarithm of the stack, not with its depth.
func (s *Store) flatten(tx *bbolt.Tx, top *Layer) (*Layer, error) {
	depth, run, sum := 0, []*Layer(nil), 0
	for l := top; l != nil && !l.baseline; l = l.parent {
		depth++
		if len(run) == depth-1 && (len(run) == 0 || l.rows <= 2*sum+inlineReclaim) {
			run = append(run, l)
			sum += l.rows
		}
	}
	if depth <= maxStack || len(run) < 2 {
		return top, nil
	}
	merged, err := s.newLayer(tx, run[len(run)-1].parent)
	if err != nil {
		return nil, err
	}
	bucket, err := tx.CreateBucket(merged.bucket())
	if err != nil {
		return nil, err
	}
	bucket.FillPercent = 0.9 // rows arrive in key order
	for key, value := range mergeRows(bucketsOf(tx, run), nil, nil, false) {
		if err := bucket.Put(bytes.Clone(key), bytes.Clone(value)); err != nil {
			return nil, err
		}
		merged.rows++
	}
	return merged, s.recordRows(tx, merged)
}

func bucketsOf(tx *bbolt.Tx, stack []*Layer) []*bbolt.Bucket {
	var buckets []*bbolt.Bucket
	for _, l := range stack {
		if b := tx.Bucket(l.bucket()); b != nil {
			buckets = append(buckets, b)
		}
	}
	return buckets
}
