package wire_test

import (
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/wire"
)

func TestALimiterCountsInWindowsOfSandboxTime(t *testing.T) {
	var limiter wire.Limiter
	second := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		when string
		now  time.Time
		key  string
		n    int
		ok   bool
		wait time.Duration
	}{
		{"the first", second, "a", 1, true, 0},
		{"the last of two", second.Add(900 * time.Millisecond), "a", 1, true, 0},
		{"the third waits for the window to end", second.Add(900 * time.Millisecond), "a", 1, false, 100 * time.Millisecond},
		{"another key counts for itself", second.Add(900 * time.Millisecond), "b", 1, true, 0},
		{"what weighs too much is refused", second.Add(900 * time.Millisecond), "b", 2, false, 100 * time.Millisecond},
		{"what was refused does not count", second.Add(900 * time.Millisecond), "b", 1, true, 0},
		{"the next window is fresh", second.Add(time.Second), "a", 2, true, 0},
		{"a clock set back begins a window, too", second.Add(-time.Hour), "a", 1, true, 0},
	} {
		if ok, wait := limiter.AllowN(c.now, c.key, c.n, 2, time.Second); ok != c.ok || wait != c.wait {
			t.Errorf("%s: %v, %v", c.when, ok, wait)
		}
	}
	var off *wire.Limiter
	if ok, _ := off.Allow(second, "a", 0, time.Second); !ok {
		t.Error("a limiter that is not there refuses")
	}
}
