package store

import (
	"maps"

	"go.etcd.io/bbolt"
)

// change is a change of the tree of layers and of what refers to them: prepared in a transaction of the file, and made in
// memory once the file has it. So a change that is refused, or fails, has not happened.
type change struct {
	store  *Store
	tx     *bbolt.Tx
	refs   map[*Layer]int // what Layer.refs becomes, of those that change
	worlds map[*Sandbox]*world
	after  []func() // what else changes in memory, with Store.mu held
	ends   []func() // run whether the change was made or not
}

// change runs fn as one change. It holds Store.write throughout, so whatever fn reads stays as it is.
func (s *Store) change(fn func(*change) error) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing, once committed
	c := &change{store: s, tx: tx, refs: map[*Layer]int{}, worlds: map[*Sandbox]*world{}}
	defer func() {
		for _, end := range c.ends {
			end()
		}
	}()
	if err := fn(c); err != nil {
		return err
	}
	if len(c.refs)+len(c.worlds)+len(c.after) == 0 {
		return nil // it turned out that there was nothing to change
	}
	large, err := bury(tx, c.dead())
	if err != nil {
		return err
	}
	if err := c.make(); err != nil {
		return err
	}
	if len(large) > 0 {
		s.reclaiming.Go(func() { s.reclaim(large) })
	}
	return nil
}

// make commits the change. No transaction of a sandbox concerned begins meanwhile: each sees file and world either both
// before or both after.
func (c *change) make() error {
	for sb := range c.worlds {
		sb.turn.Lock()
		defer sb.turn.Unlock()
	}
	if err := c.store.commit(c.tx); err != nil {
		return err
	}
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	for l, refs := range c.refs {
		l.refs = refs
	}
	for sb, w := range c.worlds {
		if w == nil {
			sb.gone.Store(true)
			delete(c.store.sandboxes, sb.name)
			continue
		}
		sb.world.Store(w)
		c.store.sandboxes[sb.name] = sb
	}
	for _, fn := range c.after {
		fn()
	}
	return nil
}

// newLayer makes an empty layer over parent. It lives on if something holds it when the change is made.
func (c *change) newLayer(parent *Layer) (*Layer, error) {
	meta := c.tx.Bucket(bucketMeta)
	id := uint64(1)
	if last := meta.Get(keyNextLayer); last != nil {
		id = bytesToID(last) + 1
	}
	if err := meta.Put(keyNextLayer, encodeID(id)); err != nil {
		return nil, err
	}
	var r layerRecord
	if parent != nil {
		r.Parent = parent.id
		c.hold(parent)
	}
	l := newLayer(id, parent)
	c.refs[l] = 0
	return l, putJSON(c.tx.Bucket(bucketLayers), encodeID(id), r)
}

func (c *change) hold(l *Layer)    { c.refs[l] = c.count(l) + 1 }
func (c *change) release(l *Layer) { c.refs[l] = c.count(l) - 1 }

func (c *change) count(l *Layer) int {
	if refs, ok := c.refs[l]; ok {
		return refs
	}
	return l.refs
}

// dead returns the layers that nothing needs any more, having given up what they held.
func (c *change) dead() []*Layer {
	var dead []*Layer
	for l := range maps.Clone(c.refs) {
		for ; l != nil && c.count(l) == 0; l = l.parent {
			dead = append(dead, l)
			c.refs[l] = -1 // counted once
			if l.parent != nil {
				c.release(l.parent)
			}
		}
	}
	return dead
}

// settle gives sb its next world; nil drops the sandbox.
func (c *change) settle(sb *Sandbox, next *world) error {
	if old := sb.world.Load(); old != nil {
		for _, l := range old.layers() {
			c.release(l)
		}
	}
	c.worlds[sb] = next
	if next == nil {
		return c.tx.Bucket(bucketSandboxes).Delete([]byte(sb.name))
	}
	for _, l := range next.layers() {
		c.hold(l)
	}
	return putJSON(c.tx.Bucket(bucketSandboxes), []byte(sb.name), sb.record(next))
}
