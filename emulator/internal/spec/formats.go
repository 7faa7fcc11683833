package spec

import (
	"errors"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// formats are stricter than kin-openapi's own about dates, which it takes without looking at the calendar, and add the
// UUID, which it ignores.
var formats = map[string]openapi3.StringFormatValidator{
	"uuid":      openapi3.NewCallbackValidator(checkUUID),
	"date-time": openapi3.NewCallbackValidator(checkDateTime),
	"date": openapi3.NewCallbackValidator(func(text string) error {
		_, err := time.Parse(time.DateOnly, text)
		return err
	}),
}

// checkDateTime takes RFC 3339 and looks at the calendar, too. time.Parse alone lets two slips pass: an hour of one digit
// and a comma before the fraction.
func checkDateTime(text string) error {
	if len(text) < len("2006-01-02T15:04:05Z") || text[len("2006-01-02T15")] != ':' || strings.Contains(text, ",") {
		return errNotDateTime
	}
	_, err := time.Parse(time.RFC3339, text)
	return err
}

var errNotDateTime = errors.New("not an RFC 3339 date-time")

var errNotUUID = errors.New("not a UUID")

// checkUUID takes any 32 hexadecimal digits in the usual groups: test data seldom minds version and variant.
func checkUUID(text string) error {
	if len(text) != 36 {
		return errNotUUID
	}
	for i := range len(text) {
		digit := text[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if digit != '-' {
				return errNotUUID
			}
			continue
		}
		if (digit < '0' || digit > '9') && (digit < 'a' || digit > 'f') && (digit < 'A' || digit > 'F') {
			return errNotUUID
		}
	}
	return nil
}
