package metronome

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// quantity is a number on the wire: the shortest exact decimal, never with an exponent, or null.
type quantity decimal.NullDecimal

// MarshalJSON writes the digits bare: in quotes they would be a string to clients.
func (q quantity) MarshalJSON() ([]byte, error) {
	if !q.Valid {
		return []byte("null"), nil
	}
	return []byte(q.Decimal.String()), nil
}

const (
	secondLayout = "2006-01-02T15:04:05Z"
	milliLayout  = "2006-01-02T15:04:05.000Z"
)

// inSeconds writes the bound of a window.
func inSeconds(t time.Time) string { return t.UTC().Format(secondLayout) }

// inMillis writes when something happened.
func inMillis(t time.Time) string { return t.UTC().Format(milliLayout) }

func inMillisOrNull(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := inMillis(*t)
	return &text
}

// parseInstant reads an RFC 3339 date-time. time.Parse alone lets two slips pass, which the document's referee does not:
// an hour of one digit and a comma before the fraction.
func parseInstant(text string) (time.Time, bool) {
	if len(text) < len(secondLayout) || text[len("2006-01-02T15")] != ':' || strings.Contains(text, ",") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err == nil
}
