package m3ter

import (
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/spec"
)

func TestRouteTableIsTheDocument(t *testing.T) {
	api := New(Config{})
	for _, err := range spec.Check(api.Operations(), api.NotEmulated(), document) {
		t.Error(err)
	}
}

func concrete(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, ":") {
			parts[i] = nobody
		}
	}
	return strings.Replace(strings.Join(parts, "/"), "/organizations/"+nobody, "/organizations/"+openOrganization, 1)
}

func TestEveryOperationOfAnOrganizationAsksForAToken(t *testing.T) {
	w := newWorld(t, "")
	for _, op := range append(w.api.Operations(), w.api.NotEmulated()...) {
		if op.Path == "/oauth/token" {
			continue
		}
		got := w.send(op.Method, concrete(op.Path), "", "Authorization", "")
		if got.status != 403 || got.body != `{"message":"Unauthorized"}` {
			t.Errorf("%s: got %d %s", op.ID, got.status, got.body)
		}
	}
}

func TestWhatIsNotEmulatedSaysSo(t *testing.T) {
	w := newWorld(t, "")
	for _, op := range w.api.NotEmulated() {
		got := w.send(op.Method, concrete(op.Path), "")
		want := `{"message":"submeter does not emulate the operation ` + op.ID + `"}`
		if got.status != 501 || got.body != want || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %d %s", op.ID, got.status, got.body)
		}
	}
}
