package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
)

// seeded is a world with rows enough for pages of every kind: branches, leaves, values that run over several pages,
// buckets of their own pages and buckets within a page.
func seeded(s *store.Store) (*store.Baseline, error) {
	return s.Baseline("base", clock.FrozenAt(start), func(sb *store.Sandbox) error {
		return sb.Update(func(tx *store.Tx) error {
			for i := range 300 {
				texts.Put(tx, fmt.Sprint("row ", i), strings.Repeat("y", i))
			}
			texts.Put(tx, "large", strings.Repeat("z", 20_000))
			return nil
		})
	})
}

var texts = store.NewTable[string]("test/texts")

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a store for the length of a test; no path: in memory.
func open(t testing.TB, path string) *store.Store {
	t.Helper()
	s := must(store.Open(store.Options{Path: path, NoSync: true}))(t)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func fork(t testing.TB, s *store.Store, name string, b *store.Baseline) *store.Sandbox {
	t.Helper()
	sb, _, err := s.Sandbox(name, b)
	check(t, err)
	return sb
}

func update(t testing.TB, sb *store.Sandbox, fn func(*store.Tx)) {
	t.Helper()
	check(t, sb.Update(func(tx *store.Tx) error { fn(tx); return nil }))
}

func view(t testing.TB, sb *store.Sandbox, fn func(*store.Tx)) {
	t.Helper()
	check(t, sb.View(func(tx *store.Tx) error { fn(tx); return nil }))
}
