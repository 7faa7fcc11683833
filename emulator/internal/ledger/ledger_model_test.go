package ledger_test

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// TestALedgerAnswersLikeTheNaiveModel runs random operations over the ledgers of several sandboxes of one store, closing
// and opening its file in between, and compares every answer with a model that works it out from scratch.
func TestALedgerAnswersLikeTheNaiveModel(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		m := &machine{
			path: filepath.Join(dir, fmt.Sprintf("%d.db", files)), worlds: map[string]*world{},
			dedupe: rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "dedupe"),
			seeded: drawEvents(t, 3),
		}
		m.ledger = ledger.New("test/events", m.dedupe)
		m.open(t)
		defer func() { m.close() }()
		t.Repeat(map[string]func(*rapid.T){
			"append":   m.append,
			"abort":    m.abort,
			"tick":     m.tick,
			"snapshot": m.snapshot,
			"restore":  m.restore,
			"reset":    m.reset,
			"reopen":   m.reopen,
			"find":     m.find,
			"streams":  m.streams,
			"scan":     m.scan,
			"":         m.aggregate,
		})
	})
}

type machine struct {
	path     string
	dedupe   time.Duration
	ledger   ledger.Ledger
	seeded   []ledger.Event
	store    *store.Store
	baseline *store.Baseline
	worlds   map[string]*world
}

type world struct {
	*model
	snapshots map[string]*model
}

