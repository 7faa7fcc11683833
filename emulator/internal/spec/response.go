package spec

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// witness runs the handler, holds its answer back and lets it go when the document describes it. Otherwise nothing has
// been sent yet, and the error, a *wire.Violation in the response, becomes the answer. An error of the handler is
// written here rather than by echo further out, because error bodies are described, too.
func (r *route) witness(c echo.Context, next echo.HandlerFunc) error {
	if !r.Emulated {
		return next(c)
	}
	response := c.Response()
	held := &held{ResponseWriter: response.Writer, route: r, before: response.Header().Clone()}
	response.Writer = held
	defer func() { response.Writer = held.ResponseWriter }()
	if err := next(c); err != nil {
		c.Error(err)
	}
	found := held.judge(c.Request().Method)
	if len(found) == 0 {
		return held.release()
	}
	if held.passing {
		return nil
	}
	clear(held.Header())
	maps.Copy(held.Header(), held.before)
	response.Committed, response.Size, response.Status = false, 0, http.StatusOK
	return record(c, found)
}

// held is a response that waits for the verdict. One whose Content-Type is neither JSON nor missing is judged by its
// header and then passes through as it is written.
type held struct {
	http.ResponseWriter
	route   *route
	before  http.Header // what the header was before the handler
	status  int         // 0 until written
	body    bytes.Buffer
	passing bool
}

func (h *held) WriteHeader(status int) {
	if h.status != 0 {
		return
	}
	if status < http.StatusOK {
		h.ResponseWriter.WriteHeader(status)
		return
	}
	h.status = status
	kind := h.Header().Get(echo.HeaderContentType)
	if kind == "" || isJSON(kind) || len(h.route.checkHeader(status, h.Header())) > 0 {
		return
	}
	h.passing = true
	h.ResponseWriter.WriteHeader(status)
}

func (h *held) Write(text []byte) (int, error) {
	if h.status == 0 {
		h.WriteHeader(http.StatusOK)
	}
	if h.passing {
		return h.ResponseWriter.Write(text)
	}
	return h.body.Write(text)
}

// FlushError flushes what passes; what is held has nothing to flush yet.
func (h *held) FlushError() error {
	if !h.passing {
		return nil
	}
	return http.NewResponseController(h.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection.
func (h *held) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h *held) judge(method string) []wire.Violation {
	if h.passing {
		return nil
	}
	status := h.status
	if status == 0 {
		status = http.StatusOK // what net/http makes of it
	}
	if found := h.route.checkHeader(status, h.Header()); len(found) > 0 || method == http.MethodHead {
		return found
	}
	return h.route.checkAnswer(status, h.Header(), h.body.Bytes())
}

func (h *held) release() error {
	if h.passing || h.status == 0 {
		return nil
	}
	h.ResponseWriter.WriteHeader(h.status)
	if h.body.Len() == 0 {
		return nil
	}
	_, err := h.ResponseWriter.Write(h.body.Bytes())
	return err
}

// answer returns what the document says of a status, nil when it says nothing.
func (r *route) answer(status int) *openapi3.Response {
	for _, ref := range []*openapi3.ResponseRef{r.answers.Status(status), r.answers.Default()} {
		if ref != nil {
			return ref.Value
		}
	}
	return nil
}

// checkHeader holds status, Content-Type and the described headers against the document. A failure of the server's own
// passes undescribed: a second failure on top would only hide it.
func (r *route) checkHeader(status int, header http.Header) []wire.Violation {
	answer := r.answer(status)
	at := place{in: "response"}
	if answer == nil {
		if status >= http.StatusInternalServerError {
			return nil
		}
		return []wire.Violation{{In: at.in, Rule: "status",
			Message: "The response status " + strconv.Itoa(status) + " is not described for " + r.ID}}
	}
	var found []wire.Violation
	kind := header.Get(echo.HeaderContentType)
	if kind != "" && len(answer.Content) > 0 && answer.Content.Get(kind) == nil {
		found = append(found, wire.Violation{In: at.in, Field: echo.HeaderContentType, Rule: "content-type",
			Message: "The response must be " + strings.Join(sortedKeys(answer.Content), " or ") + ", not " + kind})
	}
	for _, name := range sortedKeys(answer.Headers) {
		described := answer.Headers[name].Value
		at.name = name
		if text := header.Get(name); text != "" && described.Schema != nil {
			found = append(found, at.checkText(described.Schema.Value, text)...)
		} else if text == "" && described.Required {
			found = append(found, at.violation("required", nil, "is required"))
		}
	}
	return found
}

// checkText holds the text of a header against a schema.
func (p place) checkText(schema *openapi3.Schema, text string) []wire.Violation {
	var value any = text
	switch {
	case schema.Type.Is(openapi3.TypeInteger), schema.Type.Is(openapi3.TypeNumber):
		value = json.Number(text)
	case schema.Type.Is(openapi3.TypeBoolean):
		value = text == "true"
	}
	return p.violations(schema.VisitJSON(value, schemaOptions...))
}

// checkAnswer holds a body that is JSON or empty against the document.
func (r *route) checkAnswer(status int, header http.Header, body []byte) []wire.Violation {
	answer := r.answer(status)
	at := place{in: "response"}
	switch {
	case answer == nil:
		return nil
	case len(answer.Content) == 0 && len(body) > 0:
		return []wire.Violation{at.violation("content", nil, "must be empty")}
	case len(answer.Content) == 0:
		return nil
	case len(body) == 0:
		return []wire.Violation{at.violation("required", nil, "is missing")}
	}
	media := answer.Content.Get(header.Get(echo.HeaderContentType))
	if media == nil {
		return []wire.Violation{{In: at.in, Field: echo.HeaderContentType, Rule: "content-type",
			Message: "The response has a body and no Content-Type"}}
	}
	if media.Schema == nil {
		return nil
	}
	return at.checkJSON(media.Schema.Value, body, false)
}

// isJSON tells application/json and its relatives from everything else.
func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == echo.MIMEApplicationJSON || strings.HasSuffix(kind, "+json"))
}
