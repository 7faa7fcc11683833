package wire

import (
	"sync"
	"time"
)

// Limiter counts requests in fixed windows of sandbox time. A nil Limiter limits nothing.
type Limiter struct {
	mu      sync.Mutex
	windows map[string]window
}

type window struct {
	start time.Time
	count int
}

// Allow counts a request under key and says whether it is among the first limit of its window; windows of a key all
// have the length per. When it is not, wait tells how long the window has still to run.
func (l *Limiter) Allow(now time.Time, key string, limit int, per time.Duration) (ok bool, wait time.Duration) {
	return l.AllowN(now, key, 1, limit, per)
}

// AllowN is Allow for something that weighs n requests.
func (l *Limiter) AllowN(now time.Time, key string, n, limit int, per time.Duration) (ok bool, wait time.Duration) {
	if l == nil {
		return true, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.windows == nil {
		l.windows = map[string]window{}
	}
	w := l.windows[key]
	if start := now.Truncate(per); !w.start.Equal(start) {
		w = window{start: start}
	}
	if w.count+n > limit {
		return false, w.start.Add(per).Sub(now)
	}
	w.count += n
	l.windows[key] = w
	return true, 0
}