func (m *machine) open(t *rapid.T) {
	var err error
	if m.store, err = store.Open(store.Options{Path: m.path, NoSync: true}); err != nil {
		t.Fatal(err)
	}
	m.baseline, err = m.store.Baseline("base", clock.FrozenAt(start), func(sb *store.Sandbox) error {
		return sb.Update(func(tx *store.Tx) error {
			m.ledger.Append(tx, ledger.NewBatch(m.seeded))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (m *machine) close() { _ = m.store.Close() }

func (m *machine) fresh() *world {
	w := &world{model: &model{now: start, dedupe: m.dedupe}, snapshots: map[string]*model{}}
	w.model.append(m.seeded)
	return w
}

func (m *machine) pick(t *rapid.T) (*store.Sandbox, *world) {
	name := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "sandbox")
	sb, _, err := m.store.Sandbox(name, m.baseline)
	if err != nil {
		t.Fatal(err)
	}
	if m.worlds[name] == nil {
		m.worlds[name] = m.fresh()
	}
	return sb, m.worlds[name]
}

// append appends one or two batches in a transaction.
func (m *machine) append(t *rapid.T) {
	sb, w := m.pick(t)
	err := sb.Update(func(tx *store.Tx) error {
		for range rapid.IntRange(1, 2).Draw(t, "batches") {
			events := drawEvents(t, 4)
			got, want := m.ledger.Append(tx, ledger.NewBatch(events)), w.model.append(events)
			if !slices.Equal(got, want) {
				t.Fatalf("duplicates of %+v: %v, want %v", events, got, want)
			}
			if p := m.ledger.Position(tx); p != uint64(len(w.events)) {
				t.Fatalf("position %d, want %d", p, len(w.events))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (m *machine) abort(t *rapid.T) {
	sb, _ := m.pick(t)
	refused := errors.New("refused")
	err := sb.Update(func(tx *store.Tx) error {
		m.ledger.Append(tx, ledger.NewBatch(drawEvents(t, 4)))
		return refused
	})
	if !errors.Is(err, refused) {
		t.Fatal(err)
	}
}

func (m *machine) tick(t *rapid.T) {
	sb, w := m.pick(t)
	w.now = w.now.Add(time.Duration(rapid.IntRange(-4, 8).Draw(t, "quarters")) * 15 * time.Minute)
	if err := sb.SetClock(clock.FrozenAt(w.now)); err != nil {
		t.Fatal(err)
	}
}

func drawSnapshot(t *rapid.T) string {
	return rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(t, "snapshot")
}

// snapshot takes a few in a row, so that stacks grow deep enough to be merged.
func (m *machine) snapshot(t *rapid.T) {
	sb, w := m.pick(t)
	for range rapid.IntRange(1, 6).Draw(t, "snapshots") {
		name := drawSnapshot(t)
		if err := sb.Snapshot(name); err != nil {
			t.Fatal(err)
		}
		w.snapshots[name] = w.model.copy()
	}
}

func (m *machine) restore(t *rapid.T) {
	sb, w := m.pick(t)
	name := drawSnapshot(t)
	err := sb.Restore(name)
	if taken := w.snapshots[name]; taken != nil {
		w.model = taken.copy()
	} else if !errors.Is(err, store.ErrNoSnapshot) {
		t.Fatal(err)
	}
}

func (m *machine) reset(t *rapid.T) {
	sb, w := m.pick(t)
	if err := sb.Reset(m.baseline); err != nil {
		t.Fatal(err)
	}
	*w = *m.fresh()
}

func (m *machine) reopen(t *rapid.T) {
	m.close()
	m.open(t)
	for name := range m.worlds {
		sb, _, err := m.store.Sandbox(name, m.baseline)
		if err == nil && rapid.Bool().Draw(t, "warm") {
			err = sb.View(func(tx *store.Tx) error { ledger.Warm(tx); return nil })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (m *machine) view(t *rapid.T, fn func(tx *store.Tx, w *world)) {
	sb, w := m.pick(t)
	if err := sb.View(func(tx *store.Tx) error { fn(tx, w); return nil }); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) find(t *rapid.T) {
	id := drawID(t)
	m.view(t, func(tx *store.Tx, w *world) { sameEvents(t, m.ledger.Find(tx, id), w.find(id)) })
}

func (m *machine) streams(t *rapid.T) {
	prefix := rapid.SampledFrom([]string{"", "a", "a/", "b"}).Draw(t, "prefix")
	m.view(t, func(tx *store.Tx, w *world) {
		if got, want := m.ledger.Streams(tx, prefix), w.streams(prefix); !slices.Equal(got, want) {
			t.Fatalf("streams of %q: %q, want %q", prefix, got, want)
		}
	})
}

func (m *machine) scan(t *rapid.T) {
	m.view(t, func(tx *store.Tx, w *world) {
		sel := ledger.Selection{
			Streams: drawStreams(t), All: rapid.Bool().Draw(t, "all"), Filter: drawFilter(t), After: drawAfter(t, w),
			From: drawTime(t), Before: drawTime(t),
		}
		if rapid.Bool().Draw(t, "no end") {
			sel.Before = time.Time{}
		}
		got, want := slices.Collect(m.ledger.Scan(tx, sel)), w.scan(sel)
		sameEvents(t, got, want)
		for range m.ledger.Scan(tx, sel) { // a walk that is broken off
			break
		}
	})
}

func (m *machine) aggregate(t *rapid.T) {
	m.view(t, func(tx *store.Tx, w *world) {
		q := ledger.Query{
			Streams: drawStreams(t), Filter: drawFilter(t), After: drawAfter(t, w),
			Windows: []time.Time{drawTime(t), drawTime(t), drawTime(t), drawTime(t)}[:rapid.IntRange(0, 4).Draw(t, "bounds")],
			Function: rapid.SampledFrom([]ledger.Function{
				ledger.Count, ledger.Sum, ledger.Min, ledger.Max, ledger.Latest, ledger.Unique,
			}).Draw(t, "function"),
			Field:   drawName(t),
			GroupBy: rapid.SliceOfN(rapid.Custom(drawName), 0, 2).Draw(t, "group by"),
		}
		slices.SortFunc(q.Windows, time.Time.Compare)
		var want []answer
		if len(q.Windows) > 1 {
			want = w.aggregate(q)
		}
		got := answersOf(m.ledger.Aggregate(tx, q))
		if q.Function == ledger.Count { // the field is not its business
			for i := range want {
				want[i].Numbers = 0
			}
			for i := range got {
				got[i].Numbers = 0
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v\nof %+v\nis   %+v\nwant %+v", q, w.events, got, want)
		}
	})
}

func answersOf(results []ledger.Result) (answers []answer) {
	for _, r := range results {
		a := answer{Window: r.Window, Events: r.Events, Numbers: r.Numbers, Group: groupText(r.Group)}
		if r.Value.Valid {
			a.Value = r.Value.Decimal.Rat().String()
		}
		answers = append(answers, a)
	}
	return answers
}

func sameEvents(t *rapid.T, got, want []ledger.Stored) {
	same := slices.EqualFunc(got, want, func(a, b ledger.Stored) bool {
		at, arrived := a.Time.Equal(b.Time), a.Arrived.Equal(b.Arrived)
		a.Time, a.Arrived, b.Time, b.Arrived = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		fields := len(a.Fields) == 0 && len(b.Fields) == 0 || reflect.DeepEqual(a.Fields, b.Fields)
		a.Fields, b.Fields = nil, nil
		return at && arrived && fields && reflect.DeepEqual(a, b)
	})
	if !same {
		t.Fatalf("events\n%+v, want\n%+v", got, want)
	}
}

func drawEvents(t *rapid.T, most int) []ledger.Event {
	events := make([]ledger.Event, rapid.IntRange(0, most).Draw(t, "events"))
	for i := range events {
		events[i] = ledger.Event{
			ID: drawID(t), Stream: drawStream(t), Type: drawType(t), Time: drawTime(t),
			Fields: rapid.SliceOfN(rapid.Custom(drawField), 0, 4).Draw(t, "fields"),
		}
	}
	return events
}

func drawID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "e1", "e2", "e3", "e4"}).Draw(t, "id")
}

func drawStream(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "a/1", "b", ""}).Draw(t, "stream")
}

func drawStreams(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.Custom(drawStream), 0, 4).Draw(t, "streams")
}

func drawType(t *rapid.T) string {
	return rapid.SampledFrom([]string{"call", "report", ""}).Draw(t, "type")
}

func drawName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"n", "m", ""}).Draw(t, "name")
}

func drawField(t *rapid.T) ledger.Field {
	return ledger.Field{Name: drawName(t), JSON: rapid.SampledFrom(values).Draw(t, "value")}
}

// values are JSON values of every kind that a field may have.
var values = []string{
	`null`, `true`, `"true"`, `"null"`, `{}`, `{"a":1}`, `[]`, `[5]`, `""`, `" "`, `"x"`, `"\u0078"`, `"a\"b"`, `"ü"`, `"\u00fc"`,
	`0`, `-0`, `"-0"`, `0.0`, `-0.0`, `5`, `"5"`, `" 5 "`, `"+5"`, `"05"`, `5.0`, `5.50`, `-5.5`, `".5"`, `"5."`, `"."`, `"-"`, `"e5"`,
	`5e0`, `5E+2`, `5e-3`, `"5e"`, `1e200`, `1e-200`, `"1e201"`, `"NaN"`, `"Infinity"`, `"0x10"`, `"1_000"`, `"1,5"`, `"٥"`,
	`999999999999999999`, `-999999999999999999`, `0.000000000000000001`, `-0.99999999999999999`, `9223372036854775807`,
	`-9223372036854775808`, `12345678901234567890.123456789`, `0.1`, `0.2`, `"0.30"`,
}

// times lie on the bounds of windows, a nanosecond beside them, and at the far ends of what a timestamp can say.
func drawTime(t *rapid.T) time.Time {
	base := rapid.SampledFrom([]time.Time{
		start, start.Add(time.Hour), start.Add(24 * time.Hour), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}).Draw(t, "time")
	return base.Add(time.Duration(rapid.SampledFrom([]int{0, 0, -1, 1, 999, 1000, 1001, -1000}).Draw(t, "nanoseconds")))
}

func drawFilter(t *rapid.T) ledger.Filter {
	texts := func(label string) []string {
		return rapid.SliceOfN(rapid.SampledFrom([]string{"5", "5.0", " 5 ", "5e0", "true", "", "x", "ü", "-0", "0", "null", "9223372036854775807"}), 0, 3).Draw(t, label)
	}
	var f ledger.Filter
	if rapid.IntRange(0, 3).Draw(t, "by type") == 0 {
		f.Types = rapid.SliceOfN(rapid.Custom(drawType), 0, 2).Draw(t, "types")
		f.NotTypes = rapid.SliceOfN(rapid.Custom(drawType), 0, 1).Draw(t, "not types")
	}
	for range rapid.IntRange(0, 1).Draw(t, "conditions") {
		c := ledger.FieldFilter{Name: drawName(t)}
		switch rapid.IntRange(0, 4).Draw(t, "condition") {
		case 0:
			c.Exists = new(bool)
		case 1:
			c.Exists = new(bool)
			*c.Exists = true
		case 2:
			c.In = texts("in")
		case 3:
			c.NotIn = texts("not in")
		case 4:
			c.In, c.NotIn = texts("in"), texts("not in")
		}
		f.Fields = append(f.Fields, c)
	}
	return f
}

func drawAfter(t *rapid.T, w *world) uint64 {
	return cmp.Or(rapid.Uint64Range(0, uint64(len(w.events))+1).Draw(t, "after"), 0)
}
