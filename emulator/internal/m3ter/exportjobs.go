package m3ter

import (
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
)

// exportJob is one run of an export.
type exportJob struct {
	Schedule string       `json:"schedule,omitempty"`
	Config   exportConfig `json:"config"`
	From     time.Time    `json:"from,omitzero"` // of an operational export: what changed since; zero: everything
	Until    time.Time    `json:"until,omitzero"`
	Created  time.Time    `json:"created"`
	Plan     job.Plan     `json:"plan"`
	Captured *capture     `json:"captured,omitempty"` // since it began to run
	// Delivering: the plan is at its end, but the destinations have not got their files yet.
	Delivering bool `json:"delivering,omitempty"`
	Ended      bool `json:"ended,omitempty"` // what its end brings with it is done
}

// States of an export job.
const (
	jobPending   = "PENDING"
	jobRunning   = "RUNNING"
	jobSucceeded = "SUCCEEDED"
	jobFailed    = "FAILED"
)

const exportKind = "export"

// exportRule is how export jobs live unless a test says otherwise (M3T-026, M3T-038).
var exportRule = job.Rule{
	Legs:    []job.Leg{{State: jobPending, For: 200 * time.Millisecond}, {State: jobRunning, For: 200 * time.Millisecond}},
	Outcome: jobSucceeded,
}

var (
	exportJobs = store.NewOrdered[exportJob]("m3ter/exportjobs")
	// jobOwners leads from a job's id to its kind and organization.
	jobOwners = store.NewTable[jobOwner]("m3ter/job-owners")
)

type jobOwner struct {
	Kind string `json:"kind"`
	Org  string `json:"org"`
}

// startExport lays the life of a job on the clock and returns its id.
func (c *call) startExport(j exportJob) string {
	id := c.newID("exportjob")
	j.Created = c.now
	j.Plan = job.Lay(job.RuleOf(c.tx, vendor, exportKind, exportRule), c.now)
	exportJobs.Put(c.tx, c.org, id, j)
	jobOwners.Put(c.tx, id, jobOwner{Kind: exportKind, Org: c.org})
	c.dueTurns(j.Plan, dueExport, id, c.now)
	return id
}

// dueTurns enters the turns of a plan that lie at an instant or after it.
func (c *call) dueTurns(p job.Plan, kind, id string, from time.Time) {
	for _, turn := range p.Turns {
		if !turn.At.Before(from) {
			c.dueAt(turn.At, kind, id)
		}
	}
}

// turnExport does what a job's turn brings with it: its data are taken when it begins to run, its files go out when it
// ends.
func (a *API) turnExport(c *call, id string) error {
	j, ok := exportJobs.Get(c.tx, c.org, id)
	if !ok || j.Ended {
		return nil
	}
	status := j.Plan.At(c.now)
	if status.State != jobPending && status.State != jobFailed && j.Captured == nil {
		captured, err := c.captureExport(id, j)
		if err != nil {
			return err
		}
		j.Captured = &captured
	}
	from := stateBefore(j.Plan, c.now)
	j.Delivering = status.Done && status.State == jobSucceeded && len(j.Config.DestinationIDs) > 0 && len(a.deliver) > 0
	switch {
	case j.Delivering:
		deliveries.Put(c.tx, c.org+nul+id, c.now)
	case from != status.State && from != "":
		c.fire(exportKind, id, from, status.State)
	}
	if status.Done {
		c.endExport(id, j, status)
		j.Ended = true
	}
	exportJobs.Put(c.tx, c.org, id, j)
	return nil
}

// endExport records a failure, or sees to the files' going a day later.
func (c *call) endExport(id string, j exportJob, status job.Status) {
	if status.State == jobFailed {
		c.recordFailure(id, j, status.Error)
	}
	c.dueAt(status.Since.Add(fileLife), dueExpiry, id)
}

func (c *call) recordFailure(id string, j exportJob, cause string) {
	if cause == "" {
		cause = "The export failed"
	}
	c.record(event{Name: exportFailure, Resource: id, Export: &failedExport{
		Job: id, Schedule: j.Schedule, SourceType: j.Config.SourceType, Message: cause,
	}})
}

// stateBefore returns the state that the one of an instant came after; "" when it is the first, or was entered before:
// then nothing changes at that instant.
func stateBefore(p job.Plan, at time.Time) string {
	i := len(p.Turns) - 1
	for i > 0 && p.Turns[i].At.After(at) {
		i--
	}
	if i == 0 || !p.Turns[i].At.Equal(at) {
		return ""
	}
	return p.Turns[i-1].State
}

