// Package openapi carries the OpenAPI 3 documents: one for each vendor, written in this project's own words, and one
// for the control plane. They referee the handlers and are what the reference clients are generated from.
//
// A document is written as NAME.yaml. What programs read is compiled/NAME.json, the same in JSON, because that is
// decoded several times faster; after a change, go generate ./openapi/... writes it anew.
package openapi

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:generate go run ./yaml2json

//go:embed *.yaml compiled/*.json
var documents embed.FS

const extension = ".yaml"

// Document returns the document of a name that Names lists, as JSON.
func Document(name string) ([]byte, error) { return read(name, "compiled/"+name+".json") }

// Source returns the text of the document of a name that Names lists, as it was written: YAML with its comments.
func Source(name string) ([]byte, error) { return read(name, name+extension) }

func read(name, file string) ([]byte, error) {
	text, err := documents.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("no OpenAPI document %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return text, nil
}

// Names returns the names of all documents in alphabetical order: the vendors' and "control".
func Names() []string {
	files, err := fs.Glob(documents, "*"+extension)
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(file, extension)
	}
	return files
}
