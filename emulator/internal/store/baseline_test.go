package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
)

func TestSeedingThatFailsLeavesNothing(t *testing.T) {
	s := open(t, "")
	refused := errors.New("refused")
	for what, end := range map[string]func() error{
		"an error": func() error { return refused },
		"a panic":  func() error { panic(refused) },
	} {
		var seeding *store.Sandbox
		err := func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = p.(error)
				}
			}()
			_, err = s.Baseline("base", clock.FrozenAt(start), func(sb *store.Sandbox) error {
				seeding = sb
				for i := range 3 {
					update(t, sb, func(tx *store.Tx) { texts.Put(tx, fmt.Sprint(i), "v") })
				}
				return end()
			})
			return err
		}()
		if !errors.Is(err, refused) {
			t.Errorf("%s: %v", what, err)
		}
		if err := seeding.Update(func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrDropped) {
			t.Errorf("%s: what failed to be seeded can be written: %v", what, err)
		}
		if n := store.CountLayers(s); n != 0 {
			t.Errorf("%s: %d layers stayed in the file", what, n)
		}
	}
	b := must(seeded(s))(t)
	view(t, fork(t, s, "one", b), func(tx *store.Tx) {
		if texts.Has(tx, "0") || !texts.Has(tx, "row 0") {
			t.Error("the baseline is not the one that was seeded at last")
		}
	})
}

func TestABaselineIsSeededOnceAndNeverWrittenAgain(t *testing.T) {
	s := open(t, "")
	var seeding *store.Sandbox
	seeds := 0
	seed := func(sb *store.Sandbox) error { seeding = sb; seeds++; return nil }
	first := must(s.Baseline("base", clock.FrozenAt(start), seed))(t)
	if again := must(s.Baseline("base", clock.FrozenAt(start), seed))(t); again != first || seeds != 1 {
		t.Errorf("seeded %d times", seeds)
	}
	if err := seeding.Update(func(tx *store.Tx) error { texts.Put(tx, "k", "v"); return nil }); !errors.Is(err, store.ErrDropped) {
		t.Errorf("the baseline was written: %v", err)
	}
	inner := must(s.Baseline("other", clock.FrozenAt(start), func(*store.Sandbox) error {
		_, err := s.Baseline("other", clock.FrozenAt(start), seed) // another caller is quicker
		return err
	}))(t)
	if outer := must(s.Baseline("other", clock.FrozenAt(start), seed))(t); inner != outer {
		t.Error("two baselines of one key")
	}
	if n := store.CountLayers(s); n != 2 {
		t.Errorf("%d layers in the file for 2 baselines", n)
	}
}
