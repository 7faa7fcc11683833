package store

import "go.etcd.io/bbolt"

// WithoutSync makes a durable store leave it to the system when to write to the disk. A process that ends loses nothing by
// that, so tests of reopening are as good and many times as fast.
func WithoutSync(s *Store) {
	s.write.Lock()
	defer s.write.Unlock()
	s.db.NoSync, s.db.NoGrowSync = true, true
}

// WaitReclaimed waits until all space is reclaimed.
func WaitReclaimed(s *Store) { s.reclaiming.Wait() }

// IsAwaited says whether somebody waits for the requests under way in sb to end.
func IsAwaited(sb *Sandbox) bool {
	if sb.gate.TryRLock() {
		sb.gate.RUnlock()
		return false
	}
	return true
}

// CountLayers returns how many layers are on record.
func CountLayers(s *Store) (n int) {
	_ = s.db.View(func(tx *bbolt.Tx) error {
		n = tx.Bucket(bucketLayers).Stats().KeyN
		return nil
	})
	return n
}
