package spec

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// contents is the index of a document: all its operations by name, and of each the text that it is compiled from.
type contents struct {
	routes     map[endpoint]*route
	operations []Operation // by path, then method
}

// endpoint is what echo matches by.
type endpoint struct{ method, path string }

// source is a document cut into the pieces that are decoded on their own: the fields of each path, which are its
// operations and what they share, and each component.
type source struct {
	OpenAPI    string                                `json:"openapi"`
	Submeter   sourceExtension                       `json:"x-submeter"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components map[string]map[string]json.RawMessage `json:"components"`
}

type sourceExtension struct {
	Assumptions  []string `json:"assumptions"`  // of every emulated operation
	UnknownQuery string   `json:"unknownQuery"` // "ignored", or "" for refused
}

// operationSource is what an operation says of itself, whether it is emulated or not.
type operationSource struct {
	OperationID string `json:"operationId"`
	Summary     string `json:"summary"`
	Submeter    struct {
		Emulated    bool     `json:"emulated"`
		Tier        int      `json:"tier"`
		Evidence    string   `json:"evidence"`
		Assumptions []string `json:"assumptions"`
		Route       string   `json:"route"` // echo's path, where it is not the document's with other brackets
	} `json:"x-submeter"`
}

// methods are the operations a path can hold, in the order in which they are listed.
var methods = []string{
	http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodPost,
	http.MethodPut, http.MethodTrace,
}

// readIndex lists the operations of a document. What they say of requests and responses stays text until it is needed.
func readIndex(text []byte) (*contents, error) {
	var src source
	if err := json.Unmarshal(text, &src); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(src.OpenAPI, "3.0.") {
		return nil, fmt.Errorf("OpenAPI version is %q, not 3.0", src.OpenAPI)
	}
	shared := newComponents(src.Components)
	index := &contents{routes: map[endpoint]*route{}}
	for _, path := range sortedKeys(src.Paths) {
		fields := src.Paths[path]
		listed, err := readPath(path, fields, src.Submeter.Assumptions)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, op := range listed {
			r := &route{Operation: op}
			r.compiled = sync.OnceValue(func() error {
				return r.compile(fields, shared, src.Submeter.UnknownQuery == "ignored")
			})
			at := endpoint{op.Method, op.EchoPath}
			if other, taken := index.routes[at]; taken {
				return nil, fmt.Errorf("%s and %s are both %s %s", other.ID, op.ID, at.method, at.path)
			}
			index.routes[at] = r
		}
		index.operations = append(index.operations, listed...)
	}
	return index, nil
}

// readPath lists the operations of a path. Those that are emulated rest on the assumptions of the document, too.
func readPath(path string, fields map[string]json.RawMessage, assumptions []string) ([]Operation, error) {
	var operations []Operation
	for _, method := range methods {
		text, ok := fields[strings.ToLower(method)]
		if !ok {
			continue
		}
		var said operationSource
		said.Submeter.Emulated = true // the control plane's document does not say so of itself
		if err := json.Unmarshal(text, &said); err != nil {
			return nil, err
		}
		if said.OperationID == "" {
			return nil, fmt.Errorf("%s has no operationId", method)
		}
		op := Operation{
			ID: said.OperationID, Method: method, Path: path, EchoPath: echoPath(path), Summary: said.Summary,
			Emulated: said.Submeter.Emulated, Tier: said.Submeter.Tier, Evidence: said.Submeter.Evidence,
			Assumptions: said.Submeter.Assumptions,
		}
		if said.Submeter.Route != "" {
			op.EchoPath = said.Submeter.Route
		}
		if op.Emulated {
			op.Assumptions = slices.Concat(assumptions, op.Assumptions)
			slices.Sort(op.Assumptions)
		}
		operations = append(operations, op)
	}
	return operations, nil
}

var placeholder = regexp.MustCompile(`\{([^}]+)\}`)

// echoPath writes a document's path the way echo's router does: /customers/{id} becomes /customers/:id.
func echoPath(path string) string { return placeholder.ReplaceAllString(path, ":$1") }
