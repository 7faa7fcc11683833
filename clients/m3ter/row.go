package m3ter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"
	"github.com/tidwall/gjson"
)

// Row is a row of usage or of an exported file: values under the names of columns, which the vendor does not describe.
type Row struct {
	columns []string
	values  []any
}

// Columns are the names of the columns that the row has, in the vendor's order.
func (r Row) Columns() []string { return slices.Clone(r.columns) }

// Value is what stands in a column: a string, a json.Number, a bool, the json.RawMessage of a list or an object, or nil
// where nothing does. In CSV everything is a string.
func (r Row) Value(column string) any {
	if i := slices.Index(r.columns, column); i >= 0 {
		return r.values[i]
	}
	return nil
}

// Text is what stands in a column as it is written, without the quotes of a string; empty where nothing does.
func (r Row) Text(column string) string {
	switch v := r.Value(column).(type) {
	case nil:
		return ""
	case string:
		return v
	case json.RawMessage:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// Number is the number in a column, exact; false: there is none.
func (r Row) Number(column string) (decimal.Decimal, bool) {
	d, err := decimal.NewFromString(r.Text(column))
	return d, err == nil
}

// Time is the instant in a column; false: there is none.
func (r Row) Time(column string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, r.Text(column))
	return t, err == nil
}

// UnmarshalJSON reads an object and keeps the order of its members.
func (r *Row) UnmarshalJSON(text []byte) error {
	object := gjson.ParseBytes(text)
	if !object.IsObject() {
		return errors.New("a row is no object")
	}
	*r = Row{}
	object.ForEach(func(name, value gjson.Result) bool {
		r.columns, r.values = append(r.columns, name.String()), append(r.values, scalar(value))
		return true
	})
	return nil
}

func scalar(v gjson.Result) any {
	switch v.Type {
	case gjson.String:
		return v.Str
	case gjson.Number:
		return json.Number(v.Raw)
	case gjson.True, gjson.False:
		return v.Type == gjson.True
	case gjson.JSON:
		return json.RawMessage(v.Raw)
	case gjson.Null:
	}
	return nil
}

// MarshalJSON writes the row as an object, its columns in order.
func (r Row) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, column := range r.columns {
		if i > 0 {
			out.WriteByte(',')
		}
		for _, part := range []any{column, r.values[i]} {
			text, err := json.Marshal(part)
			if err != nil {
				return nil, err
			}
			out.Write(text)
			out.WriteByte(':')
		}
		out.Truncate(out.Len() - 1) // there is a colon after the name alone
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
