package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// components are the parts of a document that its operations refer to. Each is decoded when an operation first reaches
// it. Once that operation is compiled it never changes, because requests are checked against it: kin-openapi's own
// loader would walk through the whole document for each operation, and write to it.
//
// Security schemes, links, callbacks and examples are left alone: nothing is checked against them.
type components struct {
	texts map[string]map[string]json.RawMessage // by kind and name

	mu    sync.Mutex     // held while an operation is linked
	known map[string]any // by reference: *openapi3.SchemaRef and the like
}

func newComponents(texts map[string]map[string]json.RawMessage) *components {
	return &components{texts: texts, known: map[string]any{}}
}

// link gives every reference within an operation its value. When one of them has none, all components are forgotten:
// those that lead there are known, but not linked to the end.
func (c *components) link(ofPath openapi3.Parameters, said exchanges) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := cmp.Or(
		each(slices.Values(ofPath), c.parameter), each(slices.Values(said.Parameters), c.parameter),
		c.requestBody(said.RequestBody), each(maps.Values(said.Responses.Map()), c.response),
	)
	if err != nil {
		clear(c.known)
	}
	return err
}

func each[T any](refs iter.Seq[*T], link func(*T) error) error {
	for ref := range refs {
		if err := link(ref); err != nil {
			return err
		}
	}
	return nil
}

// follow returns the component of a kind that a reference names, an empty one with an error. It is known before it is
// linked, because a schema may hold itself. One that is but another name for a component is refused: it could be met
// again before it has a value.
func follow[T any, P interface {
	*T
	RefString() string
}](c *components, kind, reference string, link func(P) error) (P, error) {
	name, ok := strings.CutPrefix(reference, "#/components/"+kind+"/")
	text, found := c.texts[kind][name]
	if !ok || !found {
		return new(T), fmt.Errorf("%s is not among the %s", reference, kind)
	}
	if known, ok := c.known[reference].(P); ok {
		return known, nil
	}
	var component P = new(T)
	if err := json.Unmarshal(text, component); err != nil {
		return component, fmt.Errorf("%s: %w", reference, err)
	}
	if other := component.RefString(); other != "" {
		return component, fmt.Errorf("%s is another name for %s", reference, other)
	}
	c.known[reference] = component
	return component, link(component)
}

func (c *components) parameter(ref *openapi3.ParameterRef) error {
	if ref.Ref != "" {
		component, err := follow(c, "parameters", ref.Ref, c.parameter)
		ref.Value = component.Value
		return err
	}
	return cmp.Or(c.schema(ref.Value.Schema), c.content(ref.Value.Content))
}

func (c *components) header(ref *openapi3.HeaderRef) error {
	if ref.Ref != "" {
		component, err := follow(c, "headers", ref.Ref, c.header)
		ref.Value = component.Value
		return err
	}
	return cmp.Or(c.schema(ref.Value.Schema), c.content(ref.Value.Content))
}

func (c *components) requestBody(ref *openapi3.RequestBodyRef) error {
	if ref == nil {
		return nil
	}
	if ref.Ref != "" {
		component, err := follow(c, "requestBodies", ref.Ref, c.requestBody)
		ref.Value = component.Value
		return err
	}
	return c.content(ref.Value.Content)
}

func (c *components) response(ref *openapi3.ResponseRef) error {
	if ref.Ref != "" {
		component, err := follow(c, "responses", ref.Ref, c.response)
		ref.Value = component.Value
		return err
	}
	return cmp.Or(each(maps.Values(ref.Value.Headers), c.header), c.content(ref.Value.Content))
}

func (c *components) content(content openapi3.Content) error {
	for _, media := range content {
		if err := c.schema(media.Schema); err != nil {
			return err
		}
	}
	return nil
}

func (c *components) schema(ref *openapi3.SchemaRef) error {
	if ref == nil {
		return nil
	}
	if ref.Ref != "" {
		component, err := follow(c, "schemas", ref.Ref, c.schema)
		ref.Value = component.Value
		return err
	}
	s := ref.Value
	return cmp.Or(
		c.schema(s.Items), c.schema(s.AdditionalProperties.Schema), c.schema(s.Not), each(maps.Values(s.Properties), c.schema),
		each(slices.Values(s.AllOf), c.schema), each(slices.Values(s.AnyOf), c.schema), each(slices.Values(s.OneOf), c.schema),
	)
}
