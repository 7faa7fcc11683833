package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
)

func TestTheLeastRecentlyUsedIdleSandboxMakesRoom(t *testing.T) {
	s := must(store.Open(store.Options{MaxSandboxes: 3}))(t)
	t.Cleanup(func() { _ = s.Close() })
	b := must(seeded(s))(t)
	one, two := fork(t, s, "one", b), fork(t, s, "two", b)
	fork(t, s, "three", b)
	fork(t, s, "one", b) // used again: two is now the oldest
	if !two.Enter() {
		t.Fatal("two is gone")
	}
	_, dropped, err := s.Sandbox("four", b)
	if err != nil || dropped != "three" {
		t.Errorf("two is busy and one was used later, yet %q was dropped, %v", dropped, err)
	}
	two.Leave()
	if _, dropped, err = s.Sandbox("five", b); err != nil || dropped != "two" {
		t.Errorf("two is idle and the oldest, yet %q was dropped, %v", dropped, err)
	}
	if two.Enter() {
		t.Error("a dropped sandbox lets a request in")
	}
	for _, sb := range []*store.Sandbox{one, fork(t, s, "four", b), fork(t, s, "five", b)} {
		if !sb.Enter() {
			t.Fatalf("%s is gone", sb.Name())
		}
		defer sb.Leave()
	}
	if _, _, err = s.Sandbox("six", b); !errors.Is(err, store.ErrAllBusy) {
		t.Errorf("all are busy, yet: %v", err)
	}
	if n := len(s.Sandboxes()); n != 3 {
		t.Errorf("%d sandboxes, want 3", n)
	}
}

func TestADroppedSandboxRefusesToBeUsed(t *testing.T) {
	s := open(t, "")
	b := must(seeded(s))(t)
	old := fork(t, s, "one", b)
	update(t, old, func(tx *store.Tx) { texts.Put(tx, "k", "old") })
	check(t, old.Drop())
	fresh := fork(t, s, "one", b)
	for what, err := range map[string]error{
		"view":      old.View(func(*store.Tx) error { return nil }),
		"update":    old.Update(func(tx *store.Tx) error { texts.Put(tx, "k", "ghost"); return nil }),
		"snapshot":  old.Snapshot("s"),
		"reset":     old.Reset(b),
		"set clock": old.SetClock(clock.FrozenAt(start)),
	} {
		if !errors.Is(err, store.ErrDropped) {
			t.Errorf("%s: %v", what, err)
		}
	}
	check(t, old.Drop()) // again: nothing to do, and the new one of that name stays
	view(t, fresh, func(tx *store.Tx) {
		if texts.Has(tx, "k") {
			t.Error("the new sandbox has a row of the old")
		}
	})
	if n := len(s.Sandboxes()); n != 1 {
		t.Errorf("%d sandboxes, want 1", n)
	}
}

func TestAnUpdateThatFailsWritesNothing(t *testing.T) {
	s := open(t, "")
	b := must(seeded(s))(t)
	sb := fork(t, s, "one", b)
	refused := errors.New("refused")
	write := func(tx *store.Tx) {
		texts.Put(tx, "k", "v")
		texts.Delete(tx, "row 1")
		store.Next(tx, "ids")
		tx.OnCommit(func() { t.Error("what was to follow the commit ran") })
		tx.BeforeCommit(func() { t.Error("what was to precede the commit ran") })
	}
	for what, fn := range map[string]func(*store.Tx) error{
		"an error":                    func(tx *store.Tx) error { write(tx); return refused },
		"a panic":                     func(tx *store.Tx) error { write(tx); panic(refused) },
		"a row that cannot be stored": func(tx *store.Tx) error { write(tx); unstorable.Put(tx, "k", math.Inf(1)); return nil },
		"a key that is too long":      func(tx *store.Tx) error { write(tx); texts.Put(tx, strings.Repeat("k", 1<<16), "v"); return nil },
	} {
		err := func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = p.(error)
				}
			}()
			return sb.Update(fn)
		}()
		if err == nil {
			t.Errorf("%s: the update returned no error", what)
		}
		view(t, sb, func(tx *store.Tx) {
			if texts.Has(tx, "k") || !texts.Has(tx, "row 1") {
				t.Errorf("%s: k is there: %v, row 1: %v", what, texts.Has(tx, "k"), texts.Has(tx, "row 1"))
			}
		})
	}
	update(t, sb, func(tx *store.Tx) {
		if n := store.Next(tx, "ids"); n != 1 {
			t.Errorf("the sequence begins with %d", n)
		}
	})
}

