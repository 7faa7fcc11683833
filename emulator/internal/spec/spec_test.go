package spec_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/wire"
)

const shopID = "6513270e-269e-4d37-b2a7-4de452e6b438"

// shop is a document with one of everything.
var shop = spec.New("shop", readShop)

func readShop() ([]byte, error) {
	text, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON(text)
}

// shopRoutes is the route table that belongs to it; every handler is handle.
func shopRoutes(handle echo.HandlerFunc) []wire.Operation {
	return []wire.Operation{
		{ID: "listOrders", Method: http.MethodGet, Path: "/shops/:shop/orders/:state", Handle: handle},
		{ID: "createOrder", Method: http.MethodPost, Path: "/orders", Handle: handle},
		{ID: "searchOrders", Method: http.MethodPost, Path: "/orders/search", Handle: handle},
		{ID: "createToken", Method: http.MethodPost, Path: "/token", Handle: handle},
		{ID: "getAlerts", Method: http.MethodGet, Path: "/alerts/:org", Handle: handle},
	}
}

// exchange is a request served by routes behind a referee.
type exchange struct {
	*httptest.ResponseRecorder
	violations []wire.Violation
}

// serve writes errors as a vendor would: a violation of the request is a 400, one of the response and all else a 500.
func serve(routes []wire.Operation, opts spec.Options, req *http.Request) exchange {
	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		status, message := http.StatusInternalServerError, err.Error()
		var violation *wire.Violation
		if errors.As(err, &violation) && violation.In != "response" {
			status = http.StatusBadRequest
		}
		var known *echo.HTTPError
		if errors.As(err, &known) {
			status = known.Code
		}
		_ = c.JSON(status, map[string]string{"message": message})
	}
	wire.Register(e, routes, shop.Referee(opts))
	var trace wire.Trace
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, req.WithContext(wire.WithTrace(req.Context(), &trace)))
	return exchange{recorder, trace.Violations}
}

func ordersRequest(query string) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "/shops/"+shopID+"/orders/open?"+query, nil)
	req.Header.Set("X-Shop-Version", "v1")
	return req
}

func jsonRequest(path, body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	return req
}

func orderRequest(field string) *http.Request {
	return jsonRequest("/orders", `{"id":"`+shopID+`","price":1,`+field+`}`)
}

func noContent(c echo.Context) error { return c.NoContent(http.StatusOK) }

