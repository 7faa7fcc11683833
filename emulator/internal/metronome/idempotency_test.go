package metronome

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

const anyKey = "Idempotency-Key"

func TestIdempotencyKeys(t *testing.T) {
	w := newWorld(t, twoCustomers+`
  tokens:
    - {token: any}
    - {token: sandbox, environment: SANDBOX}`)
	first := w.ok("POST", "/v1/customers", `{"name":"Fabrikam","ingest_aliases":["f"]}`, anyKey, "k1")
	for _, row := range []struct{ what, body string }{
		{"the same request", `{"name":"Fabrikam","ingest_aliases":["f"]}`},
		{"the same request with its fields in another order", ` { "ingest_aliases" : ["f"], "name":"\u0046abrikam"}`},
	} {
		if got := w.ok("POST", "/v1/customers", row.body, anyKey, "k1"); got != first {
			t.Errorf("%s: got %s, want the first answer %s", row.what, got, first)
		}
	}
	const reused = "The Idempotency-Key was already used for a request with other parameters"
	w.refused("POST", "/v1/customers", `{"name":"Other"}`, 409, reused, anyKey, "k1")
	w.refused("POST", "/v1/customers/archive", `{"id":"`+nobody+`"}`, 409, reused, anyKey, "k1")
	w.refused("POST", "/v1/customFields/listKeys?next_page=", `{"name":"Fabrikam","ingest_aliases":["f"]}`, 409, reused, anyKey, "k1")
	if customers := w.walk("GET", "/v1/customers", "", 0); len(customers) != 3 {
		t.Errorf("there are %d customers, want 3", len(customers))
	}
	w.ok("GET", "/v1/customers", "", anyKey, "k1")

	w.token = "sandbox"
	if got := w.ok("POST", "/v1/customers", `{"name":"Fabrikam","ingest_aliases":["f"]}`, anyKey, "k1"); got == first {
		t.Error("the key of one environment answers in the other")
	}
}

func TestIdempotencyKeysEnd(t *testing.T) {
	w := newWorld(t, "")
	first := w.ok("POST", "/v1/customers", `{"name":"x"}`, anyKey, "k")
	w.at(noon.Add(24*time.Hour - time.Microsecond))
	if got := w.ok("POST", "/v1/customers", `{"name":"x"}`, anyKey, "k"); got != first {
		t.Errorf("just within a day: got %s, want %s", got, first)
	}
	w.at(noon.Add(24 * time.Hour))
	second := w.ok("POST", "/v1/customers", `{"name":"x"}`, anyKey, "k")
	if second == first {
		t.Error("a day later the first answer still comes")
	}
	w.at(noon.Add(47 * time.Hour))
	if got := w.ok("POST", "/v1/customers", `{"name":"x"}`, anyKey, "k"); got != second {
		t.Errorf("within a day of the second: got %s, want %s", got, second)
	}
}

func TestIdempotencyKeysOfReads(t *testing.T) {
	w := exampleWorld(t)
	body := usageAsk(`"customer_ids":["` + contoso + `"]`)
	before := w.ok("POST", "/v1/usage", body, anyKey, "k")
	w.ok("POST", "/v1/ingest", `[{"transaction_id":"late","customer_id":"contoso","event_type":"llm.call",
		"timestamp":"2026-03-02T00:00:00Z","properties":{"model":"a","region":"eu","tokens":"1","user_id":"u"}}]`)
	if got := w.ok("POST", "/v1/usage", body, anyKey, "k"); got != before {
		t.Errorf("a replay looked again: %s", got)
	}
	if got := w.ok("POST", "/v1/usage", body, anyKey, "another"); got == before {
		t.Error("another key got the answer of the first")
	}
}

func TestIdempotencyKeysOfIngest(t *testing.T) {
	w := exampleWorld(t)
	event := `[{"transaction_id":"once","customer_id":"contoso","event_type":"llm.call","timestamp":"2026-03-02T00:00:00Z"}]`
	for range 2 {
		if got := w.send("POST", "/v1/ingest", event, anyKey, "k"); got.status != 200 || got.body != "" || got.header.Get("Content-Type") != "" {
			t.Errorf("got %d %q %v", got.status, got.body, got.header)
		}
	}
	if found := w.ok("POST", "/v1/events/search", `{"transactionIds":["once"]}`); strings.Count(found, `"transaction_id":"once"`) != 1 {
		t.Errorf("the replay was ingested: %s", found)
	}
}

