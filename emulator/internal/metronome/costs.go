package metronome

import (
	"iter"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// costRow is a day of costs. There is no plan to cost anything, so no row is ever made.
type costRow struct{}

// listCustomerCosts answers that a customer without a plan has no costs. // MET-059
func (a *API) listCustomerCosts(c echo.Context) error {
	from, okFrom := parseInstant(c.QueryParam("starting_on"))
	to, okTo := parseInstant(c.QueryParam("ending_before"))
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		switch {
		case !okFrom || !okTo:
			return nil, errDatesNeeded()
		case !from.Before(to) && !who.Conformance: // MET-051
			return nil, errReversedRange()
		}
		if _, err := who.customer(tx, c.Param("customer_id")); err != nil {
			return nil, err
		}
		none := func(string) iter.Seq2[string, time.Time] { return func(func(string, time.Time) bool) {} }
		return listPage(c, who, none, func(time.Time) costRow { return costRow{} })
	})
}
