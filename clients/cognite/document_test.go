package cognite_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/submeter/submeter/clients/cognite"
)

// The list of operations in oapi-codegen.yaml follows the document: what is emulated can be called, nothing else. Tokens
// come from an identity provider, not through the client.
func TestTheGeneratedClientHasWhatIsEmulated(t *testing.T) {
	source, err := os.ReadFile("../../openapi/cognite.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(source, &document); err != nil {
		t.Fatal(err)
	}
	client := reflect.TypeFor[*cognite.RawClient]()
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
			want := emulated && !strings.HasSuffix(path, "/token")
			if methods[strings.ToLower(id)] != want {
				t.Errorf("%s %s: operation %q, emulated %t, has a method: %t", verb, path, id, emulated, !want)
			}
			seen++
		}
	}
	if seen < 16 {
		t.Errorf("the document has %d operations, which cannot be", seen)
	}
}
