package store_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
	"pgregory.net/rapid"
)

type row struct{ N int }

var things = store.NewTable[row]("test/things")

// world is the naive model of a sandbox: a map, copied whole for every snapshot.
type world struct {
	rows      map[string]int
	snapshots map[string]map[string]int
}

// TestSandboxesBehaveLikeCopiedMaps runs random operations over several sandboxes of one store, closing and opening its
// file in between, and compares every sandbox with maps that are copied where the store stacks layers.
func TestSandboxesBehaveLikeCopiedMaps(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", files))
		baseline := map[string]int{"a": 1, "b": 2, "m": 3}
		m := newMachine(t, path, baseline)
		defer func() { m.close() }()
		t.Repeat(map[string]func(*rapid.T){
			"write":    m.write,
			"abort":    m.abort,
			"snapshot": m.snapshot,
			"restore":  m.restore,
			"forget":   m.forget,
			"reset":    m.reset,
			"drop":     m.drop,
			"reopen":   m.reopen,
			"":         m.check,
		})
	})
}

type machine struct {
	path     string
	store    *store.Store
	baseline *store.Baseline
	seeded   map[string]int
	worlds   map[string]*world
}

func newMachine(t *rapid.T, path string, seeded map[string]int) *machine {
	m := &machine{path: path, seeded: seeded, worlds: map[string]*world{}}
	m.open(t)
	return m
}

func (m *machine) open(t *rapid.T) {
	s, err := store.Open(store.Options{Path: m.path})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	m.store = s
	m.baseline, err = s.Baseline("base", clock.FrozenAt(time.Unix(0, 0)), func(sb *store.Sandbox) error {
		return sb.Update(func(tx *store.Tx) error {
			for k, n := range m.seeded {
				things.Put(tx, k, row{n})
			}
			return nil
		})
	})
	if err != nil {
		t.Fatalf("baseline: %v", err)
	}
}

func (m *machine) close() { _ = m.store.Close() }

func (m *machine) pick(t *rapid.T) (*store.Sandbox, *world) {
	name := rapid.SampledFrom([]string{"one", "two", "three"}).Draw(t, "sandbox")
	sb, _, err := m.store.Sandbox(name, m.baseline)
	if err != nil {
		t.Fatalf("sandbox: %v", err)
	}
	w, ok := m.worlds[name]
	if !ok {
		w = &world{rows: maps.Clone(m.seeded), snapshots: map[string]map[string]int{}}
		m.worlds[name] = w
	}
	return sb, w
}

func drawKey(t *rapid.T) string {
	return rapid.StringOfN(rapid.SampledFrom([]rune{'a', 'b', 'm', 'z', 0, 0xff}), 0, 3, -1).Draw(t, "key")
}

func (m *machine) write(t *rapid.T) {
	sb, w := m.pick(t)
	err := sb.Update(func(tx *store.Tx) error {
		for range rapid.IntRange(1, 8).Draw(t, "writes") {
			k := drawKey(t)
			if rapid.Bool().Draw(t, "delete") {
				things.Delete(tx, k)
				delete(w.rows, k)
				continue
			}
			n := rapid.Int().Draw(t, "n")
			things.Put(tx, k, row{n})
			w.rows[k] = n
		}
		return nil
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
}

func (m *machine) abort(t *rapid.T) {
	sb, _ := m.pick(t)
	want := fmt.Errorf("changed my mind")
	err := sb.Update(func(tx *store.Tx) error {
		things.Put(tx, drawKey(t), row{-1})
		things.Delete(tx, drawKey(t))
		return want
	})
	if err != want {
		t.Fatalf("update returned %v", err)
	}
}

func (m *machine) snapshot(t *rapid.T) {
	sb, w := m.pick(t)
	name := rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "snapshot")
	if err := sb.Snapshot(name); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	w.snapshots[name] = maps.Clone(w.rows)
}

func (m *machine) restore(t *rapid.T) {
	sb, w := m.pick(t)
	name := rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "snapshot")
	err := sb.Restore(name)
	rows, ok := w.snapshots[name]
	if ok != (err == nil) {
		t.Fatalf("restore of %s: %v, taken: %v", name, err, ok)
	}
	if ok {
		w.rows = maps.Clone(rows)
	}
}

func (m *machine) forget(t *rapid.T) {
	sb, w := m.pick(t)
	name := rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "snapshot")
	err := sb.DeleteSnapshot(name)
	if _, ok := w.snapshots[name]; ok != (err == nil) {
		t.Fatalf("delete of %s: %v, taken: %v", name, err, ok)
	}
	delete(w.snapshots, name)
}

func (m *machine) reset(t *rapid.T) {
	sb, w := m.pick(t)
	if err := sb.Reset(m.baseline); err != nil {
		t.Fatalf("reset: %v", err)
	}
	*w = world{rows: maps.Clone(m.seeded), snapshots: map[string]map[string]int{}}
}

func (m *machine) drop(t *rapid.T) {
	sb, _ := m.pick(t)
	if err := sb.Drop(); err != nil {
		t.Fatalf("drop: %v", err)
	}
	delete(m.worlds, sb.Name())
}

func (m *machine) reopen(t *rapid.T) {
	m.close()
	m.open(t)
}

func (m *machine) check(t *rapid.T) {
	for name, w := range m.worlds {
		sb, _, err := m.store.Sandbox(name, m.baseline)
		if err != nil {
			t.Fatalf("sandbox: %v", err)
		}
		prefix := rapid.SampledFrom([]string{"", "a", "\xc3\xbf"}).Draw(t, "prefix")
		var want []string
		for k := range w.rows {
			if len(k) >= len(prefix) && k[:len(prefix)] == prefix {
				want = append(want, k)
			}
		}
		slices.Sort(want)
		from := drawKey(t)
		err = sb.View(func(tx *store.Tx) error {
			forward := collect(t, w, things.Prefix(tx, prefix))
			backward := collect(t, w, things.Backward(tx, prefix))
			slices.Reverse(backward)
			if !slices.Equal(forward, want) || !slices.Equal(backward, want) {
				t.Fatalf("%s: keys %q, backward %q, want %q", name, forward, backward, want)
			}
			first, found := slices.BinarySearch(want, from)
			if got := collect(t, w, things.From(tx, prefix, from)); !slices.Equal(got, want[first:]) {
				t.Fatalf("%s: keys of %q from %q: %q, want %q", name, prefix, from, got, want[first:])
			}
			last := first
			if found {
				last++
			}
			got := collect(t, w, things.BackwardFrom(tx, prefix, from))
			slices.Reverse(got)
			if !slices.Equal(got, want[:last]) {
				t.Fatalf("%s: keys of %q back from %q: %q, want %q", name, prefix, from, got, want[:last])
			}
			return nil
		})
		if err != nil {
			t.Fatalf("view: %v", err)
		}
	}
}

func collect(t *rapid.T, w *world, rows func(func(string, row) bool)) []string {
	var keys []string
	for k, r := range rows {
		if r.N != w.rows[k] {
			t.Fatalf("row %q is %d, want %d", k, r.N, w.rows[k])
		}
		keys = append(keys, k)
	}
	return keys
}
