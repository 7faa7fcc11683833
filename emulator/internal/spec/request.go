package spec

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// route is an operation and, once compiled has returned nil, what its exchanges are checked against. Of one that is not
// emulated that is nothing.
type route struct {
	Operation
	compiled   func() error          // compiles at the first call and returns the same ever after
	parameters []*openapi3.Parameter // path, then query, then header
	query      map[string]bool       // names the document lists; nil when unknown ones are ignored
	body       *openapi3.RequestBody
	json       *openapi3.Schema // of the body, when it can be JSON
	answers    *openapi3.Responses
}

// checkOptions never let kin-openapi write defaults into a request.
var checkOptions = &openapi3filter.Options{
	MultiError:              true,
	SkipSettingDefaults:     true,
	SchemaValidationOptions: schemaOptions,
}

// schemaOptions do not say whether a request or a response is visited, so readOnly and writeOnly mean nothing: a client
// that sends back what it has read shall not be refused for it. The documents do without them.
var schemaOptions = []openapi3.SchemaValidationOption{
	openapi3.MultiErrors(), openapi3.WithStringFormatValidators(formats),
}

// admit checks a request and tells its trace all that is wrong with it. It returns the first *wire.Violation, or an
// error of reading the body as it came. The handler can read the body again.
func (r *route) admit(c echo.Context, typedBody bool) error {
	if !r.Emulated {
		return nil
	}
	found := r.checkParameters(c)
	if !typedBody {
		inBody, err := r.checkBody(c.Request())
		if err != nil {
			return err
		}
		found = append(found, inBody...)
	}
	return record(c, found)
}

func (r *route) checkParameters(c echo.Context) []wire.Violation {
	req := c.Request()
	values, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return []wire.Violation{{In: "query", Rule: "syntax", Message: "The query string is malformed"}}
	}
	input := &openapi3filter.RequestValidationInput{Request: req, QueryParams: values, Options: checkOptions}
	var found []wire.Violation
	for _, parameter := range r.parameters {
		switch parameter.In {
		case openapi3.ParameterInPath:
			if !slices.Contains(c.ParamNames(), parameter.Name) {
				continue // the route is not the document's path literally, so the handler takes its segments apart
			}
			input.PathParams = map[string]string{parameter.Name: unescaped(req, c.Param(parameter.Name))}
		case openapi3.ParameterInQuery:
			if !values.Has(parameter.Name) && !parameter.Required {
				continue
			}
			input.QueryParams = joined(values, parameter)
		case openapi3.ParameterInHeader:
			if len(req.Header.Values(parameter.Name)) == 0 && !parameter.Required {
				continue
			}
		default:
			continue
		}
		found = append(found, checkParameter(input, parameter)...)
	}
	return append(found, r.unknownQuery(values)...)
}

func (r *route) unknownQuery(values url.Values) []wire.Violation {
	if r.query == nil {
		return nil
	}
	var found []wire.Violation
	for _, name := range sortedKeys(values) {
		if !r.query[name] {
			found = append(found, wire.Violation{
				In: "query", Field: name, Rule: "unknown", Message: "Unknown query parameter: " + name,
			})
		}
	}
	return found
}

func checkParameter(input *openapi3filter.RequestValidationInput, parameter *openapi3.Parameter) []wire.Violation {
	at := place{in: parameter.In, name: parameter.Name}
	// kin-openapi would take 1, t and T for a boolean as well.
	if parameter.In == openapi3.ParameterInQuery && parameter.Schema != nil && parameter.Schema.Value.Type.Is(openapi3.TypeBoolean) {
		if text := input.QueryParams.Get(parameter.Name); text != "" && text != "true" && text != "false" {
			return []wire.Violation{at.violation("type", nil, "must be true or false")}
		}
	}
	err := openapi3filter.ValidateParameter(input.Request.Context(), input, parameter)
	var failed *openapi3filter.RequestError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, openapi3filter.ErrInvalidRequired):
		return []wire.Violation{at.violation("required", nil, "is required")}
	case errors.Is(err, openapi3filter.ErrInvalidEmptyValue):
		return []wire.Violation{at.violation("required", nil, "must not be empty")}
	case errors.As(err, &failed) && isParseError(failed.Err):
		return []wire.Violation{at.violation("type", nil, "must be "+kindOf(parameter.Schema.Value))}
	case failed != nil:
		return at.violations(failed.Err)
	}
	return at.violations(err)
}

func isParseError(err error) bool {
	var parse *openapi3filter.ParseError
	return errors.As(err, &parse)
}

// joined lets a list that the document wants joined with commas come repeated as well, or both ways at once: clients
// differ.
func joined(values url.Values, parameter *openapi3.Parameter) url.Values {
	repeated := values[parameter.Name]
	if len(repeated) < 2 || parameter.Explode == nil || *parameter.Explode {
		return values
	}
	values = maps.Clone(values)
	values.Set(parameter.Name, strings.Join(repeated, ","))
	return values
}

// unescaped undoes what echo leaves in a path parameter when it matched the raw path.
func unescaped(req *http.Request, value string) string {
	if req.URL.RawPath == "" {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

// checkBody reads the body, puts it back and checks it. A Content-Type that is missing or strange counts as JSON where
// the operation takes JSON: no vendor's client has been seen to rely on being refused for it.
func (r *route) checkBody(req *http.Request) ([]wire.Violation, error) {
	if r.body == nil {
		return nil, nil
	}
	text, err := peek(req)
	if err != nil {
		return nil, err
	}
	at := place{in: "body"}
	if len(bytes.TrimSpace(text)) == 0 {
		if r.body.Required {
			return []wire.Violation{{In: "body", Rule: "required", Message: "A request body is required"}}, nil
		}
		return nil, nil
	}
	media := r.body.Content.Get(req.Header.Get(echo.HeaderContentType))
	if r.json != nil && (media == nil || media.Schema == nil || media.Schema.Value == r.json) {
		return at.checkJSON(r.json, text, !r.body.Required), nil
	}
	if media == nil {
		accepted := strings.Join(sortedKeys(r.body.Content), " or ")
		return []wire.Violation{{In: "body", Rule: "content-type", Message: "The request body must be " + accepted}}, nil
	}
	input := &openapi3filter.RequestValidationInput{Request: req, Options: checkOptions}
	err = openapi3filter.ValidateRequestBody(req.Context(), input, r.body)
	var failed *openapi3filter.RequestError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if isParseError(err) {
		return []wire.Violation{at.violation("syntax", nil, "is malformed")}, nil
	}
	return at.violations(err), nil
}

// peek reads the whole body and leaves the request with an unread copy.
func peek(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	var text bytes.Buffer
	if req.ContentLength > 0 {
		text.Grow(int(min(req.ContentLength, 1<<20)) + bytes.MinRead)
	}
	if _, err := text.ReadFrom(req.Body); err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(text.Bytes()))
	req.ContentLength = int64(text.Len())
	return text.Bytes(), nil
}

// record tells the trace what was found and returns the first of it as the error to answer with.
func record(c echo.Context, found []wire.Violation) error {
	if len(found) == 0 {
		return nil
	}
	trace := wire.TraceOf(c.Request().Context())
	trace.Violations = append(trace.Violations, found...)
	return &found[0]
}
