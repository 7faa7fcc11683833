package m3ter_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/submeter/submeter/clients/m3ter"
)

func load(t *testing.T, path string, into any) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(source, into); err != nil {
		t.Fatal(err)
	}
}

// The generator passes over operations that it does not find, and would make methods for what nobody emulates.
func TestTheGeneratedClientHasWhatWasAskedFor(t *testing.T) {
	var settings struct {
		Output struct {
			Include []string `yaml:"include-operation-ids"`
		} `yaml:"output-options"`
	}
	load(t, "oapi-codegen.yaml", &settings)
	var document struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	load(t, "../../openapi/m3ter.yaml", &document)
	emulated := map[string]bool{}
	for _, item := range document.Paths {
		for _, value := range item {
			operation, _ := value.(map[string]any)
			id, _ := operation["operationId"].(string)
			status, _ := operation["x-submeter"].(map[string]any)
			emulated[id], _ = status["emulated"].(bool)
		}
	}
	client := reflect.TypeFor[*m3ter.RawClient]()
	methods := map[string]bool{} // in lower case: the generator has its own view of initials
	for i := range client.NumMethod() {
		methods[strings.ToLower(client.Method(i).Name)] = true
	}
	if len(settings.Output.Include) < 20 {
		t.Fatalf("the settings name %d operations, which cannot be", len(settings.Output.Include))
	}
	for _, id := range settings.Output.Include {
		if !emulated[id] || !methods[strings.ToLower(id)] {
			t.Errorf("%s: emulated %t, has a method %t", id, emulated[id], methods[strings.ToLower(id)])
		}
	}
}
