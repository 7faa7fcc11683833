package ledger

import (
	"math"
	"time"
)

// moment is an instant as the index keeps it: exact to the nanosecond in every year that a timestamp can name.
type moment struct {
	micro int64  // microseconds since 1970, rounded down
	nano  uint16 // nanoseconds beyond
}

// Seconds beyond which microseconds leave 64 bits, some 290,000 years away; what lies there is held at the edge.
const (
	firstSecond = math.MinInt64/1_000_000 + 1
	lastSecond  = math.MaxInt64/1_000_000 - 1
)

func momentOf(t time.Time) moment {
	second, nano := t.Unix(), t.Nanosecond()
	switch {
	case second < firstSecond:
		return moment{micro: firstSecond * 1_000_000}
	case second > lastSecond:
		return moment{micro: lastSecond * 1_000_000}
	}
	return moment{micro: second*1_000_000 + int64(nano/1000), nano: uint16(nano % 1000)}
}

func (m moment) before(o moment) bool {
	return m.micro < o.micro || m.micro == o.micro && m.nano < o.nano
}

// endOfTime is after every event.
var endOfTime = moment{micro: math.MaxInt64}
