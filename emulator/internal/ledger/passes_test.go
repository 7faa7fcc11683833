package ledger_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

// TestPassesAsAQueryDecides asks a query and Passes about the same event.
func TestPassesAsAQueryDecides(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	st, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	baseline, err := st.Baseline("empty", clock.FrozenAt(noon), func(*store.Sandbox) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	sb, _, err := st.Sandbox("one", baseline)
	if err != nil {
		t.Fatal(err)
	}
	names := rapid.SampledFrom([]string{"a", "b"})
	values := rapid.SampledFrom([]string{`"60"`, `60`, `60.0`, `"060"`, `1e1`, `"1e1"`, `true`, `"true"`, `null`, `""`, `{}`, `[60]`, `"\u0078"`, `"x"`})
	texts := rapid.SliceOfN(rapid.SampledFrom([]string{"60", "60.0", "060", "1e1", "true", "", "x", "{}", "null"}), 1, 3)
	types := rapid.SampledFrom([]string{"call", "report"})
	taken := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		event := ledger.Event{Stream: "s", Type: types.Draw(t, "type"), Time: noon}
		for range rapid.IntRange(0, 4).Draw(t, "fields") {
			event.Fields = append(event.Fields, ledger.Field{Name: names.Draw(t, "name"), JSON: values.Draw(t, "value")})
		}
		var filter ledger.Filter
		if rapid.Bool().Draw(t, "types") {
			filter.Types = []string{types.Draw(t, "wanted type")}
		}
		if rapid.Bool().Draw(t, "not types") {
			filter.NotTypes = []string{types.Draw(t, "unwanted type")}
		}
		for range rapid.IntRange(0, 2).Draw(t, "conditions") {
			condition := ledger.FieldFilter{Name: names.Draw(t, "condition on")}
			if rapid.Bool().Draw(t, "exists") {
				condition.Exists = new(bool)
				*condition.Exists = rapid.Bool().Draw(t, "must exist")
			}
			if rapid.Bool().Draw(t, "in") {
				condition.In = texts.Draw(t, "in values")
			}
			if rapid.Bool().Draw(t, "not in") {
				condition.NotIn = texts.Draw(t, "not in values")
			}
			filter.Fields = append(filter.Fields, condition)
		}
		scope := ledger.New("passes", 0)
		if err := sb.Update(func(tx *store.Tx) error {
			scope.Append(tx, ledger.NewBatch([]ledger.Event{event}))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		counted := 0
		if err := sb.View(func(tx *store.Tx) error {
			counted = len(scope.Aggregate(tx, ledger.Query{
				Streams: []string{"s"}, Filter: filter, After: taken, Function: ledger.Count,
				Windows: []time.Time{noon, noon.Add(time.Second)},
			}))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		taken++
		if passes := filter.Passes(event); passes != (counted == 1) {
			t.Fatalf("Passes: %t, a query counts %d of %+v under %+v", passes, counted, event, filter)
		}
	})
}
