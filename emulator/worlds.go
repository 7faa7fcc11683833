package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/series"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// world is a scenario with a seed, and the baseline that was seeded from them.
type world struct {
	scenario *fixtures.Scenario
	seed     uint64
	baseline *store.Baseline
}

// worlds are the baselines of this emulator; each is seeded once, when first asked for.
type worlds struct {
	emulator *Emulator
	first    *world // what sandboxes are forked from

	mu    sync.Mutex
	byKey map[string]*world
}

// of returns the world of a scenario and seed, seeding its baseline unless the data file holds it already.
func (w *worlds) of(s *fixtures.Scenario, seed uint64) (*world, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key, err := worldKey(s, seed)
	if err != nil {
		return nil, err
	}
	if known, ok := w.byKey[key]; ok {
		return known, nil
	}
	baseline, err := w.emulator.store.Baseline(key, startOf(s), func(sb *store.Sandbox) error {
		if err := sb.Update(func(tx *store.Tx) error { store.SetSeed(tx, seed); return nil }); err != nil {
			return err
		}
		for _, v := range w.emulator.vendors {
			if err := v.api.Seed(sb, s); err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	made := &world{scenario: s, seed: seed, baseline: baseline}
	if w.byKey == nil {
		w.byKey = map[string]*world{}
	}
	w.byKey[key] = made
	return made, nil
}

// warm loads what the sandboxes of a reopened data file keep in memory, so that their first query does not wait.
func (w *worlds) warm() error {
	return w.emulator.store.EachSandbox(func(sb *store.Sandbox) error {
		return sb.View(func(tx *store.Tx) error {
			ledger.Warm(tx)
			series.Warm(tx)
			return nil
		})
	})
}

// worldKey names a world by all that it is made from, so that a data file whose scenario was edited is seeded anew.
func worldKey(s *fixtures.Scenario, seed uint64) (string, error) {
	digest, err := digestOf(s)
	return fmt.Sprintf("%s/%d/%s", s.Name, seed, digest), err
}

// Reading and digesting a built-in scenario takes longer than all else at the start of an emulator inside a test, so
// that a process does it once. Nobody changes a scenario that was read.
var (
	builtinMu sync.Mutex
	builtins  = map[string]*fixtures.Scenario{}
	digests   = map[*fixtures.Scenario]string{} // of builtins
)

// loadScenario reads a built-in scenario or a file.
func loadScenario(nameOrPath string) (*fixtures.Scenario, error) {
	if !slices.Contains(fixtures.Names(), nameOrPath) {
		return fixtures.Load(nameOrPath)
	}
	builtinMu.Lock()
	defer builtinMu.Unlock()
	if s, ok := builtins[nameOrPath]; ok {
		return s, nil
	}
	s, err := fixtures.Load(nameOrPath)
	if err != nil {
		return nil, err
	}
	builtins[nameOrPath], digests[s] = s, ""
	return s, nil
}

func digestOf(s *fixtures.Scenario) (string, error) {
	builtinMu.Lock()
	defer builtinMu.Unlock()
	known, builtin := digests[s]
	if known != "" {
		return known, nil
	}
	text, err := fixtures.Marshal(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:8])
	if builtin {
		digests[s] = digest
	}
	return digest, nil
}

// startOf returns the clock that a scenario starts with.
func startOf(s *fixtures.Scenario) clock.State {
	at := s.Clock.At.At(clock.Machine())
	switch {
	case s.Clock.Mode == fixtures.ClockFrozen:
		return clock.FrozenAt(at)
	case s.Clock.At.IsZero():
		return clock.State{}
	}
	return clock.RunningFrom(at)
}
