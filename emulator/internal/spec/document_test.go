package spec_test

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/wire"
)

func TestDocumentIsReadOnceAndNotBeforeItIsNeeded(t *testing.T) {
	var reads atomic.Int32
	document := spec.New("counted", func() ([]byte, error) {
		reads.Add(1)
		return readShop()
	})
	wire.Register(echo.New(), shopRoutes(noContent), document.Referee(spec.Options{}))
	if n := reads.Load(); n != 0 {
		t.Fatalf("read %d times before its first use", n)
	}
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			if operations, err := document.Operations(); err != nil || len(operations) != 6 {
				t.Errorf("%d operations, error %v", len(operations), err)
			}
		})
	}
	callers.Wait()
	if n := reads.Load(); n != 1 {
		t.Errorf("read %d times", n)
	}
}

func TestDocumentThatCannotBeUsedFailsEveryTime(t *testing.T) {
	const head = "openapi: 3.0.3\npaths:\n"
	tests := []struct{ name, text, want string }{
		{"a source that fails", "", "no such document"},
		{"text that is no JSON", "openapi: [", "parse document broken"},
		{"another version of OpenAPI", "openapi: 3.1.0\npaths: {}", `OpenAPI version is "3.1.0"`},
		{"a reference to nothing", head + "  /a: {get: {operationId: a, parameters: [{$ref: '#/components/parameters/No'}], responses: {'200': {description: A}}}}", "No"},
		{"another name for a component", head + "  /a: {get: {operationId: a, parameters: [{$ref: '#/components/parameters/A'}], responses: {'200': {description: A}}}}\n" +
			"components: {parameters: {A: {$ref: '#/components/parameters/B'}}}", "#/components/parameters/A is another name"},
		{"a reference to a component of another kind", head + "  /a: {get: {operationId: a, parameters: [{$ref: '#/components/schemas/A'}], responses: {'200': {description: A}}}}\n" +
			"components: {schemas: {A: {type: string}}}", "#/components/schemas/A is not among the parameters"},
		{"an operation without id", head + "  /a: {get: {responses: {'200': {description: A}}}}", "/a: GET has no operationId"},
		{"two paths that match alike", head + "  '/a/{x}': {get: {operationId: ax, x-submeter: {emulated: false}}}\n" +
			"  '/a/:x': {get: {operationId: ay, x-submeter: {emulated: false}}}", "are both GET /a/:x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			document := spec.New("broken", func() ([]byte, error) {
				if test.text == "" {
					return nil, errors.New("no such document")
				}
				if text, err := yaml.YAMLToJSON([]byte(test.text)); err == nil {
					return text, nil
				}
				return []byte(test.text), nil
			})
			for range 2 {
				if err := document.Load(); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
			}
			if amiss := spec.Check(nil, nil, document); len(amiss) != 1 {
				t.Errorf("check %v", amiss)
			}
		})
	}
}

