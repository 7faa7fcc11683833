package m3ter

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// What falls due by itself: turns of jobs, runs of schedules, the end of a file's life. Each is a row under its instant,
// so that finding the next costs one look, however many jobs there are. They are worked off in order of time, by Settle
// and before every request: what a request reads is what it would read had somebody been there at each instant.

// The kinds of what falls due.
const (
	dueExport   = "export"   // a turn of an export job
	dueBillJob  = "billjob"  // a turn of a bill job
	dueSchedule = "schedule" // a run of a schedule
	dueExpiry   = "expiry"   // an export's files go
)

var (
	dueRows   = store.NewTable[struct{}]("m3ter/due")
	firedRows = store.NewTable[wire.Fired]("m3ter/fired") // told by the next Settle
)

// dueBatch bounds how much one transaction works off.
const dueBatch = 100

// due is one thing that happens at an instant.
type due struct {
	at            time.Time
	org, kind, id string
}

// dueInstant writes an instant so that texts sort as time does.
func dueInstant(t time.Time) string { return fmt.Sprintf("%020d", t.UnixMicro()) }

func (d due) key() string {
	return strings.Join([]string{dueInstant(d.at), d.org, d.kind, d.id}, nul)
}

func readDue(key string) due {
	parts := strings.SplitN(key, nul, 4)
	micros, _ := strconv.ParseInt(parts[0], 10, 64) // written by dueInstant
	return due{at: time.UnixMicro(micros).UTC(), org: parts[1], kind: parts[2], id: parts[3]}
}

func (c *call) dueAt(at time.Time, kind, id string) {
	dueRows.Put(c.tx, due{at: at, org: c.org, kind: kind, id: id}.key(), struct{}{})
}

// nextDue returns the first thing that is still to happen.
func nextDue(tx *store.Tx) (due, bool) {
	for key := range dueRows.Prefix(tx, "") {
		return readDue(key), true
	}
	return due{}, false
}

// catchUp works off what fell due before the request.
func (a *API) catchUp(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := a.workOff(store.SandboxOf(c.Request().Context())); err != nil {
			return err
		}
		return next(c)
	}
}

func (a *API) workOff(sb *store.Sandbox) error {
	for {
		waiting := false
		err := sb.View(func(tx *store.Tx) error {
			d, ok := nextDue(tx)
			waiting = ok && !d.at.After(tx.Now)
			return nil
		})
		if err != nil || !waiting {
			return err
		}
		err = sb.Update(func(tx *store.Tx) error {
			for range dueBatch {
				d, ok := nextDue(tx)
				if !ok || d.at.After(tx.Now) {
					return nil
				}
				dueRows.Delete(tx, d.key())
				if err := a.happen(tx, d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// happen does what falls due, as of its instant.
func (a *API) happen(tx *store.Tx, d due) error {
	c := callAs(tx, d.org, systemUser, d.at)
	switch d.kind {
	case dueExport:
		return a.turnExport(c, d.id)
	case dueBillJob:
		return c.turnBillJob(d.id)
	case dueSchedule:
		if r, ok := scheduleRows.Get(tx, d.org, d.id); ok {
			c.runSchedule(r)
		}
	case dueExpiry:
		c.dropFiles(d.id)
	}
	return nil
}

// systemUser acts where nobody called.
const systemUser = "00000000-0000-4000-8000-000000000000"

// fire notes a change of state for the next Settle to tell.
func (c *call) fire(kind, id, from, to string) {
	serial := strconv.FormatUint(store.Next(c.tx, "m3ter/fired"), 10)
	key := dueInstant(c.now) + nul + fmt.Sprintf("%20s", serial)
	firedRows.Put(c.tx, key, wire.Fired{At: c.now, Vendor: vendor, Kind: kind, ID: id, From: from, To: to})
}

// Settle works off what fell due up to an instant, delivers the files of exports, and tells what changed state.
func (a *API) Settle(sb *store.Sandbox, _, to time.Time) ([]wire.Fired, error) {
	if err := a.workOff(sb); err != nil {
		return nil, err
	}
	if err := a.deliverAll(sb); err != nil {
		return nil, err
	}
	var fired []wire.Fired
	read := func(tx *store.Tx) error {
		fired = fired[:0]
		for _, f := range firedRows.Prefix(tx, "") {
			if !f.At.After(to) {
				fired = append(fired, f)
			}
		}
		return nil
	}
	if err := sb.View(read); err != nil || len(fired) == 0 {
		return nil, err
	}
	return fired, sb.Update(func(tx *store.Tx) error {
		var keys []string
		fired = fired[:0]
		for key, f := range firedRows.Prefix(tx, "") {
			if !f.At.After(to) {
				keys, fired = append(keys, key), append(fired, f)
			}
		}
		for _, key := range keys {
			firedRows.Delete(tx, key)
		}
		return nil
	})
}

// Due returns the earliest instant at which Settle will have something to do; what is overdue counts as due at once.
func (a *API) Due(sb *store.Sandbox, from time.Time) (at time.Time, ok bool, err error) {
	err = sb.View(func(tx *store.Tx) error {
		for range deliveries.Prefix(tx, "") {
			at, ok = from, true
			return nil
		}
		var d due
		d, ok = nextDue(tx)
		at = d.at
		return nil
	})
	return at, ok, err
}
