package emulator

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// settler is a vendor whose world does something by itself when time passes: a callback is sent, a schedule fires.
type settler interface {
	// Settle does what fell due after from, up to and including to, and tells what changed state, in order.
	Settle(sb *store.Sandbox, from, to time.Time) ([]wire.Fired, error)
	// Due returns the earliest instant after from at which Settle will have something to do.
	Due(sb *store.Sandbox, from time.Time) (at time.Time, ok bool, err error)
}

// settling is how far a sandbox's side effects are done.
type settling struct {
	mu    sync.Mutex
	done  time.Time // sandbox time up to which they are
	due   time.Time // when there is more to do; zero: nothing in sight
	seen  uint64    // writes of the sandbox when due was worked out
	stale bool      // due must be worked out anew whatever was written
}

// settledTo says that nothing is owed up to an instant: the world was just made, or its clock set by hand.
func (s *settling) settledTo(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.stale = at, true
}

// settle does what fell due since it was last asked.
func (e *Emulator) settle(b *box) ([]Fired, error) {
	b.settling.mu.Lock()
	defer b.settling.mu.Unlock()
	return e.settleLocked(b)
}

func (e *Emulator) settleLocked(b *box) ([]Fired, error) {
	fired := []Fired{}
	now := b.Now()
	from := b.done
	if !now.After(from) {
		return fired, nil
	}
	b.done, b.stale = now, true
	for _, v := range e.vendors {
		s, ok := v.api.(settler)
		if !ok {
			continue
		}
		list, err := s.Settle(b.Sandbox, from, now)
		if err != nil {
			return fired, fmt.Errorf("%s: %w", v.name, err)
		}
		fired = append(fired, list...)
	}
	slices.SortStableFunc(fired, func(a, b Fired) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Vendor, b.Vendor)) })
	return fired, nil
}

// settleIfDue is settle for a clock that runs: it costs next to nothing while nothing is due.
func (e *Emulator) settleIfDue(b *box) error {
	b.settling.mu.Lock()
	defer b.settling.mu.Unlock()
	if writes := b.Writes(); b.stale || writes != b.seen {
		due, err := e.nextDue(b)
		if err != nil {
			return err
		}
		b.due, b.seen, b.stale = due, writes, false
	}
	if b.due.IsZero() || b.Now().Before(b.due) {
		return nil
	}
	_, err := e.settleLocked(b)
	return err
}

func (e *Emulator) nextDue(b *box) (earliest time.Time, err error) {
	for _, v := range e.vendors {
		s, ok := v.api.(settler)
		if !ok {
			continue
		}
		at, ok, err := s.Due(b.Sandbox, b.done)
		if err != nil {
			return earliest, fmt.Errorf("%s: %w", v.name, err)
		}
		if ok && (earliest.IsZero() || at.Before(earliest)) {
			earliest = at
		}
	}
	return earliest, nil
}

// settleRunning looks after all sandboxes whose time runs.
func (e *Emulator) settleRunning() {
	e.mu.Lock()
	boxes := make([]*box, 0, len(e.boxes))
	for _, b := range e.boxes {
		boxes = append(boxes, b)
	}
	e.mu.Unlock()
	for _, b := range boxes {
		if b.Clock().Frozen || !b.Enter() {
			continue
		}
		if err := e.settleIfDue(b); err != nil {
			e.log.Error("what fell due could not be done", "sandbox", b.Name(), "error", err)
		}
		b.Leave()
	}
}
