// Package jobs is what clients of vendors with export jobs share: how often to ask for a job, and where to put its files.
package jobs

import (
	"context"
	"time"
)

// Pace makes each wait half as long again as the one before, up to Longest.
type Pace struct{ Next, Longest time.Duration }

// Pause waits, or returns the context's error when that ends first.
func (p *Pace) Pause(ctx context.Context) error {
	timer := time.NewTimer(p.Next)
	defer timer.Stop()
	p.Next = min(p.Next+p.Next/2, p.Longest)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
