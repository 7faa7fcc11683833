package informatica

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// refusal is an answer that is no success. The codes IDS_085 and UI_10000 are the vendor's, AUTH_01 is hearsay, all
// others are the emulator's own, in the vendor's manner (INF-004, INF-017, INF-046).
type refusal struct {
	Status  int
	Code    string
	Message string // never empty: clients show it
	Bare    bool   // sent without a body
}

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

// errorV3 is the body of a refusal of a v3 resource.
type errorV3 struct {
	Error struct {
		Code      string    `json:"code"`
		Message   string    `json:"message"`
		RequestID string    `json:"requestId"`
		Details   *struct{} `json:"details"` // always null
	} `json:"error"`
}

// errorV2 is the body of a refusal of a v2 resource.
type errorV2 struct {
	Code        string `json:"code"`
	Description string `json:"description"`
	StatusCode  int    `json:"statusCode"`
	Type        string `json:"@type"`
}

const (
	badCredentials = "User name or password is not valid."
	badSession     = "The session is not valid or has expired; log in again."
)

// errLogin answers wrong credentials; the v2 resource has another status than the v3 one (INF-001).
func errLogin(v2, badRequest bool) error {
	r := &refusal{Status: http.StatusUnauthorized, Code: "IDS_085", Message: badCredentials}
	if v2 {
		r.Status, r.Code = http.StatusForbidden, "UI_10000"
	}
	if badRequest {
		r.Status = http.StatusBadRequest
	}
	return r
}

func errSession(code string) error {
	return &refusal{Status: http.StatusUnauthorized, Code: code, Message: badSession}
}

// INF-012: without the right there is a 403, or a 404 without a body.
func errPrivilege(bare bool) error {
	return forbidden("AUTH_02", "The user does not have the privilege that this request needs.", bare)
}

func errLicense(bare bool) error {
	return forbidden("AUTH_03", "The organization is not licensed by consumption.", bare)
}

func forbidden(code, message string, bare bool) error {
	if bare {
		return &refusal{Status: http.StatusNotFound, Code: code, Message: message, Bare: true}
	}
	return &refusal{Status: http.StatusForbidden, Code: code, Message: message}
}

// INF-017: what a report cannot be made from.
func errMalformed(detail string) error { return badRequest("METERING_01", detail) }
func errMissing(field string) error    { return badRequest("METERING_02", field+" is required.") }
func errDate(field string) error {
	return badRequest("METERING_03", field+" must be an ISO 8601 instant such as 2025-03-01T00:00:00Z.")
}
func errDateOrder() error { return badRequest("METERING_04", "startDate must not be after endDate.") }
func errJobType() error {
	return badRequest("METERING_06", "jobType must be SUMMARY, PROJECT_FOLDER or ASSET.")
}
func errMeter(id, report string) error {
	return badRequest("METERING_07", fmt.Sprintf("Meter %s is not one that %s reports can be asked for.", id, report))
}
func errCallback() error {
	return badRequest("METERING_08", "callbackUrl must be an absolute http or https URL.")
}
func errNoJob() error {
	return &refusal{Status: http.StatusNotFound, Code: "METERING_10", Message: "There is no such job."}
}
func errRange(limitDays int) error {
	return badRequest("METERING_05", fmt.Sprintf("The range from startDate to endDate is longer than %d days.", limitDays))
}

// errTooManyJobs answers the job beyond the limit (INF-018).
func errTooManyJobs(status int) error {
	return &refusal{Status: status, Code: "METERING_09", Message: tooManyJobs}
}

// errNoArchive answers the download of a job that is not done or has failed, errExpired that of one whose ZIP is
// gone (INF-024).
func errNoArchive(status int, state string) error {
	return &refusal{Status: status, Code: "METERING_11", Message: "There is nothing to download: the job's status is " + state + "."}
}

func errExpired(status int) error {
	return &refusal{Status: status, Code: "METERING_12", Message: "The file is no longer available: it is kept for 3 days."}
}

func errNoOrg() error {
	return &refusal{Status: http.StatusNotFound, Code: "ORG_01", Message: "There is no such organization."}
}

