package spec_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// answering returns a handler that writes one whole response.
func answering(status int, contentType, body string) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("X-Total", "1")
		if contentType != "" {
			c.Response().Header().Set(echo.HeaderContentType, contentType)
		}
		c.Response().WriteHeader(status)
		_, err := io.WriteString(c.Response(), body)
		return err
	}
}

const (
	jsonType = echo.MIMEApplicationJSON
	order    = `{"id":"` + shopID + `","price":0.1}`
)

func listRequest() *http.Request { return ordersRequest("since=2026-03-01T00:00:00Z") }

func TestStrictRefereeRefusesAResponseThatBreaksTheDocument(t *testing.T) {
	made := func() *http.Request { return jsonRequest("/orders", order) }
	tests := []struct {
		name   string
		req    *http.Request
		handle echo.HandlerFunc
		want   wire.Violation
	}{
		{"a field of the wrong type", listRequest(), answering(200, jsonType, `{"data":[{"id":"`+shopID+`","price":"1"}],"next":null}`),
			wire.Violation{Field: "/data/0/price", Rule: "type", Message: "Response field data[0].price must be a number"}},
		{"a field that may be null but is missing", listRequest(), answering(200, jsonType, `{"data":[]}`),
			wire.Violation{Field: "/next", Rule: "required", Message: "Response field next is required"}},
		{"a null that is not allowed", listRequest(), answering(200, jsonType, `{"data":null,"next":null}`),
			wire.Violation{Field: "/data", Rule: "nullable", Message: "Response field data must not be null"}},
		{"an array for an object", listRequest(), answering(200, jsonType, `[]`),
			wire.Violation{Rule: "type", Message: "The response body must be an object"}},
		{"a status that is not described", listRequest(), answering(404, jsonType, `{"message":"No."}`),
			wire.Violation{Rule: "status", Message: "The response status 404 is not described for listOrders"}},
		{"an undescribed status of a type that is not held", listRequest(), answering(201, "text/csv", "id\n"),
			wire.Violation{Rule: "status", Message: "The response status 201 is not described for listOrders"}},
		{"JSON that is cut short", listRequest(), answering(200, jsonType, `{"data":[]`),
			wire.Violation{Rule: "json", Message: "The response body is not valid JSON"}},
		{"a body that is missing", listRequest(), answering(200, jsonType, ""),
			wire.Violation{Rule: "required", Message: "The response body is missing"}},
		{"nothing at all", listRequest(), func(echo.Context) error { return nil },
			wire.Violation{Field: "X-Total", Rule: "required", Message: "Response header X-Total is required"}},
		{"a body without Content-Type", listRequest(), answering(200, "", `{"data":[],"next":null}`),
			wire.Violation{Field: "Content-Type", Rule: "content-type", Message: "The response has a body and no Content-Type"}},
		{"another Content-Type than described", listRequest(), answering(200, "text/html", "<p>"),
			wire.Violation{Field: "Content-Type", Rule: "content-type", Message: "The response must be application/json or text/csv, not text/html"}},
		{"a body where none is described", made(), answering(200, jsonType, `{}`),
			wire.Violation{Rule: "content", Message: "The response body must be empty"}},
		{"an error body of another shape", made(), answering(409, jsonType, `{"error":"taken"}`),
			wire.Violation{Field: "/message", Rule: "required", Message: "Response field message is required"}},
		{"an error of the handler with a status that is not described", made(),
			func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot) },
			wire.Violation{Rule: "status", Message: "The response status 418 is not described for createOrder"}},
		{"a header of the wrong type", listRequest(), func(c echo.Context) error {
			c.Response().Header().Set("X-Total", "many")
			return c.JSONBlob(http.StatusOK, []byte(`{"data":[],"next":null}`))
		}, wire.Violation{Field: "X-Total", Rule: "type", Message: "Response header X-Total must be an integer"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.want.In = "response"
			got := serve(shopRoutes(test.handle), spec.Options{Strict: true}, test.req)
			if got.Code != http.StatusInternalServerError || !strings.Contains(got.Body.String(), test.want.Message) {
				t.Errorf("answered %d %s, want 500 with %q", got.Code, got.Body, test.want.Message)
			}
			if len(got.violations) == 0 || got.violations[0] != test.want {
				t.Errorf("violations %+v\nwant first %+v", got.violations, test.want)
			}
			if total := got.Header().Get("X-Total"); total != "" {
				t.Errorf("header X-Total of the refused response was sent: %q", total)
			}
		})
	}
}

