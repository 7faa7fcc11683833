package spec

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
)

// exchanges is what an operation says of its requests and responses.
type exchanges struct {
	Parameters  openapi3.Parameters
	RequestBody *openapi3.RequestBodyRef
	Responses   *openapi3.Responses
}

// compile decodes the operation, one of the fields of its path, together with the components that it reaches, and lays
// out what checking needs. Of an operation that is not emulated nothing is checked.
func (r *route) compile(fields map[string]json.RawMessage, shared *components, ignoreUnknownQuery bool) error {
	if !r.Emulated {
		return nil
	}
	var said exchanges
	if err := json.Unmarshal(fields[strings.ToLower(r.Method)], &said); err != nil {
		return err
	}
	var ofPath openapi3.Parameters
	if text, ok := fields["parameters"]; ok {
		if err := json.Unmarshal(text, &ofPath); err != nil {
			return err
		}
	}
	if err := shared.link(ofPath, said); err != nil {
		return err
	}
	r.takeParameters(ofPath, said.Parameters, ignoreUnknownQuery)
	if said.RequestBody != nil {
		r.body = said.RequestBody.Value
		if media := r.body.Content.Get(echo.MIMEApplicationJSON); media != nil && media.Schema != nil {
			r.json = media.Schema.Value
		}
	}
	r.answers = said.Responses
	return nil
}

// takeParameters keeps those of the path that the operation has not got itself, and all of its own.
func (r *route) takeParameters(ofPath, own openapi3.Parameters, ignoreUnknownQuery bool) {
	if !ignoreUnknownQuery {
		r.query = map[string]bool{}
	}
	for _, ref := range slices.Concat(ofPath, own) {
		parameter := ref.Value
		if override := own.GetByInAndName(parameter.In, parameter.Name); override != nil && override != parameter {
			continue
		}
		if parameter.In == openapi3.ParameterInPath && anyText(parameter.Schema) {
			continue // nothing can be wrong with it, and the handler finds out whom it names
		}
		r.parameters = append(r.parameters, parameter)
		if parameter.In == openapi3.ParameterInQuery && r.query != nil {
			r.query[parameter.Name] = true
		}
	}
	order := []string{openapi3.ParameterInPath, openapi3.ParameterInQuery, openapi3.ParameterInHeader}
	slices.SortStableFunc(r.parameters, func(a, b *openapi3.Parameter) int {
		return slices.Index(order, a.In) - slices.Index(order, b.In)
	})
}

// anyText tells a schema that takes every string.
func anyText(ref *openapi3.SchemaRef) bool {
	if ref == nil || ref.Value == nil {
		return false
	}
	rest := *ref.Value
	rest.Type = nil
	return ref.Value.Type.Is(openapi3.TypeString) && rest.IsEmpty()
}
