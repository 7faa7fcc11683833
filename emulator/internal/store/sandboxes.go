package store

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
)

// ErrAllBusy says that no sandbox could be dropped to make room for another: all are answering requests.
var ErrAllBusy = errors.New("the limit of sandboxes is reached and all of them are in use")

// Sandbox returns the sandbox of a name, forked from b if there is none yet. Forking may drop the least recently used
// idle sandbox; its name is then returned as well.
func (s *Store) Sandbox(name string, b *Baseline) (sb *Sandbox, dropped string, err error) {
	if sb := s.use(name); sb != nil {
		return sb, "", nil
	}
	if err := checkName("sandbox", name); err != nil {
		return nil, "", err
	}
	err = s.change(func(c *change) error {
		if sb = s.use(name); sb != nil { // forked by another caller meanwhile
			return nil
		}
		if dropped, err = c.makeRoom(); err != nil {
			return err
		}
		w, err := c.fork(b)
		if err != nil {
			return err
		}
		sb = &Sandbox{store: s, name: name, created: clock.Machine()}
		c.after = append(c.after, func() { s.touch(sb) })
		return c.settle(sb, &w)
	})
	if err != nil {
		return nil, "", err
	}
	return sb, dropped, nil
}

// use returns the sandbox of a name, if there is one, and notes that it is used.
func (s *Store) use(name string) *Sandbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	sb := s.sandboxes[name]
	if sb != nil {
		s.touch(sb)
	}
	return sb
}

func (s *Store) touch(sb *Sandbox) {
	s.uses++
	sb.useNumber, sb.used = s.uses, clock.Machine()
}

// makeRoom drops the least recently used idle sandbox when the limit is reached.
func (c *change) makeRoom() (dropped string, err error) {
	s := c.store
	if s.max <= 0 || len(s.sandboxes) < s.max {
		return "", nil
	}
	for _, sb := range s.byUse() {
		if sb.gate.TryLock() {
			c.ends = append(c.ends, sb.gate.Unlock)
			return sb.name, c.settle(sb, nil)
		}
	}
	return "", ErrAllBusy
}

// byUse returns the sandboxes, the least recently used first.
func (s *Store) byUse() []*Sandbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.sandboxes), func(a, b *Sandbox) int { return cmp.Compare(a.useNumber, b.useNumber) })
}

// EachSandbox calls fn with every sandbox there is, by name, until one call fails.
func (s *Store) EachSandbox(fn func(*Sandbox) error) error {
	s.mu.Lock()
	all := slices.SortedFunc(maps.Values(s.sandboxes), func(a, b *Sandbox) int { return cmp.Compare(a.name, b.name) })
	s.mu.Unlock()
	for _, sb := range all {
		if err := fn(sb); err != nil {
			return err
		}
	}
	return nil
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

// Sandboxes describes all sandboxes, by name.
func (s *Store) Sandboxes() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := make([]Info, 0, len(s.sandboxes))
	for _, sb := range s.sandboxes {
		w := sb.world.Load()
		infos = append(infos, Info{
			Name: sb.name, Created: sb.created, Used: sb.used, Layers: w.top.depth(), Now: w.clock.Now(),
			Frozen: w.clock.Frozen, Baseline: w.baseline,
		})
	}
	slices.SortFunc(infos, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	return infos
}
