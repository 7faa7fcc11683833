// Package spec is the referee: it holds a vendor's requests, and on demand its responses, against the vendor's OpenAPI
// document. It is the only package that speaks kin-openapi.
//
// A document is parsed once, on its first use, because four of them cost more than everything else at start together.
// Requests are refused before the handler with the first *wire.Violation; all of them go to the trace of the request.
// Structure alone is judged here: what a value means is the handler's business.
package spec

import (
	"fmt"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// Document is one OpenAPI 3.0 document, parsed when first needed. It is safe for concurrent use.
type Document struct {
	name string
	load func() (*contents, error)
}

// New describes the document called name whose YAML source returns. Nothing is read before the first use.
func New(name string, source func() ([]byte, error)) *Document {
	return &Document{name: name, load: sync.OnceValues(func() (*contents, error) {
		text, err := source()
		if err != nil {
			return nil, fmt.Errorf("read document %s: %w", name, err)
		}
		parsed, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("parse document %s: %w", name, err)
		}
		return parsed, nil
	})}
}

// Load parses the document unless that is done already; callers that come meanwhile wait for it. Its error is the same
// for ever: a document that cannot be parsed needs another build.
func (d *Document) Load() error {
	_, err := d.load()
	return err
}

// Options say how strict a referee is.
type Options struct {
	Strict bool // hold responses against the document, too
}

// Referee returns the check of each operation, to be given to wire.Register. The check of an operation that the
// document does not emulate lets everything pass: it has nothing to go by. An operation that the document does not
// know, or knows by another id, is an error on every request, and one that Check finds in a test.
func (d *Document) Referee(opts Options) wire.Referee {
	return func(op wire.Operation) echo.MiddlewareFunc {
		find := sync.OnceValues(func() (*route, error) { return d.route(op) })
		return func(next echo.HandlerFunc) echo.HandlerFunc {
			judged := func(c echo.Context) error {
				r, err := find()
				if err != nil {
					return err
				}
				if err := r.admit(c, op.TypedBody); err != nil {
					return err
				}
				return next(c)
			}
			if !opts.Strict {
				return judged
			}
			return func(c echo.Context) error {
				r, err := find()
				if err != nil {
					return err
				}
				return r.witness(c, judged)
			}
		}
	}
}

// route finds the operation of a route table's row.
func (d *Document) route(op wire.Operation) (*route, error) {
	parsed, err := d.load()
	if err != nil {
		return nil, err
	}
	r, ok := parsed.routes[endpoint{op.Method, op.Path}]
	if !ok {
		return nil, fmt.Errorf("document %s has no operation %s %s (%s)", d.name, op.Method, op.Path, op.ID)
	}
	if r.ID != op.ID {
		return nil, fmt.Errorf("document %s calls %s %s %s, the route table %s", d.name, op.Method, op.Path, r.ID, op.ID)
	}
	return r, nil
}
