package m3ter

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Export is the files of a finished export job, or of any other source. Their rows are read from them anew by each
// iteration, and none is kept. It is safe for concurrent use until it is closed.
type Export struct {
	Job   Job // zero when the files were opened from elsewhere
	files []ExportFile
	data  io.Closer
}

// Files returns the files: one of an export of usage, one for each type of an export of operational data.
func (e *Export) Files() []ExportFile { return e.files }

// File returns the file of a type, such as measurements, account or meter; false: there is none.
func (e *Export) File(kind string) (ExportFile, bool) {
	i := slices.IndexFunc(e.files, func(f ExportFile) bool { return f.Type == kind })
	if i < 0 {
		return ExportFile{}, false
	}
	return e.files[i], true
}

// Rows iterates over the rows of all files.
func (e *Export) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, f := range e.files {
			for row, err := range f.Rows() {
				if !yield(row, err) {
					return
				}
			}
		}
	}
}

// Close frees the files: the memory or the temporary file.
func (e *Export) Close() error { return e.data.Close() }

// OpenFile opens what was saved by Download, or by the vendor in a bucket; the caller closes the export.
func OpenFile(name string) (*Export, error) {
	file, err := os.Open(name) //nolint:gosec // the caller's file
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	export, err := read(file, info.Size(), filepath.Base(name), file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	return export, nil
}

// ExportFile is one file of rows, in CSV or JSON Lines.
type ExportFile struct {
	Name string
	Type string // the end of the name's stem: measurements, account, meter; empty where the name has none
	open func() (io.ReadCloser, error)
}

// read finds the files in a download: a ZIP of several, or one. Files are told by how they begin, since links and buckets
// may call them anything, and what carries a file may have decompressed it.
func read(from io.ReaderAt, size int64, name string, data io.Closer) (*Export, error) {
	e := &Export{data: data}
	if head := make([]byte, 2); size >= 2 {
		if _, err := from.ReadAt(head, 0); err != nil {
			return nil, err
		}
		if string(head) == "PK" {
			archive, err := zip.NewReader(from, size)
			if err != nil {
				return nil, fmt.Errorf("%s of %d bytes: %w", name, size, err)
			}
			for _, entry := range archive.File {
				e.files = append(e.files, ExportFile{entry.Name, typeOf(entry.Name), entry.Open})
			}
			return e, nil
		}
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(from, 0, size)), nil }
	e.files = []ExportFile{{name, typeOf(name), open}}
	return e, nil
}

// typeOf reads the type from a name such as {id}_measurements.csv.gz.
func typeOf(name string) string {
	stem, _, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ".")
	_, kind, found := strings.Cut(stem, "_")
	if !found {
		return ""
	}
	return kind
}

// Open returns the file's text, decompressed; the caller closes it.
func (f ExportFile) Open() (io.ReadCloser, error) {
	raw, err := f.open()
	if err != nil {
		return nil, err
	}
	text := bufio.NewReaderSize(raw, 64<<10)
	if head, _ := text.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return closing{text, raw}, nil
	}
	unzipped, err := gzip.NewReader(text)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.Name, err), raw.Close())
	}
	return closing{unzipped, raw}, nil
}

// closing reads from one thing and closes another.
type closing struct {
	io.Reader
	io.Closer
}

// FormatError is something in a file that could not be read.
type FormatError struct {
	File string
	Line int // from 1; 0: the file as a whole
	Err  error
}

// Error names the place.
func (e *FormatError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// Rows iterates over the rows of the file. What cannot be read ends the iteration with a *FormatError.
func (f ExportFile) Rows() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		file, err := f.Open()
		if err != nil {
			yield(Row{}, &FormatError{File: f.Name, Err: err})
			return
		}
		defer func() { _ = file.Close() }()
		text := bufio.NewReaderSize(file, 64<<10)
		if mark, _ := text.Peek(3); string(mark) == "\ufeff" {
			_, _ = text.Discard(3)
		}
		rows := csvRows
		if head, _ := text.Peek(1); string(head) == "{" {
			rows = jsonRows
		}
		for line, row := range rows(text) {
			if line.err != nil {
				yield(Row{}, &FormatError{f.Name, line.number, line.err})
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

type place struct {
	number int
	err    error
}

func csvRows(text *bufio.Reader) iter.Seq2[place, Row] {
	return func(yield func(place, Row) bool) {
		records := csv.NewReader(text)
		records.ReuseRecord = true // the cells are strings of their own
		var columns []string
		for {
			cells, err := records.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(place{0, err}, Row{}) // which names the line
				return
			}
			if columns == nil {
				columns = slices.Clone(cells)
				continue
			}
			number, _ := records.FieldPos(0)
			values := make([]any, len(cells))
			for i, cell := range cells {
				if cell != "" {
					values[i] = cell
				}
			}
			if !yield(place{number, nil}, Row{columns, values}) {
				return
			}
		}
	}
}

func jsonRows(text *bufio.Reader) iter.Seq2[place, Row] {
	return func(yield func(place, Row) bool) {
		for number := 1; ; number++ {
			line, err := text.ReadBytes('\n')
			if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
				var row Row
				bad := err
				if errors.Is(bad, io.EOF) {
					bad = nil
				}
				if bad == nil {
					bad = json.Unmarshal(trimmed, &row)
				}
				if !yield(place{number, bad}, row) {
					return
				}
			} else if err != nil && !errors.Is(err, io.EOF) {
				yield(place{number, err}, Row{})
				return
			}
			if err != nil {
				return
			}
		}
	}
}
