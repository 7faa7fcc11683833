// Package openapi carries the OpenAPI 3 documents: one for each vendor, written in this project's own words, and one
// for the control plane. They referee the handlers and are what the reference clients are generated from.
package openapi

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var documents embed.FS

const extension = ".yaml"

// Document returns the text of the document of a name that Names lists, as YAML.
func Document(name string) ([]byte, error) {
	text, err := documents.ReadFile(name + extension)
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
