package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// sheet takes rows and writes them in one of the formats. A cell is a string, a json.Number, a time.Time, a bool, a
// list of strings, the json.RawMessage of anything else, or nil for what is not there.
type sheet interface {
	row(record) error
	end() error
}

func newSheet(format string, to io.Writer, columns []string) sheet {
	switch format {
	case "csv":
		w := csv.NewWriter(to)
		_ = w.Write(columns) // csv.Writer keeps its first error for Error
		return &csvSheet{w}
	case "jsonl":
		return &jsonSheet{bufio.NewWriter(to)}
	default:
		t := table.NewWriter()
		t.SetStyle(table.StyleLight)
		t.Style().Format.Header = text.FormatDefault // names as they are in the other formats
		header := make(table.Row, len(columns))
		for i, name := range columns {
			header[i] = name
		}
		t.AppendHeader(header)
		return &tableSheet{to: to, table: t, right: make([]bool, len(columns))}
	}
}

type csvSheet struct{ w *csv.Writer }

func (s *csvSheet) row(r record) error {
	line := make([]string, len(r.cells))
	for i, cell := range r.cells {
		line[i] = cellText(cell)
	}
	return s.w.Write(line)
}

func (s *csvSheet) end() error {
	s.w.Flush()
	return s.w.Error()
}

// jsonSheet keeps the order of the columns, which encoding/json would not.
type jsonSheet struct{ w *bufio.Writer }

func (s *jsonSheet) row(r record) error {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	for i, cell := range r.cells {
		_ = line.WriteByte(",{"[btoi(i == 0)])
		if err := encoder.Encode(r.columns[i]); err != nil {
			return err
		}
		line.Truncate(line.Len() - 1) // Encode ends with a line break
		_ = line.WriteByte(':')
		if at, ok := cell.(time.Time); ok {
			cell = at.UTC()
		}
		if err := encoder.Encode(cell); err != nil {
			return err
		}
		line.Truncate(line.Len() - 1)
	}
	_, err := line.WriteTo(s.w)
	if err == nil {
		_, err = s.w.WriteString("}\n")
	}
	return err
}

func (s *jsonSheet) end() error { return s.w.Flush() }

// tableSheet holds all rows back, since its widths follow from them.
type tableSheet struct {
	to    io.Writer
	table table.Writer
	right []bool // columns of numbers
}

func (s *tableSheet) row(r record) error {
	row := make(table.Row, len(r.cells))
	for i, cell := range r.cells {
		if _, ok := cell.(json.Number); ok {
			s.right[i] = true
		}
		row[i] = strings.NewReplacer("\n", " ", "\t", " ").Replace(cellText(cell))
	}
	s.table.AppendRow(row)
	return nil
}

func (s *tableSheet) end() error {
	var configs []table.ColumnConfig
	for i, right := range s.right {
		if right {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	s.table.SetColumnConfigs(configs)
	_, err := fmt.Fprintln(s.to, s.table.Render())
	return err
}

// cellText writes a cell for people and for CSV, where what is not there is an empty cell.
func cellText(cell any) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []string:
		return strings.Join(v, ",")
	case json.RawMessage:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// outlet is where a sheet goes: standard output, or a file beside its final place until it is complete.
type outlet struct {
	io.Writer
	temporary *os.File // nil for standard output
	final     string
}

func (p *pull) open() (*outlet, error) {
	if p.file == "" {
		return &outlet{Writer: p.stdout}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(p.file), filepath.Base(p.file)+".*.part")
	if err != nil {
		return nil, err
	}
	return &outlet{Writer: f, temporary: f, final: p.file}, nil
}

// done puts the file into place when nothing failed, and else leaves what was there before.
func (o *outlet) done(failed error) error {
	if o.temporary == nil {
		return failed
	}
	err := o.temporary.Close()
	if failed == nil && err == nil {
		err = os.Chmod(o.temporary.Name(), 0o644)
	}
	if failed == nil && err == nil {
		err = os.Rename(o.temporary.Name(), o.final)
	}
	if failed != nil || err != nil {
		_ = os.Remove(o.temporary.Name())
	}
	if failed != nil {
		return failed
	}
	return err
}
