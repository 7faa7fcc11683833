package m3ter

import (
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

const (
	vendor = "m3ter"
	mount  = "/m3ter"
)

// within runs a rule in a transaction and answers its result: view or update.
type within func(c echo.Context, do func(*call) (any, error)) error

// view answers what do reads.
func view(c echo.Context, do func(*call) (any, error)) error {
	return answerWith(c, store.SandboxOf(c.Request().Context()).View, do)
}

// update answers what do returns once it is stored.
func update(c echo.Context, do func(*call) (any, error)) error {
	return answerWith(c, store.SandboxOf(c.Request().Context()).Update, do)
}

func answerWith(c echo.Context, in func(func(*store.Tx) error) error, do func(*call) (any, error)) error {
	var result any
	err := in(func(tx *store.Tx) (err error) {
		result, err = do(callOf(c, tx))
		return err
	})
	if err != nil {
		return err
	}
	return respondOK(c, result)
}

func callOf(c echo.Context, tx *store.Tx) *call {
	who, _ := c.Get(callerKey).(caller)
	return &call{
		tx: tx, now: tx.Now, org: who.org, rules: who.rules, actor: serviceUserName(who.user), user: who.user,
		base: traceOf(c).BaseURL + mount,
	}
}

// serviceUserName is how audit fields name a service user (M3T-011).
func serviceUserName(id string) string { return "SERVICE_USER_" + id }

// callAs is a call that no request makes: a schedule's run, a job's turn, a seeded record.
func callAs(tx *store.Tx, org, user string, now time.Time) *call {
	o, _ := organizations.Get(tx, org)
	return &call{tx: tx, now: now, org: org, rules: o.Options, actor: serviceUserName(user), user: user}
}

func (c *call) newID(kind string) string { return store.NewUUID(c.tx, "m3ter/"+kind) }

func traceOf(c echo.Context) *wire.Trace { return wire.TraceOf(c.Request().Context()) }
