package m3ter

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
)

// tableWriter writes rows as CSV (RFC 4180, a header, \n at line ends) or as JSON Lines (M3T-046). Cells are JSON texts.
type tableWriter struct {
	w     *bufio.Writer
	csv   bool
	names []string // columns as JSON, with their colon
	line  []byte
}

func newTableWriter(w io.Writer, format string, columns []string) *tableWriter {
	t := &tableWriter{w: bufio.NewWriterSize(w, 64<<10), csv: format != formatJSONL}
	for _, name := range columns {
		t.names = append(t.names, quote(name)+":")
		if t.csv {
			t.line = appendCell(append(t.line, ','), quote(name))
		}
	}
	if t.csv && len(t.line) > 0 {
		t.line = append(t.line[1:], '\n')
		_, _ = t.w.Write(t.line) // a bufio.Writer keeps its error for Flush
	}
	return t
}

func (t *tableWriter) write(cells []string) error {
	t.line = t.line[:0]
	if t.csv {
		for i, cell := range cells {
			if i > 0 {
				t.line = append(t.line, ',')
			}
			t.line = appendCell(t.line, cell)
		}
	} else {
		t.line = append(t.line, '{')
		for i, cell := range cells {
			if cell == "" {
				continue
			}
			if len(t.line) > 1 {
				t.line = append(t.line, ',')
			}
			t.line = append(append(t.line, t.names[i]...), cell...)
		}
		t.line = append(t.line, '}')
	}
	t.line = append(t.line, '\n')
	_, err := t.w.Write(t.line)
	return err
}

func (t *tableWriter) close() error { return t.w.Flush() }

// appendCell writes a JSON text as a cell of CSV: strings bare, everything else as it is.
func appendCell(line []byte, token string) []byte {
	text := token
	if strings.HasPrefix(token, `"`) {
		text = token[1 : len(token)-1]
		if strings.Contains(text, `\`) {
			_ = json.Unmarshal([]byte(token), &text) // valid JSON by its origin
		}
	}
	if !strings.ContainsAny(text, "\",\r\n") {
		return append(line, text...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(text, `"`, `""`)...)
	return append(line, '"')
}
