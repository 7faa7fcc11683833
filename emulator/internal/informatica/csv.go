package informatica

import (
	"io"
	"strings"

	"github.com/submeter/submeter/fixtures"
)

// dialect is how a report's files are written (INF-034).
type dialect struct {
	unquoted  bool // a comma in a cell stands there bare, as one client has met it
	zeroBytes bool // a file without rows lacks the header, too
	absent    string
}

func dialectOf(o fixtures.InformaticaOptions) dialect {
	d := dialect{
		unquoted:  o.Quoting == fixtures.InformaticaQuotingNever,
		zeroBytes: o.EmptyReport == fixtures.InformaticaEmptyZeroBytes,
	}
	if o.AbsentCell == fixtures.InformaticaAbsentNull {
		d.absent = "null"
	}
	return d
}

// table writes one CSV file row by row, and holds no more of it than a buffer.
type table struct {
	dialect
	header string
	out    io.Writer
	buffer []byte
	rows   int
	err    error // the first of out
}

const tableBuffer = 32 << 10

// row writes a line, and before the first one the header. An empty cell is an absent value.
func (t *table) row(cells ...string) {
	if t.rows == 0 {
		t.line(t.header)
	}
	t.rows++
	for i, cell := range cells {
		if i > 0 {
			t.buffer = append(t.buffer, ',')
		}
		t.cell(cell)
	}
	t.buffer = append(t.buffer, '\n')
	if len(t.buffer) > tableBuffer {
		t.flush()
	}
}

func (t *table) line(text string) { t.buffer = append(append(t.buffer, text...), '\n') }

// close writes what is left, of an empty table the header alone.
func (t *table) close() error {
	if t.rows == 0 && !t.zeroBytes {
		t.line(t.header)
	}
	t.flush()
	return t.err
}

func (t *table) cell(text string) {
	switch {
	case text == "":
		t.buffer = append(t.buffer, t.absent...)
	case t.unquoted || !strings.ContainsAny(text, ",\"\r\n"):
		t.buffer = append(t.buffer, text...)
	default:
		t.buffer = append(t.buffer, '"')
		t.buffer = append(t.buffer, strings.ReplaceAll(text, `"`, `""`)...)
		t.buffer = append(t.buffer, '"')
	}
}

func (t *table) flush() {
	if t.err == nil && len(t.buffer) > 0 {
		_, t.err = t.out.Write(t.buffer)
	}
	t.buffer = t.buffer[:0]
}
