package metronome

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
)

func TestRouteTableIsTheDocument(t *testing.T) {
	api := New(Config{})
	for _, err := range spec.Check(api.Operations(), api.NotEmulated(), document) {
		t.Error(err)
	}
}

func TestEveryOperationAsksForAToken(t *testing.T) {
	w := newWorld(t, "")
	for _, op := range append(w.api.Operations(), w.api.NotEmulated()...) {
		path := strings.NewReplacer(":customer_id", nobody, ":billable_metric_id", nobody).Replace(op.Path)
		w.refused(op.Method, path, "", http.StatusUnauthorized, "Unauthorized", "Authorization", "")
	}
}

func TestWhatIsNotEmulatedSaysSo(t *testing.T) {
	w := newWorld(t, "")
	for _, op := range w.api.NotEmulated() {
		w.refused(op.Method, op.Path, "", http.StatusNotImplemented,
			op.Method+" "+op.Path+" is an operation of Metronome that submeter knows and does not emulate")
	}
}

func TestRefusalsBeforeAnyOperation(t *testing.T) {
	w := newWorld(t, "")
	for _, row := range []struct {
		what, method, path, body string
		status                   int
		message                  string
		header                   []string
	}{
		{"a path that nobody knows", "GET", "/v1/nothing", "", 404, "Not found", nil},
		{"the root", "GET", "/", "", 404, "Not found", nil},
		{"a known path with another method", "DELETE", "/v1/customers", "", 404, "Not found", nil},
		{"no Authorization at all", "GET", "/v1/customers", "", 401, "Unauthorized", []string{"Authorization", ""}},
		{"another scheme", "GET", "/v1/customers", "", 401, "Unauthorized", []string{"Authorization", "Basic any"}},
		{"a scheme without a token", "GET", "/v1/customers", "", 401, "Unauthorized", []string{"Authorization", "Bearer"}},
		{"a blank token", "GET", "/v1/customers", "", 401, "Unauthorized", []string{"Authorization", "Bearer  "}},
		{"a bad body comes after a missing token", "POST", "/v1/ingest", "[]", 401, "Unauthorized", []string{"Authorization", ""}},
		{"a bad body behind a good token", "POST", "/v1/ingest", "[]", 400, "The request body must have at least 1 item", nil},
		{"gzip that is none", "POST", "/v1/usage", "this is not zipped at all", 400,
			"the request body is not the gzip that Content-Encoding says: gzip: invalid header", []string{"Content-Encoding", "gzip"}},
		{"an encoding that is not known", "POST", "/v1/customers", "{}", 415,
			`Content-Encoding "br" is not supported; send gzip or none`, []string{"Content-Encoding", "br"}},
		{"a query parameter that no operation lists", "GET", "/v1/billable-metrics?colour=red", "", 400, "Unknown query parameter: colour", nil},
		{"a limit where there is none", "POST", "/v1/usage?limit=10",
			`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z"}`, 400,
			"Unknown query parameter: limit", nil},
	} {
		t.Run(row.what, func(t *testing.T) {
			w.t = t
			w.refused(row.method, row.path, row.body, row.status, row.message, row.header...)
		})
	}
}

func TestBodiesAreReadWhateverTheirContentType(t *testing.T) {
	w := newWorld(t, "")
	for _, kind := range []string{"", "text/plain", "application/json; charset=utf-8", "nonsense"} {
		w.ok("POST", "/v1/customers", `{"name":"Northwind"}`, "Content-Type", kind)
	}
}

func TestTheEmulatorsOwnFailuresAreNotShown(t *testing.T) {
	w := newWorld(t, twoCustomers)
	damaged := store.NewTable[string]("metronome/customers#place")
	if err := w.sandbox.Update(func(tx *store.Tx) error {
		damaged.Upgraded(2, nil).Put(tx, in("PRODUCTION", northwind), "a row of a newer submeter")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	got := w.send("GET", "/v1/customers/"+northwind, "")
	if got.status != 500 || !strings.HasPrefix(got.body, `{"message":`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if !strings.Contains(w.log.String(), "version 2") {
		t.Errorf("the cause is not in the log: %s", w.log.String())
	}
	if strings.Contains(got.body, "version 2") {
		t.Errorf("the cause is in the answer: %s", got.body)
	}
}

func TestReadOnlyTokensAreKeptFromTheseOperations(t *testing.T) {
	api := New(Config{})
	var changing []string
	for _, op := range api.Operations() {
		if mutates(op) {
			changing = append(changing, op.ID)
		}
	}
	slices.Sort(changing)
	want := []string{
		"addCustomFieldKey", "archiveBillableMetric", "archiveCustomer", "createBillableMetric", "createCustomer",
		"deleteCustomFieldValues", "ingestEvents", "removeCustomFieldKey", "renameBillableMetric",
		"setCustomFieldValues", "setCustomerBillableStatus", "setCustomerName", "setIngestAliases", "updateCustomerConfig",
	}
	if !slices.Equal(changing, want) {
		t.Errorf("got %v", changing)
	}
}