func TestRequestThatBreaksTheDocumentIsRefused(t *testing.T) {
	query := func(query string) *http.Request { return ordersRequest("since=2026-03-01T00:00:00Z&" + query) }
	with := func(req *http.Request, change func(*http.Request)) *http.Request { change(req); return req }
	tests := []struct {
		name string
		req  *http.Request
		want wire.Violation
	}{
		{"a path parameter of the wrong format",
			with(query(""), func(r *http.Request) { r.URL.Path = "/shops/north/orders/open" }),
			wire.Violation{In: "path", Field: "shop", Rule: "format", Message: "Path parameter shop must be a UUID"}},
		{"a path parameter outside its enum",
			with(query(""), func(r *http.Request) { r.URL.Path = "/shops/" + shopID + "/orders/lost" }),
			wire.Violation{In: "path", Field: "state", Rule: "enum", Message: "Path parameter state must be one of open, closed"}},
		{"a query parameter that is missing", ordersRequest(""),
			wire.Violation{In: "query", Field: "since", Rule: "required", Message: "Query parameter since is required"}},
		{"a date-time without offset", ordersRequest("since=2026-03-01T00:00:00"),
			wire.Violation{In: "query", Field: "since", Rule: "format", Message: "Query parameter since must be an RFC 3339 date-time such as 2026-03-01T00:00:00Z"}},
		{"a query parameter the operation does not list", query("sort=asc"),
			wire.Violation{In: "query", Field: "sort", Rule: "unknown", Message: "Unknown query parameter: sort"}},
		{"a query string with a broken escape", query("cursor=%zz"),
			wire.Violation{In: "query", Rule: "syntax", Message: "The query string is malformed"}},
		{"a word for an integer", query("limit=ten"),
			wire.Violation{In: "query", Field: "limit", Rule: "type", Message: "Query parameter limit must be an integer"}},
		{"a fraction for an integer", query("limit=1.5"),
			wire.Violation{In: "query", Field: "limit", Rule: "type", Message: "Query parameter limit must be an integer"}},
		{"an integer below its minimum", query("limit=0"),
			wire.Violation{In: "query", Field: "limit", Rule: "minimum", Message: "Query parameter limit must be at least 1"}},
		{"an integer above its maximum", query("limit=101"),
			wire.Violation{In: "query", Field: "limit", Rule: "maximum", Message: "Query parameter limit must be at most 100"}},
		{"an integer that is empty", query("limit="),
			wire.Violation{In: "query", Field: "limit", Rule: "required", Message: "Query parameter limit must not be empty"}},
		{"a word for a number", query("ratio=half"),
			wire.Violation{In: "query", Field: "ratio", Rule: "type", Message: "Query parameter ratio must be a number"}},
		{"a boolean in digits", query("archived=1"),
			wire.Violation{In: "query", Field: "archived", Rule: "type", Message: "Query parameter archived must be true or false"}},
		{"a day the calendar does not have", query("on=2026-02-30"),
			wire.Violation{In: "query", Field: "on", Rule: "format", Message: "Query parameter on must be a date such as 2026-03-01"}},
		{"a list that is too long, joined", query("ids=a,b,c,d"),
			wire.Violation{In: "query", Field: "ids", Rule: "maxItems", Message: "Query parameter ids must have at most 3 items"}},
		{"a list that is too long, joined and repeated", query("ids=a,b&ids=c&ids=d"),
			wire.Violation{In: "query", Field: "ids", Rule: "maxItems", Message: "Query parameter ids must have at most 3 items"}},
		{"a list with a wrong item", query("sizes=1&sizes=big"),
			wire.Violation{In: "query", Field: "sizes", Rule: "type", Message: "Query parameter sizes must be an array of integers"}},
		{"a header that is missing", with(query(""), func(r *http.Request) { r.Header.Del("X-Shop-Version") }),
			wire.Violation{In: "header", Field: "X-Shop-Version", Rule: "required", Message: "Header X-Shop-Version is required"}},
		{"a header that does not match", with(query(""), func(r *http.Request) { r.Header.Set("X-Shop-Version", "1") }),
			wire.Violation{In: "header", Field: "X-Shop-Version", Rule: "pattern", Message: "Header X-Shop-Version must match ^v[0-9]+$"}},

		{"a required body that is missing", jsonRequest("/orders", ""),
			wire.Violation{In: "body", Rule: "required", Message: "A request body is required"}},
		{"a required body that is blank", jsonRequest("/orders", " \n"),
			wire.Violation{In: "body", Rule: "required", Message: "A request body is required"}},
		{"a required body that is null", jsonRequest("/orders", "null"),
			wire.Violation{In: "body", Rule: "nullable", Message: "The request body must not be null"}},
		{"a body that is no JSON", jsonRequest("/orders", `{"id":`),
			wire.Violation{In: "body", Rule: "json", Message: "The request body is not valid JSON"}},
		{"a body with something after its JSON", jsonRequest("/orders", `{} {}`),
			wire.Violation{In: "body", Rule: "json", Message: "The request body is not valid JSON"}},
		{"an array for an object", jsonRequest("/orders", `[]`),
			wire.Violation{In: "body", Rule: "type", Message: "The request body must be an object"}},
		{"a field that is missing", jsonRequest("/orders", `{"id":"`+shopID+`"}`),
			wire.Violation{In: "body", Field: "/price", Rule: "required", Message: "price is required"}},
		{"a string for a number", jsonRequest("/orders", `{"id":"`+shopID+`","price":"1"}`),
			wire.Violation{In: "body", Field: "/price", Rule: "type", Message: "price must be a number"}},
		{"a number on its excluded minimum", jsonRequest("/orders", `{"id":"`+shopID+`","price":0}`),
			wire.Violation{In: "body", Field: "/price", Rule: "exclusiveMinimum", Message: "price must be more than 0"}},
		{"a number on its excluded maximum", orderRequest(`"below":10`),
			wire.Violation{In: "body", Field: "/below", Rule: "exclusiveMaximum", Message: "below must be less than 10"}},
		{"a number below its minimum", orderRequest(`"weight":0.4`),
			wire.Violation{In: "body", Field: "/weight", Rule: "minimum", Message: "weight must be at least 0.5"}},
		{"a number off its step", orderRequest(`"step":0.3`),
			wire.Violation{In: "body", Field: "/step", Rule: "multipleOf", Message: "step must be a multiple of 0.25"}},
		{"a fraction for an integer in a body", orderRequest(`"amount":1.5`),
			wire.Violation{In: "body", Field: "/amount", Rule: "type", Message: "amount must be an integer"}},
		{"an integer that does not fit its format", orderRequest(`"amount":3000000000`),
			wire.Violation{In: "body", Field: "/amount", Rule: "format", Message: "amount must be an integer of 32 bits"}},
		{"a UUID with a digit too few", jsonRequest("/orders", `{"id":"6513270e-269e-4d37-b2a7-4de452e6b43","price":1}`),
			wire.Violation{In: "body", Field: "/id", Rule: "format", Message: "id must be a UUID"}},
		{"a UUID without hyphens in place", jsonRequest("/orders", `{"id":"6513270e2-69e-4d37-b2a7-4de452e6b438","price":1}`),
			wire.Violation{In: "body", Field: "/id", Rule: "format", Message: "id must be a UUID"}},
		{"a UUID with a letter beyond f", jsonRequest("/orders", `{"id":"g513270e-269e-4d37-b2a7-4de452e6b438","price":1}`),
			wire.Violation{In: "body", Field: "/id", Rule: "format", Message: "id must be a UUID"}},
		{"a text that is empty", orderRequest(`"name":""`),
			wire.Violation{In: "body", Field: "/name", Rule: "minLength", Message: "name must have at least 1 character"}},
		{"a text that is too long", orderRequest(`"name":"abcdef"`),
			wire.Violation{In: "body", Field: "/name", Rule: "maxLength", Message: "name must have at most 5 characters"}},
		{"a text that does not match", orderRequest(`"code":"a"`),
			wire.Violation{In: "body", Field: "/code", Rule: "pattern", Message: "code must match ^[A-Z]+$"}},
		{"a hour of one digit in a date-time", orderRequest(`"placed":"2026-03-01T1:00:00Z"`),
			wire.Violation{In: "body", Field: "/placed", Rule: "format", Message: "placed must be an RFC 3339 date-time such as 2026-03-01T00:00:00Z"}},
		{"a value outside its enum", orderRequest(`"size":"medium"`),
			wire.Violation{In: "body", Field: "/size", Rule: "enum", Message: "size must be one of small, large"}},
		{"a value that is not the only one", orderRequest(`"only":"two"`),
			wire.Violation{In: "body", Field: "/only", Rule: "enum", Message: "only must be one"}},
		{"a null where none is allowed", orderRequest(`"name":null`),
			wire.Violation{In: "body", Field: "/name", Rule: "nullable", Message: "name must not be null"}},
		{"a list that is empty", orderRequest(`"tags":[]`),
			wire.Violation{In: "body", Field: "/tags", Rule: "minItems", Message: "tags must have at least 1 item"}},
		{"a list that is too long in a body", orderRequest(`"tags":["a","b","c"]`),
			wire.Violation{In: "body", Field: "/tags", Rule: "maxItems", Message: "tags must have at most 2 items"}},
		{"a list with an item twice", orderRequest(`"tags":["a","a"]`),
			wire.Violation{In: "body", Field: "/tags", Rule: "uniqueItems", Message: "tags must not have the same item twice"}},
		{"an object for a list of text", orderRequest(`"tags":{}`),
			wire.Violation{In: "body", Field: "/tags", Rule: "type", Message: "tags must be an array of strings"}},
		{"a map that is empty", orderRequest(`"counts":{}`),
			wire.Violation{In: "body", Field: "/counts", Rule: "minProperties", Message: "counts must have at least 1 field"}},
		{"a map that is too large", orderRequest(`"counts":{"a":1,"b":2,"c":3}`),
			wire.Violation{In: "body", Field: "/counts", Rule: "maxProperties", Message: "counts must have at most 2 fields"}},
		{"a wrong value under a key that JSON pointers escape", orderRequest(`"counts":{"a/b~c":"1"}`),
			wire.Violation{In: "body", Field: "/counts/a~1b~0c", Rule: "type", Message: "counts.a/b~c must be an integer"}},
		{"an unknown field of a closed object", orderRequest(`"closed":{"a":"x","b \"q\"":1}`),
			wire.Violation{In: "body", Field: `/closed/b "q"`, Rule: "additionalProperties", Message: `closed.b "q" is not a known field`}},
		{"a wrong field of an item", orderRequest(`"parts":[{"at":"2026-03-01T00:00:00Z"},{"at":"noon"}]`),
			wire.Violation{In: "body", Field: "/parts/1/at", Rule: "format", Message: "parts[1].at must be an RFC 3339 date-time such as 2026-03-01T00:00:00Z"}},
		{"a wrong field beneath allOf", orderRequest(`"both":{"left":1}`),
			wire.Violation{In: "body", Field: "/both/left", Rule: "type", Message: "both.left must be a string"}},
		{"an object of no form that oneOf allows", orderRequest(`"either":{"cheque":1}`),
			wire.Violation{In: "body", Field: "/either", Rule: "oneOf", Message: "either matches none of the allowed forms"}},
		{"a value of a form that is ruled out", orderRequest(`"never":"text"`),
			wire.Violation{In: "body", Field: "/never", Rule: "not", Message: "never has a form that is not allowed"}},
		{"a wrong field of an optional body", jsonRequest("/orders/search", `{"text":1}`),
			wire.Violation{In: "body", Field: "/text", Rule: "type", Message: "text must be a string"}},

		{"JSON where only a form is taken", jsonRequest("/token", `{"grant_type":"client_credentials"}`),
			wire.Violation{In: "body", Rule: "content-type", Message: "The request body must be application/x-www-form-urlencoded"}},
		{"a form without a required field", formRequest("scope=all"),
			wire.Violation{In: "body", Field: "/grant_type", Rule: "required", Message: "grant_type is required"}},
		{"a form with a value outside its enum", formRequest("grant_type=password"),
			wire.Violation{In: "body", Field: "/grant_type", Rule: "enum", Message: "grant_type must be client_credentials"}},
	}
	reached := func(echo.Context) error { t.Error("the handler was reached"); return nil }
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := serve(shopRoutes(reached), spec.Options{}, test.req)
			if got.Code != http.StatusBadRequest {
				t.Errorf("status %d, want 400", got.Code)
			}
			if len(got.violations) == 0 || got.violations[0] != test.want {
				t.Fatalf("violations %+v\nwant first  %+v", got.violations, test.want)
			}
			var body struct{ Message string }
			if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil || body.Message != test.want.Message {
				t.Errorf("answered %q, want the message %q", got.Body, test.want.Message)
			}
		})
	}
}

