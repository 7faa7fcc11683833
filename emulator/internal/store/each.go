package store

// EachSandbox calls fn with every sandbox there is, until one call fails.
func (s *Store) EachSandbox(fn func(*Sandbox) error) error {
	s.mu.Lock()
	all := make([]*Sandbox, 0, len(s.sandboxes))
	for _, sb := range s.sandboxes {
		all = append(all, sb)
	}
	s.mu.Unlock()
	for _, sb := range all {
		if err := fn(sb); err != nil {
			return err
		}
	}
	return nil
}
