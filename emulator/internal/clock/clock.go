// Package clock is the only reader of machine time. A sandbox's time is a State, a plain value: frozen at an instant,
// or running at an offset from the machine's clock. Everything else is handed instants.
package clock

import "time"

// Precision is the finest step of sandbox time; it is what the finest timestamp of any vendor shows.
const Precision = time.Microsecond

// State is a sandbox's clock. The zero State runs with the machine.
type State struct {
	Frozen bool          `json:"frozen,omitempty"`
	At     time.Time     `json:"at,omitzero"`      // the instant shown while frozen, or that running began at
	Offset time.Duration `json:"offset,omitempty"` // added to machine time while running
}

// Machine returns the machine's time in UTC.
func Machine() time.Time { return time.Now().UTC().Truncate(Precision) }

// FrozenAt returns a clock that stands still at t.
func FrozenAt(t time.Time) State {
	return State{Frozen: true, At: t.UTC().Truncate(Precision)}
}

// RunningFrom returns a clock that shows t now and runs on.
func RunningFrom(t time.Time) State {
	return State{At: t.UTC().Truncate(Precision), Offset: t.Sub(Machine())}
}

// Now returns the instant the clock shows, in UTC.
func (s State) Now() time.Time {
	if s.Frozen {
		return s.At
	}
	return Machine().Add(s.Offset).Truncate(Precision)
}

// MovedTo returns the same clock showing t: a frozen one stays frozen, a running one runs on from t.
func (s State) MovedTo(t time.Time) State {
	if s.Frozen {
		return FrozenAt(t)
	}
	return RunningFrom(t)
}

// Stopwatch starts measuring real time, which no sandbox clock changes, and returns the function that reads it.
func Stopwatch() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
