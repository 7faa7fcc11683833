// Yaml2json writes every document of openapi/ as JSON into openapi/compiled/, for go generate. It is no part of the
// server.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

func main() {
	if err := compileAll("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// compileAll writes folder/compiled/NAME.json for every folder/NAME.yaml.
func compileAll(folder string) error {
	sources, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return fmt.Errorf("no documents in %s: go generate ./openapi/... finds them", folder)
	}
	for _, source := range sources {
		compiled, err := compile(source)
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		if err := os.WriteFile(target(source), compiled, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// target returns the file that a document is compiled to.
func target(source string) string {
	name := strings.TrimSuffix(filepath.Base(source), ".yaml")
	return filepath.Join(filepath.Dir(source), "compiled", name+".json")
}

// compile returns a file of YAML as JSON: without blanks, keys in order, a line feed at the end, so that a document
// makes the same bytes on every machine.
func compile(source string) ([]byte, error) {
	text, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	var compiled bytes.Buffer
	encoder := json.NewEncoder(&compiled)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(document)
	return compiled.Bytes(), err
}