func errForeignOrg() error {
	return &refusal{Status: http.StatusForbidden, Code: "ORG_02", Message: "The user has no rights on this organization."}
}

func badRequest(code, message string) error {
	return &refusal{Status: http.StatusBadRequest, Code: code, Message: message}
}

// errStatus is any other refusal: an unknown path, a wrong method, a body that is too large.
func errStatus(status int, message string) *refusal {
	return &refusal{Status: status, Code: fmt.Sprintf("REST_%d", status), Message: message}
}

// refusalOf finds the vendor's answer to an error. One that is nobody's fault but ours is nil.
func refusalOf(err error, operation string) *refusal {
	var (
		ours      *refusal
		violation *wire.Violation
		body      *wire.BodyError
		routing   *echo.HTTPError
	)
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &violation) && violation.In != "response":
		return violationOf(violation, operation)
	case errors.As(err, &body):
		return errStatus(body.Status, sentence(body.Message))
	case errors.As(err, &routing):
		switch routing.Code { // INF-043
		case http.StatusNotFound:
			return errStatus(routing.Code, "There is no such resource.")
		case http.StatusMethodNotAllowed:
			return errStatus(routing.Code, "The resource does not have this method.")
		}
		return errStatus(routing.Code, fmt.Sprint(routing.Message))
	}
	return nil
}

// violationOf gives a broken document the code that the rule has (INF-017, INF-046).
func violationOf(v *wire.Violation, operation string) *refusal {
	if !strings.HasPrefix(operation, "create") { // only exports are created
		return errStatus(http.StatusBadRequest, sentence(v.Message))
	}
	field := strings.TrimPrefix(v.Field, "/")
	err := errMalformed(sentence(v.Message))
	switch v.Rule {
	case "required", "nullable":
		if field == "" {
			field = "A request body"
		}
		err = errMissing(field)
	case "enum":
		err = errJobType() // the only field with a list of values
	case "anyOf":
		err = errMalformed(field + " must be TRUE or FALSE.") // the only fields with two forms
	}
	return err.(*refusal) //nolint:errorlint,forcetypeassert // made right here
}

func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

// writeError is the one writer of errors: v2 resources have a shape of their own, and every error is JSON, that of a
// download too (INF-009).
func (a *API) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		a.log.Warn("an answer broke off", "path", c.Request().URL.Path, "error", err)
		return
	}
	ctx := c.Request().Context()
	r := refusalOf(err, wire.TraceOf(ctx).Operation)
	if r == nil {
		a.log.Error("a request failed", "path", c.Request().URL.Path, "error", err)
		r = errStatus(http.StatusInternalServerError, "An unexpected error occurred.")
		var violation *wire.Violation
		if errors.As(err, &violation) { // strict: the emulator's own answer broke the document
			r.Message = sentence(violation.Message)
		}
	}
	var sent error
	switch {
	case r.Bare:
		sent = c.NoContent(r.Status)
	case isV2(c.Request().URL.Path):
		sent = writeJSON(c, r.Status, errorV2{Code: r.Code, Description: r.Message, StatusCode: r.Status, Type: "error"})
	default:
		var body errorV3
		body.Error.Code, body.Error.Message, body.Error.RequestID = r.Code, r.Message, requestID(store.SandboxOf(ctx))
		sent = writeJSON(c, r.Status, body)
	}
	if sent != nil {
		a.log.Warn("an error did not reach its client", "path", c.Request().URL.Path, "error", sent)
	}
}

func isV2(path string) bool {
	return strings.HasPrefix(path, "/saas/api/v2/") || strings.HasPrefix(path, "/ma/api/v2/")
}

// requestID draws the id of a refused request; without a world there is none to draw it from.
func requestID(sb *store.Sandbox) string {
	var id [32]byte
	if sb != nil {
		_ = sb.Update(func(tx *store.Tx) error { id = store.NewEntropy(tx, "informatica/request"); return nil })
	}
	return store.Base62(id, idLength)
}

// writeJSON leaves < and > as they are, as the vendor does: error texts of its servers hold HTML.
func writeJSON(c echo.Context, status int, body any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return err
	}
	return c.Blob(status, echo.MIMEApplicationJSON, bytes.TrimSuffix(text.Bytes(), []byte("\n")))
}
