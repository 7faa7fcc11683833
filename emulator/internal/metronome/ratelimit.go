package metronome

import (
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// The vendor's default limits, of an account: both its environments together. Where no number is published, the one for
// everything else holds. // MET-054
const (
	eventsPerSecond   = 5000
	requestsPerSecond = 8
)

// limitRate counts a request against the limit of its kind while the sandbox has limits switched on. Ingest is not
// counted here but by its events.
func limitRate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		bucket := "metronome/requests"
		switch c.Path() {
		case "/v1/ingest":
			return next(c)
		case "/v1/customers/:customer_id/previewEvents":
			bucket = "metronome/previews"
		}
		if err := count(c, bucket, 1, requestsPerSecond); err != nil {
			return err
		}
		return next(c)
	}
}

// count refuses what no longer fits into the running second. A batch of events weighs as much as it holds.
func count(c echo.Context, bucket string, weight, perSecond int) error {
	ctx := c.Request().Context()
	limiter := wire.TraceOf(ctx).Limiter
	if limiter == nil {
		return nil
	}
	if ok, wait := limiter.AllowN(store.SandboxOf(ctx).Now(), bucket, weight, perSecond, time.Second); !ok {
		return errTooManyRequests(wait)
	}
	return nil
}
