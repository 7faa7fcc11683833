package informatica

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
)

const (
	kindExport = "export" // of the jobs of all three resources

	stateCreated    = "CREATED"
	stateProcessing = "PROCESSING"
	stateSuccess    = "SUCCESS"
	statePartial    = "PARTIAL_SUCCESS"
	stateFailed     = "FAILED"

	maxActive   = 5 // jobs of an organization, over all resources and users (INF-018)
	tooManyJobs = "The organization already has the maximum of 5 active jobs."
)

func isActive(state string) bool { return state == stateCreated || state == stateProcessing }

// JobKinds returns the one kind of job; how it lives, a scenario's options may say otherwise.
func (a *API) JobKinds() map[string]job.Kind {
	return map[string]job.Kind{kindExport: {
		Standing: standing(fixtures.InformaticaOptions{JobCreatedSeconds: 1, JobProcessingSeconds: 2}),
		Active:   []string{stateCreated, stateProcessing},
		Final:    []string{stateSuccess, statePartial, stateFailed},
	}}
}

// standing is a job's life without anybody's interference: over within five seconds, because one client asks for its
// file eight seconds after it asked for the job, and never in between (INF-031).
func standing(o fixtures.InformaticaOptions) job.Rule {
	return job.Rule{
		Legs: []job.Leg{
			{State: stateCreated, For: time.Duration(o.JobCreatedSeconds) * time.Second},
			{State: stateProcessing, For: time.Duration(o.JobProcessingSeconds) * time.Second},
		},
		Outcome: stateSuccess,
	}
}

// countActive counts the jobs of an organization that occupy one of its places now.
func countActive(tx *store.Tx, orgID string) int {
	active := 0
	for id := range open.Prefix(tx, "") {
		if x, ok := exports.Get(tx, everyone, id); ok && x.Org == orgID && isActive(x.Plan.At(tx.Now).State) {
			active++
		}
	}
	return active
}

// getExport tells the status of a job of any of the three resources.
func (a *API) getExport(c echo.Context) error {
	sb := store.SandboxOf(c.Request().Context())
	var x exportJob
	err := sb.View(func(tx *store.Tx) (err error) {
		x, err = jobOf(tx, callerOf(c), c.Param("jobId"))
		return err
	})
	if err == nil && len(x.Plan.Waiting) > 0 {
		err = sb.Update(func(tx *store.Tx) error { return a.poll(tx, callerOf(c), &x) })
	}
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, x.response())
}

// poll counts a question for the status of a job whose states wait for questions. The answer is the status before.
func (a *API) poll(tx *store.Tx, who caller, x *exportJob) (err error) {
	if *x, err = jobOf(tx, who, x.id); err != nil {
		return err
	}
	after := *x
	after.Plan = x.Plan.Poll(tx.Now)
	after.status = after.Plan.At(tx.Now)
	exports.Put(tx, everyone, x.id, after.export)
	if !isActive(after.status.State) {
		a.finish(tx, after)
	}
	return nil
}

// jobOf returns a job of the caller's organization while its record is kept. Whatever else an id is, there is no such
// job (INF-021, INF-029).
func jobOf(tx *store.Tx, who caller, id string) (exportJob, error) {
	x, ok := exports.Get(tx, everyone, id)
	if !ok || x.Org != who.org.ID || !tx.Now.Before(x.Created.Add(time.Duration(who.options.JobRecordDays)*day)) {
		return exportJob{}, errNoJob()
	}
	return exportJob{id: id, export: x, status: x.Plan.At(tx.Now)}, nil
}

// finish sends the callback of a job that has come to its end, once, and after the transaction: nobody waits for it, and
// what becomes of it changes nothing (INF-032).
func (a *API) finish(tx *store.Tx, x exportJob) {
	open.Delete(tx, x.id)
	if x.Callback == "" || x.Called {
		return
	}
	x.Called = true
	exports.Put(tx, everyone, x.id, x.export)
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(x.response()); err != nil {
		a.log.Error("a callback could not be written", "job", x.id, "error", err)
		return
	}
	anywhere := settingOf(tx).Options.CallbacksAnywhere
	tx.OnCommit(func() { a.callbacks.send(x.Callback, bytes.TrimSpace(body.Bytes()), anywhere) })
}

// Settle sends the callbacks of jobs that ended after from, up to and including to, and tells all changes of state in
// that time, in order.
func (a *API) Settle(sb *store.Sandbox, from, to time.Time) ([]wire.Fired, error) {
	waiting := false
	err := sb.View(func(tx *store.Tx) error {
		for range open.Prefix(tx, "") {
			waiting = true
			break
		}
		return nil
	})
	if err != nil || !waiting {
		return nil, err
	}
	var fired []wire.Fired
	err = sb.Update(func(tx *store.Tx) error {
		fired = nil
		for _, id := range openJobs(tx) {
			x, ok := exports.Get(tx, everyone, id)
			if !ok {
				continue
			}
			for _, change := range x.Plan.Between(from, to) {
				fired = append(fired, wire.Fired{
					At: change.At, Vendor: vendor, Kind: kindExport, ID: id, From: change.From, To: change.To,
				})
			}
			if status := x.Plan.At(to); !isActive(status.State) {
				a.finish(tx, exportJob{id: id, export: x, status: status})
			}
		}
		return nil
	})
	slices.SortStableFunc(fired, func(a, b wire.Fired) int { return a.At.Compare(b.At) })
	return fired, err
}

func openJobs(tx *store.Tx) []string {
	var ids []string
	for id := range open.Prefix(tx, "") {
		ids = append(ids, id)
	}
	return ids
}

// Due returns the next instant at which a job changes its state.
func (a *API) Due(sb *store.Sandbox, from time.Time) (at time.Time, ok bool, err error) {
	err = sb.View(func(tx *store.Tx) error {
		for _, id := range openJobs(tx) {
			x, _ := exports.Get(tx, everyone, id)
			for _, turn := range x.Plan.Turns {
				if turn.At.After(from) && (!ok || turn.At.Before(at)) {
					at, ok = turn.At, true
				}
			}
		}
		return nil
	})
	return at, ok, err
}

// Jobs returns every job, oldest first.
func (a *API) Jobs(tx *store.Tx) []wire.Job {
	var list []wire.Job
	for row := range exports.After(tx, everyone, 0) {
		list = append(list, wireJob(exportJob{id: row.ID, export: row.Value, status: row.Value.Plan.At(tx.Now)}))
	}
	return list
}

func wireJob(x exportJob) wire.Job {
	return wire.Job{
		Vendor: vendor, Kind: kindExport, ID: x.id, State: x.status.State, Created: x.Created, Since: x.status.Since,
		Done: !isActive(x.status.State), Error: x.head().ErrorMessage,
	}
}

// ForceJob puts a job into a state for good, whatever was to come.
func (a *API) ForceJob(tx *store.Tx, id, state, cause string) (wire.Job, error) {
	x, ok := exports.Get(tx, everyone, id)
	if !ok {
		return wire.Job{}, fmt.Errorf("there is no export %s", id)
	}
	x.Plan = x.Plan.Force(tx.Now, state, cause)
	forced := exportJob{id: id, export: x, status: x.Plan.At(tx.Now)}
	exports.Put(tx, everyone, id, x)
	if isActive(state) {
		open.Put(tx, id, true)
	} else {
		a.finish(tx, forced)
	}
	return wireJob(forced), nil
}
