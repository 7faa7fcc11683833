package spec_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/spec"
)

// Whatever a body holds, the referee lets it pass or says in words what is wrong with it: never a dump of a schema.
func FuzzBodyPassesOrIsRefusedInWords(f *testing.F) {
	for _, body := range []string{
		order, `null`, `[]`, `{"id":1e400,"price":"x"}`, `{"both":{"left":null,"right":{}},"either":{"cash":1,"card":"2"}}`,
		`{"closed":{"\u0000":1,"a`, `{"tags":[[],{},"\ud800"],"counts":{"":1}}`, `{"price":1e-400,"step":1e300,"amount":-0}`,
		strings.Repeat("[", 2000), `{"maybe":{"left":0},"never":"x","size":null}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got := serve(shopRoutes(noContent), spec.Options{Strict: true}, jsonRequest("/orders", body))
		if got.Code != http.StatusOK && got.Code != http.StatusBadRequest {
			t.Fatalf("answered %d %s", got.Code, got.Body)
		}
		if (got.Code == http.StatusBadRequest) != (len(got.violations) > 0) {
			t.Errorf("answered %d with the violations %+v", got.Code, got.violations)
		}
		for _, violation := range got.violations {
			if violation.In != "body" || violation.Rule == "" || violation.Message == "" || strings.Contains(violation.Message, "Schema:") {
				t.Errorf("violation %+v", violation)
			}
		}
	})
}
