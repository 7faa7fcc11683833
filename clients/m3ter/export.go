package m3ter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"

	"github.com/submeter/submeter/clients/internal/jobs"
	"github.com/submeter/submeter/clients/internal/transport"
)

// Progress tells how far an export has come.
type Progress struct {
	Stage Stage
	Job   Job
	Bytes int64 // of the download so far, when Downloading
	Total int64 // of the download, when Downloading; -1 when it is not told
}

// Stage is a part of the way to an export.
type Stage string

// The stages, in order.
const (
	WaitingForJob Stage = "waiting for the job"
	Downloading   Stage = "downloading"
)

// Over tells whether the status is the job's last.
func (j Job) Over() bool { return j.Status != JobStatusPENDING && j.Status != JobStatusRUNNING }

// JobError is an export job that failed. The vendor tells why by an event alone.
type JobError struct{ Job Job }

// Error says how the job ended.
func (e *JobError) Error() string { return fmt.Sprintf("export job %s: %s", e.Job.ID, e.Job.Status) }

// Export starts an export, waits for it, downloads its files and opens them; the caller closes it. It waits for as long
// as the context lets it. The error of a job that failed is a *JobError.
func (c *Client) Export(ctx context.Context, request ExportRequest) (*Export, error) {
	id, err := c.CreateExport(ctx, request)
	if err != nil {
		return nil, err
	}
	return c.Open(ctx, id)
}

// CreateExport starts an export and returns the id of its job.
func (c *Client) CreateExport(ctx context.Context, request ExportRequest) (jobID string, err error) {
	if len(request.DestinationIds) == 0 {
		ctx = transport.Idempotent(ctx) // a second job would do nothing that anybody sees
	}
	answer, err := value[AdHocDataExportResponse](c.raw.CreateAdHocDataExport(ctx, c.organization, request))
	if err == nil && answer.JobID == "" {
		err = errors.New("the vendor's answer names no job")
	}
	return answer.JobID, err
}

// Job asks for the status of an export job.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	return value[Job](c.raw.GetDataExportJob(ctx, c.organization, id))
}

// Wait asks for the status of an export job until it is over. The error of one that failed is a *JobError.
func (c *Client) Wait(ctx context.Context, id string) (Job, error) {
	pace := jobs.Pace{Next: c.firstPoll, Longest: c.polls}
	for {
		job, err := c.Job(ctx, id)
		if err != nil {
			return job, err
		}
		c.progress(Progress{Stage: WaitingForJob, Job: job})
		switch {
		case job.Status == JobStatusSUCCEEDED:
			return job, nil
		case job.Over():
			return job, &JobError{job}
		}
		if err := pace.Pause(ctx); err != nil {
			return job, fmt.Errorf("export job %s is still %s: %w", id, job.Status, err)
		}
	}
}

// downloads is how often an export is fetched that breaks off, each time by a new link: a link is good for a while only.
const downloads = 3

// Open waits for an export job, downloads its files and opens them; the caller closes the export. The vendor keeps files
// for 24 hours.
func (c *Client) Open(ctx context.Context, jobID string) (*Export, error) {
	job, err := c.Wait(ctx, jobID)
	if err != nil {
		return nil, err
	}
	var failed error
	for range downloads {
		data := jobs.NewSpool(c.memory)
		name, _, err := c.download(ctx, job, data)
		if err == nil {
			var export *Export
			if export, err = read(data.Reader(), data.Size(), name, data); err == nil {
				export.Job = job
				return export, nil
			}
		}
		failed = errors.Join(err, data.Close())
		if refused := (*Error)(nil); errors.As(err, &refused) || ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// Download writes what the vendor has of a finished job, a compressed file or a ZIP of several, and returns the name that
// the vendor gives it and its length in bytes.
func (c *Client) Download(ctx context.Context, jobID string, to io.Writer) (name string, n int64, err error) {
	return c.download(ctx, Job{ID: jobID}, to)
}

func (c *Client) download(ctx context.Context, job Job, to io.Writer) (name string, n int64, err error) {
	link, err := value[ExportDownloadURLResponse](c.raw.GetDataExportJobDownloadURL(ctx, c.organization, job.ID))
	if err != nil {
		return "", 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link.URL, nil)
	if err != nil {
		return "", 0, fmt.Errorf("download URL: %w", err)
	}
	resp, err := c.core.Do(req) // without a token: the link is signed, and stores refuse two signatures
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := transport.Refusal(resp, readRefusal); err != nil {
		return "", 0, err
	}
	told := &teller{client: c, now: Progress{Stage: Downloading, Job: job, Total: resp.ContentLength}}
	n, err = io.Copy(to, io.TeeReader(resp.Body, told))
	if err != nil {
		return "", n, fmt.Errorf("files of export job %s: %w", job.ID, err)
	}
	return fileName(resp), n, nil
}

// fileName is what the vendor calls a download: by its header or by the end of the link.
func fileName(resp *http.Response) string {
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return path.Base(params["filename"])
	}
	return path.Base(resp.Request.URL.Path)
}

// teller tells of what was downloaded so far.
type teller struct {
	client *Client
	now    Progress
}

func (t *teller) Write(p []byte) (int, error) {
	t.now.Bytes += int64(len(p))
	t.client.progress(t.now)
	return len(p), nil
}
