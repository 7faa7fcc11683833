package m3ter

import (
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// fileLife is how long the files of a job can be fetched, from its end.
const fileLife = 24 * time.Hour

// capture is the data of an export as of the start of its run. Measurements as they came are not copied: the ledger only
// grows, so a place in it says which ones there were.
type capture struct {
	At    time.Time     `json:"at"`
	Files []exportFile  `json:"files"`
	Usage *usageCapture `json:"usage,omitempty"`
}

type exportFile struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Chunks int    `json:"chunks,omitempty"` // stored; the rest is computed on reading
}

type usageCapture struct {
	Plan     usagePlan `json:"plan"`
	Position uint64    `json:"position"`
}

// fileChunks holds stored files in pieces, by organization, job, file and piece.
var fileChunks = store.NewTable[[]byte]("m3ter/filechunks")

const chunkBytes = 128 << 10

func chunkKey(org, job, file string, n int) string {
	return strings.Join([]string{org, job, file, fmt.Sprintf("%08d", n)}, nul)
}

// captureExport takes the data of a job that begins to run.
func (c *call) captureExport(id string, j exportJob) (capture, error) {
	taken := capture{At: c.now}
	if j.Config.SourceType == usageSource {
		plan, err := c.planUsage(j.Config.usageSelection)
		if err != nil { // the meters changed since
			plan = usagePlan{}
		}
		file := exportFile{Name: fileName(id, "measurements", j.Config.ExportFileFormat), Type: "measurements"}
		if len(plan.Functions) == 0 {
			taken.Usage = &usageCapture{Plan: plan, Position: usageOf(c.org).Position(c.tx)}
		} else if file.Chunks, err = c.storeFile(id, file.Name, j.Config.ExportFileFormat, plan.columns(), plan.records(c, j.From, j.Until)); err != nil {
			return taken, err
		}
		taken.Files = append(taken.Files, file)
		return taken, nil
	}
	for _, name := range j.Config.OperationalDataTypes {
		source, ok := operationalTypes[name]
		if !ok {
			continue
		}
		file := exportFile{Name: fileName(id, source.file, j.Config.ExportFileFormat), Type: source.file}
		var err error
		file.Chunks, err = c.storeFile(id, file.Name, j.Config.ExportFileFormat, source.columns(), source.records(c, j.From))
		if err != nil {
			return taken, err
		}
		taken.Files = append(taken.Files, file)
	}
	return taken, nil
}

// fileName is how a job calls the file of a type (M3T-047).
func fileName(job, kind, format string) string {
	if format == formatJSONL {
		return job + "_" + kind + ".jsonl.gz"
	}
	return job + "_" + kind + ".csv.gz"
}

// downloadName is what the download URL serves: the one file, or a ZIP of several (M3T-048).
func (t *capture) downloadName(job string) string {
	if len(t.Files) == 1 {
		return t.Files[0].Name
	}
	return job + ".zip"
}

// storeFile writes a file in pieces and returns how many they are.
func (c *call) storeFile(job, name, format string, columns []string, records iter.Seq[usageRecord]) (chunks int, err error) {
	w := &chunkWriter{put: func(piece []byte) {
		fileChunks.Put(c.tx, chunkKey(c.org, job, name, chunks), piece)
		chunks++
	}}
	if err := writeTable(w, format, columns, records); err != nil {
		return 0, err
	}
	w.flush()
	return chunks, nil
}

type chunkWriter struct {
	put   func([]byte)
	piece []byte
}

func (w *chunkWriter) Write(p []byte) (int, error) {
	w.piece = append(w.piece, p...)
	for len(w.piece) >= chunkBytes {
		w.put(w.piece[:chunkBytes])
		w.piece = append(w.piece[:0], w.piece[chunkBytes:]...)
	}
	return len(p), nil
}

func (w *chunkWriter) flush() {
	if len(w.piece) > 0 {
		w.put(w.piece)
	}
}

// dropFiles ends the life of a job's stored files.
func (c *call) dropFiles(id string) {
	j, ok := exportJobs.Get(c.tx, c.org, id)
	if !ok || j.Captured == nil {
		return
	}
	for i, f := range j.Captured.Files {
		for n := range f.Chunks {
			fileChunks.Delete(c.tx, chunkKey(c.org, id, f.Name, n))
		}
		j.Captured.Files[i].Chunks = 0
	}
	exportJobs.Put(c.tx, c.org, id, j)
}

// writeFile writes one file of a job, compressed, as of the start of its run.
func (c *call) writeFile(w io.Writer, id string, j exportJob, f exportFile) error {
	if j.Captured.Usage != nil {
		plan := j.Captured.Usage.Plan
		return writeTable(w, j.Config.ExportFileFormat, plan.rawColumns(), plan.rawRecords(c, j.From, j.Until, j.Captured.Usage.Position))
	}
	for n := range f.Chunks {
		piece, ok := fileChunks.Get(c.tx, chunkKey(c.org, id, f.Name, n))
		if !ok {
			return fmt.Errorf("piece %d of file %s is gone", n, f.Name)
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// writeTable writes rows as a compressed file, one by one.
func writeTable(w io.Writer, format string, columns []string, records iter.Seq[usageRecord]) error {
	// The least effort: the work of an export is mostly compression otherwise.
	zipped, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	table := newTableWriter(zipped, format, columns)
	for r := range records {
		if err := table.write(r.cells); err != nil {
			return err
		}
	}
	if err := table.close(); err != nil {
		return err
	}
	return zipped.Close()
}

// serveExport streams what a download URL leads to.
func (a *API) serveExport(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	return store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		call := callOf(c, tx)
		j, err := findExportJob(call, id)
		if err != nil {
			return err
		}
		status := j.status(call.now)
		if j.Captured == nil || status.State != jobSucceeded || !call.now.Before(status.Since.Add(fileLife)) {
			return errNotFound("export file", id)
		}
		name := j.Captured.downloadName(id)
		kind := "application/gzip"
		if len(j.Captured.Files) != 1 {
			kind = "application/zip"
		}
		header := c.Response().Header()
		header.Set(echo.HeaderContentType, kind)
		header.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
		c.Response().WriteHeader(http.StatusOK)
		if c.Request().Method == http.MethodHead {
			return nil
		}
		if err := call.writeDownload(c.Response(), id, j); err != nil {
			a.log.Warn("a download ended early", "vendor", vendor, "job", id, "error", err)
			panic(http.ErrAbortHandler) // the client must not take a part for the whole
		}
		return nil
	})
}

func (c *call) writeDownload(w io.Writer, id string, j exportJob) error {
	if len(j.Captured.Files) == 1 {
		return c.writeFile(w, id, j, j.Captured.Files[0])
	}
	archive := zip.NewWriter(w)
	for _, f := range j.Captured.Files {
		// Stored, not deflated: the files are compressed already.
		part, err := archive.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store, Modified: j.Captured.At})
		if err != nil {
			return err
		}
		if err := c.writeFile(part, id, j, f); err != nil {
			return err
		}
	}
	return archive.Close()
}
