package series_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/series"
	"github.com/submeter/submeter/emulator/internal/store"
)

func TestAWarmedSandboxReadsWhatAColdOneDoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "world.db")
	for _, warm := range []bool{false, true} {
		s, err := store.Open(store.Options{Path: file})
		if err != nil {
			t.Fatal(err)
		}
		base, err := s.Baseline("base", clock.FrozenAt(time.Unix(0, 0)), func(sb *store.Sandbox) error {
			return sb.Update(func(tx *store.Tx) error {
				levels.Append(tx, "a", []series.Sample{{At: 1, Value: 2}})
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		sb, _, err := s.Sandbox("one", base)
		if err != nil {
			t.Fatal(err)
		}
		err = sb.View(func(tx *store.Tx) error {
			if warm {
				series.Warm(tx)
			}
			if total := levels.Read(tx, "a").Total(0, 9); total.Count != 1 || total.Mean() != 2 {
				t.Errorf("warm %t: got %+v", warm, total)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