func formRequest(body string) *http.Request {
	req := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
	req.Header.Set(echo.HeaderContentType, echo.MIMEApplicationForm)
	return req
}

func TestRequestThatFitsTheDocumentReachesItsHandler(t *testing.T) {
	bare := func(path, body string) *http.Request {
		return httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	}
	escaped := httptest.NewRequest(http.MethodGet, "/shops/6513270e%2D269e-4d37-b2a7-4de452e6b438/orders/open?since=2026-03-01T00:00:00Z", nil)
	escaped.Header.Set("X-Shop-Version", "v1")
	tests := []struct {
		name string
		req  *http.Request
	}{
		{"with the least it needs", ordersRequest("since=2026-03-01T00:00:00Z")},
		{"with an offset and a fraction in its date-time", ordersRequest("since=2026-03-01T05:00:00.123456789%2B02:00")},
		{"with an escape in its path", escaped},
		{"with every parameter", ordersRequest("since=2026-03-01T00:00:00Z&limit=100&ratio=.5&archived=false&on=2028-02-29&ids=a,b&sizes=1&sizes=2")},
		{"with a list repeated", ordersRequest("since=2026-03-01T00:00:00Z&ids=a&ids=b&ids=c")},
		{"with an empty text parameter", ordersRequest("since=2026-03-01T00:00:00Z&cursor=")},
		{"with a body", jsonRequest("/orders", `{"id":"`+strings.ToUpper(shopID)+`","price":0.1}`)},
		{"with a body of unknown fields in an open object", orderRequest(`"colour":"red"`)},
		{"with nulls where they are allowed", orderRequest(`"gift":null,"maybe":null`)},
		{"with a spelling of its enum", orderRequest(`"size":"LARGE"`)},
		{"with a number beyond what a float can hold, where anything goes", orderRequest(`"free":{"n":1e999}`)},
		{"with one of the allowed forms", orderRequest(`"either":{"cash":12.5}`)},
		{"with a body and no Content-Type", bare("/orders", `{"id":"`+shopID+`","price":1}`)},
		{"without an optional body", bare("/orders/search", "")},
		{"with a blank optional body", bare("/orders/search", " ")},
		{"with null for an optional body", jsonRequest("/orders/search", "null")},
		{"with an empty object for an optional body", jsonRequest("/orders/search", "{}")},
		{"with a form", formRequest("grant_type=client_credentials&scope=all")},
		{"on a path that its handler takes apart", httptest.NewRequest(http.MethodGet, "/alerts/org('north')", nil)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := serve(shopRoutes(noContent), spec.Options{}, test.req)
			if got.Code != http.StatusOK || len(got.violations) > 0 {
				t.Errorf("status %d %s, violations %+v", got.Code, got.Body, got.violations)
			}
		})
	}
}

