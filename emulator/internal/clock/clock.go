// Package clock is the only reader of machine time. A sandbox's time is a State, a plain value: frozen at an instant,
// or running on from one. Everything else is handed instants.
package clock

import "time"

// Precision is the finest step of sandbox time; it is what the finest timestamp of any vendor shows.
const Precision = time.Microsecond

// State is a sandbox's clock. The zero State runs with the machine.
type State struct {
	Frozen bool      `json:"frozen,omitempty"`
	At     time.Time `json:"at,omitzero"`    // the instant shown while frozen, or that running began at
	Since  time.Time `json:"since,omitzero"` // machine time when running began
}

// Machine returns the machine's time in UTC.
func Machine() time.Time { return time.Now().UTC().Truncate(Precision) }

// FrozenAt returns a clock that stands still at t.
func FrozenAt(t time.Time) State {
	return State{Frozen: true, At: t.UTC().Truncate(Precision)}
}

// RunningFrom returns a clock that shows t now and runs on.
func RunningFrom(t time.Time) State {
	return State{At: t.UTC().Truncate(Precision), Since: Machine()}
}

// Now returns the instant the clock shows, in UTC.
func (s State) Now() time.Time {
	switch {
	case s.Frozen:
		return s.At
	case s.Since.IsZero():
		return Machine()
	}
	return s.At.Add(Machine().Sub(s.Since))
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

// Ticker calls a function again and again until it is stopped.
type Ticker struct {
	stop, stopped chan struct{}
}

// Every calls fn each time the period has passed in real time, one call at a time.
func Every(period time.Duration, fn func()) *Ticker {
	t := &Ticker{stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(t.stopped)
		ticks := time.NewTicker(period)
		defer ticks.Stop()
		for {
			select {
			case <-t.stop:
				return
			case <-ticks.C:
				fn()
			}
		}
	}()
	return t
}

// Stop ends the calls and waits for the one under way.
func (t *Ticker) Stop() {
	close(t.stop)
	<-t.stopped
}
