package store

import "go.etcd.io/bbolt"

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
