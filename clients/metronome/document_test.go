package metronome_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/submeter/submeter/clients/metronome"
)

// The list of operations in oapi-codegen.yaml follows the document: what is emulated can be called, nothing else.
func TestTheGeneratedClientHasWhatIsEmulated(t *testing.T) {
	source, err := os.ReadFile("../../openapi/metronome.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(source, &document); err != nil {
		t.Fatal(err)
	}
	client := reflect.TypeFor[*metronome.RawClient]()
	methods := map[string]bool{} // in lower case: the generator has its own view of initials
	for i := range client.NumMethod() {
		methods[strings.ToLower(client.Method(i).Name)] = true
	}
	seen := 0
	for path, item := range document.Paths {
		for verb, value := range item {
			operation, ok := value.(map[string]any)
			if !ok {
				continue
			}
			id, _ := operation["operationId"].(string)
			status, _ := operation["x-submeter"].(map[string]any)
			emulated, _ := status["emulated"].(bool)
			if methods[strings.ToLower(id)] != emulated {
				t.Errorf("%s %s: operation %q, emulated %t, has a method: %t", verb, path, id, emulated, !emulated)
			}
			seen++
		}
	}
	if seen < 100 {
		t.Errorf("the document has %d operations, which cannot be", seen)
	}
}