func TestEveryViolationIsTracedAndTheFirstAnswered(t *testing.T) {
	req := jsonRequest("/orders?b=1&a=2", `{"size":"medium","tags":[1,"x",2]}`)
	got := serve(shopRoutes(noContent), spec.Options{}, req)
	var messages []string
	for _, violation := range got.violations {
		messages = append(messages, violation.Message)
	}
	want := []string{
		"Unknown query parameter: a",
		"Unknown query parameter: b",
		"size must be one of small, large",
		"tags must have at most 2 items",
		"tags[0] must be a string",
		"tags[2] must be a string",
		"id is required",
		"price is required",
	}
	if !reflect.DeepEqual(messages, want) {
		t.Errorf("violations\n  %s\nwant\n  %s", strings.Join(messages, "\n  "), strings.Join(want, "\n  "))
	}
	if !strings.Contains(got.Body.String(), want[0]) {
		t.Errorf("answered %s, want %q", got.Body, want[0])
	}
}

func TestViolationsOfOneBodyAreBounded(t *testing.T) {
	wrong := strings.Repeat("1,", 10_000) + "1"
	got := serve(shopRoutes(noContent), spec.Options{}, orderRequest(`"tags":[`+wrong+`]`))
	if n := len(got.violations); n == 0 || n > 100 {
		t.Errorf("%d violations of one body, want a few", n)
	}
}

