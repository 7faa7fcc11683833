package cognite

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// refusal is an error of the API; inside an envelope it is the body on the wire.
type refusal struct {
	Code    int              `json:"code"` // the HTTP status
	Message string           `json:"message"`
	Missing []map[string]any `json:"missing,omitempty"`

	retryAfter time.Duration // of a 429
}

type envelope struct {
	Error *refusal `json:"error"`
}

func (r *refusal) Error() string { return r.Message }

func errUnauthorized() error { return &refusal{Code: http.StatusUnauthorized, Message: "Unauthorized"} }

func errForbidden(acl, action, project string) error {
	return &refusal{Code: http.StatusForbidden, Message: fmt.Sprintf("Caller lacks %s:%s in project %s.", acl, action, project)}
}

func errNotAlpha(sent string) error {
	if sent == "" {
		sent = "none"
	}
	return badRequest("This feature is in alpha: it needs the header cdf-version: 20230101-alpha, got " + sent + ".")
}

func errTooManyRequests(budget int, wait time.Duration) error {
	return &refusal{
		Code: http.StatusTooManyRequests, retryAfter: wait,
		Message: fmt.Sprintf("Request budget of %d per second for this identity and project is used up; retry later.", budget),
	}
}

func errNoMeters() error { return notFound("Meters not found") }
func errNoLimit() error  { return notFound("Limit not found") }
func errNoRoute() error  { return notFound("Not found") }

func errNoGroups(missing []map[string]any) error {
	return &refusal{Code: http.StatusBadRequest, Message: "Groups not found", Missing: missing}
}

func errBadBody() error {
	return badRequest("The request body is not valid JSON of the expected types")
}
func errNoBody() error         { return badRequest("A request body is required") }
func errBadCursor() error      { return badRequest("Invalid cursor") }
func errEndBeforeStart() error { return badRequest("end must not be before start") }

func errTooManyIDs(most int) error {
	return badRequest(fmt.Sprintf("items must not have more than %d items", most))
}

func errNotInteger(name string) error {
	return badRequest(name + " must be an integer of 64 bits")
}

func errSourceAndMembers() error {
	return badRequest("A group must not have both sourceId and members")
}

func errMetadata(what string) error { return badRequest("metadata " + what) }

func errCapability(problem string) error { return badRequest("capabilities: " + problem) }

func errNotEmulated(method, path string) error {
	return &refusal{Code: http.StatusNotImplemented, Message: fmt.Sprintf(
		"%s %s is an operation of Cognite Data Fusion that submeter knows and does not emulate", method, path)}
}

func badRequest(message string) error { return &refusal{Code: http.StatusBadRequest, Message: message} }
func notFound(message string) error   { return &refusal{Code: http.StatusNotFound, Message: message} }

// tokenRefusal is an error of the stand-in identity provider, in the shape of OAuth 2.0.
type tokenRefusal struct {
	status      int
	Reason      string `json:"error"`
	Description string `json:"error_description"`
}

func (t *tokenRefusal) Error() string { return t.Description }

func errTokenRequest(status int, description string) error {
	return &tokenRefusal{status: status, Reason: "invalid_request", Description: description}
}

func errGrantType() error {
	return &tokenRefusal{
		status: http.StatusBadRequest, Reason: "unsupported_grant_type", Description: "grant_type must be client_credentials",
	}
}

func errBadClient() error {
	return &tokenRefusal{
		status: http.StatusUnauthorized, Reason: "invalid_client", Description: "The client id or the client secret is wrong",
	}
}

// refusalOf puts any error into the vendor's shape. The second result says that it is the emulator's own fault, of which
// nothing is told. // COG-040
func refusalOf(err error) (*refusal, bool) {
	var (
		own       *refusal
		violation *wire.Violation
		body      *wire.BodyError
		routing   *echo.HTTPError
	)
	switch {
	case errors.As(err, &own):
		return own, false
	case errors.As(err, &violation):
		if violation.In == "response" {
			return &refusal{Code: http.StatusInternalServerError, Message: violation.Message}, true
		}
		return &refusal{Code: http.StatusBadRequest, Message: violation.Message}, false
	case errors.As(err, &body):
		return &refusal{Code: body.Status, Message: body.Message}, false
	case errors.As(err, &routing) && routing.Code == http.StatusMethodNotAllowed: // COG-039
		return &refusal{Code: routing.Code, Message: "Method not allowed"}, false
	case errors.As(err, &routing) && routing.Code < http.StatusInternalServerError:
		return refusalOf(errNoRoute())
	}
	return &refusal{Code: http.StatusInternalServerError, Message: "Internal server error"}, true
}

// writeError is the one place that writes a refusal. It never says whether to try again: the Python SDK takes any value
// of cdf-is-auto-retryable for a yes. // COG-037
func (a *API) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, body, ours := bodyOf(err)
	if ours {
		a.log.Error("request failed", "vendor", "cognite", "method", c.Request().Method, "path", c.Request().URL.Path, "error", err)
	}
	if r, ok := body.(envelope); ok && r.Error.retryAfter > 0 { // COG-036
		seconds := int(math.Ceil(r.Error.retryAfter.Seconds()))
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(seconds))
	}
	if err := respond(c, status, body); err != nil {
		a.log.Error("the answer could not be written", "vendor", "cognite", "error", err)
	}
}

// bodyOf returns what is written of an error: the identity provider's own shape where it speaks, the vendor's elsewhere.
func bodyOf(err error) (status int, body any, ours bool) {
	var provider *tokenRefusal
	if errors.As(err, &provider) {
		return provider.status, provider, false
	}
	r, ours := refusalOf(err)
	return r.Code, envelope{r}, ours
}

// respond writes JSON as it is: no line feed behind it, and no escapes for HTML.
func respond(c echo.Context, status int, body any) error {
	if c.Request().Method == http.MethodHead {
		return c.NoContent(status)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.Blob(status, echo.MIMEApplicationJSON, data)
}
