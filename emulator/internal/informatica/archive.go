package informatica

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// writeArchive writes files as a ZIP whose bytes follow from the files and the instant alone (INF-023). Entries stand at
// the top level, because clients make no folders.
func writeArchive(out io.Writer, files []file, d dialect, at time.Time) error {
	archive := zip.NewWriter(out)
	var deflate *flate.Writer
	archive.RegisterCompressor(zip.Deflate, func(entry io.Writer) (io.WriteCloser, error) {
		if deflate != nil { // entries follow one another
			deflate.Reset(entry)
			return deflate, nil
		}
		var err error
		deflate, err = flate.NewWriter(entry, flate.BestSpeed)
		return deflate, err
	})
	for _, f := range files {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at.UTC()})
		if err != nil {
			return err
		}
		t := &table{dialect: d, header: f.header, out: entry}
		f.write(t)
		if err := t.close(); err != nil {
			return err
		}
	}
	return archive.Close()
}

// heldBack is how much of an archive waits for its end, so that its length can be told. A longer one is on its way
// before anybody knows how long it will be (INF-022).
const heldBack = 1 << 20

// download is a response that holds its beginning back.
type download struct {
	to   *echo.Response
	held bytes.Buffer
	sent bool
}

func (d *download) Write(p []byte) (int, error) {
	if d.sent {
		return d.to.Write(p)
	}
	d.held.Write(p)
	if d.held.Len() <= heldBack {
		return len(p), nil
	}
	return len(p), d.send()
}

func (d *download) send() error {
	d.sent = true
	d.to.WriteHeader(http.StatusOK)
	_, err := d.to.Write(d.held.Bytes())
	d.held = bytes.Buffer{}
	return err
}

// close sends what was held back, which then is everything.
func (d *download) close() error {
	if d.sent {
		return nil
	}
	d.to.Header().Set(echo.HeaderContentLength, strconv.Itoa(d.held.Len()))
	return d.send()
}
