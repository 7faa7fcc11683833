package cognite

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// bind reads the request's JSON into body. It answers false when there is none: no body, or null in its place.
func bind(c echo.Context, body any) (given bool, err error) {
	data, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return false, err
	}
	if data = bytes.TrimSpace(data); len(data) == 0 || string(data) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(data, body); err != nil {
		var own *refusal
		if errors.As(err, &own) {
			return false, own
		}
		return false, errBadBody()
	}
	return true, nil
}

// exact reads the fields of an object by their exact names, which encoding/json would match in any case: an SDK's prose
// says numberOfDataPoints, and the field is numberOfDatapoints. Fields that are null are left as they are (COG-011),
// those not asked for are ignored (COG-012).
func exact(data []byte, fields map[string]any) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	for name, into := range fields {
		if value, ok := object[name]; ok && string(value) != "null" {
			if err := json.Unmarshal(value, into); err != nil {
				return err
			}
		}
	}
	return nil
}

// wholeNumber is an integer of 64 bits, in any of the spellings of JSON: 1.7645472e12 is one. // COG-010
type wholeNumber int64

// UnmarshalJSON reads the number.
func (n *wholeNumber) UnmarshalJSON(data []byte) error {
	if i, err := strconv.ParseInt(string(data), 10, 64); err == nil {
		*n = wholeNumber(i)
		return nil
	}
	f, err := strconv.ParseFloat(string(data), 64)
	if err != nil || f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 {
		return errNotInteger("Every number of the request")
	}
	*n = wholeNumber(f)
	return nil
}

// queryInteger reads an integer of the query string; nil when it is not there. // COG-009
func queryInteger(c echo.Context, name string) (*wholeNumber, error) {
	if !c.QueryParams().Has(name) {
		return nil, nil
	}
	i, err := strconv.ParseInt(c.QueryParam(name), 10, 64)
	if err != nil {
		return nil, errNotInteger(name)
	}
	n := wholeNumber(i)
	return &n, nil
}

// pathParam returns a path parameter unescaped: echo leaves it as it was sent when the path had escapes of its own.
func pathParam(c echo.Context, name string) string {
	value := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

// position is where a list goes on: with the ids greater than After. // COG-020
type position struct {
	After string `json:"after"`
}

// Cursors are bound to list and project and to nothing else: clients change the limit from page to page. // COG-018
func cursorBinding(list, project string) string { return "cognite/" + list + "\x00" + project }

func encodeCursor(list, project, after string) (string, error) {
	return wire.EncodeCursor(cursorBinding(list, project), position{After: after})
}

func decodeCursor(cursor *string, list, project string) (after string, err error) {
	if cursor == nil {
		return "", nil
	}
	var p position
	if err := wire.DecodeCursor(*cursor, cursorBinding(list, project), &p); err != nil {
		return "", errBadCursor()
	}
	return p.After, nil
}