// status is where a job stands; until its destinations have their files it is still running.
func (j exportJob) status(now time.Time) job.Status {
	s := j.Plan.At(now)
	if j.Delivering && s.Done {
		return job.Status{State: jobRunning, Since: s.Since}
	}
	return s
}

type exportJobResponse struct {
	ID          string `json:"id"`
	Version     int64  `json:"version"`
	ScheduleID  string `json:"scheduleId,omitempty"` // ad-hoc jobs have none (M3T-027)
	SourceType  string `json:"sourceType"`
	Status      string `json:"status"`
	DateCreated string `json:"dateCreated"`
	StartedAt   string `json:"startedAt,omitempty"`
}

func showExportJob(c *call, id string, j exportJob) exportJobResponse {
	status := j.status(c.now)
	shown := exportJobResponse{
		ID: id, Version: 1, ScheduleID: j.Schedule, SourceType: j.Config.SourceType, Status: status.State,
		DateCreated: milli(j.Created),
	}
	for i, turn := range j.Plan.Turns {
		if turn.At.After(c.now) {
			break
		}
		if i > 0 && !(j.Delivering && i == len(j.Plan.Turns)-1) {
			shown.Version++
		}
		if shown.StartedAt == "" && turn.State != jobPending && turn.State != jobFailed {
			shown.StartedAt = milli(turn.At)
		}
	}
	return shown
}

// findExportJob returns a job; under conformance a made-up one when there is none.
func findExportJob(c *call, id string) (exportJob, error) {
	j, ok := exportJobs.Get(c.tx, c.org, id)
	if !ok && c.rules.Conformance {
		return exportJob{
			Config: exportConfig{SourceType: operationalSource}, Created: c.now, Captured: &capture{},
			Plan: job.Plan{Turns: []job.Turn{{At: c.now, State: jobSucceeded}}, Outcome: jobSucceeded},
		}, nil
	}
	if !ok {
		return j, errNotFound("export job", id)
	}
	return j, nil
}

// getExportJob answers one job. A leg that counts polls comes nearer to its end by it.
func getExportJob(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	do := within(view)
	err = store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		if j, ok := exportJobs.Get(tx, callOf(c, tx).org, id); ok && len(j.Plan.Waiting) > 0 {
			do = update
		}
		return nil
	})
	if err != nil {
		return err
	}
	return do(c, func(c *call) (any, error) {
		j, err := findExportJob(c, id)
		if err != nil {
			return nil, err
		}
		shown := showExportJob(c, id, j)
		if len(j.Plan.Waiting) > 0 {
			j.Plan = j.Plan.Poll(c.now)
			exportJobs.Put(c.tx, c.org, id, j)
			c.dueTurns(j.Plan, dueExport, id, c.now)
		}
		return shown, nil
	})
}

func listExportJobs(c echo.Context) error {
	l := readListing(c, 100)
	return view(c, func(c *call) (any, error) {
		during, err := c.createdBetween(l)
		if err != nil {
			return nil, err
		}
		ids, bySchedule, status := l.values("ids"), l.query.Get("scheduleId"), l.query.Get("status")
		keep := func(r store.Row[exportJob]) bool {
			return during(r.Value.Created) && (bySchedule == "" || r.Value.Schedule == bySchedule) &&
				(status == "" || r.Value.status(c.now).State == status) && (len(ids) == 0 || slices.Contains(ids, r.ID))
		}
		return cut(c, l, "exportjobs", exportJobs, keep, func(r store.Row[exportJob]) exportJobResponse {
			return showExportJob(c, r.ID, r.Value)
		})
	})
}

type exportDownloadURLResponse struct {
	URL            string `json:"url"`
	ExpirationTime string `json:"expirationTime"`
}

// getExportDownloadURL answers a fresh URL of a job's file, while it exists.
func getExportDownloadURL(c echo.Context) error {
	id, err := pathParam(c, "jobId")
	if err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		j, err := findExportJob(c, id)
		if err != nil {
			return nil, err
		}
		status := j.status(c.now)
		switch {
		case status.State != jobSucceeded:
			return nil, errInvalid("The export job %s is %s; there is a file once it has SUCCEEDED", id, status.State)
		case !c.now.Before(status.Since.Add(fileLife)):
			return nil, errInvalid("The file of export job %s was removed 24 hours after the job", id)
		}
		address, expires := c.link(exportLinkLife, "exports", c.org, id, j.Captured.downloadName(id))
		return exportDownloadURLResponse{URL: address, ExpirationTime: milli(expires)}, nil
	})
}
