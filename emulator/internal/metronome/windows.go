package metronome

import (
	"strings"
	"time"
)

// windowSize is how long the windows of a usage query are; 0 is the whole range.
type windowSize time.Duration

const (
	hourly windowSize = windowSize(time.Hour)
	daily  windowSize = windowSize(24 * time.Hour)
	whole  windowSize = 0
)

// windowSizeOf reads a size that the document has let pass: upper, lower and title case are the same.
func windowSizeOf(text string) windowSize {
	switch strings.ToLower(text) {
	case "hour":
		return hourly
	case "day":
		return daily
	}
	return whole
}

// grid is a range cut at UTC hours or midnights, whatever a customer's own time zone. It may reach into the future and
// be of any length, so its windows are counted, not listed. // MET-003, MET-014, MET-015
type grid struct {
	from, to time.Time
	size     windowSize
}

// windows returns how many there are.
func (g grid) windows() int {
	switch {
	case !g.from.Before(g.to):
		return 0
	case g.size == whole:
		return 1
	}
	step := int64(time.Duration(g.size) / time.Second)
	last := g.to.Add(-1).Unix()
	return int(floorDivide(last, step)-floorDivide(g.from.Unix(), step)) + 1
}

// bounds returns the bounds of n windows from the first on: n+1 instants.
func (g grid) bounds(first, n int) []time.Time {
	bounds := make([]time.Time, 0, n+1)
	for i := first; i <= first+n; i++ {
		bounds = append(bounds, g.bound(i))
	}
	return bounds
}

// bound returns where window i begins. Only the first and the last window can be shorter than the rest.
func (g grid) bound(i int) time.Time {
	switch i {
	case 0:
		return g.from
	case g.windows():
		return g.to
	}
	step := int64(time.Duration(g.size) / time.Second)
	return time.Unix((floorDivide(g.from.Unix(), step)+int64(i))*step, 0).UTC()
}

func floorDivide(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func isMidnight(t time.Time) bool { return t.Equal(t.Truncate(24 * time.Hour)) }
