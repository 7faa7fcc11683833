package emulator

import (
	"fmt"
	"strings"
	"time"

	"github.com/sosodev/duration"
	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/xhit/go-str2duration/v2"
)

// ClockMode says whether a sandbox's time goes by itself.
type ClockMode string

// The modes of a clock.
const (
	ClockRunning ClockMode = "running" // it keeps pace with the machine's
	ClockFrozen  ClockMode = "frozen"  // it moves only when told to
)

// Clock is a sandbox's time.
type Clock struct {
	Now  time.Time `json:"now"`
	Mode ClockMode `json:"mode"`
}

// Fired is a change of state that came about because sandbox time passed its instant.
type Fired = wire.Fired

// Advanced is the clock after it was moved, and what fired on the way, in order.
type Advanced struct {
	Now   time.Time `json:"now"`
	Fired []Fired   `json:"fired"`
}

// Clock returns the sandbox's clock.
func (s *Sandbox) Clock() (Clock, error) {
	var c Clock
	err := s.use(func(b *box) error { c = clockState(b.Clock()); return nil })
	return c, err
}

// Freeze stops the clock, at an instant or, with the zero time, where it is. Freezing never fires anything; moving on with
// Advance does.
func (s *Sandbox) Freeze(at time.Time) (Clock, error) {
	return s.setClock(func(now clock.State) clock.State {
		if at.IsZero() {
			at = now.Now()
		}
		return clock.FrozenAt(at)
	})
}

// Resume lets the clock run on from where it is.
func (s *Sandbox) Resume() (Clock, error) {
	return s.setClock(func(now clock.State) clock.State {
		if !now.Frozen {
			return now
		}
		return clock.RunningFrom(now.At)
	})
}

func (s *Sandbox) setClock(change func(clock.State) clock.State) (Clock, error) {
	var c Clock
	err := s.alter(func(b *box) error {
		state := change(b.Clock())
		if err := b.SetClock(state); err != nil {
			return err
		}
		c = clockState(state)
		b.settledTo(c.Now)
		return nil
	})
	return c, err
}

// Advance moves the clock on by a duration such as 90s, 36h, 2d, 1w or, in the calendar of ISO 8601, P1M, and does what
// falls due on the way.
func (s *Sandbox) Advance(by string) (Advanced, error) {
	return s.advance(func(now time.Time) (time.Time, error) { return addDuration(now, by) })
}

// AdvanceTo moves the clock on to an instant, and does what falls due on the way.
func (s *Sandbox) AdvanceTo(to time.Time) (Advanced, error) {
	return s.advance(func(time.Time) (time.Time, error) { return to, nil })
}

func (s *Sandbox) advance(target func(now time.Time) (time.Time, error)) (Advanced, error) {
	var done Advanced
	err := s.alter(func(b *box) error {
		state := b.Clock()
		now := state.Now()
		to, err := target(now)
		if err != nil {
			return err
		}
		if to.Before(now) {
			return fmt.Errorf("%w: time only moves on: it is %s, not yet %s; freeze sets any instant", ErrInvalid,
				now.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))
		}
		if err := b.SetClock(state.MovedTo(to)); err != nil {
			return err
		}
		done.Fired, err = s.emulator.settle(b)
		done.Now = b.Now()
		return err
	})
	return done, err
}

// addDuration adds what by says to now.
func addDuration(now time.Time, by string) (time.Time, error) {
	refused := fmt.Errorf("%w: %q is not a duration such as 90s, 36h, 2d or P1M", ErrInvalid, by)
	if strings.HasPrefix(by, "P") {
		d, err := duration.Parse(by)
		if err != nil || d.Negative {
			return now, refused
		}
		if d.Years != float64(int(d.Years)) || d.Months != float64(int(d.Months)) {
			return now, fmt.Errorf("%w: %q has a fraction of a year or month, which has no fixed length", ErrInvalid, by)
		}
		clockPart := duration.Duration{Weeks: d.Weeks, Days: d.Days, Hours: d.Hours, Minutes: d.Minutes, Seconds: d.Seconds}
		return addMonths(now, int(d.Years)*12+int(d.Months)).Add(clockPart.ToTimeDuration()), nil
	}
	d, err := str2duration.ParseDuration(by)
	if err != nil || d < 0 {
		return now, refused
	}
	return now.Add(d), nil
}

// addMonths keeps the day of the month, or takes the month's last where there is no such day: a month after 31 January
// is the end of February.
func addMonths(t time.Time, months int) time.Time {
	to := t.AddDate(0, months, 0)
	if to.Day() != t.Day() {
		to = to.AddDate(0, 0, -to.Day())
	}
	return to
}
