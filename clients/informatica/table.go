package informatica

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/shopspring/decimal"
)

// Layout is a set of columns that files are known to have. Columns are told by their names, whatever their order.
type Layout string

// The known layouts.
const (
	LayoutSummary Layout = "summary"
	LayoutProject Layout = "project"
	LayoutAsset   Layout = "asset"
	LayoutTask    Layout = "task"    // of job-level reports, one row for each run
	LayoutProcess Layout = "process" // of job-level reports on application integration, one row for each day and asset
)

// FormatError is something in an archive that could not be read.
type FormatError struct {
	File   string
	Line   int    // of the file, from 1; 0: the file as a whole
	Column string // empty: the row as a whole
	Err    error
}

// Error names the place.
func (e *FormatError) Error() string {
	place := e.File
	if e.Line > 0 {
		place += ":" + strconv.Itoa(e.Line)
	}
	if e.Column != "" {
		place += ": " + e.Column
	}
	return place + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// line is one record of a file.
type line struct {
	number int
	cells  []string
	err    error
}

// lines reads a file record by record, the header included; shared cells hold until the next one. A byte-order mark is
// passed over, and a quotation mark in the middle of a cell is part of it: not every writer quotes.
func (f File) lines(shared bool) iter.Seq[line] {
	return func(yield func(line) bool) {
		entry, err := f.entry.Open()
		if err != nil {
			yield(line{err: &FormatError{File: f.Name, Err: err}})
			return
		}
		defer func() { _ = entry.Close() }()
		text := bufio.NewReaderSize(entry, 64<<10)
		if mark, err := text.Peek(3); err == nil && string(mark) == "\ufeff" {
			_, _ = text.Discard(3)
		}
		records := csv.NewReader(text)
		records.FieldsPerRecord, records.LazyQuotes, records.ReuseRecord = -1, true, shared
		for {
			cells, err := records.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(line{err: &FormatError{File: f.Name, Err: err}}) // what follows cannot be told from this
				return
			}
			number, _ := records.FieldPos(0)
			if !yield(line{number: number, cells: cells}) {
				return
			}
		}
	}
}

func (f File) readHeader() ([]string, error) {
	for first := range f.lines(false) {
		return first.cells, first.err
	}
	return nil, nil
}

// column is one column of a layout: its names, as the vendor writes it first, and where its cells go.
type column[T any] struct {
	name, alias string
	key         bool // a file without it is of another layout
	free        bool // people may write anything there, also a comma
	set         func(*T, string) error
}

func (c column[T]) asKey() column[T] { c.key = true; return c }

func (c column[T]) also(alias string) column[T] { c.alias = alias; return c }

// text is a column of words that the vendor chooses; free text is one of names that people give.
func text[T any](name string, at func(*T) *string) column[T] {
	return column[T]{name: name, set: func(row *T, cell string) error { *at(row) = cell; return nil }}
}

func freeText[T any](name string, at func(*T) *string) column[T] {
	c := text(name, at)
	c.free = true
	return c
}

func number[T any](name string, at func(*T) *decimal.Decimal) column[T] {
	return column[T]{name: name, set: func(row *T, cell string) (err error) {
		*at(row), err = decimal.NewFromString(cell)
		return err
	}}
}

func whole[T any](name string, at func(*T) *int64) column[T] {
	return column[T]{name: name, set: func(row *T, cell string) (err error) {
		*at(row), err = strconv.ParseInt(cell, 10, 64)
		return err
	}}
}

func seconds[T any](name string, at func(*T) *time.Duration) column[T] {
	return column[T]{name: name, set: func(row *T, cell string) error {
		n, err := strconv.ParseInt(cell, 10, 32)
		*at(row) = time.Duration(n) * time.Second
		return err
	}}
}

