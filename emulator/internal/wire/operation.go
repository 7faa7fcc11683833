// Package wire holds the HTTP pieces that two or more vendors share byte for byte: the route table's row, the
// bounded and decompressed body, the page cursor, the trace of a request and the description of a broken contract.
package wire

import (
	"github.com/labstack/echo/v4"
)

// Operation is one line of a vendor's route table: one operation of the vendor's API and the handler that serves it.
type Operation struct {
	ID     string // the document's operationId
	Method string
	Path   string // in echo's form: /v1/customers/:customer_id
	Handle echo.HandlerFunc

	// TypedBody says that the handler's own decoder checks the body, so that the document need not: for the few
	// operations where the check costs as much as the work. A differential fuzz test shows that both refuse alike.
	TypedBody bool
}

// Referee holds requests, and in strict mode responses, against the document of an operation. It runs before the
// handler and refuses with a *Violation.
type Referee func(Operation) echo.MiddlewareFunc

// Register adds the operations to e. Each request passes first the trace, which learns what operation it is, then the
// guards in the order given (a vendor's authentication, say), then the referee, then the handler. A panic of the last two
// comes back to the guards as an error.
func Register(e *echo.Echo, ops []Operation, referee Referee, guards ...echo.MiddlewareFunc) {
	for _, op := range ops {
		chain := append([]echo.MiddlewareFunc{traceOperation(op.ID)}, guards...)
		chain = append(chain, Recover)
		if referee != nil {
			chain = append(chain, referee(op))
		}
		e.Add(op.Method, op.Path, op.Handle, chain...)
	}
}

func traceOperation(id string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			TraceOf(c.Request().Context()).Operation = id
			return next(c)
		}
	}
}