func TestHandlerReadsTheBodyThatWasChecked(t *testing.T) {
	const number = "12345678901234567890.123456789"
	body := `{"id":"` + shopID + `","price":` + number + `}`
	for _, typed := range []bool{false, true} {
		var read string
		routes := shopRoutes(func(c echo.Context) error {
			text, err := io.ReadAll(c.Request().Body)
			read = string(text)
			return err
		})
		for i := range routes {
			routes[i].TypedBody = typed
		}
		req := jsonRequest("/orders", body)
		req.ContentLength = -1 // as when it comes in chunks
		serve(routes, spec.Options{}, req)
		if read != body {
			t.Errorf("typed %t: the handler read %q, want %q", typed, read, body)
		}
	}
}

func TestTypedBodyIsLeftToItsHandler(t *testing.T) {
	routes := shopRoutes(noContent)
	for i := range routes {
		routes[i].TypedBody = true
	}
	if got := serve(routes, spec.Options{}, jsonRequest("/orders", `{"id":1}`)); len(got.violations) > 0 {
		t.Errorf("violations %+v of a body that the handler decodes", got.violations)
	}
	got := serve(routes, spec.Options{}, jsonRequest("/orders?x=1", `{"id":1}`))
	if len(got.violations) != 1 || got.violations[0].In != "query" {
		t.Errorf("violations %+v, want the query's alone", got.violations)
	}
}

func TestBodyThatCannotBeReadIsNoViolation(t *testing.T) {
	broken := errors.New("connection lost")
	req := httptest.NewRequest(http.MethodPost, "/orders", io.MultiReader(strings.NewReader("{"), failing{broken}))
	got := serve(shopRoutes(noContent), spec.Options{}, req)
	if len(got.violations) > 0 || !strings.Contains(got.Body.String(), broken.Error()) {
		t.Errorf("violations %+v, answer %s, want the reader's error", got.violations, got.Body)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// get returns the status of a GET; echo's own error writer makes 500 of a violation.
func get(handler http.Handler, target string) int {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, target, nil))
	return recorder.Code
}
