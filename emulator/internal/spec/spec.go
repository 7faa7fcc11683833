// Package spec is the referee: it holds a vendor's requests, and on demand its responses, against the vendor's OpenAPI
// document. It is the only package that speaks kin-openapi.
//
// A document costs the start of a process nothing. Its first use lists its operations, and the first request of an
// operation compiles that one: decoding all of them takes longer than everything else at start together.
// Requests are refused before the handler with the first *wire.Violation; all of them go to the trace of the request.
// Structure alone is judged here: what a value means is the handler's business.
package spec

import (
	"fmt"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// Document is one OpenAPI 3.0 document. It is safe for concurrent use.
type Document struct {
	name  string
	index func() (*contents, error) // made at the first call
}

// New describes the document called name, which source returns as JSON. Nothing is read before the first use.
func New(name string, source func() ([]byte, error)) *Document {
	return &Document{name: name, index: sync.OnceValues(func() (*contents, error) {
		text, err := source()
		if err != nil {
			return nil, fmt.Errorf("read document %s: %w", name, err)
		}
		index, err := readIndex(text)
		if err != nil {
			return nil, fmt.Errorf("parse document %s: %w", name, err)
		}
		return index, nil
	})}
}

// Load compiles all operations that are not compiled yet, which requests need not wait for: it is how a test finds what
// is wrong with a document. Its error is the same for ever, because a document that is broken needs another build.
func (d *Document) Load() error {
	index, err := d.index()
	if err != nil {
		return err
	}
	for _, op := range index.operations {
		if err := d.compile(index.routes[endpoint{op.Method, op.EchoPath}]); err != nil {
			return err
		}
	}
	return nil
}

func (d *Document) compile(r *route) error {
	if err := r.compiled(); err != nil {
		return fmt.Errorf("compile %s of document %s: %w", r.ID, d.name, err)
	}
	return nil
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

// route finds the operation of a route table's row and compiles it.
func (d *Document) route(op wire.Operation) (*route, error) {
	index, err := d.index()
	if err != nil {
		return nil, err
	}
	r, ok := index.routes[endpoint{op.Method, op.Path}]
	if !ok {
		return nil, fmt.Errorf("document %s has no operation %s %s (%s)", d.name, op.Method, op.Path, op.ID)
	}
	if r.ID != op.ID {
		return nil, fmt.Errorf("document %s calls %s %s %s, the route table %s", d.name, op.Method, op.Path, r.ID, op.ID)
	}
	return r, d.compile(r)
}