func TestOperationsSayWhatTheDocumentSays(t *testing.T) {
	got, err := shop.Operations()
	if err != nil {
		t.Fatal(err)
	}
	want := []spec.Operation{
		{ID: "getAlerts", Method: "GET", Path: "/alerts/org('{orgId}')", EchoPath: "/alerts/:org",
			Emulated: true, Tier: 2, Evidence: "documented", Assumptions: []string{"SHP-002"}},
		{ID: "createOrder", Method: "POST", Path: "/orders", EchoPath: "/orders",
			Emulated: true, Tier: 1, Evidence: "observed", Assumptions: []string{"SHP-002"}},
		{ID: "importOrders", Method: "PUT", Path: "/orders", EchoPath: "/orders", Tier: 3, Evidence: "assumed"},
		{ID: "searchOrders", Method: "POST", Path: "/orders/search", EchoPath: "/orders/search",
			Emulated: true, Tier: 2, Evidence: "assumed", Assumptions: []string{"SHP-002"}},
		{ID: "listOrders", Method: "GET", Path: "/shops/{shop}/orders/{state}", EchoPath: "/shops/:shop/orders/:state",
			Summary: "Orders of a shop", Emulated: true, Tier: 1, Evidence: "documented", Assumptions: []string{"SHP-001", "SHP-002"}},
		{ID: "createToken", Method: "POST", Path: "/token", EchoPath: "/token",
			Emulated: true, Tier: 2, Evidence: "documented", Assumptions: []string{"SHP-002"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("operations\n%+v\nwant\n%+v", got, want)
	}
}

func TestCheckFindsWhereRoutesAndDocumentDiffer(t *testing.T) {
	importOrders := wire.Operation{ID: "importOrders", Method: http.MethodPut, Path: "/orders"}
	change := func(change func([]wire.Operation) []wire.Operation) []wire.Operation {
		return change(shopRoutes(noContent))
	}
	tests := []struct {
		name                string
		routes, notEmulated []wire.Operation
		want                []string
	}{
		{"nothing when they agree", shopRoutes(noContent), []wire.Operation{importOrders}, nil},
		{"an operation without route",
			change(func(ops []wire.Operation) []wire.Operation { return ops[1:] }), []wire.Operation{importOrders},
			[]string{"operation listOrders (GET /shops/:shop/orders/:state) of document shop has no route"}},
		{"a not emulated operation without route", shopRoutes(noContent), nil,
			[]string{"operation importOrders (PUT /orders) of document shop has no route"}},
		{"a route without operation",
			append(shopRoutes(noContent), wire.Operation{ID: "x", Method: http.MethodGet, Path: "/x"}), []wire.Operation{importOrders},
			[]string{"document shop has no operation GET /x (x)"}},
		{"a route with another id",
			change(func(ops []wire.Operation) []wire.Operation { ops[1].ID = "makeOrder"; return ops }), []wire.Operation{importOrders},
			[]string{"document shop calls POST /orders createOrder, the route table makeOrder"}},
		{"a route that is emulated against the document", append(shopRoutes(noContent), importOrders), nil,
			[]string{"document shop says of importOrders emulated: false, the route table true"}},
		{"a route listed twice", append(shopRoutes(noContent), shopRoutes(noContent)[4]), []wire.Operation{importOrders},
			[]string{"route table of shop lists getAlerts twice"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, err := range spec.Check(test.routes, test.notEmulated, shop) {
				got = append(got, err.Error())
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestRouteThatTheDocumentDoesNotKnowAnswersAnError(t *testing.T) {
	routes := []wire.Operation{{ID: "makeOrder", Method: http.MethodPost, Path: "/orders", Handle: noContent}}
	for _, strict := range []bool{false, true} {
		got := serve(routes, spec.Options{Strict: strict}, jsonRequest("/orders", order))
		if got.Code != http.StatusInternalServerError || !strings.Contains(got.Body.String(), "makeOrder") {
			t.Errorf("strict %t: answered %d %s", strict, got.Code, got.Body)
		}
	}
}

func TestOperationThatIsNotEmulatedIsNotJudged(t *testing.T) {
	routes := []wire.Operation{{ID: "importOrders", Method: http.MethodPut, Path: "/orders",
		Handle: answering(501, jsonType, `{"message":"Not emulated"}`)}}
	req := jsonRequest("/orders?unknown=1", "{")
	req.Method = http.MethodPut
	got := serve(routes, spec.Options{Strict: true}, req)
	if got.Code != http.StatusNotImplemented || len(got.violations) > 0 {
		t.Errorf("answered %d, violations %+v", got.Code, got.violations)
	}
}

func TestDocumentCanLetUnknownQueryParametersPass(t *testing.T) {
	document := spec.New("lenient", func() ([]byte, error) {
		return yaml.YAMLToJSON([]byte(`{openapi: 3.0.3, x-submeter: {unknownQuery: ignored}, paths: {/a: {get: {operationId: a,
			parameters: [{name: n, in: query, schema: {type: integer}}], responses: {200: {description: A}}}}}}`))
	})
	e := echo.New()
	wire.Register(e, []wire.Operation{{ID: "a", Method: http.MethodGet, Path: "/a", Handle: noContent}}, document.Referee(spec.Options{}))
	for query, want := range map[string]int{"?other=1": 200, "?other=1&n=x": 500} {
		if got := get(e, "/a"+query); got != want {
			t.Errorf("%s answered %d, want %d", query, got, want)
		}
	}
}
