package metronome

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/wire"
)

var operations = New(Config{}).Operations()

// verdictOf is what the document says of a body of an operation; nil: nothing.
func verdictOf(t testing.TB, id, body string) *wire.Violation {
	t.Helper()
	for _, op := range operations {
		if op.ID != id {
			continue
		}
		op.TypedBody = false
		c := echo.New().NewContext(httptest.NewRequest(op.Method, op.Path, strings.NewReader(body)), httptest.NewRecorder())
		c.Request().Header.Set("Content-Type", "application/json")
		err := document.Referee(spec.Options{})(op)(func(echo.Context) error { return nil })(c)
		return violationOf(t, err)
	}
	t.Fatalf("no operation %s", id)
	return nil
}

func violationOf(t testing.TB, err error) *wire.Violation {
	t.Helper()
	var violation *wire.Violation
	if err != nil && !errors.As(err, &violation) {
		t.Fatalf("not a violation: %v", err)
	}
	return violation
}

func anyContext() echo.Context {
	return echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/", nil), httptest.NewRecorder())
}

// compareVerdicts says whether a decoder refuses a body just as the document does.
func compareVerdicts(t *testing.T, id, body string, decoded error) {
	t.Helper()
	got, want := violationOf(t, decoded), verdictOf(t, id, body)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q:\n decoder  %+v\n document %+v", body, got, want)
	}
}

// plainEvents decodes events as encoding/json does, for comparison.
func plainEvents(t testing.TB, body string) []ledger.Event {
	t.Helper()
	var plain []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &plain); err != nil {
		t.Fatal(err)
	}
	text := func(raw json.RawMessage) (s string) {
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	var events []ledger.Event
	for _, p := range plain {
		at, err := time.Parse(time.RFC3339, text(p["timestamp"]))
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ledger.Event{
			ID: text(p["transaction_id"]), Stream: text(p["customer_id"]), Type: text(p["event_type"]), Time: at.UTC(),
		})
	}
	return events
}

// plainProperties decodes the properties of each event as encoding/json does.
func plainProperties(t testing.TB, body string) []map[string]any {
	t.Helper()
	var plain []struct{ Properties json.RawMessage }
	if err := json.Unmarshal([]byte(body), &plain); err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, p := range plain {
		properties := map[string]any{}
		if p.Properties != nil {
			if err := json.Unmarshal(p.Properties, &properties); err != nil {
				t.Skip("a number beyond float64")
			}
		}
		all = append(all, properties)
	}
	return all
}

var ingestBodies = []string{
	"", " ", "null", "{}", "[]", "[1]", "[null]", "[{}]", "[[]]", `"x"`, "[", "[] []", "[{},]", "\xff",
	"[" + threeDays[0] + "]", "[" + strings.Join(threeDays, ",") + "]", "[" + strings.Repeat("{},", 100) + "{}]",
	`[{"transaction_id":"","customer_id":"","event_type":"","timestamp":""}]`,
	`[{"transaction_id":1,"customer_id":true,"event_type":{},"timestamp":null,"properties":[]}]`,
	`[{"transaction_id":null,"customer_id":null,"event_type":null,"timestamp":5,"properties":null}]`,
	`[{"transaction_id":"` + strings.Repeat("ä", 128) + `","customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z"}]`,
	`[{"transaction_id":"` + strings.Repeat("ä", 129) + `","customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z"}]`,
	`[{"transaction_id":"` + strings.Repeat(`\ud83d\ude00`, 65) + `","customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z"}]`,
	`[{"transaction_id":"\ud800\u0041","customer_id":"\u0000","event_type":"\"","timestamp":"2026-03-01T00:00:00\u005a"}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00,5Z"}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-01T1:00:00Z"}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-01t00:00:00z"}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-02-30T00:00:00Z"}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"12026-02-03T00:00:00Z"}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-01T24:00:00.123456789123+14:00"}]`,
	`[{"transaction_id":"t","transaction_id":2,"customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z"}]`,
	`[{"transaction_id":2,"transaction_id":"t","\u0063ustomer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z","extra":{"a":[1]}}]`,
	`[{"transaction_id":"a` + "\xff\xfe" + `","customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z","properties":{"k` + "\xc3" + `":"v` + "\xe2\x82" + `"}}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z","properties":{"a":1e400,"b":-0,"a":null,"c":[{}],"c":"x\u00e9"}}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z","Timestamp":"x","properties":{"":""}}]`,
	`[{"transaction_id":"t","customer_id":"c","event_type":"e","timestamp":"2026-03-01T00:00:00Z","properties":{` + manyProperties() + `}}]`,
	"[" + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + "]",
	"[" + strings.Repeat("[", 9998) + strings.Repeat("]", 9998) + "]",
	strings.Repeat("[", 100000), "[\"\x01\"]", "[01]", "[1.]", "[nul]", "\ufeff[]",
}

// manyProperties are more than are looked through one by one, some of them twice.
func manyProperties() string {
	var properties []string
	for i := range 3 * manyFields {
		properties = append(properties, fmt.Sprintf(`"p%d":%d`, i%(2*manyFields-5), i))
	}
	return strings.Join(properties, ",")
}

