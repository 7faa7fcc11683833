package emulator

import (
	"fmt"
	"slices"
)

// RateLimitMode says whether the vendors' rate limits hold.
type RateLimitMode string

// The modes of rate limits.
const (
	RateLimitsOff    RateLimitMode = "off"
	RateLimitsVendor RateLimitMode = "vendor" // as each vendor documents them, on the sandbox's clock
)

// RateLimits is whether the vendors' rate limits hold in a sandbox.
type RateLimits struct {
	Mode RateLimitMode `json:"mode"`
}

// RateLimits returns whether the vendors' rate limits hold.
func (s *Sandbox) RateLimits() (RateLimits, error) {
	limits := RateLimits{Mode: RateLimitsOff}
	err := s.use(func(b *box) error {
		if b.limiter.Load() != nil {
			limits.Mode = RateLimitsVendor
		}
		return nil
	})
	return limits, err
}

// SetRateLimits turns the vendors' rate limits on, from fresh counters, or off. Reset goes back to what the emulator was
// started with.
func (s *Sandbox) SetRateLimits(to RateLimits) (RateLimits, error) {
	if !slices.Contains([]RateLimitMode{RateLimitsOff, RateLimitsVendor}, to.Mode) {
		return to, fmt.Errorf("%w: rate limits are off or vendor, not %q", ErrInvalid, to.Mode)
	}
	return to, s.use(func(b *box) error { b.limit(to.Mode); return nil })
}
