package metronome

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// refusal is an error of the API; as JSON it is the body on the wire. Nothing but a few texts is known of the vendor's
// own, so each is one sentence that names what was wrong. // MET-024
type refusal struct {
	Status  int    `json:"-"`
	Message string `json:"message"`

	retryAfter time.Duration // of a 429
}

func (r *refusal) Error() string { return r.Message }

// ---- who is calling, and how often

func errUnauthorized() error {
	return &refusal{Status: http.StatusUnauthorized, Message: "Unauthorized"}
}
func errForbidden() error { return &refusal{Status: http.StatusForbidden, Message: "Forbidden"} }

func errTooManyRequests(wait time.Duration) error {
	return &refusal{Status: http.StatusTooManyRequests, Message: "Too Many Requests", retryAfter: wait}
}

func errKeyInUse() error {
	return conflict("Another request with the same Idempotency-Key is still under way")
}

func errKeyReused() error {
	return conflict("The Idempotency-Key was already used for a request with other parameters")
}

// ---- what is not there

func errNoSuchRoute() error { return &refusal{Status: http.StatusNotFound, Message: "Not found"} }

func errNoCustomer(id string) error { return notFound("Customer " + id + " not found") }

func errNoBillableMetric(id string) error { return notFound("Billable metric " + id + " not found") }

func errNoEntity(entity, id string) error {
	return notFound(fmt.Sprintf("Entity %s of type %s not found", id, entity))
}

func errNoCustomFieldKey(entity, key string) error {
	return notFound(fmt.Sprintf("Custom field key '%s' not found on entity %s", key, entity))
}

func errNotEmulated(method, path string) error {
	return &refusal{Status: http.StatusNotImplemented, Message: fmt.Sprintf(
		"%s %s is an operation of Metronome that submeter knows and does not emulate", method, path)}
}

// ---- requests that cannot be

func errBadBody() error {
	return badRequest("The request body is not valid JSON of the expected types")
}

func errBadCursor() error { return badRequest("Invalid next_page cursor") }

func errLimitTooHigh(greatest int) error {
	return badRequest(fmt.Sprintf("limit must be at most %d", greatest))
}

func errLimitInvalid() error { return badRequest("limit must be an integer of at least 1") }

func errBodyRequired() error { return badRequest("A request body is required") }

func errEventTooOld(i int) error {
	return badRequest(fmt.Sprintf("[%d].timestamp must not be more than 34 days in the past", i))
}

func errEventTooNew(i int) error {
	return badRequest(fmt.Sprintf("[%d].timestamp must not be more than 24 hours in the future", i))
}

func errPropertyTooLong(i int, name string, most int) error {
	return badRequest(fmt.Sprintf("[%d].properties.%s must not be longer than %d bytes", i, name, most))
}

func errNotMidnight() error {
	return badRequest("starting_on and ending_before must be at midnight UTC")
}

func errReversedRange() error { return badRequest("ending_before must be after starting_on") }

func errNotAGroupKey(keys []string, metric string) error {
	return badRequest(fmt.Sprintf("Group key '%s' is not a group key of billable metric %s", strings.Join(keys, ", "), metric))
}

func errGroupKeyAndGroupBy() error {
	return badRequest("group_key and group_by must not be used together")
}

func errFilterNotGrouped(key string) error {
	return badRequest(fmt.Sprintf("group_filters key '%s' must be one of group_key", key))
}

func errPeriodAndDates() error {
	return badRequest("current_period must not be used together with starting_on or ending_before")
}

func errDatesMissing() error {
	return badRequest("starting_on and ending_before are required unless current_period is true")
}

func errDatesNeeded() error {
	return badRequest("starting_on and ending_before must be RFC 3339 date-times")
}

func errNoPeriod(customer, what string) error {
	return badRequest(fmt.Sprintf("current_period is not available: customer %s has no active %s", customer, what))
}

func errDuplicateTransaction(id string) error {
	return badRequest(fmt.Sprintf("events must not contain transaction_id '%s' twice", id))
}

func errBadColor(value string) error {
	return badRequest(fmt.Sprintf("color_overrides value '%s' must be a hex color such as #ff0000", value))
}

func errAlreadyArchived(customer string) error {
	return badRequest("Customer " + customer + " is already archived")
}

func errBadCustomFields() error { return badRequest("Invalid custom field keys") }

func errNeitherSQLNorAggregation() error {
	return badRequest("Either sql or aggregation_type is required")
}

func errSQLAndFilters() error {
	return badRequest("sql must not be used together with aggregation_type, aggregation_key, event_type_filter, " +
		"property_filters or group_keys")
}

func errEmptySQL() error { return badRequest("sql must not be empty") }

// errMetricKeys reports all keys that no property filter names at once, as the vendor does.
func errMetricKeys(problems []string) error { return badRequest(strings.Join(problems, "; ")) }

const badAggregationKey = "The specified aggregation key must be one of the property filter names"

func badGroupKey(key string) string {
	return fmt.Sprintf("Group key '%s' does not match one of the property filter names.", key)
}

func errDeliveryTwice() error {
	return badRequest("delivery_method and delivery_method_id must not be used together")
}

// ---- what is taken

func errCustomerExists() error { return conflict("A customer with this ID already exists") }

func errAliasTaken(alias string) error {
	return conflict(fmt.Sprintf("Ingest alias '%s' is already used by another customer", alias))
}

func errKeyExists(entity, key string) error {
	return conflict(fmt.Sprintf("Custom field key '%s' already exists on entity %s", key, entity))
}

func errValueTaken(key, value string) error {
	return conflict(fmt.Sprintf("Custom field '%s' already has the value '%s' on another entity", key, value))
}

func badRequest(message string) error {
	return &refusal{Status: http.StatusBadRequest, Message: message}
}
func notFound(message string) error { return &refusal{Status: http.StatusNotFound, Message: message} }
func conflict(message string) error { return &refusal{Status: http.StatusConflict, Message: message} }

// refusalOf puts any error into the vendor's shape. The second result says that it is the emulator's own fault.
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
			return &refusal{Status: http.StatusInternalServerError, Message: violation.Message}, true
		}
		return &refusal{Status: http.StatusBadRequest, Message: violation.Message}, false
	case errors.As(err, &body):
		return &refusal{Status: body.Status, Message: body.Message}, false // MET-066
	case errors.As(err, &routing) && routing.Code < http.StatusInternalServerError:
		return refusalOf(errNoSuchRoute()) // a wrong method looks like a wrong path // MET-022
	}
	return &refusal{Status: http.StatusInternalServerError, Message: "Internal server error"}, true
}

// writeError writes every error body of the API.
func (a *API) writeError(err error, c echo.Context) {
	r, internal := refusalOf(err)
	if internal {
		a.log.Error("metronome: request failed", "method", c.Request().Method, "path", c.Request().URL.Path, "error", err)
	}
	if c.Response().Committed {
		return
	}
	if r.Status == http.StatusTooManyRequests {
		header := c.Response().Header()
		header.Set("X-Metronome-Rate-Limit-Type", "client")
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(r.retryAfter.Seconds()))))
	}
	if err := c.JSONBlob(r.Status, encodeJSON(r)); err != nil {
		a.log.Debug("metronome: answer not sent", "error", err)
	}
}
