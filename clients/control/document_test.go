package control_test

import (
	"os"
	"reflect"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/submeter/submeter/clients/control"
)

// The document, the emulator's exported method and the client's method carry one verb: x-submeter-method.
func TestEveryOperationOfTheDocumentHasItsMethod(t *testing.T) {
	source, err := os.ReadFile("../../openapi/control.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(source, &document); err != nil {
		t.Fatal(err)
	}
	client := reflect.TypeOf(&control.Client{})
	seen := 0
	for path, item := range document.Paths {
		for verb, value := range item {
			operation, ok := value.(map[string]any)
			if !ok || path == "/livez" || path == "/readyz" {
				continue
			}
			method, _ := operation["x-submeter-method"].(string)
			if _, ok := client.MethodByName(method); !ok {
				t.Errorf("%s %s: Client has no method %q", verb, path, method)
			}
			seen++
		}
	}
	if seen != 26 {
		t.Errorf("the document has %d operations below /_submeter, want 26", seen)
	}
}
