package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// Operation is what a document says of one operation, emulated or not.
type Operation struct {
	ID          string // operationId
	Method      string
	Path        string // in the document's form: /v1/customers/{customer_id}
	EchoPath    string // in echo's form: /v1/customers/:customer_id
	Summary     string
	Emulated    bool     // false: answered 501
	Tier        int      // 1 metering itself, 2 what metering feeds, 3 the rest
	Evidence    string   // documented, observed or assumed
	Assumptions []string // tags in order, MET-001 say; those of the whole document included
}

// Operations lists every operation of the document by path, then method.
func (d *Document) Operations() ([]Operation, error) {
	index, err := d.index()
	if err != nil {
		return nil, err
	}
	return slices.Clone(index.operations), nil
}

// Check compares a vendor's route tables with its document and returns what is amiss, sorted: a route that the document
// does not have, or has by another id or with the other answer to "is it emulated", a route listed twice, and an
// operation without a route. A document with an operation that cannot be compiled is not compared.
func Check(routes, notEmulated []wire.Operation, d *Document) []error {
	if err := d.Load(); err != nil {
		return []error{err}
	}
	index, err := d.index()
	if err != nil {
		return []error{err}
	}
	var amiss []error
	served := map[endpoint]bool{}
	judge := func(op wire.Operation, emulated bool) {
		at := endpoint{op.Method, op.Path}
		r, err := d.route(op)
		switch {
		case err != nil:
			amiss = append(amiss, err)
		case served[at]:
			amiss = append(amiss, fmt.Errorf("route table of %s lists %s twice", d.name, op.ID))
		case r.Emulated != emulated:
			amiss = append(amiss, fmt.Errorf("document %s says of %s emulated: %t, the route table %t", d.name, op.ID, r.Emulated, emulated))
		}
		served[at] = true
	}
	for _, op := range routes {
		judge(op, true)
	}
	for _, op := range notEmulated {
		judge(op, false)
	}
	for at, r := range index.routes {
		if !served[at] {
			amiss = append(amiss, fmt.Errorf("operation %s (%s %s) of document %s has no route", r.ID, at.method, at.path, d.name))
		}
	}
	slices.SortFunc(amiss, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return amiss
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
