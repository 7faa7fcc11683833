package m3ter

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/shopspring/decimal"
)

// list is a list that is written as [] when it is empty (M3T-009).
type list[T any] []T

func (l list[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// customFields are strings and numbers by name, {} when there are none (M3T-009).
type customFields map[string]json.RawMessage

func (f customFields) MarshalJSON() ([]byte, error) {
	if f == nil {
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]json.RawMessage(f))
}

// The longest numbers taken: beyond what any double needs, far below what would cost memory to write out.
const (
	maxNumberText     = 400
	maxNumberExponent = 400
)

var errNumber = errors.New("is not a number that can be computed with")

// number is a JSON number kept exactly.
type number struct{ decimal.Decimal }

func newNumber(d decimal.Decimal) *number { return &number{d} }

func (n number) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }

func (n *number) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	d, err := parseNumber(string(bytes.Trim(text, `"`)))
	n.Decimal = d
	return err
}

// parseNumber refuses what would take a gigabyte to write out: 1e1000000000.
func parseNumber(text string) (decimal.Decimal, error) {
	if len(text) > maxNumberText {
		return decimal.Decimal{}, errNumber
	}
	d, err := decimal.NewFromString(text)
	if err != nil || d.Exponent() > maxNumberExponent || d.Exponent() < -maxNumberExponent {
		return decimal.Decimal{}, errNumber
	}
	return d, nil
}

// orZero is the value of a number that may be left out.
func orZero(n *number) decimal.Decimal {
	if n == nil {
		return decimal.Zero
	}
	return n.Decimal
}

// instant is a date-time of a request, written back in UTC.
type instant struct{ time.Time }

func (t instant) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format(time.RFC3339Nano) + `"`), nil
}

func (t *instant) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	t.Time = at.UTC()
	return err
}

// Audit fields show microseconds, times of events and jobs milliseconds, as the vendor's samples do.
const (
	microLayout = "2006-01-02T15:04:05.000000Z"
	milliLayout = "2006-01-02T15:04:05.000Z"
)

func micro(t time.Time) string { return t.UTC().Format(microLayout) }
func milli(t time.Time) string { return t.UTC().Format(milliLayout) }

// precise shows milliseconds, and more where there is more.
func precise(t time.Time) string {
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return milli(t)
}

func midnight(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func dateOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// parseDate reads a date that a body or a query gave as text.
func parseDate(field, text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, errInvalid("%s must be a date such as 2026-03-01", field)
	}
	return t, nil
}

// encode writes JSON without the escapes that HTML needs.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func respond(c echo.Context, status int, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	return c.Blob(status, echo.MIMEApplicationJSON, body)
}

func respondOK(c echo.Context, v any) error { return respond(c, http.StatusOK, v) }

// splice makes one JSON object of two.
func splice(first, second []byte) []byte {
	if len(second) <= len("{}") {
		return first
	}
	if len(first) <= len("{}") {
		return second
	}
	joined := append(make([]byte, 0, len(first)+len(second)), first[:len(first)-1]...)
	return append(append(joined, ','), second[1:]...)
}

// bind reads the JSON body into v. Fields it does not know are ignored. No body leaves v as it is.
func bind(c echo.Context, v any) error {
	text, err := io.ReadAll(c.Request().Body)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return err
	}
	return unmarshal(text, v)
}

func unmarshal(text []byte, v any) error {
	err := json.Unmarshal(text, v)
	var (
		syntax *json.SyntaxError
		kind   *json.UnmarshalTypeError
		odd    *time.ParseError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return errInvalid("The request body is not well-formed JSON: %s", syntax.Error())
	case errors.As(err, &kind):
		return errInvalid("%s must not be a JSON %s", kind.Field, kind.Value)
	case errors.Is(err, errNumber):
		return errInvalid("The request body holds what %s", err)
	case errors.As(err, &odd):
		return errInvalid("%s is not a date-time such as 2026-03-01T00:00:00Z", odd.Value)
	}
	return errInvalid("The request body cannot be read: %s", err)
}

// quote writes text as a JSON string. Most texts need no escapes, and rows of usage consist of them.
func quote(text string) string {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := encode(text)
			if err != nil {
				return `""` // no string fails to be encoded
			}
			return string(quoted)
		}
	}
	return `"` + text + `"`
}
