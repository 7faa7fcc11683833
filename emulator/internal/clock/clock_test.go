package clock_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func TestAFrozenClockShowsItsInstantInMicrosecondsUTC(t *testing.T) {
	c := clock.FrozenAt(time.Date(2026, 3, 1, 2, 0, 0, 1999, time.FixedZone("", 7200)))
	if got := c.Now(); !got.Equal(start.Add(time.Microsecond)) || got.Location() != time.UTC {
		t.Errorf("it shows %s", got)
	}
	if first := c.Now(); c.Now() != first {
		t.Error("it moved")
	}
}

func TestARunningClockKeepsPaceWithTheMachine(t *testing.T) {
	for _, from := range []time.Time{start, start.AddDate(-1000, 0, 0), start.AddDate(7000, 0, 0)} {
		c := clock.RunningFrom(from)
		before := clock.Machine()
		shown := c.Now().Sub(from)
		if passed := clock.Machine().Sub(c.Since); shown < before.Sub(c.Since) || shown > passed {
			t.Errorf("from %s: it shows %s, between %s and %s have passed", from, shown, before.Sub(c.Since), passed)
		}
	}
	before := clock.Machine()
	if now := (clock.State{}).Now(); now.Before(before) || now.After(clock.Machine()) {
		t.Errorf("the zero clock shows %s, not the machine's time", now)
	}
}

func TestAMovedClockFreezesOrRunsAsBefore(t *testing.T) {
	later := start.AddDate(400, 0, 0)
	if c := clock.FrozenAt(start).MovedTo(later); !c.Frozen || !c.Now().Equal(later) {
		t.Errorf("a frozen one: %+v", c)
	}
	c := clock.RunningFrom(start).MovedTo(later)
	if now := c.Now(); c.Frozen || now.Before(later) || now.After(later.Add(time.Hour)) {
		t.Errorf("a running one: %+v shows %s", c, now)
	}
}

func TestAClockIsTheSameAfterBeingStored(t *testing.T) {
	for _, c := range []clock.State{{}, clock.FrozenAt(start), clock.RunningFrom(start)} {
		data, err := json.Marshal(c)
		var back clock.State
		if err != nil || json.Unmarshal(data, &back) != nil || back != c {
			t.Errorf("%+v came back as %+v, %v", c, back, err)
		}
	}
}

func TestATickerCallsUntilItIsStopped(t *testing.T) {
	calls, enough := 0, make(chan struct{})
	ticker := clock.Every(time.Microsecond, func() {
		if calls++; calls == 3 {
			close(enough)
		}
	})
	<-enough
	ticker.Stop()
	after := calls // Stop waits for the call under way, so nobody writes any more
	if after < 3 {
		t.Errorf("%d calls", after)
	}
}

func TestAStopwatchDoesNotRunBackwards(t *testing.T) {
	read := clock.Stopwatch()
	if first := read(); first < 0 || read() < first {
		t.Errorf("%s, then %s", first, read())
	}
}
