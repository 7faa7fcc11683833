package metronome

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"github.com/tidwall/gjson"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// breach is how a body breaks the document, found by one of the two decoders that stand in for it: those of ingest and
// of usage, where the document's own check costs as much as the work. They refuse what the document refuses, and with
// the same words; a fuzz test holds them to it.
type breach struct {
	path   []string // from the outside in
	rule   string
	demand string
	// subject is what the demand is made of, where that is not the value at path.
	subject string
}

// in tells under which name or number the breach was found.
func (b *breach) in(token string) *breach {
	if b != nil {
		b.path = slices.Insert(b.path, 0, token)
	}
	return b
}

func broken(rule, demand string) *breach { return &breach{rule: rule, demand: demand} }

// refuse makes the breach an error and tells it the request's trace.
func (b *breach) refuse(c echo.Context) error {
	v := wire.Violation{In: "body", Rule: b.rule}
	subject := b.subject
	for _, token := range b.path {
		v.Field += "/" + token
		switch _, err := strconv.Atoi(token); {
		case err == nil:
			subject += "[" + token + "]"
		case subject == "":
			subject = token
		default:
			subject += "." + token
		}
	}
	if subject == "" {
		subject = "The request body"
	}
	v.Message = subject + " " + b.demand
	trace := wire.TraceOf(c.Request().Context())
	trace.Violations = append(trace.Violations, v)
	return &v
}

// maxDepth is how deep encoding/json lets JSON nest. gjson sets no bound, and its stack grows with the depth.
const maxDepth = 10000

// parseJSON parses a body as encoding/json would: invalid UTF-8 is replaced, byte by byte.
func parseJSON(body []byte) (gjson.Result, *breach) {
	deep := bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > maxDepth
	if deep && !json.Valid(body) || !gjson.ValidBytes(body) {
		return gjson.Result{}, broken("json", "is not valid JSON")
	}
	if !utf8.Valid(body) {
		return gjson.Parse(string([]rune(string(body)))), nil
	}
	return gjson.ParseBytes(body), nil
}

// unquote returns the text of a JSON string that may hold escapes. gjson's own text differs from encoding/json's where a
// surrogate stands alone.
func unquote(token string) string {
	if !strings.Contains(token, `\`) {
		return token[1 : len(token)-1]
	}
	var text string
	_ = json.Unmarshal([]byte(token), &text) // it was found valid
	return text
}

// findMembers puts the values of an object under these names into members, which has one place for each; of a name that
// stands there twice, the last counts.
func findMembers(object gjson.Result, names []string, members []gjson.Result) {
	object.ForEach(func(key, value gjson.Result) bool {
		if i := slices.Index(names, unquote(key.Raw)); i >= 0 {
			members[i] = value
		}
		return true
	})
}

// firstMissing names the first required member that is not there.
func firstMissing(members []gjson.Result, names []string, required []int) *breach {
	for _, i := range required {
		if !members[i].Exists() {
			return broken("required", "is required").in(names[i])
		}
	}
	return nil
}

func wantObject(v gjson.Result) *breach {
	switch {
	case v.Type == gjson.Null:
		return broken("nullable", "must not be null")
	case !v.IsObject():
		return broken("type", "must be an object")
	}
	return nil
}

// wantArray checks the type and the number of items; a most of 0 sets no bound.
func wantArray(v gjson.Result, items string, least, most int) ([]gjson.Result, *breach) {
	switch {
	case v.Type == gjson.Null:
		return nil, broken("nullable", "must not be null")
	case !v.IsArray():
		return nil, broken("type", "must be an array of "+items)
	}
	elements := v.Array()
	switch {
	case len(elements) < least:
		return nil, broken("minItems", "must have at least "+counted(least, "item"))
	case most > 0 && len(elements) > most:
		return nil, broken("maxItems", "must have at most "+counted(most, "item"))
	}
	return elements, nil
}

// wantText checks the type and the number of characters; a most of 0 sets no bound.
func wantText(v gjson.Result, least, most int) (string, *breach) {
	switch v.Type {
	case gjson.String:
	case gjson.Null:
		return "", broken("nullable", "must not be null")
	default:
		return "", broken("type", "must be a string")
	}
	text := unquote(v.Raw)
	switch {
	case len(text) < least:
		return "", broken("minLength", "must have at least "+counted(least, "character"))
	case most > 0 && len(text) > most && utf8.RuneCountInString(text) > most:
		return "", broken("maxLength", "must have at most "+counted(most, "character"))
	}
	return text, nil
}

func wantInstant(v gjson.Result) (time.Time, *breach) {
	text, b := wantText(v, 0, 0)
	if b != nil {
		return time.Time{}, b
	}
	t, ok := parseInstant(text)
	if !ok {
		return t, broken("format", "must be an RFC 3339 date-time such as 2026-03-01T00:00:00Z")
	}
	return t, nil
}

// wantUUID takes any 32 hexadecimal digits in the usual groups and returns them in lower case.
func wantUUID(v gjson.Result) (string, *breach) {
	text, b := wantText(v, 0, 0)
	if b != nil {
		return "", b
	}
	if !uuidForm.MatchString(text) {
		return "", broken("format", "must be a UUID")
	}
	return lowered(text), nil
}

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}
