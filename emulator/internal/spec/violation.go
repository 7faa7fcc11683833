package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// most bounds what one body can bring into the journal: the thousandth wrong item of a list teaches nobody anything.
const most = 50

// place says where checked values are: in which part of the message, and for a parameter or header under which name.
type place struct{ in, name string }

// checkJSON decodes text, keeping numbers as written, and holds it against schema.
func (p place) checkJSON(schema *openapi3.Schema, text []byte, orNull bool) []wire.Violation {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if err == nil {
		if _, after := decoder.Token(); after != io.EOF {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		return []wire.Violation{p.violation("json", nil, "is not valid JSON")}
	}
	if value == nil && orNull {
		return nil
	}
	return p.violations(schema.VisitJSON(value, schemaOptions...))
}

// violations translates what kin-openapi found, in its order: the items of a list and the fields of an object by
// number and name, then what is missing.
func (p place) violations(err error) []wire.Violation {
	var found []wire.Violation
	p.collect(err, &found)
	return found
}

func (p place) collect(err error, found *[]wire.Violation) {
	var several openapi3.MultiError
	var one *openapi3.SchemaError
	switch {
	case err == nil || len(*found) >= most:
	case asMulti(err, &several):
		for _, err := range several {
			p.collect(err, found)
		}
	case errors.As(err, &one):
		if branches := branches(one); len(branches) > 0 {
			p.collect(branches, found)
			return
		}
		*found = append(*found, p.broken(one))
	default:
		*found = append(*found, p.violation("schema", nil, "does not fit the document"))
	}
}

// asMulti is a type assertion: errors.As would look for a list inside the first error of the list.
func asMulti(err error, several *openapi3.MultiError) bool {
	list, ok := err.(openapi3.MultiError) //nolint:errorlint // see above
	*several = list
	return ok
}

// branches are the errors beneath an allOf, or beneath an anyOf or oneOf of which one branch alone was tried. With more
// branches nobody knows which one was meant.
func branches(failed *openapi3.SchemaError) openapi3.MultiError {
	var inner openapi3.MultiError
	for err := failed.Origin; err != nil && inner == nil; err = errors.Unwrap(err) {
		asMulti(err, &inner)
	}
	if failed.SchemaField == "allOf" || len(inner) == 1 {
		return inner
	}
	return nil
}

// broken puts a failed schema keyword into words.
func (p place) broken(failed *openapi3.SchemaError) wire.Violation {
	path, rule := failed.JSONPointer(), failed.SchemaField
	if rule == "properties" {
		if name, ok := unknownField(failed.Reason); ok {
			return p.violation("additionalProperties", append(path, name), "is not a known field")
		}
	}
	return p.violation(rule, path, demand(rule, failed.Schema))
}

// unknownField reads the name of a field that a closed schema does not have: kin-openapi tells it nowhere else.
func unknownField(reason string) (string, bool) {
	quoted, ok := strings.CutPrefix(reason, "property ")
	if !ok {
		return "", false
	}
	name, err := strconv.Unquote(strings.TrimSuffix(quoted, " is unsupported"))
	return name, err == nil
}

// demand says what a schema's keyword asks of a value, as the rest of a sentence that begins with the value's name.
func demand(rule string, schema *openapi3.Schema) string {
	switch rule {
	case "required":
		return "is required"
	case "nullable":
		return "must not be null"
	case "type":
		return "must be " + kindOf(schema)
	case "enum":
		return "must be " + oneOf(schema.Enum)
	case "format":
		return "must be " + formatted(schema)
	case "pattern":
		return "must match " + schema.Pattern
	case "minLength":
		return "must have " + atLeast(schema.MinLength, "character")
	case "maxLength":
		return "must have " + atMost(*schema.MaxLength, "character")
	case "minItems":
		return "must have " + atLeast(schema.MinItems, "item")
	case "maxItems":
		return "must have " + atMost(*schema.MaxItems, "item")
	case "minProperties":
		return "must have " + atLeast(schema.MinProps, "field")
	case "maxProperties":
		return "must have " + atMost(*schema.MaxProps, "field")
	case "uniqueItems":
		return "must not have the same item twice"
	case "minimum":
		return "must be at least " + decimal(*schema.Min)
	case "maximum":
		return "must be at most " + decimal(*schema.Max)
	case "exclusiveMinimum":
		return "must be more than " + decimal(*schema.Min)
	case "exclusiveMaximum":
		return "must be less than " + decimal(*schema.Max)
	case "multipleOf":
		return "must be a multiple of " + decimal(*schema.MultipleOf)
	case "oneOf", "anyOf", "discriminator":
		return "matches none of the allowed forms"
	case "not":
		return "has a form that is not allowed"
	}
	return "does not fit the document"
}

// kindOf names the type a schema wants, with its article.
func kindOf(schema *openapi3.Schema) string {
	article := "a "
	kinds := schema.Type.Slice()
	if len(kinds) == 0 {
		return "of another type"
	}
	switch kinds[0] {
	case openapi3.TypeArray:
		if schema.Items != nil && schema.Items.Value != nil && len(schema.Items.Value.Type.Slice()) > 0 {
			return "an array of " + schema.Items.Value.Type.Slice()[0] + "s"
		}
		article = "an "
	case openapi3.TypeObject, openapi3.TypeInteger:
		article = "an "
	}
	return article + strings.Join(kinds, " or ")
}

// oneOf lists the values of an enum; of spellings that differ in upper and lower case alone, the first.
func oneOf(values []any) string {
	var names []string
	for _, value := range values {
		name := fmt.Sprint(value)
		if !slices.ContainsFunc(names, func(other string) bool { return strings.EqualFold(name, other) }) {
			names = append(names, name)
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return "one of " + strings.Join(names, ", ")
}

func formatted(schema *openapi3.Schema) string {
	switch schema.Format {
	case "uuid":
		return "a UUID"
	case "date-time":
		return "an RFC 3339 date-time such as 2026-03-01T00:00:00Z"
	case "date":
		return "a date such as 2026-03-01"
	case "int32", "int64":
		return "an integer of " + strings.TrimPrefix(schema.Format, "int") + " bits"
	}
	return "in the format " + schema.Format
}

func atLeast(n uint64, what string) string { return "at least " + counted(n, what) }
func atMost(n uint64, what string) string  { return "at most " + counted(n, what) }

func counted(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.FormatUint(n, 10) + " " + what
}

func decimal(bound float64) string { return strconv.FormatFloat(bound, 'f', -1, 64) }

// violation says of the value at path, or of the parameter, that it does not meet a rule.
func (p place) violation(rule string, path []string, demand string) wire.Violation {
	v := wire.Violation{In: p.in, Rule: rule, Message: p.subject(path) + " " + demand}
	if p.in == "body" || p.in == "response" {
		v.Field = pointer(path)
	}
	if p.name != "" {
		v.Field = p.name
	}
	return v
}

// subject names a value as a sentence's first words: events[0].timestamp in a body.
func (p place) subject(path []string) string {
	var field strings.Builder
	for _, token := range path {
		if _, err := strconv.ParseUint(token, 10, 32); err == nil {
			field.WriteString("[" + token + "]")
			continue
		}
		if field.Len() > 0 {
			field.WriteByte('.')
		}
		field.WriteString(token)
	}
	switch {
	case p.in == "body" && field.Len() == 0:
		return "The request body"
	case p.in == "body":
		return field.String()
	case p.in == "response" && p.name != "":
		return "Response header " + p.name
	case p.in == "response" && field.Len() == 0:
		return "The response body"
	case p.in == "response":
		return "Response field " + field.String()
	case p.in == "header":
		return "Header " + p.name + field.String()
	}
	return strings.ToUpper(p.in[:1]) + p.in[1:] + " parameter " + p.name + field.String()
}

// pointer is a path as RFC 6901 writes it.
func pointer(path []string) string {
	var text strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, token := range path {
		text.WriteByte('/')
		text.WriteString(escape.Replace(token))
	}
	return text.String()
}
