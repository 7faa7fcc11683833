package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// The control plane: each route decodes, calls one exported method, encodes. openapi/control.yaml describes it.
func (e *Emulator) newControl() *echo.Echo {
	c := echo.New()
	c.HideBanner, c.HidePort = true, true
	c.HTTPErrorHandler = func(err error, ctx echo.Context) {
		if !ctx.Response().Committed {
			e.writeProblem(ctx.Response(), ctx.Request(), err)
		}
	}
	c.Use(wire.Recover)
	referee := documentOf("control").Referee(spec.Options{Strict: e.cfg.strict})
	wire.Register(c, e.controlOperations(), referee, e.readControlBody)
	return c
}

func (e *Emulator) controlOperations() []wire.Operation {
	const get, post, put, del, head = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead
	return []wire.Operation{
		{ID: "livez", Method: get, Path: "/livez", Handle: e.getLivez},
		{ID: "headLivez", Method: head, Path: "/livez", Handle: e.getLivez},
		{ID: "readyz", Method: get, Path: "/readyz", Handle: e.getReadyz},
		{ID: "headReadyz", Method: head, Path: "/readyz", Handle: e.getReadyz},
		{ID: "info", Method: get, Path: "/_submeter/info", Handle: e.getInfo},
		{ID: "sandboxes", Method: get, Path: "/_submeter/sandboxes", Handle: e.getSandboxes},
		{ID: "deleteSandbox", Method: del, Path: "/_submeter/sandbox", Handle: e.deleteSandbox},
		{ID: "reset", Method: post, Path: "/_submeter/reset", Handle: e.postReset},
		{ID: "clock", Method: get, Path: "/_submeter/clock", Handle: e.getClock},
		{ID: "freeze", Method: post, Path: "/_submeter/clock/freeze", Handle: e.postFreeze},
		{ID: "resume", Method: post, Path: "/_submeter/clock/resume", Handle: e.postResume},
		{ID: "advance", Method: post, Path: "/_submeter/clock/advance", Handle: e.postAdvance},
		{ID: "snapshots", Method: get, Path: "/_submeter/snapshots", Handle: e.getSnapshots},
		{ID: "takeSnapshot", Method: put, Path: "/_submeter/snapshots/:name", Handle: e.putSnapshot},
		{ID: "deleteSnapshot", Method: del, Path: "/_submeter/snapshots/:name", Handle: e.deleteSnapshot},
		{ID: "restore", Method: post, Path: "/_submeter/snapshots/:name/restore", Handle: e.postRestore},
		{ID: "requests", Method: get, Path: "/_submeter/requests", Handle: e.getRequests},
		{ID: "clearRequests", Method: del, Path: "/_submeter/requests", Handle: e.deleteRequests},
		{ID: "countRequests", Method: get, Path: "/_submeter/requests/count", Handle: e.getRequestsCount},
		{ID: "request", Method: get, Path: "/_submeter/requests/:id", Handle: e.getRequest},
		{ID: "jobs", Method: get, Path: "/_submeter/jobs", Handle: e.getJobs},
		{ID: "forceJob", Method: post, Path: "/_submeter/jobs/:id", Handle: e.postJob},
		{ID: "transitions", Method: get, Path: "/_submeter/transitions/:vendor/:kind", Handle: e.getTransitions},
		{ID: "setTransitions", Method: put, Path: "/_submeter/transitions/:vendor/:kind", Handle: e.putTransitions},
		{ID: "clearTransitions", Method: del, Path: "/_submeter/transitions/:vendor/:kind", Handle: e.deleteTransitions},
		{ID: "appendCogniteSamples", Method: post, Path: "/_submeter/cognite/samples", Handle: e.postCogniteSamples},
		{ID: "rateLimits", Method: get, Path: "/_submeter/rate-limits", Handle: e.getRateLimits},
		{ID: "setRateLimits", Method: put, Path: "/_submeter/rate-limits", Handle: e.putRateLimits},
		{ID: "coverage", Method: get, Path: "/_submeter/coverage", Handle: e.getCoverage},
		{ID: "openAPI", Method: get, Path: "/_submeter/openapi/:document", Handle: e.getOpenAPI},
	}
}

type nameKey struct{}

// withName carries the sandbox that a request to the control plane is about.
func withName(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, nameKey{}, name)
}

