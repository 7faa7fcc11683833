package metronome

import (
	"crypto/sha256"
	"errors"
	"iter"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

const (
	defaultLimit = 50  // MET-018
	maxLimit     = 100 // also the default of compound group keys
)

// errNothingMore says that a cursor means nothing and is to be taken for the end of its list.
var errNothingMore = errors.New("no more pages")

// limitOf reads how many rows a page is to hold.
func limitOf(c echo.Context, who caller, absent int) (int, error) {
	text := c.QueryParam("limit")
	if text == "" {
		return absent, nil
	}
	limit, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || limit < 1:
		return 0, errLimitInvalid()
	case limit > maxLimit && who.LimitClamped:
		return maxLimit, nil // MET-017
	case limit > maxLimit:
		return 0, errLimitTooHigh(maxLimit) // MET-017
	}
	return int(limit), nil
}

// readCursor reads the position in a walk from the request's next_page. No cursor, and an empty one, leave it as it
// is. A cursor belongs to one environment, route, query and body. // MET-019, MET-020
func readCursor(c echo.Context, who caller, position any) error {
	cursor := c.QueryParam("next_page")
	if cursor == "" {
		return nil
	}
	binding, err := bindingOf(c, who)
	if err != nil {
		return err
	}
	if wire.DecodeCursor(cursor, binding, position) == nil {
		return nil
	}
	if who.BadCursorEmpty || who.Conformance {
		return errNothingMore // MET-019, MET-051
	}
	return errBadCursor()
}

// writeCursor makes the next_page from which the walk goes on.
func writeCursor(c echo.Context, who caller, position any) (*string, error) {
	binding, err := bindingOf(c, who)
	if err != nil {
		return nil, err
	}
	cursor, err := wire.EncodeCursor(binding, position)
	return &cursor, err
}

// bindingOf is what must stay the same throughout a walk. The size of its pages may change.
func bindingOf(c echo.Context, who caller) (string, error) {
	body, err := readBody(c.Request())
	if err != nil {
		return "", err
	}
	if meaning, err := canonical(body); err == nil {
		body = meaning
	}
	query := url.Values{}
	for name, values := range c.QueryParams() {
		if name != "limit" && name != "next_page" {
			query[name] = values
		}
	}
	sum := sha256.Sum256(body)
	return in(who.environment, routeOf(c.Request().Method, c.Request().URL.Path), query.Encode(), string(sum[:])), nil
}

// list is the answer of the operations that answer pages.
type list[T any] struct {
	Data     []T     `json:"data"`
	NextPage *string `json:"next_page"`
}

// listPage makes one page of rows: from walks them, with their places, from a place on. A cursor is given out only
// when there is a row to come, so no walk ends on an empty page. // MET-020
func listPage[R, T any](c echo.Context, who caller, from func(place string) iter.Seq2[string, R], show func(R) T) (any, error) {
	page := list[T]{Data: []T{}}
	limit, err := limitOf(c, who, defaultLimit)
	if err != nil {
		return nil, err
	}
	place := ""
	switch err := readCursor(c, who, &place); {
	case errors.Is(err, errNothingMore):
		return page, nil
	case err != nil:
		return nil, err
	}
	for place, row := range from(place) {
		if len(page.Data) == limit {
			page.NextPage, err = writeCursor(c, who, place)
			return page, err
		}
		page.Data = append(page.Data, show(row))
	}
	return page, nil
}