// FuzzIngestBody holds the decoder of ingest against the document, and what it reads against encoding/json.
func FuzzIngestBody(f *testing.F) {
	for _, body := range ingestBodies {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		events, err := decodeEvents(anyContext(), []byte(body))
		compareVerdicts(t, "ingestEvents", body, err)
		if err != nil || events == nil {
			return
		}
		properties := plainProperties(t, body)
		for i, plain := range plainEvents(t, body) {
			got := events[i]
			got.Fields = nil
			if !reflect.DeepEqual(got, plain) {
				t.Errorf("event %d: got %+v, want %+v", i, got, plain)
			}
			read := map[string]any{}
			if shown := propertiesOf(events[i]); shown != nil {
				if err := json.Unmarshal(shown, &read); err != nil {
					t.Fatalf("event %d: %v in %s", i, err, shown)
				}
			}
			if !reflect.DeepEqual(read, properties[i]) {
				t.Errorf("event %d: got %v, want %v", i, read, properties[i])
			}
		}
	})
}

var usageBodies = []string{
	"", " ", "null", "[]", "{}", "{", "{} {}", `{"window_size":"DAY"}`, `{"window_size":5,"starting_on":5,"ending_before":5}`,
	`{"window_size":null,"starting_on":null,"ending_before":null,"customer_ids":null,"billable_metrics":null}`,
	`{"window_size":"Day","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00+00:00","more":1}`,
	`{"window_size":"WEEK","starting_on":"yesterday","ending_before":"2026-03-02","customer_ids":"x","billable_metrics":{}}`,
	`{"window_size":"DAy","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z"}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z","customer_ids":[],"billable_metrics":[]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z","customer_ids":["x"]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z","customer_ids":[null,1]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z",
	  "customer_ids":["6513270E-269e-4d37-b2a7-4de452e6b438"],"billable_metrics":[{"id":"6513270e-269e-4d37-b2a7-4de452e6b438"}]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z","billable_metrics":[{}]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z","billable_metrics":[1,null]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z",
	  "billable_metrics":[{"id":"6513270e-269e-4d37-b2a7-4de452e6b438","group_by":{}}]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z",
	  "billable_metrics":[{"id":"6513270e-269e-4d37-b2a7-4de452e6b438","group_by":{"key":1,"values":[]}},{"id":5,"group_by":null}]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z",
	  "billable_metrics":[{"id":"6513270e-269e-4d37-b2a7-4de452e6b438","group_by":{"key":"","values":["",1]}}]}`,
	`{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-02T00:00:00Z",
	  "billable_metrics":[{"id":"6513270e-269e-4d37-b2a7-4de452e6b438","group_by":{"key":"k","values":["a"` + strings.Repeat(`,"a"`, 200) + `]}}]}`,
}

// TestDecodersRefuseAsTheDocument composes bodies of good and bad pieces, which no fuzzer would find in a lifetime.
func TestDecodersRefuseAsTheDocument(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		`null`, `5`, `""`, `"x"`, `true`, `{}`, `[]`, `[null]`, `["x"]`, `[5]`, `[{}]`, `"2026-03-01T00:00:00Z"`, `"2026-03-01"`,
		`"DAY"`, `"none"`, `"day "`, `"6513270e-269e-4d37-b2a7-4de452e6b438"`, `["6513270E-269E-4d37-b2a7-4de452e6b438"]`, `"6513270e"`,
		`{"key":"k"}`, `{"key":5}`, `{"key":"k","values":["v"]}`, `{"key":"k","values":[]}`, `{"values":["",5],"key":null}`,
		`[{"id":"6513270e-269e-4d37-b2a7-4de452e6b438"}]`, `[{"id":"x","group_by":{"key":"k","values":5}}]`,
		`[{"group_by":null,"id":"6513270e-269e-4d37-b2a7-4de452e6b438"},5]`, `"` + strings.Repeat("ö", 129) + `"`,
	})
	object := func(t *rapid.T, names ...string) string {
		var fields []string
		for range rapid.IntRange(0, 2*len(names)).Draw(t, "fields") {
			fields = append(fields, quote(rapid.SampledFrom(names).Draw(t, "name"))+":"+pieces.Draw(t, "value"))
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	rapid.Check(t, func(rt *rapid.T) {
		var events []string
		for range rapid.IntRange(1, 3).Draw(rt, "events") {
			events = append(events, object(rt, "transaction_id", "customer_id", "event_type", "timestamp", "properties", "more"))
		}
		ingest := "[" + strings.Join(events, ",") + "]"
		_, err := decodeEvents(anyContext(), []byte(ingest))
		compareVerdicts(t, "ingestEvents", ingest, err)
		usage := object(rt, "window_size", "starting_on", "ending_before", "customer_ids", "billable_metrics", "more")
		_, err = decodeUsage(anyContext(), []byte(usage))
		compareVerdicts(t, "listUsage", usage, err)
	})
}

// FuzzUsageBody holds the decoder of usage queries against the document.
func FuzzUsageBody(f *testing.F) {
	for _, body := range usageBodies {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		_, err := decodeUsage(anyContext(), []byte(body))
		compareVerdicts(t, "listUsage", body, err)
	})
}
