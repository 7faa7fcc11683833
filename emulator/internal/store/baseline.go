package store

import (
	"errors"
	"fmt"

	"github.com/submeter/submeter/emulator/internal/clock"
)

// Baseline is a seeded world that sandboxes are forked from. Nobody writes it after it was seeded.
type Baseline struct {
	key   string
	layer *Layer
	clock clock.State
}

// Key returns what the baseline was made under.
func (b *Baseline) Key() string { return b.key }

type baselineRecord struct {
	Layer uint64      `json:"layer"`
	Clock clock.State `json:"clock"`
}

// Baseline returns the world made under key, or makes it: seed fills a sandbox of its own, in as many transactions as
// it likes, which then becomes the baseline. Its clock starts as clk. When seed fails, nothing of it stays.
func (s *Store) Baseline(key string, clk clock.State, seed func(*Sandbox) error) (*Baseline, error) {
	s.mu.Lock()
	b, ok := s.baselines[key]
	s.mu.Unlock()
	if ok {
		return b, nil
	}
	if err := errors.Join(checkName("baseline", key), checkClock(clk)); err != nil {
		return nil, err
	}
	sb, err := s.beginSeeding(key, clk)
	if err != nil {
		return nil, err
	}
	failure := errors.New("seeding was broken off")
	defer func() {
		if failure != nil { // also when seed panics
			_ = s.endSeeding(sb, func(c *change, l *Layer) error { c.release(l); return nil })
		}
	}()
	if failure = seed(sb); failure != nil {
		return nil, failure
	}
	failure = s.endSeeding(sb, func(c *change, l *Layer) error {
		if b = s.baselines[key]; b != nil { // made by another caller meanwhile
			c.release(l)
			return nil
		}
		b = &Baseline{key: key, layer: l, clock: clk}
		c.after = append(c.after, func() { l.baseline, s.baselines[key] = true, b })
		return putJSON(c.tx.Bucket(bucketBaselines), []byte(key), baselineRecord{Layer: l.id, Clock: clk})
	})
	if failure != nil {
		return nil, failure
	}
	return b, nil
}

// beginSeeding returns a sandbox outside all lists, over a layer that it holds.
func (s *Store) beginSeeding(key string, clk clock.State) (*Sandbox, error) {
	sb := &Sandbox{store: s, name: key}
	return sb, s.change(func(c *change) error {
		l, err := c.newLayer(nil)
		if err != nil {
			return err
		}
		c.hold(l)
		sb.world.Store(&world{top: l, clock: clk, baseline: key})
		return nil
	})
}

// endSeeding hands the layer that was seeded, and the hold on it, to fn; nobody writes it from then on.
func (s *Store) endSeeding(sb *Sandbox, fn func(*change, *Layer) error) error {
	return s.change(func(c *change) error {
		c.after = append(c.after, func() { sb.gone.Store(true) })
		return fn(c, sb.world.Load().top)
	})
}

// startOf is the clock of a fresh fork: a running one begins again at the instant the baseline's began.
func startOf(c clock.State) clock.State {
	if c.Frozen || c.At.IsZero() {
		return c
	}
	return clock.RunningFrom(c.At)
}

// maxName is well inside what bbolt takes as a key.
const maxName = 1024

func checkName(what, name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("the name of a %s has 1 to %d bytes", what, maxName)
	}
	return nil
}

// checkClock refuses a clock that no timestamp could show.
func checkClock(c clock.State) error {
	if year := c.Now().Year(); year < 1 || year > 9999 {
		return fmt.Errorf("%w: year %d", ErrTime, year)
	}
	return nil
}
