package spec_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// orchard has operations that share schemas, one of which holds itself, and operations that lead to nothing: two on
// ways of their own, one with a part that is sound.
const orchard = `
openapi: 3.0.3
paths:
  /trees:
    post: {operationId: plant, requestBody: {$ref: '#/components/requestBodies/Tree'}, responses: {200: {description: Planted}}}
    put: {operationId: replant, requestBody: {$ref: '#/components/requestBodies/Tree'}, responses: {200: {description: Replanted}}}
  /barren:
    post: {operationId: graft, requestBody: {$ref: '#/components/requestBodies/Barren'}, responses: {200: {description: Grafted}}}
    put: {operationId: regraft, requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Twig'}}}}, responses: {200: {description: Grafted}}}
components:
  requestBodies:
    Tree: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Branch'}}}}
    Barren: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Barren'}}}}
  schemas:
    Branch:
      type: object
      required: [length]
      properties:
        length: {$ref: '#/components/schemas/Length'}
        branches: {type: array, items: {$ref: '#/components/schemas/Branch'}}
        grafts: {type: object, additionalProperties: {$ref: '#/components/schemas/Branch'}}
    Length: {type: number, minimum: 0}
    Barren: {type: object, properties: {twig: {$ref: '#/components/schemas/Twig'}, length: {$ref: '#/components/schemas/Length'}}}
    Twig: {type: object, properties: {barren: {$ref: '#/components/schemas/Barren'}, leaf: {$ref: '#/components/schemas/Leaf'}}}
`

func plantOrchard() (*spec.Document, http.Handler) {
	document := spec.New("orchard", func() ([]byte, error) { return yaml.YAMLToJSON([]byte(orchard)) })
	e := echo.New()
	wire.Register(e, []wire.Operation{
		{ID: "plant", Method: http.MethodPost, Path: "/trees", Handle: noContent},
		{ID: "replant", Method: http.MethodPut, Path: "/trees", Handle: noContent},
		{ID: "graft", Method: http.MethodPost, Path: "/barren", Handle: noContent},
		{ID: "regraft", Method: http.MethodPut, Path: "/barren", Handle: noContent},
	}, document.Referee(spec.Options{}))
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(http.StatusBadRequest, err.Error()) }
	return document, e
}

func answerTo(handler http.Handler, method, target, body string) string {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, target, strings.NewReader(body)))
	return recorder.Body.String()
}

func TestOperationIsCompiledByItselfAtItsFirstRequest(t *testing.T) {
	document, handler := plantOrchard()
	if operations, err := document.Operations(); err != nil || len(operations) != 4 {
		t.Fatalf("%d operations, error %v: listing them should compile none", len(operations), err)
	}
	const leaf = "#/components/schemas/Leaf"
	tests := []struct{ name, method, target, body, want string }{
		{"one that leads to nothing", "POST", "/barren", `{}`, leaf},
		{"the same again", "POST", "/barren", `{}`, leaf},
		{"another, by what the first has reached", "PUT", "/barren", `{}`, leaf},
		{"one that shares a sound part with them", "POST", "/trees", `{"length":-1}`, "length must be at least 0"},
		{"deep in a schema that holds itself", "POST", "/trees", `{"length":1,"branches":[{"length":1,"branches":[{}]}]}`,
			"branches[0].branches[0].length is required"},
		{"deep in a map of it", "POST", "/trees", `{"length":1,"grafts":{"a":{"length":1,"grafts":{"b":{"length":"c"}}}}}`,
			"grafts.a.grafts.b.length must be a number"},
		{"one that fits", "PUT", "/trees", `{"length":1,"branches":[{"length":2}]}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := answerTo(handler, test.method, test.target, test.body); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("answered %q, want %q", got, test.want)
			}
		})
	}
	if err := document.Load(); err == nil || !strings.Contains(err.Error(), leaf) {
		t.Errorf("loading all of it: error %v", err)
	}
}

func TestFirstRequestsMayComeSideBySide(t *testing.T) {
	_, handler := plantOrchard()
	var clients sync.WaitGroup
	for range 8 {
		for _, method := range []string{"POST", "PUT"} {
			clients.Go(func() {
				if got := answerTo(handler, method, "/trees", `{"length":1,"branches":[{"length":-1}]}`); !strings.Contains(got, "branches[0].length") {
					t.Errorf("%s /trees answered %q", method, got)
				}
				if got := answerTo(handler, method, "/barren", `{}`); !strings.Contains(got, "Leaf") {
					t.Errorf("%s /barren answered %q", method, got)
				}
			})
		}
	}
	clients.Wait()
}