var unstorable = store.NewTable[float64]("test/unstorable")

// TestAViewSeesOneState runs readers that announce no request, as the ticker does, while a writer changes two rows together
// and snapshots, restores and resets replace the layers below them. No reader may find one row without the other, or
// an older state than one that was acknowledged before it began.
func TestAViewSeesOneState(t *testing.T) {
	s := open(t, "")
	pair := func(tx *store.Tx, n int) { things.Put(tx, "left", row{n}); things.Put(tx, "right", row{n}) }
	b := must(s.Baseline("pair", clock.FrozenAt(start), func(sb *store.Sandbox) error {
		return sb.Update(func(tx *store.Tx) error { pair(tx, -1); return nil })
	}))(t)
	sb := fork(t, s, "one", b)
	var acknowledged, era atomic.Int64
	acknowledged.Store(-1)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				before, least := era.Load(), int(acknowledged.Load())
				err := sb.View(func(tx *store.Tx) error {
					left, _ := things.Get(tx, "left")
					runtime.Gosched()
					right, _ := things.Get(tx, "right")
					if left != right || left.N < least && era.Load() == before {
						return fmt.Errorf("left %d, right %d, while %d was acknowledged", left.N, right.N, least)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 3000 {
		update(t, sb, func(tx *store.Tx) { pair(tx, n) })
		acknowledged.Store(int64(n))
		switch n % 50 {
		case 49:
			acknowledged.Store(-1)
			era.Add(1)
			check(t, sb.Reset(b))
		case 48:
			acknowledged.Store(-1)
			era.Add(1)
			check(t, sb.Restore("kept"))
		default:
			check(t, sb.Snapshot("kept"))
		}
	}
	close(done)
	readers.Wait()
}

func TestResetWaitsForTheRequestsUnderWay(t *testing.T) {
	s := open(t, "")
	b := must(seeded(s))(t)
	for what, replace := range map[string]func(*store.Sandbox) error{
		"reset":     func(sb *store.Sandbox) error { return sb.Reset(b) },
		"restore":   func(sb *store.Sandbox) error { return sb.Restore("empty") },
		"drop":      func(sb *store.Sandbox) error { return sb.Drop() },
		"set clock": func(sb *store.Sandbox) error { return sb.SetClock(clock.FrozenAt(start.Add(time.Hour))) },
	} {
		sb := fork(t, s, "one", b)
		check(t, sb.Snapshot("empty"))
		if !sb.Enter() {
			t.Fatal("the sandbox is gone")
		}
		before := sb.Now()
		replaced := make(chan error)
		go func() { replaced <- replace(sb) }()
		for !store.IsAwaited(sb) {
			runtime.Gosched()
		}
		update(t, sb, func(tx *store.Tx) {
			if !tx.Now.Equal(before) {
				t.Errorf("%s came between: it is %s", what, tx.Now)
			}
			texts.Put(tx, "late", "v")
		})
		view(t, sb, func(tx *store.Tx) {
			if !texts.Has(tx, "late") {
				t.Errorf("%s came between", what)
			}
		})
		sb.Leave()
		check(t, <-replaced)
		if what == "set clock" {
			check(t, sb.Drop())
		}
		view(t, fork(t, s, "one", b), func(tx *store.Tx) {
			if texts.Has(tx, "late") {
				t.Errorf("%s left the row of a request that came before it", what)
			}
		})
	}
}

func TestAResetSandboxRepeatsItself(t *testing.T) {
	s := open(t, "")
	b := must(s.Baseline("numbered", clock.FrozenAt(start), func(sb *store.Sandbox) error {
		return sb.Update(func(tx *store.Tx) error {
			store.SetSeed(tx, 42)
			store.Next(tx, "orders")
			return nil
		})
	}))(t)
	transcript := func(sb *store.Sandbox) (lines []string) {
		update(t, sb, func(tx *store.Tx) {
			for range 3 {
				lines = append(lines, store.NewUUID(tx, "customer"), store.NewUUID(tx, "metric"), fmt.Sprint(store.Next(tx, "orders")))
			}
			entropy := store.NewEntropy(tx, "token")
			lines = append(lines, store.Base62(entropy, 42), tx.Now.String())
		})
		return lines
	}
	sb := fork(t, s, "one", b)
	first := transcript(sb)
	if slices.Equal(first, transcript(sb)) {
		t.Error("the same ids were given twice in one world")
	}
	check(t, sb.SetClock(clock.FrozenAt(start.Add(time.Hour))))
	check(t, sb.Reset(b))
	if again := transcript(sb); !slices.Equal(first, again) {
		t.Errorf("after a reset\n%q, before\n%q", again, first)
	}
	if other := transcript(fork(t, s, "two", b)); !slices.Equal(first, other) {
		t.Errorf("another fork\n%q, the first\n%q", other, first)
	}
}

func TestNamesAndTimesThatCannotBeKeptAreRefused(t *testing.T) {
	s := open(t, "")
	b := must(seeded(s))(t)
	nothing := func(*store.Sandbox) error { return nil }
	for _, name := range []string{"", strings.Repeat("x", 1025)} {
		if _, _, err := s.Sandbox(name, b); err == nil {
			t.Errorf("a sandbox is named by %d bytes", len(name))
		}
		if _, err := s.Baseline(name, clock.State{}, nothing); err == nil {
			t.Errorf("a baseline is named by %d bytes", len(name))
		}
	}
	sb := fork(t, s, "one", b)
	for _, year := range []int{-1, 0, 10_000} {
		at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, state := range []clock.State{clock.FrozenAt(at), clock.RunningFrom(at)} {
			if err := sb.SetClock(state); !errors.Is(err, store.ErrTime) {
				t.Errorf("a clock shows the year %d: %v", year, err)
			}
			if _, err := s.Baseline("late", state, nothing); !errors.Is(err, store.ErrTime) {
				t.Errorf("a baseline begins in the year %d: %v", year, err)
			}
		}
	}
	view(t, sb, func(tx *store.Tx) {
		if !tx.Now.Equal(start) {
			t.Errorf("the clock shows %s", tx.Now)
		}
	})
}

func TestARunningClockStartsAgainWhereItsWorldBegan(t *testing.T) {
	s := open(t, "")
	b := must(s.Baseline("running", clock.RunningFrom(start), func(*store.Sandbox) error { return nil }))(t)
	sb := fork(t, s, "one", b)
	within := func(what string, from time.Time) {
		t.Helper()
		if now := sb.Now(); now.Before(from) || now.After(from.Add(time.Hour)) {
			t.Errorf("%s it is %s, want %s and a little", what, now, from)
		}
	}
	within("at first", start)
	check(t, sb.Snapshot("s"))
	check(t, sb.SetClock(sb.Clock().MovedTo(start.AddDate(500, 0, 0))))
	within("500 years on", start.AddDate(500, 0, 0))
	check(t, sb.Restore("s"))
	within("restored", start)
	check(t, sb.SetClock(clock.FrozenAt(start.AddDate(1, 0, 0))))
	check(t, sb.Reset(b))
	within("reset", start)
	if sb.Clock().Frozen {
		t.Error("a reset sandbox does not run")
	}
}

func TestSandboxesAreListedByName(t *testing.T) {
	s := open(t, "")
	b := must(seeded(s))(t)
	for _, name := range []string{"b", "c", "a"} {
		fork(t, s, name, b)
	}
	check(t, fork(t, s, "b", b).Snapshot("s"))
	check(t, fork(t, s, "b", b).SetClock(clock.RunningFrom(start)))
	var listed, called []string
	for _, info := range s.Sandboxes() {
		listed = append(listed, fmt.Sprint(info.Name, info.Layers, info.Frozen, info.Baseline))
	}
	if want := []string{"a2 truebase", "b3 falsebase", "c2 truebase"}; !slices.Equal(listed, want) {
		t.Errorf("listed %q, want %q", listed, want)
	}
	refused := errors.New("refused")
	err := s.EachSandbox(func(sb *store.Sandbox) error {
		called = append(called, sb.Name())
		if sb.Name() == "b" {
			return refused
		}
		return nil
	})
	if !errors.Is(err, refused) || !slices.Equal(called, []string{"a", "b"}) {
		t.Errorf("called for %q, %v", called, err)
	}
}

func TestARequestCarriesItsSandbox(t *testing.T) {
	s := open(t, "")
	sb := fork(t, s, "one", must(seeded(s))(t))
	if got := store.SandboxOf(store.WithSandbox(context.Background(), sb)); got != sb {
		t.Errorf("it carries %v", got)
	}
	if got := store.SandboxOf(context.Background()); got != nil {
		t.Errorf("a request without one carries %v", got)
	}
}