func (e *Emulator) sandboxOf(c echo.Context) *Sandbox {
	name, _ := c.Request().Context().Value(nameKey{}).(string)
	return e.Sandbox(name)
}

func (e *Emulator) readControlBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		wire.ReadBody(c.Request(), e.cfg.maxBody)
		return next(c)
	}
}

// decode reads a JSON body that the referee has found in order; no body leaves into as it is.
func decode(c echo.Context, into any) error {
	if c.Request().ContentLength == 0 {
		return nil
	}
	return json.NewDecoder(c.Request().Body).Decode(into)
}

// answer sends what a method returned, unless it failed.
func answer(c echo.Context, body any, err error) error {
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, body)
}

func done(c echo.Context, err error) error {
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

type list[T any] struct {
	Items []T `json:"items"`
}

func answerList[T any](c echo.Context, items []T, err error) error {
	if items == nil {
		items = []T{}
	}
	return answer(c, list[T]{items}, err)
}

func (e *Emulator) getLivez(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

func (e *Emulator) getReadyz(c echo.Context) error {
	if pending := e.pending(); pending != "" {
		return echo.NewHTTPError(http.StatusServiceUnavailable, "still pending: "+pending)
	}
	return e.getLivez(c)
}

func (e *Emulator) getInfo(c echo.Context) error {
	info, err := e.sandboxOf(c).Info()
	return answer(c, info, err)
}

func (e *Emulator) getSandboxes(c echo.Context) error {
	items, err := e.Sandboxes()
	return answerList(c, items, err)
}

func (e *Emulator) deleteSandbox(c echo.Context) error { return done(c, e.sandboxOf(c).Delete()) }

func (e *Emulator) postReset(c echo.Context) error {
	var to Baseline
	if err := decode(c, &to); err != nil {
		return err
	}
	return done(c, e.sandboxOf(c).Reset(to))
}

func (e *Emulator) getClock(c echo.Context) error {
	now, err := e.sandboxOf(c).Clock()
	return answer(c, now, err)
}

func (e *Emulator) postFreeze(c echo.Context) error {
	var body struct {
		At time.Time `json:"at"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	now, err := e.sandboxOf(c).Freeze(body.At)
	return answer(c, now, err)
}

func (e *Emulator) postResume(c echo.Context) error {
	now, err := e.sandboxOf(c).Resume()
	return answer(c, now, err)
}

func (e *Emulator) postAdvance(c echo.Context) error {
	var body struct {
		By string    `json:"by"`
		To time.Time `json:"to"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	sandbox := e.sandboxOf(c)
	if body.By == "" {
		advanced, err := sandbox.AdvanceTo(body.To)
		return answer(c, advanced, err)
	}
	advanced, err := sandbox.Advance(body.By)
	return answer(c, advanced, err)
}

func (e *Emulator) getSnapshots(c echo.Context) error {
	items, err := e.sandboxOf(c).Snapshots()
	return answerList(c, items, err)
}

func (e *Emulator) putSnapshot(c echo.Context) error {
	snapshot, err := e.sandboxOf(c).TakeSnapshot(c.Param("name"))
	return answer(c, snapshot, err)
}

func (e *Emulator) deleteSnapshot(c echo.Context) error {
	return done(c, e.sandboxOf(c).DeleteSnapshot(c.Param("name")))
}

func (e *Emulator) postRestore(c echo.Context) error {
	return done(c, e.sandboxOf(c).Restore(c.Param("name")))
}

// filterOf reads what the referee has found in order.
func filterOf(c echo.Context) Filter {
	f := Filter{
		Vendor: c.QueryParam("vendor"), Operation: c.QueryParam("operation"), Method: c.QueryParam("method"),
		Path: c.QueryParam("path"),
	}
	f.Status, _ = strconv.Atoi(c.QueryParam("status"))
	f.Limit, _ = strconv.Atoi(c.QueryParam("limit"))
	f.Since, _ = time.Parse(time.RFC3339Nano, c.QueryParam("since"))
	return f
}

func (e *Emulator) getRequests(c echo.Context) error {
	items, err := e.sandboxOf(c).Requests(filterOf(c))
	return answerList(c, items, err)
}

func (e *Emulator) getRequestsCount(c echo.Context) error {
	n, err := e.sandboxOf(c).CountRequests(filterOf(c))
	return answer(c, map[string]int{"count": n}, err)
}

func (e *Emulator) getRequest(c echo.Context) error {
	id, _ := strconv.ParseInt(c.Param("id"), 10, 64)
	exchange, err := e.sandboxOf(c).Request(id)
	return answer(c, exchange, err)
}

func (e *Emulator) deleteRequests(c echo.Context) error {
	return done(c, e.sandboxOf(c).ClearRequests())
}

func (e *Emulator) getJobs(c echo.Context) error {
	items, err := e.sandboxOf(c).Jobs()
	return answerList(c, items, err)
}

func (e *Emulator) postJob(c echo.Context) error {
	var body struct {
		State string `json:"state"`
		Error string `json:"error"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	forced, err := e.sandboxOf(c).ForceJob(c.Param("id"), body.State, body.Error)
	return answer(c, forced, err)
}

func (e *Emulator) getTransitions(c echo.Context) error {
	rule, err := e.sandboxOf(c).Transitions(c.Param("vendor"), c.Param("kind"))
	return answer(c, rule, err)
}

func (e *Emulator) putTransitions(c echo.Context) error {
	var body Rule
	if err := decode(c, &body); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	rule, err := e.sandboxOf(c).SetTransitions(c.Param("vendor"), c.Param("kind"), body)
	return answer(c, rule, err)
}

func (e *Emulator) deleteTransitions(c echo.Context) error {
	return done(c, e.sandboxOf(c).ClearTransitions(c.Param("vendor"), c.Param("kind")))
}

func (e *Emulator) postCogniteSamples(c echo.Context) error {
	var body struct {
		Project string          `json:"project"`
		Items   []CogniteSample `json:"items"`
	}
	if err := decode(c, &body); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	added, err := e.sandboxOf(c).AppendCogniteSamples(body.Project, body.Items)
	return answer(c, map[string]int{"added": added}, err)
}

func (e *Emulator) getRateLimits(c echo.Context) error {
	limits, err := e.sandboxOf(c).RateLimits()
	return answer(c, limits, err)
}

func (e *Emulator) putRateLimits(c echo.Context) error {
	var body RateLimits
	if err := decode(c, &body); err != nil {
		return err
	}
	limits, err := e.sandboxOf(c).SetRateLimits(body)
	return answer(c, limits, err)
}

func (e *Emulator) getCoverage(c echo.Context) error {
	coverage, err := e.Coverage()
	return answer(c, coverage, err)
}

func (e *Emulator) getOpenAPI(c echo.Context) error {
	document, err := e.OpenAPI(strings.TrimSuffix(c.Param("document"), ".yaml"))
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/yaml", document)
}

// problem is the body of every error of the control plane, after RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// writeProblem is the one place that answers an error outside the vendors' APIs.
func (e *Emulator) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	status, detail := e.explain(err)
	if status == http.StatusInternalServerError {
		e.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	body, _ := json.Marshal(problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone needs no answer
	}
}

func (e *Emulator) explain(err error) (status int, detail string) {
	var (
		violation *wire.Violation
		body      *wire.BodyError
		echoError *echo.HTTPError
	)
	switch {
	case errors.As(err, &violation) && violation.In == "response":
		return http.StatusInternalServerError, "the emulator's answer breaks its own document: " + violation.Message
	case errors.As(err, &violation):
		return http.StatusBadRequest, violation.Message
	case errors.As(err, &body):
		return body.Status, body.Message
	case errors.Is(err, ErrInvalid): // the status says so in its own words
		return http.StatusBadRequest, strings.TrimPrefix(err.Error(), ErrInvalid.Error()+": ")
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound, strings.TrimPrefix(err.Error(), ErrNotFound.Error()+": ")
	case errors.Is(err, store.ErrAllBusy), errors.Is(err, errSeeding), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, err.Error()
	case errors.As(err, &echoError) && echoError.Code == http.StatusNotFound:
		return http.StatusNotFound, "nothing is served here; there are /" + strings.Join(e.Vendors(), ", /") + " and /_submeter, each also under /~sandbox"
	case errors.As(err, &echoError):
		message, _ := echoError.Message.(string)
		return echoError.Code, message
	}
	return http.StatusInternalServerError, "the emulator failed; its log says why"
}
