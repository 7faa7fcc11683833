package series_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/series"
	"github.com/submeter/submeter/emulator/internal/store"
)

var levels = series.New("test/levels")

// points is one series as a plain map.
type points map[int64]float64

// world is what a sandbox should hold, with copies where the store stacks layers.
type world struct {
	now   map[string]points
	saved map[string]map[string]points
}

func cloneAll(m map[string]points) map[string]points {
	c := maps.Clone(m)
	for key, p := range c {
		c[key] = maps.Clone(p)
	}
	return c
}

type machine struct {
	path     string
	store    *store.Store
	baseline *store.Baseline
	seeded   map[string]points
	worlds   map[string]*world
}

// TestSeriesBehaveLikeCopiedMaps runs random operations over forks of one baseline, closing and opening the file in
// between, and compares every total with the sum over a map.
func TestSeriesBehaveLikeCopiedMaps(t *testing.T) {
	dir, files := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		m := &machine{
			path:   filepath.Join(dir, fmt.Sprintf("%d.db", files)),
			seeded: map[string]points{"a": {0: 1, 10: 2.5, 20: -4, 30: 8}, "b": {5: 1000}},
			worlds: map[string]*world{},
		}
		m.open(t)
		defer func() { _ = m.store.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"append":   m.append,
			"abort":    m.abort,
			"snapshot": m.snapshot,
			"restore":  m.restore,
			"reset":    m.reset,
			"reopen":   m.reopen,
			"":         m.check,
		})
	})
}

func (m *machine) open(t *rapid.T) {
	s, err := store.Open(store.Options{Path: m.path})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	m.store = s
	m.baseline, err = s.Baseline("base", clock.FrozenAt(time.Unix(0, 0)), func(sb *store.Sandbox) error {
		return sb.Update(func(tx *store.Tx) error {
			for key, p := range m.seeded {
				levels.Append(tx, key, samplesOf(p))
			}
			return nil
		})
	})
	if err != nil {
		t.Fatalf("baseline: %v", err)
	}
}

func samplesOf(p points) (samples []series.Sample) {
	for at, value := range p {
		samples = append(samples, series.Sample{At: at, Value: value})
	}
	return samples
}

func (m *machine) pick(t *rapid.T) (*store.Sandbox, *world) {
	name := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "sandbox")
	sb, _, err := m.store.Sandbox(name, m.baseline)
	if err != nil {
		t.Fatalf("sandbox: %v", err)
	}
	w, ok := m.worlds[name]
	if !ok {
		w = &world{now: cloneAll(m.seeded), saved: map[string]map[string]points{}}
		m.worlds[name] = w
	}
	return sb, w
}

var instants = rapid.OneOf(rapid.Int64Range(-50, 400), rapid.SampledFrom([]int64{-1 << 63, -1<<63 + 1, 0, 1<<63 - 2, 1<<63 - 1}))

func drawSamples(t *rapid.T) (key string, samples []series.Sample) {
	key = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")
	for range rapid.SampledFrom([]int{1, 2, 5, 300}).Draw(t, "samples") {
		samples = append(samples, series.Sample{
			At:    instants.Draw(t, "at"),
			Value: float64(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "value")) / 8,
		})
	}
	return key, samples
}

func (m *machine) append(t *rapid.T) {
	sb, w := m.pick(t)
	err := sb.Update(func(tx *store.Tx) error {
		before := cloneAll(w.now)
		for range rapid.IntRange(1, 2).Draw(t, "batches") {
			key, samples := drawSamples(t)
			fresh := map[int64]bool{}
			if w.now[key] == nil {
				w.now[key] = points{}
			}
			for _, s := range samples {
				if _, known := before[key][s.At]; !known {
					fresh[s.At] = true
				}
				w.now[key][s.At] = s.Value
			}
			if added := levels.Append(tx, key, samples); added != len(fresh) {
				t.Fatalf("%d instants of %s were added, want %d", added, key, len(fresh))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
}

func (m *machine) abort(t *rapid.T) {
	sb, _ := m.pick(t)
	want := errors.New("changed my mind")
	if err := sb.Update(func(tx *store.Tx) error {
		key, samples := drawSamples(t)
		levels.Append(tx, key, samples)
		return want
	}); !errors.Is(err, want) {
		t.Fatalf("update returned %v", err)
	}
}

func (m *machine) snapshot(t *rapid.T) {
	sb, w := m.pick(t)
	name := rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "snapshot")
	if err := sb.Snapshot(name); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	w.saved[name] = cloneAll(w.now)
}

func (m *machine) restore(t *rapid.T) {
	sb, w := m.pick(t)
	name := rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "snapshot")
	saved, ok := w.saved[name]
	if err := sb.Restore(name); ok != (err == nil) {
		t.Fatalf("restore of %s: %v, taken: %v", name, err, ok)
	}
	if ok {
		w.now = cloneAll(saved)
	}
}

func (m *machine) reset(t *rapid.T) {
	sb, w := m.pick(t)
	if err := sb.Reset(m.baseline); err != nil {
		t.Fatalf("reset: %v", err)
	}
	*w = world{now: cloneAll(m.seeded), saved: map[string]map[string]points{}}
}

func (m *machine) reopen(t *rapid.T) {
	_ = m.store.Close()
	m.open(t)
}

func (m *machine) check(t *rapid.T) {
	first, last := instants.Draw(t, "first"), instants.Draw(t, "last")
	for name, w := range m.worlds {
		sb, _, err := m.store.Sandbox(name, m.baseline)
		if err != nil {
			t.Fatalf("sandbox: %v", err)
		}
		err = sb.View(func(tx *store.Tx) error {
			for _, key := range []string{"a", "b", "c", "never"} {
				checkSeries(t, name+"/"+key, levels.Read(tx, key), w.now[key], first, last)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("view: %v", err)
		}
	}
}

func checkSeries(t *rapid.T, what string, got series.Series, want points, first, last int64) {
	var (
		count            int64
		sum              float64 // exact: the values are eighths of 41 bits
		earliest, before series.Sample
		some, someBefore bool
	)
	for at, value := range want {
		if first <= at && at <= last {
			count, sum = count+1, sum+value
		}
		if !some || at < earliest.At {
			earliest, some = series.Sample{At: at, Value: value}, true
		}
		if at < first && (!someBefore || at > before.At) {
			before, someBefore = series.Sample{At: at, Value: value}, true
		}
	}
	if total := got.Total(first, last); total.Count != count || total.Sum() != sum {
		t.Fatalf("%s: total of %d..%d is %d samples of %v, want %d of %v", what, first, last, total.Count, total.Sum(), count, sum)
	}
	if s, ok := got.First(); ok != some || s != earliest {
		t.Fatalf("%s: first is %v %v, want %v %v", what, s, ok, earliest, some)
	}
	if s, ok := got.Before(first); ok != someBefore || s != before {
		t.Fatalf("%s: before %d is %v %v, want %v %v", what, first, s, ok, before, someBefore)
	}
}
