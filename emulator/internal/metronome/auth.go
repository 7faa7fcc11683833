package metronome

import (
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
)

// token is what the holder of a secret may do, and where.
type token struct {
	Name        string   `json:"name,omitempty"`
	Environment string   `json:"environment"`
	ReadOnly    bool     `json:"read_only,omitempty"`
	Endpoints   []string `json:"endpoints"` // method and route, as routeOf writes them; nil: all
	Archived    bool     `json:"archived,omitempty"`
}

// settings are what a scenario decided about the whole world. The zero value is what holds without a scenario.
type settings struct {
	TokensOnly         bool `json:"tokens_only,omitempty"`         // no secret works but those in tokens
	PackedPages        bool `json:"packed_pages,omitempty"`        // MET-002
	PageRows           int  `json:"page_rows,omitempty"`           // MET-002; 0: 200
	UnknownIDsRefused  bool `json:"unknown_ids_refused,omitempty"` // MET-009
	PeriodOfPlan       bool `json:"period_of_plan,omitempty"`      // MET-013
	LimitClamped       bool `json:"limit_clamped,omitempty"`       // MET-017
	BadCursorEmpty     bool `json:"bad_cursor_empty,omitempty"`    // MET-019
	OldEventsDropped   bool `json:"old_events_dropped,omitempty"`  // MET-028
	MaxPropertyBytes   int  `json:"max_property_bytes,omitempty"`  // MET-033; 0: no limit
	RetroactiveMetrics bool `json:"retroactive_metrics,omitempty"` // MET-040
	Conformance        bool `json:"conformance,omitempty"`         // MET-051
}

// caller is who sent a request, and the settings of the world it came to.
type caller struct {
	settings
	environment string
}

const callerKey = "metronome/caller"

func callerOf(c echo.Context) caller {
	who, _ := c.Get(callerKey).(caller)
	return who
}

// authenticate finds out who is calling, before anything else of the request is looked at: a client of the field tests
// its token with a body that is refused.
func (a *API) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		secret, ok := bearer(c.Request().Header.Get(echo.HeaderAuthorization))
		if !ok {
			return errUnauthorized() // MET-023
		}
		var who caller
		err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) (err error) {
			who, err = a.admit(tx, secret, routeOf(c.Request().Method, c.Path()))
			return err
		})
		if err != nil {
			return err
		}
		c.Set(callerKey, who)
		return next(c)
	}
}

// admit says who holds a secret, unless it does not reach as far as the route.
func (a *API) admit(tx *store.Tx, secret, route string) (caller, error) {
	world, _ := worldSettings.Get(tx, "")
	if !world.TokensOnly {
		return caller{settings: world, environment: string(fixtures.MetronomeProduction)}, nil // MET-052
	}
	t, ok := tokens.Get(tx, secret)
	switch {
	case !ok || t.Archived:
		return caller{}, errUnauthorized() // MET-023
	case t.ReadOnly && a.mutates[route], t.Endpoints != nil && !slices.Contains(t.Endpoints, route):
		return caller{}, errForbidden() // MET-023
	}
	return caller{settings: world, environment: t.Environment}, nil
}

func bearer(header string) (secret string, ok bool) {
	scheme, secret, ok := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	return secret, ok && strings.EqualFold(scheme, "Bearer") && secret != ""
}

// mutates says whether a read-only token is kept from an operation. Reads with a body are POST, so the method alone
// does not tell; the name does: the document names each read by what it does. // MET-053
func mutates(op wire.Operation) bool {
	return op.Method != "GET" && !slices.ContainsFunc([]string{"get", "list", "search", "preview"}, func(verb string) bool {
		return strings.HasPrefix(op.ID, verb)
	})
}
