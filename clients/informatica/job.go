package informatica

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/submeter/submeter/clients/internal/jobs"
	"github.com/submeter/submeter/clients/internal/transport"
)

// Job is an export job as its status tells.
type Job struct {
	ID          string
	Status      JobStatus
	Error       string // what went wrong, in the vendor's words
	OrgID       string
	UserID      string
	MeterID     string // empty: all meters, or of no account
	Start, End  time.Time
	CallbackURL string
	Created     time.Time
	Updated     time.Time // when the status last changed
}

// Over tells whether the status is the job's last.
func (j Job) Over() bool { return j.Status != JobStatusCREATED && j.Status != JobStatusPROCESSING }

// Err returns a *JobError of a job that is over without full success, and nil of any other.
func (j Job) Err() error {
	if !j.Over() || j.Status == JobStatusSUCCESS {
		return nil
	}
	return &JobError{Job: j}
}

var (
	// ErrPartial is what the error of a job is, by errors.Is, whose report lacks some of the organizations.
	ErrPartial = errors.New("partial success")
	// ErrFailed is what the error of a job is, by errors.Is, that has no report.
	ErrFailed = errors.New("failed")
)

// JobError is a job that is over without full success.
type JobError struct{ Job Job }

// Error says how the job ended, in one line.
func (e *JobError) Error() string {
	line := fmt.Sprintf("job %s: %s", e.Job.ID, e.Job.Status)
	if cause := strings.Join(strings.Fields(e.Job.Error), " "); cause != "" {
		line += ": " + cause
	}
	return line
}

// Is tells a partial success, which has a report of what could be had, from a failure.
func (e *JobError) Is(target error) bool {
	partial := e.Job.Status == JobStatusPARTIALSUCCESS
	return target == ErrPartial && partial || target == ErrFailed && !partial
}

// job reads the vendor's answer to any question about a job. Statuses were compared without regard to case by clients
// before this one.
func (x Export) job() (Job, error) {
	if x.JobID == "" {
		return Job{}, errors.New("the vendor's answer names no job")
	}
	j := Job{
		ID: x.JobID, Status: JobStatus(strings.ToUpper(string(x.Status))), Error: orEmpty(x.ErrorMessage),
		OrgID: x.OrgID, UserID: x.UserID, MeterID: orEmpty(x.MeterID), CallbackURL: orEmpty(x.CallbackURL),
	}
	for _, date := range []struct {
		to   *time.Time
		text string
	}{{&j.Start, x.StartDate}, {&j.End, x.EndDate}, {&j.Created, x.CreateTime}, {&j.Updated, x.UpdateTime}} {
		if date.text == "" {
			continue
		}
		var err error
		if *date.to, err = time.Parse(time.RFC3339, date.text); err != nil {
			return Job{}, fmt.Errorf("job %s: %w", x.JobID, err)
		}
	}
	return j, nil
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// Create starts a job. It does not wait for a free slot: see Busy.
func (c *Client) Create(ctx context.Context, r Request) (Job, error) {
	if err := r.check(); err != nil {
		return Job{}, err
	}
	// A job too many costs no more than its slot for a while, so a create that may have got lost is sent again.
	x, err := transport.Value[Export](readError)(r.send(transport.Idempotent(ctx), c.raw))
	if err != nil {
		return Job{}, err
	}
	return x.job()
}

// Job asks for the status of a job.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	x, err := transport.Value[Export](readError)(c.raw.GetExport(ctx, id))
	if err != nil {
		return Job{}, err
	}
	return x.job()
}

// Wait asks for the status of a job until it is over. The error of a job without full success is a *JobError.
func (c *Client) Wait(ctx context.Context, id string) (Job, error) {
	pace := c.pace()
	for {
		job, err := c.Job(ctx, id)
		if err != nil {
			return job, err
		}
		c.progress(Progress{Stage: WaitingForJob, Job: job})
		if job.Over() {
			return job, job.Err()
		}
		if err := pace.Pause(ctx); err != nil {
			return job, fmt.Errorf("job %s is still %s: %w", id, job.Status, err)
		}
	}
}

// An organization has five jobs at a time, all users and programs together. How the sixth is refused, the vendor does not
// say, nor is there a list of jobs to look at; so it is told by what the refusal talks about.
var busy = regexp.MustCompile(`(?i)\b(active|running|concurrent|parallel|simultaneous|in progress|too many)\b.*\bjobs?\b|` +
	`\bjobs?\b.*\b(active|running|concurrently|in parallel|simultaneously|in progress|already)\b`)

// Busy tells whether an error of Create or Wait says that the organization has as many active jobs as it may have.
func Busy(err error) bool {
	var (
		refused *Error
		job     *JobError
	)
	switch {
	case errors.As(err, &refused):
		return refused.Status >= 400 && refused.Status < 500 && busy.MatchString(refused.Message)
	case errors.As(err, &job):
		return errors.Is(err, ErrFailed) && busy.MatchString(job.Job.Error)
	}
	return false
}

// run brings a job to its end, waiting for a free slot as long as it takes.
func (c *Client) run(ctx context.Context, r Request) (Job, error) {
	pace := c.pace()
	for {
		job, err := c.Create(ctx, r)
		if err == nil {
			job, err = c.Wait(ctx, job.ID)
		}
		if !Busy(err) {
			return job, err
		}
		c.progress(Progress{Stage: WaitingForSlot})
		if pause := pace.Pause(ctx); pause != nil {
			return job, fmt.Errorf("no free slot: %w: %w", pause, err)
		}
	}
}

func (c *Client) pace() *jobs.Pace { return &jobs.Pace{Next: c.firstPoll, Longest: c.polls} }