func TestRefusedRequestsFreeTheirIdempotencyKey(t *testing.T) {
	w := newWorld(t, twoCustomers)
	for _, row := range []struct{ what, body string }{
		{"the document's refusal", `{}`},
		{"a conflict", `{"name":"x","ingest_aliases":["nw-eu"]}`},
		{"a rule's refusal", `{"name":"x","custom_fields":{"a":"b"}}`},
	} {
		if got := w.send("POST", "/v1/customers", row.body, anyKey, "k"); got.status < 400 || got.status > 499 {
			t.Fatalf("%s: got %d %s", row.what, got.status, got.body)
		}
	}
	w.ok("POST", "/v1/customers", `{"name":"x"}`, anyKey, "k")
}

func TestIdempotencyKeysOfRequestsUnderWay(t *testing.T) {
	w := newWorld(t, "")
	release := make(chan struct{})
	entered, done := make(chan struct{}), make(chan exchange)
	go func() {
		_ = w.sandbox.Update(func(*store.Tx) error { close(entered); <-release; return nil })
	}()
	<-entered // from here on no request can write
	first := *w
	go func() { done <- first.send("POST", "/v1/customers", `{"name":"x"}`, anyKey, "k") }()
	for { // until the first has claimed its key
		if _, ok := w.api.claims.Load(holder{w.sandbox, "PRODUCTION", "k"}); ok {
			break
		}
		runtime.Gosched()
	}
	w.refused("POST", "/v1/customers", `{"name":"x"}`, 409, "Another request with the same Idempotency-Key is still under way", anyKey, "k")
	close(release)
	if got := <-done; got.status != 200 {
		t.Errorf("the first request: got %d %s", got.status, got.body)
	}
	w.ok("POST", "/v1/customers", `{"name":"x"}`, anyKey, "k")
	if rows := w.walk("GET", "/v1/customers", "", 0); len(rows) != 1 {
		t.Errorf("there are %d customers, want 1", len(rows))
	}
}

func TestFailuresOfTheServerAreKept(t *testing.T) {
	w := newWorld(t, twoCustomers)
	damage := store.NewTable[int]("metronome/alias-owners")
	write := func(do func(tx *store.Tx)) {
		if err := w.sandbox.Update(func(tx *store.Tx) error { do(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx *store.Tx) { damage.Put(tx, in("PRODUCTION", "broken"), 5) })
	body := `{"name":"x","ingest_aliases":["broken"]}`
	first := w.send("POST", "/v1/customers", body, anyKey, "k")
	if first.status != 500 || first.body != `{"message":"Internal server error"}` {
		t.Fatalf("got %d %s", first.status, first.body)
	}
	write(func(tx *store.Tx) { damage.Delete(tx, in("PRODUCTION", "broken")) })
	if again := w.send("POST", "/v1/customers", body, anyKey, "k"); again.status != 500 || again.body != first.body {
		t.Errorf("the replay: got %d %s", again.status, again.body)
	}
	w.ok("POST", "/v1/customers", body, anyKey, "another")
}

func TestPanicsAreAnsweredInTheVendorsShape(t *testing.T) {
	w := newWorld(t, "")
	w.api.echo.POST("/v1/panic", wire.Recover(nil))
	w.refused("POST", "/v1/panic", "{}", 500, "Internal server error")
	if !strings.Contains(w.log.String(), "nil pointer") {
		t.Errorf("the cause is not in the log: %s", w.log.String())
	}
}

func TestTheSameSeedAndRequestsGiveTheSameAnswers(t *testing.T) {
	transcript := func() string {
		w, log := newWorld(t, refusalWorld), ""
		for i := range 3 {
			log += w.ok("POST", "/v1/customers", fmt.Sprintf(`{"name":"c%d"}`, i))
			log += w.ok("POST", "/v1/billable-metrics/create", `{"name":"m","aggregation_type":"COUNT"}`)
			log += w.ok("POST", "/v1/dashboards/getEmbeddableUrl", `{"customer_id":"`+northwind+`","dashboard":"usage"}`)
			w.ok("POST", "/v1/ingest", "["+threeDays[i]+"]")
		}
		return log + w.ok("POST", "/v1/events/search", `{"transactionIds":["e01","e02"]}`) + w.ok("GET", "/v1/customers", "")
	}
	if first, second := transcript(), transcript(); first != second {
		t.Errorf("two transcripts differ:\n%s\n%s", first, second)
	}
}
