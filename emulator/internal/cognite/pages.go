package cognite

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// defaultLimit is the size of a page when the request names none; the document knows the bounds. // COG-005
const defaultLimit = 1000

// pageRequest asks for a page of a list by id.
type pageRequest struct {
	Filter filterRequest
	Limit  *wholeNumber
	Cursor *string
}

func (p *pageRequest) fields() map[string]any {
	return map[string]any{"filter": &p.Filter, "limit": &p.Limit, "cursor": &p.Cursor}
}

func pageOfQuery(c echo.Context) (p pageRequest, err error) {
	if p.Limit, err = queryInteger(c, "limit"); err != nil {
		return p, err
	}
	if c.QueryParams().Has("cursor") {
		cursor := c.QueryParam("cursor")
		p.Cursor = &cursor
	}
	return p, nil
}

// filterRequest passes ids that begin with a text: any text, upper and lower case apart; the empty one passes all.
// COG-052
type filterRequest struct{ Prefix prefixRequest }

// UnmarshalJSON reads the field by its exact name. The document has refused every other operator. // COG-017
func (f *filterRequest) UnmarshalJSON(data []byte) error {
	return exact(data, map[string]any{"prefix": &f.Prefix})
}

type prefixRequest struct{ Value string }

// UnmarshalJSON reads the field by its exact name.
func (p *prefixRequest) UnmarshalJSON(data []byte) error {
	return exact(data, map[string]any{"value": &p.Value})
}

// walkPage calls each with the rows of one page, in ascending order of the ids' bytes (COG-021), and returns the
// cursor of the next page, empty on the last. A page begins after the id that its cursor names, whatever limit or filter led
// there. // COG-019
func walkPage[T any](tx *store.Tx, table store.Table[T], list, project string, asked pageRequest, each func(id string, row T)) (next string, err error) {
	after, err := decodeCursor(asked.Cursor, list, project)
	if err != nil {
		return "", err
	}
	most := defaultLimit
	if asked.Limit != nil {
		most = int(*asked.Limit)
	}
	prefix, from := inProject(project, asked.Filter.Prefix.Value), inProject(project, "")
	if after != "" {
		from = inProject(project, after+"\x00") // the first key behind it
	}
	last, count := "", 0
	for key, row := range table.From(tx, prefix, max(prefix, from)) {
		if count == most {
			return encodeCursor(list, project, last)
		}
		last = strings.TrimPrefix(key, inProject(project, ""))
		each(last, row)
		count++
	}
	return "", nil
}