func TestStrictRefereeSendsAResponseThatFitsTheDocumentUnchanged(t *testing.T) {
	page := `{"data":[` + order + `],"next":null,"more":{"n":1e999}}`
	tests := []struct {
		name   string
		req    *http.Request
		handle echo.HandlerFunc
		status int
		body   string
	}{
		{"JSON", listRequest(), answering(200, jsonType, page), 200, page},
		{"JSON with a charset", listRequest(), answering(200, "application/json; charset=utf-8", page), 200, page},
		{"another described type", listRequest(), answering(200, "text/csv", "id\n1\n"), 200, "id\n1\n"},
		{"nothing where nothing is described", jsonRequest("/orders", order), noContent, 200, ""},
		{"a described error", jsonRequest("/orders", order), answering(409, jsonType, `{"message":"Taken"}`), 409, `{"message":"Taken"}`},
		{"an error of the handler", jsonRequest("/orders", order),
			func(echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "x") }, 409, `{"message":"code=409, message=x"}` + "\n"},
		{"a refused request", jsonRequest("/orders", `{"price":1}`), noContent, 400, `{"message":"id is required"}` + "\n"},
		{"a failure of the server's own", jsonRequest("/orders", order),
			func(echo.Context) error { return errors.New("lost") }, 500, `{"message":"lost"}` + "\n"},
		{"a default response", jsonRequest("/orders/search", ""), answering(206, jsonType, `[{}]`), 206, `[{}]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := serve(shopRoutes(test.handle), spec.Options{Strict: true}, test.req)
			if got.Code != test.status || got.Body.String() != test.body {
				t.Errorf("answered %d %q, want %d %q", got.Code, got.Body, test.status, test.body)
			}
			for _, violation := range got.violations {
				if violation.In == "response" {
					t.Errorf("violation %+v", violation)
				}
			}
		})
	}
}

func TestOnlyAStrictRefereeLooksAtResponses(t *testing.T) {
	got := serve(shopRoutes(answering(200, jsonType, `[]`)), spec.Options{}, listRequest())
	if got.Code != http.StatusOK || len(got.violations) > 0 {
		t.Errorf("answered %d, violations %+v", got.Code, got.violations)
	}
}

func TestStrictRefereeDoesNotHoldBackAStream(t *testing.T) {
	recorder := httptest.NewRecorder()
	handle := func(c echo.Context) error {
		c.Response().Header().Set("X-Total", "2")
		c.Response().Header().Set(echo.HeaderContentType, "text/csv")
		for _, line := range []string{"id\n", "1\n"} {
			if _, err := io.WriteString(c.Response(), line); err != nil {
				return err
			}
			c.Response().Flush()
			if !strings.HasSuffix(recorder.Body.String(), line) {
				t.Errorf("after the line %q the client has read %q", line, recorder.Body)
			}
		}
		return nil
	}
	e := echo.New()
	wire.Register(e, shopRoutes(handle), shop.Referee(spec.Options{Strict: true}))
	e.ServeHTTP(recorder, listRequest())
	if !recorder.Flushed || recorder.Body.String() != "id\n1\n" {
		t.Errorf("flushed %t, body %q", recorder.Flushed, recorder.Body)
	}
}

func TestPanicLeavesTheResponseWriterAsItWas(t *testing.T) {
	e := echo.New()
	recovered := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			defer func() {
				_ = recover()
				err = c.String(http.StatusInternalServerError, "lost")
			}()
			return next(c)
		}
	}
	wire.Register(e, shopRoutes(func(echo.Context) error { panic("lost") }), shop.Referee(spec.Options{Strict: true}), recovered)
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, listRequest())
	if recorder.Code != http.StatusInternalServerError || recorder.Body.String() != "lost" {
		t.Errorf("answered %d %q", recorder.Code, recorder.Body)
	}
}
