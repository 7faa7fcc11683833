package m3ter

import (
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/tidwall/gjson"

	"github.com/submeter/submeter/emulator/internal/store"
)

// upload is a file of measurements and the job that reads it. Its states are written in camel case, unlike those of
// export jobs.
type upload struct {
	FileName      string    `json:"file_name"`
	ContentType   string    `json:"content_type"`
	ContentLength int64     `json:"content_length"`
	Created       time.Time `json:"created"`
	Status        string    `json:"status"`
	Version       int64     `json:"version"`
	Total         int64     `json:"total"`
	Processed     int64     `json:"processed"`
	Failed        int64     `json:"failed"`
}

const (
	notUploaded     = "notUploaded"
	uploadFailed    = "failed"
	uploadSucceeded = "succeeded"
)

var (
	uploads       = store.NewOrdered[upload]("m3ter/uploads")
	uploadedFiles = store.NewBlobs("m3ter/uploaded")
)

type generateUploadURLRequest struct {
	FileName      string `json:"fileName"`
	ContentType   string `json:"contentType"`
	ContentLength int64  `json:"contentLength"`
}

type transferResponse struct {
	JobID   string            `json:"jobId"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

func generateUploadURL(c echo.Context) error {
	var req generateUploadURLRequest
	if err := bind(c, &req); err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		id := c.newID("upload")
		uploads.Put(c.tx, c.org, id, upload{
			FileName: req.FileName, ContentType: req.ContentType, ContentLength: req.ContentLength,
			Created: c.now, Status: notUploaded, Version: 1,
		})
		address, _ := c.link(uploadLinkLife, "uploads", c.org, id)
		return transferResponse{JobID: id, URL: address, Headers: map[string]string{echo.HeaderContentType: req.ContentType}}, nil
	})
}

// receiveUpload takes the file and reads it at once (M3T-038); it answers like object storage, with nothing
// (M3T-045).
func receiveUpload(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	file, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	err = store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
		call := callOf(c, tx)
		u, ok := uploads.Get(tx, call.org, id)
		if !ok {
			return errNotFound("upload", id)
		}
		uploadedFiles.Put(tx, call.org+nul+id, file)
		u.read(call, string(file))
		uploads.Put(tx, call.org, id, u)
		return nil
	})
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

// read takes in the measurements of a file. What is wrong with one becomes an event and leaves the others alone; what is
// no array fails as a whole (M3T-045).
func (u *upload) read(c *call, file string) {
	u.Total, u.Processed, u.Failed = 0, 0, 0
	u.Version += 2 // running, then done
	if !gjson.Valid(file) || !gjson.Parse(file).IsArray() {
		u.Status = uploadFailed
		return
	}
	in := newIntake(c)
	batch := make([]measurement, 0, maxMeasurements)
	gjson.Parse(file).ForEach(func(_, element gjson.Result) bool {
		u.Total++
		m, err := decodeMeasurement(element)
		if err == nil && m.ts.After(c.now.Add(futureTolerance)) {
			err = fault(".ts lies in the future")
		}
		if err != nil {
			in.fail(&m, refusal{missingField, "The measurement" + err.Error()})
			return true
		}
		if batch = append(batch, m); len(batch) == cap(batch) {
			in.take(batch)
			batch = batch[:0]
		}
		return true
	})
	in.take(batch)
	u.Failed = int64(in.failed)
	u.Processed = u.Total
	u.Status = uploadSucceeded
}

type fileUploadJob struct {
	ID            string `json:"id"`
	Version       int64  `json:"version"`
	FileName      string `json:"fileName"`
	UploadDate    string `json:"uploadDate"`
	ContentLength int64  `json:"contentLength"`
	Status        string `json:"status"`
	TotalRows     int64  `json:"totalRows"`
	ProcessedRows int64  `json:"processedRows"`
	FailedRows    int64  `json:"failedRows"`
}

func showUpload(id string, u upload) fileUploadJob {
	return fileUploadJob{
		ID: id, Version: u.Version, FileName: u.FileName, UploadDate: milli(u.Created), ContentLength: u.ContentLength,
		Status: u.Status, TotalRows: u.Total, ProcessedRows: u.Processed, FailedRows: u.Failed,
	}
}

// findUpload returns an upload; under conformance a made-up one when there is none.
func findUpload(c *call, id string) (upload, error) {
	u, ok := uploads.Get(c.tx, c.org, id)
	if !ok && c.rules.Conformance {
		return upload{Status: notUploaded, Version: 1, Created: c.now}, nil
	}
	if !ok {
		return u, errNotFound("file upload job", id)
	}
	return u, nil
}

func getFileUploadJob(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	return view(c, func(c *call) (any, error) {
		u, err := findUpload(c, id)
		return showUpload(id, u), err
	})
}

func listFileUploadJobs(c echo.Context) error {
	l := readListing(c, 100)
	return view(c, func(c *call) (any, error) {
		during, err := c.createdBetween(l)
		if err != nil {
			return nil, err
		}
		keep := func(r store.Row[upload]) bool { return during(r.Value.Created) }
		return cut(c, l, "fileuploads", uploads, keep, func(r store.Row[upload]) fileUploadJob { return showUpload(r.ID, r.Value) })
	})
}

// createdBetween reads the filters that jobs share: start included, end excluded.
func (c *call) createdBetween(l listing) (func(time.Time) bool, error) {
	bounds := [2]time.Time{}
	for i, param := range []string{"dateCreatedStart", "dateCreatedEnd"} {
		text := l.query.Get(param)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil && !c.rules.Conformance {
			return nil, errInvalid("%s must be a date-time such as 2026-03-01T00:00:00Z", param)
		}
		bounds[i] = t
	}
	return func(t time.Time) bool {
		return !t.Before(bounds[0]) && (bounds[1].IsZero() || t.Before(bounds[1]))
	}, nil
}

// getFileUploadOriginal answers a URL of the file as it was uploaded; before that 404 (M3T-045).
func getFileUploadOriginal(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		u, err := findUpload(c, id)
		if err != nil {
			return nil, err
		}
		if u.Status == notUploaded && !c.rules.Conformance {
			return nil, refuse(http.StatusNotFound, "The file of job %s has not been uploaded", id)
		}
		address, _ := c.link(originalLinkLife, "originals", c.org, id)
		return transferResponse{JobID: c.newID("download"), URL: address, Headers: map[string]string{}}, nil
	})
}

func serveOriginal(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	var (
		u    upload
		file []byte
	)
	err = store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		call := callOf(c, tx)
		stored, ok := uploadedFiles.Get(tx, call.org+nul+id)
		if !ok {
			return errNotFound("uploaded file", id)
		}
		file = append(file, stored...)
		u, err = findUpload(call, id)
		return err
	})
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, u.ContentType, file)
}
