package spec

import (
	"reflect"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/submeter/submeter/openapi"
)

// everywhere has a reference in every place that the referee looks at.
const everywhere = `{"openapi": "3.0.3",
"paths": {"/a/{b}": {
	"parameters": [{"$ref": "#/components/parameters/B"}],
	"post": {"operationId": "a", "parameters": [{"$ref": "#/components/parameters/C"}],
		"requestBody": {"$ref": "#/components/requestBodies/D"},
		"responses": {"200": {"$ref": "#/components/responses/E"}, "default": {"$ref": "#/components/responses/E"}}}}},
"components": {
	"parameters": {
		"B": {"name": "b", "in": "path", "required": true, "schema": {"$ref": "#/components/schemas/Text"}},
		"C": {"name": "c", "in": "query", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}},
	"requestBodies": {"D": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}},
	"responses": {"E": {"description": "E", "headers": {"X-H": {"$ref": "#/components/headers/H"}},
		"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}},
	"headers": {"H": {"schema": {"$ref": "#/components/schemas/Text"}}},
	"schemas": {
		"Text": {"type": "string", "maxLength": 3},
		"Node": {"properties": {
			"properties": {"$ref": "#/components/schemas/Text"},
			"items": {"items": {"$ref": "#/components/schemas/Node"}},
			"more": {"additionalProperties": {"$ref": "#/components/schemas/Node"}},
			"not": {"not": {"$ref": "#/components/schemas/Text"}},
			"all": {"allOf": [{"$ref": "#/components/schemas/Text"}]},
			"any": {"anyOf": [{"$ref": "#/components/schemas/Text"}]},
			"one": {"oneOf": [{"$ref": "#/components/schemas/Text"}]}}}}}}`

// kin-openapi's loader, which reads a document at once, is what operations compiled one by one are measured by.
func TestEveryOperationIsCompiledToWhatTheWholeDocumentSays(t *testing.T) {
	texts := map[string][]byte{"everywhere": []byte(everywhere)}
	for _, name := range openapi.Names() {
		text, err := openapi.Document(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = text
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			whole, err := openapi3.NewLoader().LoadFromData(text)
			if err != nil {
				t.Fatal(err)
			}
			document := New(name, func() ([]byte, error) { return text, nil })
			if err := document.Load(); err != nil {
				t.Fatal(err)
			}
			index, err := document.index()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range index.routes {
				if r.Emulated {
					compareRoute(t, r, whole.Paths.Value(r.Path))
				}
			}
		})
	}
}

func compareRoute(t *testing.T, r *route, item *openapi3.PathItem) {
	said := item.GetOperation(r.Method)
	same := comparison{seen: map[[2]uintptr]bool{}, differ: func(at string) { t.Errorf("%s: %s differs", r.ID, at) }}
	for _, parameter := range r.parameters {
		want := said.Parameters.GetByInAndName(parameter.In, parameter.Name)
		if want == nil {
			want = item.Parameters.GetByInAndName(parameter.In, parameter.Name)
		}
		same.values(parameter.In+" parameter "+parameter.Name, reflect.ValueOf(parameter), reflect.ValueOf(want))
	}
	var body *openapi3.RequestBody
	if said.RequestBody != nil {
		body = said.RequestBody.Value
	}
	same.values("body", reflect.ValueOf(r.body), reflect.ValueOf(body))
	same.values("responses", reflect.ValueOf(r.answers.Map()), reflect.ValueOf(said.Responses.Map()))
}

// comparison walks two documents side by side. Schemas may hold themselves, so it goes through each pair once.
type comparison struct {
	seen   map[[2]uintptr]bool
	differ func(at string)
}

// unchecked are the fields that no request or response is held against, so that the referee need not link them.
var unchecked = []string{"Examples", "Links"}

func (c comparison) values(at string, a, b reflect.Value) {
	switch a.Kind() {
	case reflect.Pointer:
		pair := [2]uintptr{a.Pointer(), b.Pointer()}
		if a.IsNil() != b.IsNil() {
			c.differ(at)
		} else if !a.IsNil() && !c.seen[pair] {
			c.seen[pair] = true
			c.values(at, a.Elem(), b.Elem())
		}
	case reflect.Struct:
		for i := range a.NumField() {
			field := a.Type().Field(i)
			if field.IsExported() && !slices.Contains(unchecked, field.Name) {
				c.values(at+"."+field.Name, a.Field(i), b.Field(i))
			}
		}
	case reflect.Map:
		if a.Len() != b.Len() {
			c.differ(at)
		}
		for _, key := range a.MapKeys() {
			if other := b.MapIndex(key); other.IsValid() {
				c.values(at+"."+key.String(), a.MapIndex(key), other)
			} else {
				c.differ(at + "." + key.String())
			}
		}
	case reflect.Slice:
		if a.Len() != b.Len() {
			c.differ(at)
			return
		}
		for i := range a.Len() {
			c.values(at, a.Index(i), b.Index(i))
		}
	default:
		if !reflect.DeepEqual(a.Interface(), b.Interface()) {
			c.differ(at)
		}
	}
}
