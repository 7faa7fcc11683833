package m3ter

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// apiError is the body of every refusal; the vendor describes no field but the message (M3T-017).
type apiError struct {
	status  int
	retry   bool   // add Retry-After
	Message string `json:"message"`
}

func (e *apiError) Error() string { return e.Message }

func refuse(status int, format string, args ...any) *apiError {
	return &apiError{status: status, Message: fmt.Sprintf(format, args...)}
}

// errInvalid is a request that breaks a rule: dangling references, delete of something referenced and every documented
// rule without a documented status are 400 (M3T-018).
func errInvalid(format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, format, args...)
}

// The vendor's list of errors has no 401: a bad bearer token is 403 like a bad organization (M3T-005).
func errUnauthorized() *apiError { return refuse(http.StatusForbidden, "Unauthorized") }
func errForbidden() *apiError    { return refuse(http.StatusForbidden, "Forbidden") }

// errBadCredentials is the answer of the token endpoint, which that list does not cover (M3T-006).
func errBadCredentials() *apiError { return refuse(http.StatusUnauthorized, "Unauthorized") }

func errTooLarge() *apiError {
	return refuse(http.StatusForbidden, "The request body must be under %d bytes", maxIngestBytes)
}

func errLinkExpired() *apiError { return refuse(http.StatusForbidden, "Request has expired") }
func errLinkForged() *apiError {
	return refuse(http.StatusForbidden, "The signature does not match the request")
}

func errNotFound(what, id string) *apiError {
	return refuse(http.StatusNotFound, "No %s with id %s", what, id)
}

// errNoRoute answers unknown paths, and known paths with another method (M3T-019).
func errNoRoute() *apiError { return refuse(http.StatusNotFound, "Not Found") }

func errTooManyRequests() *apiError {
	return &apiError{status: http.StatusTooManyRequests, retry: true, Message: "Too Many Requests"}
}

func errNotEmulated(operation string) *apiError {
	return refuse(http.StatusNotImplemented, "submeter does not emulate the operation %s", operation)
}

// errConflict is a duplicate code or a version that is not the stored one: 400, unless the organization's option says
// 409, which the vendor's SDKs would try again (M3T-013).
func (o options) errConflict(format string, args ...any) *apiError {
	status := http.StatusBadRequest
	if o.ConflictStatus != 0 {
		status = o.ConflictStatus
	}
	return refuse(status, format, args...)
}

// writeError is the one place that writes a refusal.
func (a *API) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	refused := a.translate(err, c)
	if refused.retry {
		c.Response().Header().Set(echo.HeaderRetryAfter, "1") // M3T-020
	}
	if err := respond(c, refused.status, refused); err != nil {
		a.log.Error("the answer could not be written", "vendor", "m3ter", "error", err)
	}
}

func (a *API) translate(err error, c echo.Context) *apiError {
	var (
		own       *apiError
		violation *wire.Violation
		body      *wire.BodyError
		routing   *echo.HTTPError
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &violation):
		if violation.In == "response" {
			break
		}
		return errInvalid("%s", violation.Message)
	case errors.As(err, &body):
		return refuse(body.Status, "%s", body.Message)
	case errors.As(err, &routing) && (routing.Code == http.StatusNotFound || routing.Code == http.StatusMethodNotAllowed):
		return errNoRoute()
	}
	a.log.Error("internal error", "vendor", "m3ter", "method", c.Request().Method, "path", c.Request().URL.Path, "error", err)
	return refuse(http.StatusInternalServerError, "Internal Server Error")
}
