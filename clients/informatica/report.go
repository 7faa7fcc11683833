package informatica

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/submeter/submeter/clients/internal/jobs"
	"github.com/submeter/submeter/clients/internal/transport"
)

// Report is the archive of a finished job, or of any other source. Its rows are read from the archive anew by each
// iteration, and none is kept. It is safe for concurrent use until it is closed.
type Report struct {
	Job   Job // zero when the archive was opened from elsewhere
	files []File
	data  io.Closer
}

// Report starts a job, waits for it, downloads its archive and opens it; the caller closes the report. It waits for as
// long as the context lets it, for a free slot too. The error of a job without full success is a *JobError.
func (c *Client) Report(ctx context.Context, r Request) (*Report, error) {
	job, err := c.run(ctx, r)
	if err != nil && (!r.Partial || !errors.Is(err, ErrPartial)) {
		return nil, err
	}
	return c.fetch(ctx, job)
}

// Open waits for a job, downloads its archive, a partial one too, and opens it; the caller closes the report. The vendor
// keeps archives for three days.
func (c *Client) Open(ctx context.Context, jobID string) (*Report, error) {
	job, err := c.Wait(ctx, jobID)
	if err != nil && !errors.Is(err, ErrPartial) {
		return nil, err
	}
	return c.fetch(ctx, job)
}

// Download writes the archive of a finished job and returns its length in bytes.
func (c *Client) Download(ctx context.Context, jobID string, to io.Writer) (int64, error) {
	return c.download(ctx, Job{ID: jobID}, to)
}

func (c *Client) download(ctx context.Context, job Job, to io.Writer) (int64, error) {
	resp, err := c.raw.DownloadExport(ctx, job.ID)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := transport.Refusal(resp, readError); err != nil {
		return 0, err
	}
	told := &teller{client: c, now: Progress{Stage: Downloading, Job: job, Total: resp.ContentLength}}
	n, err := io.Copy(to, io.TeeReader(resp.Body, told))
	if err != nil {
		return n, fmt.Errorf("archive of job %s: %w", job.ID, err)
	}
	return n, nil
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

// downloads is how often an archive is fetched that breaks off or cannot be opened: the vendor sends the same again.
const downloads = 3

func (c *Client) fetch(ctx context.Context, job Job) (*Report, error) {
	var failed error
	for range downloads {
		data := jobs.NewSpool(c.memory)
		_, err := c.download(ctx, job, data)
		if err == nil {
			var report *Report
			if report, err = read(data.Reader(), data.Size(), data); err == nil {
				report.Job = job
				return report, nil
			}
		}
		failed = errors.Join(err, data.Close())
		if refused := (*Error)(nil); errors.As(err, &refused) || ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// OpenFile opens an archive that was saved; the caller closes the report.
func OpenFile(path string) (*Report, error) {
	file, err := os.Open(path) //nolint:gosec // the caller's file
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	report, err := read(file, info.Size(), file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return report, nil
}

// Read opens an archive of so many bytes. Closing the report does nothing.
func Read(from io.ReaderAt, size int64) (*Report, error) {
	return read(from, size, io.NopCloser(nil))
}

func read(from io.ReaderAt, size int64, data io.Closer) (*Report, error) {
	archive, err := zip.NewReader(from, size)
	if err != nil {
		return nil, fmt.Errorf("archive of %d bytes: %w", size, err)
	}
	r := &Report{data: data}
	for _, entry := range archive.File {
		if !strings.HasSuffix(strings.ToLower(entry.Name), ".csv") {
			continue
		}
		f := File{Name: entry.Name, Size: int64(entry.UncompressedSize64), entry: entry} //nolint:gosec // no file has 2^63 bytes
		if f.Header, err = f.readHeader(); err != nil {
			return nil, err
		}
		f.Layout = layoutOf(f.Header)
		r.files = append(r.files, f)
	}
	return r, nil
}

// Close frees the archive: the memory or the temporary file.
func (r *Report) Close() error { return r.data.Close() }

// Files returns the CSV files of the archive, that of the requesting organization first.
func (r *Report) Files() []File { return r.files }

// File is one CSV file of an archive.
type File struct {
	Name   string
	Size   int64    // in bytes, uncompressed
	Header []string // the names of the columns, in order; nil of an empty file
	Layout Layout   // empty when the columns are none that is known
	entry  *zip.File
}

// Open returns the file's bytes as they are in the archive; the caller closes it.
func (f File) Open() (io.ReadCloser, error) { return f.entry.Open() }

// Records iterates over the rows of a file of any layout, below its header, as the cells of the columns. A cell that
// says null is as it is.
func (f File) Records() iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		below := false
		for line := range f.lines(false) {
			if line.err == nil && !below { // the header
				below = true
				continue
			}
			if !yield(line.cells, line.err) {
				return
			}
		}
	}
}
