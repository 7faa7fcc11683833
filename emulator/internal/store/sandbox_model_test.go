package store_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

type row struct{ N int }

var things = store.NewTable[row]("test/things")

// world is the naive model of a sandbox: a map and an instant, copied whole for every snapshot.
type world struct {
	moment
	snapshots map[string]moment
}

type moment struct {
	rows map[string]int
	now  time.Time
}

func (m moment) copy() moment { return moment{rows: maps.Clone(m.rows), now: m.now} }

// TestSandboxesBehaveLikeCopiedMaps runs random operations over several sandboxes of one store, closing and opening its
// file in between, and compares every sandbox with maps that are copied where the store stacks layers. Whenever the file
// is closed, it must hold the layers that are needed and no others.
func TestSandboxesBehaveLikeCopiedMaps(t *testing.T) {
	dir := t.TempDir()
	files, merges := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", files))
		baseline := map[string]int{"a": 1, "b": 2, "m": 3}
		m := newMachine(t, path, baseline)
		defer func() {
			m.close()
			merges += m.merges
		}()
		t.Repeat(map[string]func(*rapid.T){
			"write":    m.write,
			"abort":    m.abort,
			"tick":     m.tick,
			"snapshot": m.snapshot,
			"dive":     m.dive,
			"restore":  m.restore,
			"forget":   m.forget,
			"reset":    m.reset,
			"drop":     m.drop,
			"reopen":   m.reopen,
			"":         m.check,
		})
	})
	if merges == 0 {
		t.Error("no stack grew so deep that its layers were merged: this test does not test that")
	}
}

type machine struct {
	path     string
	store    *store.Store
	baseline *store.Baseline
	seeded   map[string]int
	worlds   map[string]*world
	merges   int // stacks seen to get no deeper by a snapshot
}

var start = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func newMachine(t *rapid.T, path string, seeded map[string]int) *machine {
	m := &machine{path: path, seeded: seeded, worlds: map[string]*world{}}
	m.open(t)
	return m
}

func (m *machine) open(t *rapid.T) {
	s, err := store.Open(store.Options{Path: m.path, NoSync: true})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	m.store = s
	m.baseline, err = s.Baseline("base", clock.FrozenAt(start), func(sb *store.Sandbox) error {
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
		w = m.fresh()
		m.worlds[name] = w
	}
	return sb, w
}

func (m *machine) fresh() *world {
	return &world{moment: moment{maps.Clone(m.seeded), start}, snapshots: map[string]moment{}}
}

func drawSnapshot(t *rapid.T) string {
	return rapid.SampledFrom([]string{"s1", "s2", "s3", "s4"}).Draw(t, "snapshot")
}

func drawKey(t *rapid.T) string {
	return rapid.StringOfN(rapid.SampledFrom([]rune{'a', 'b', 'm', 'z', 0, 0xff}), 0, 3, -1).Draw(t, "key")
}

func (m *machine) write(t *rapid.T) {
	sb, w := m.pick(t)
	writeSome(t, sb, w)
}

func writeSome(t *rapid.T, sb *store.Sandbox, w *world) {
	err := sb.Update(func(tx *store.Tx) error {
		for range rapid.IntRange(0, 8).Draw(t, "writes") {
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

func (m *machine) tick(t *rapid.T) {
	sb, w := m.pick(t)
	w.now = w.now.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "seconds")) * time.Second)
	if err := sb.SetClock(clock.FrozenAt(w.now)); err != nil {
		t.Fatalf("set clock: %v", err)
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
	m.take(t, sb, w)
}

func (m *machine) take(t *rapid.T, sb *store.Sandbox, w *world) {
	name, before := drawSnapshot(t), m.depth(sb)
	if err := sb.Snapshot(name); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	w.snapshots[name] = w.moment.copy()
	if m.depth(sb) <= before {
		m.merges++
	}
}

func (m *machine) depth(sb *store.Sandbox) int {
	for _, info := range m.store.Sandboxes() {
		if info.Name == sb.Name() {
			return info.Layers
		}
	}
	return 0
}

// dive stacks layers on layers.
func (m *machine) dive(t *rapid.T) {
	sb, w := m.pick(t)
	for range rapid.IntRange(5, 12).Draw(t, "snapshots") {
		writeSome(t, sb, w)
		m.take(t, sb, w)
	}
}

func (m *machine) restore(t *rapid.T) {
	sb, w := m.pick(t)
	name := drawSnapshot(t)
	err := sb.Restore(name)
	taken, ok := w.snapshots[name]
	if ok != (err == nil) {
		t.Fatalf("restore of %s: %v, taken: %v", name, err, ok)
	}
	if ok {
		w.moment = taken.copy()
	}
}

func (m *machine) forget(t *rapid.T) {
	sb, w := m.pick(t)
	name := drawSnapshot(t)
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
	*w = *m.fresh()
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
	checkLayers(t, m.path)
	m.open(t)
}

// checkLayers looks into a closed file: every layer on record is needed, and every set of rows belongs to a layer.
func checkLayers(t *rapid.T, path string) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer func() { _ = db.Close() }()
	_ = db.View(func(tx *bbolt.Tx) error {
		parents, needed := map[uint64]uint64{}, map[uint64]bool{}
		need := func(layer uint64) {
			for ; layer != 0; layer = parents[layer] {
				needed[layer] = true
			}
		}
		type record struct {
			Parent    uint64
			Layer     uint64
			Snapshots map[string]record
		}
		read := func(bucket string, fn func(key []byte, r record)) {
			_ = tx.Bucket([]byte(bucket)).ForEach(func(k, v []byte) error {
				var r record
				if err := json.Unmarshal(v, &r); err != nil {
					t.Fatalf("record %q: %v", k, err)
				}
				fn(k, r)
				return nil
			})
		}
		read("layers", func(key []byte, r record) { parents[binary.BigEndian.Uint64(key)] = r.Parent })
		read("baselines", func(_ []byte, r record) { need(r.Layer) })
		read("sandboxes", func(_ []byte, r record) {
			need(r.Layer)
			for _, snap := range r.Snapshots {
				need(snap.Layer)
			}
		})
		if len(needed) != len(parents) {
			t.Fatalf("%d layers on record, %d needed", len(parents), len(needed))
		}
		return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
			if id, ok := strings.CutPrefix(string(name), "layer:"); ok && !needed[binary.BigEndian.Uint64([]byte(id))] {
				t.Fatalf("the rows of layer %x are still there", id)
			}
			return nil
		})
	})
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
			if !tx.Now.Equal(w.now) {
				t.Fatalf("%s: time is %s, want %s", name, tx.Now, w.now)
			}
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
