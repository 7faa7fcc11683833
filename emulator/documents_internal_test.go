package emulator

import (
	"testing"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/openapi"
)

// TestEveryDocumentHasItsRoutesAndEveryRouteItsDocument holds the route tables against the documents, both ways.
func TestEveryDocumentHasItsRoutesAndEveryRouteItsDocument(t *testing.T) {
	e, err := New(WithScenario("empty"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	checked := map[string]bool{"control": true}
	for _, err := range spec.Check(e.controlOperations(), nil, documentOf("control")) {
		t.Error(err)
	}
	for _, v := range e.vendors {
		checked[v.name] = true
		for _, err := range spec.Check(v.api.Operations(), v.api.NotEmulated(), v.document) {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	for _, name := range openapi.Names() {
		if !checked[name] {
			t.Errorf("openapi/%s.yaml describes nothing that is mounted", name)
		}
	}
}
