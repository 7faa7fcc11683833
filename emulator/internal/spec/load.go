package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// contents is a parsed document.
type contents struct {
	routes     map[endpoint]*route
	operations []Operation // by path, then method
}

// endpoint is what echo matches by.
type endpoint struct{ method, path string }

// source is the document with its operations still unread, because kin-openapi reads every level of a document several
// times over: piece by piece, and without what is not emulated, costs half of what the whole costs at once.
type source struct {
	OpenAPI  string          `json:"openapi"`
	Submeter sourceExtension `json:"x-submeter"`
	Paths    map[string]json.RawMessage
	Parts    parts `json:"components"`
}

type sourceExtension struct {
	Assumptions  []string `json:"assumptions"`  // of every emulated operation
	UnknownQuery string   `json:"unknownQuery"` // "ignored", or "" for refused
}

// parts are the components that operations refer to. Security schemes are missing: credentials are the vendor's affair.
type parts struct {
	Schemas       map[string]*openapi3.SchemaRef
	Parameters    map[string]*openapi3.ParameterRef
	Headers       map[string]*openapi3.HeaderRef
	RequestBodies map[string]*openapi3.RequestBodyRef
	Responses     map[string]*openapi3.ResponseRef
	Examples      map[string]*openapi3.ExampleRef
}

// methods are the operations a path can hold, in the order in which they are listed.
var methods = []string{
	http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch, http.MethodPost,
	http.MethodPut, http.MethodTrace,
}

func parse(text []byte) (*contents, error) {
	src, err := readSource(text)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(src.OpenAPI, "3.0.") {
		return nil, fmt.Errorf("OpenAPI version is %q, not 3.0", src.OpenAPI)
	}
	doc := &openapi3.T{OpenAPI: src.OpenAPI, Paths: openapi3.NewPaths(), Components: &openapi3.Components{
		Schemas: src.Parts.Schemas, Parameters: src.Parts.Parameters, Headers: src.Parts.Headers,
		RequestBodies: src.Parts.RequestBodies, Responses: src.Parts.Responses, Examples: src.Parts.Examples,
	}}
	operations, err := readPaths(src, doc)
	if err != nil {
		return nil, err
	}
	if err := openapi3.NewLoader().ResolveRefsIn(doc, nil); err != nil {
		return nil, err
	}
	parsed := &contents{routes: make(map[endpoint]*route, len(operations)), operations: operations}
	for _, op := range operations {
		r := &route{Operation: op}
		if op.Emulated {
			r.compile(doc.Paths.Value(op.Path), src.Submeter.UnknownQuery == "ignored")
		}
		at := endpoint{op.Method, op.EchoPath}
		if other, taken := parsed.routes[at]; taken {
			return nil, fmt.Errorf("%s and %s are both %s %s", other.ID, op.ID, at.method, at.path)
		}
		parsed.routes[at] = r
	}
	return parsed, nil
}

// readSource goes from YAML to JSON and from there to types, which is what kin-openapi's types can be read from. The
// YAML decoder is kin-openapi's own, the quickest one at hand.
func readSource(text []byte) (*source, error) {
	tree, err := openapi3filter.YamlBodyDecoder(bytes.NewReader(text), nil, nil, nil)
	if err != nil {
		return nil, err
	}
	asJSON, err := json.Marshal(stringKeys(tree))
	if err != nil {
		return nil, err
	}
	var src source
	if err := json.Unmarshal(asJSON, &src); err != nil {
		return nil, err
	}
	return &src, nil
}

// stringKeys turns maps whose keys YAML reads as numbers, such as bare response statuses, into what JSON can hold.
func stringKeys(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = stringKeys(inner)
		}
	case map[any]any:
		named := make(map[string]any, len(value))
		for key, inner := range value {
			named[fmt.Sprint(key)] = stringKeys(inner)
		}
		return named
	case []any:
		for i, inner := range value {
			value[i] = stringKeys(inner)
		}
	}
	return value
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

// readPaths lists all operations and puts those that are emulated into doc.
func readPaths(src *source, doc *openapi3.T) ([]Operation, error) {
	var operations []Operation
	for _, path := range sortedKeys(src.Paths) {
		listed, err := readPath(path, src)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		operations = append(operations, listed...)
		if !slices.ContainsFunc(listed, func(op Operation) bool { return op.Emulated }) {
			continue
		}
		var item openapi3.PathItem
		if err := json.Unmarshal(src.Paths[path], &item); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		doc.Paths.Set(path, &item)
	}
	return operations, nil
}

func readPath(path string, src *source) ([]Operation, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(src.Paths[path], &fields); err != nil {
		return nil, err
	}
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
			op.Assumptions = slices.Concat(src.Submeter.Assumptions, op.Assumptions)
			slices.Sort(op.Assumptions)
		}
		operations = append(operations, op)
	}
	return operations, nil
}

var placeholder = regexp.MustCompile(`\{([^}]+)\}`)

// echoPath writes a document's path the way echo's router does: /customers/{id} becomes /customers/:id.
func echoPath(path string) string { return placeholder.ReplaceAllString(path, ":$1") }