// Reports write instants like 2025-03-01 00:00:00.0, in UTC; a reader before this one took anything that looks like one.
var instants = []string{"2006-01-02 15:04:05", time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"}

func moment[T any](name string, at func(*T) *time.Time) column[T] {
	return column[T]{name: name, set: func(row *T, cell string) error {
		for _, form := range instants {
			if t, err := time.Parse(form, cell); err == nil {
				*at(row) = t.UTC()
				return nil
			}
		}
		return fmt.Errorf("%q is no instant", cell)
	}}
}

// layout is how the rows of files with certain columns are read.
type layout[T any] struct {
	name    Layout
	columns []column[T]
}

// fold leaves of a column's name what two writers of it would agree on.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// order finds the layout's columns in a header; nil stands for a column that the layout does not have.
func (l *layout[T]) order(header []string) []*column[T] {
	found := make([]*column[T], len(header))
	for i, name := range header {
		at := slices.IndexFunc(l.columns, func(c column[T]) bool {
			return fold(c.name) == fold(name) || c.alias != "" && fold(c.alias) == fold(name)
		})
		if at >= 0 {
			found[i] = &l.columns[at]
		}
	}
	return found
}

// fits tells whether a header has all columns that the layout cannot be without.
func (l *layout[T]) fits(header []string) bool {
	order := l.order(header)
	for i := range l.columns {
		if l.columns[i].key && !slices.Contains(order, &l.columns[i]) {
			return false
		}
	}
	return true
}

// rows iterates over the rows of all files of a layout. A row or file that cannot be read is yielded as a *FormatError,
// and the iteration goes on behind it.
func rows[T any](r *Report, l *layout[T], siblings ...Layout) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for _, f := range r.files {
			switch {
			case f.Layout == l.name:
				if !readRows(f, l, yield) {
					return
				}
			case len(f.Header) == 0, slices.Contains(siblings, f.Layout):
			default:
				if !yield(none, &FormatError{File: f.Name, Err: fmt.Errorf("the columns are not those of the layout %s", l.name)}) {
					return
				}
			}
		}
	}
}

// readRows iterates over the rows of one file; false: the loop has ended.
func readRows[T any](f File, l *layout[T], yield func(T, error) bool) bool {
	order, below := l.order(f.Header), false
	for line := range f.lines(true) {
		var row T
		err := line.err
		if err == nil {
			if !below { // the header
				below = true
				continue
			}
			if failed := l.decode(order, line.cells, &row); failed != nil {
				failed.File, failed.Line = f.Name, line.number
				err = failed
			}
		}
		if !yield(row, err) {
			return false
		}
	}
	return true
}

// bareCommas is how many of them a row may have: with each there are more ways to try.
const bareCommas = 8

// decode reads the cells of a row. Cells beyond the last column come from bare commas in free text, which is put right
// when there is one way alone that makes sense.
func (l *layout[T]) decode(order []*column[T], cells []string, row *T) *FormatError {
	surplus := len(cells) - len(order)
	if surplus == 0 {
		return l.fill(order, cells, row)
	}
	if surplus <= bareCommas {
		if ways := l.join(order, cells, surplus, nil); len(ways) == 1 {
			return l.fill(order, ways[0], row)
		}
	}
	return &FormatError{Err: fmt.Errorf("%d cells in %d columns", len(cells), len(order))}
}

// join returns ways, two at most, to make as many cells as there are columns by joining some in columns of free text.
func (l *layout[T]) join(order []*column[T], cells []string, surplus int, done []string) (ways [][]string) {
	at := len(done)
	if surplus < 0 || at == len(order) {
		if surplus != 0 {
			return nil
		}
		return [][]string{done}
	}
	widest := 0
	if c := order[at]; c != nil && c.free {
		widest = surplus
	}
	for more := 0; more <= widest && len(ways) < 2; more++ {
		cell := strings.Join(cells[:more+1], ",")
		var trial T
		if l.fill(order[at:at+1], []string{cell}, &trial) == nil {
			ways = append(ways, l.join(order, cells[more+1:], surplus-more, append(slices.Clip(done), cell))...)
		}
	}
	return ways
}

// fill reads as many cells as there are columns. An absent one, empty or null, leaves the zero value.
func (l *layout[T]) fill(order []*column[T], cells []string, row *T) *FormatError {
	for i, cell := range cells {
		cell = strings.TrimSpace(cell)
		if order[i] == nil || cell == "" || strings.EqualFold(cell, "null") {
			continue
		}
		if err := order[i].set(row, cell); err != nil {
			return &FormatError{Column: order[i].name, Err: err}
		}
	}
	return nil
}
