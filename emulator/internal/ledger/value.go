package ledger

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Numbers beyond these bounds are kept as text and never added up: arithmetic on 1e1000000000 would need a gigabyte.
const (
	maxDigits   = 200
	maxExponent = 200
)

type kind uint8

const (
	kindNumber kind = iota // a plain decimal that fits: its text follows from mantissa and scale
	kindText               // text that is no number
	kindOdd                // a number whose text does not follow from its value: 1e3, 007, " 5 ", very long ones
	kindNested             // object or array: present, but equal to nothing
	kindAbsent             // null counts as absent
)

// value is a field's value taken apart once, when the event arrives.
type value struct {
	kind     kind
	scale    uint8 // digits after the point
	mantissa int64
	text     string // of kindText and kindOdd
	number   decimal.Decimal
}

// parseValue takes a JSON value apart. Strings and numbers of the same text are the same value: "60" and 60.
func parseValue(token string) value {
	token = strings.Trim(token, " \t\r\n")
	if token == "" {
		return value{kind: kindAbsent}
	}
	text := token
	switch token[0] {
	case 'n':
		return value{kind: kindAbsent}
	case '{', '[':
		return value{kind: kindNested}
	case '"':
		text = unquote(token)
	}
	if mantissa, scale, ok := plainDecimal(text); ok {
		return value{kind: kindNumber, mantissa: mantissa, scale: scale}
	}
	if number, ok := oddNumber(text); ok {
		return value{kind: kindOdd, text: text, number: number}
	}
	return value{kind: kindText, text: text}
}

// unquote returns what a JSON string says; what is not one, against the caller's promise, stays as it is.
func unquote(token string) string {
	if len(token) < 2 || token[len(token)-1] != '"' {
		return token
	}
	inner := token[1 : len(token)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal([]byte(token), &s) != nil {
		return inner
	}
	return s
}

// plainDecimal parses text that is exactly how a number of that scale is written: no sign but a minus, no leading
// zeros, no exponent, at most 18 digits.
func plainDecimal(text string) (mantissa int64, scale uint8, ok bool) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > 19 || digits[0] == '.' || digits[len(digits)-1] == '.' {
		return 0, 0, false
	}
	if digits[0] == '0' && len(digits) > 1 && digits[1] != '.' {
		return 0, 0, false
	}
	point, count := -1, 0
	for i := range len(digits) {
		switch c := digits[i]; {
		case c == '.' && point < 0:
			point = i
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + int64(c-'0')
			count++
		default:
			return 0, 0, false
		}
	}
	if count > 18 {
		return 0, 0, false
	}
	if point >= 0 {
		scale = uint8(len(digits) - point - 1)
	}
	if len(digits) < len(text) {
		if mantissa == 0 { // "-0" is not how zero is written
			return 0, 0, false
		}
		mantissa = -mantissa
	}
	return mantissa, scale, true
}

// appendPlain writes the number that plainDecimal reads.
func appendPlain(data []byte, mantissa int64, scale uint8) []byte {
	if mantissa < 0 {
		data = append(data, '-')
	}
	begin := len(data)
	data = strconv.AppendUint(data, magnitude(mantissa), 10)
	if scale == 0 {
		return data
	}
	for len(data)-begin <= int(scale) { // at least one digit before the point
		data = slices.Insert(data, begin, '0')
	}
	return slices.Insert(data, len(data)-int(scale), '.')
}

// oddNumber parses any other way to write a decimal: sign, leading zeros, exponent, blanks around it.
func oddNumber(text string) (decimal.Decimal, bool) {
	s := strings.TrimSpace(text)
	if s == "" || len(s) > maxDigits || !strings.ContainsRune("+-.0123456789", rune(s[0])) {
		return decimal.Decimal{}, false
	}
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
		e, err := strconv.Atoi(exponent)
		if err != nil || e > maxExponent || e < -maxExponent {
			return decimal.Decimal{}, false
		}
	}
	digits := strings.TrimLeft(mantissa, "+-")
	if len(mantissa)-len(digits) > 1 || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 {
		return decimal.Decimal{}, false
	}
	if strings.Trim(digits, ".") == "" {
		return decimal.Decimal{}, false
	}
	d, err := decimal.NewFromString(strings.TrimPrefix(s, "+"))
	return d, err == nil
}
