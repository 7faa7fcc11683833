package cognite

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// made makes the samples of a generator in a world of a seed.
func made(t testing.TB, seed uint64, g generator) (samples *generated) {
	t.Helper()
	file, err := store.Open(store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	_, err = file.Baseline("base", clock.State{}, func(sb *store.Sandbox) error {
		return sb.Update(func(tx *store.Tx) error {
			store.SetSeed(tx, seed)
			samples = generate(tx, "acme\x00a.b", &g)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

var kinds = map[string]generator{
	"gauge":   {Kind: fixtures.CogniteGauge, Level: 20, Swing: 15},
	"still":   {Kind: fixtures.CogniteGauge, Level: 7},
	"counter": {Kind: fixtures.CogniteMonthlyCounter, PerDay: 4_801},
	"step":    {Kind: fixtures.CogniteStep, Level: 1_000_000, PerDay: 977},
	"huge":    {Kind: fixtures.CogniteStep, Level: greatest, PerDay: 1_000_000_000_000},
}

const greatest = 1_000_000_000_000_000

// TestGeneratedTotalsAreTheSumsOfTheirSamples walks all samples of some months one by one, and compares any range with
// their plain sum.
func TestGeneratedTotalsAreTheSumsOfTheirSamples(t *testing.T) {
	from := time.Date(2025, 10, 17, 10, 7, 0, 1_000_000, time.UTC).UnixMilli()
	for name, g := range kinds {
		t.Run(name, func(t *testing.T) {
			g.From = from
			samples := made(t, 5, g)
			const count = 120 * perDay
			first := (from/sampleEvery + 1) * sampleEvery
			sums := make([]*big.Int, count+1)
			sums[0] = new(big.Int)
			for i := range int64(count) {
				at := first + i*sampleEvery
				one := samples.total(at, at)
				if one.Count != 1 || one.Sum() != samples.before(at+1) {
					t.Fatalf("sample %d: %d samples of %v, then %v", i, one.Count, one.Sum(), samples.before(at+1))
				}
				value, _ := big.NewFloat(one.Sum()).Int(nil)
				sums[i+1] = new(big.Int).Add(sums[i], value)
			}
			rapid.Check(t, func(t *rapid.T) {
				a := rapid.Int64Range(first-sampleEvery, first+(count-1)*sampleEvery).Draw(t, "first")
				b := rapid.Int64Range(a, first+(count-1)*sampleEvery).Draw(t, "last")
				i := max(0, (a-first+sampleEvery-1)/sampleEvery)
				j := (b-first)/sampleEvery + 1
				if b < first {
					j = 0
				}
				want, _ := new(big.Float).SetInt(new(big.Int).Sub(sums[j], sums[i])).Float64()
				if got := samples.total(a, b); got.Count != j-i || got.Sum() != want {
					t.Fatalf("%d to %d: %d samples of %v, want %d of %v", a, b, got.Count, got.Sum(), j-i, want)
				}
			})
			if none := samples.total(math.MinInt64, first-1); none.Count != 0 || samples.before(first) != 0 {
				t.Errorf("before the first sample there are %d of %v, then %v", none.Count, none.Sum(), samples.before(first))
			}
		})
	}
}

// at returns what a generated meter shows at an instant.
func (g *generated) at(instant time.Time) float64 { return g.before(instant.UnixMilli() + 1) }

func TestACounterBeginsEachMonthAtZeroAndNeverFalls(t *testing.T) {
	g := kinds["counter"]
	begin := time.Date(2025, 11, 20, 0, 0, 0, 0, time.UTC)
	g.From = begin.UnixMilli()
	counter := made(t, 5, g)
	for day := range 60 {
		for quarter := range perDay {
			at := begin.AddDate(0, 0, day).Add(time.Duration(quarter) * 15 * time.Minute)
			now, previous := counter.at(at), counter.at(at.Add(-15*time.Minute))
			switch reset := at.Day() == 1 && quarter == 0; {
			case reset && now != 0:
				t.Fatalf("%v: the month begins at %v", at, now)
			case !reset && now < previous:
				t.Fatalf("%v: it falls from %v to %v", at, previous, now)
			}
		}
	}
	december := counter.at(time.Date(2025, 12, 31, 23, 45, 0, 0, time.UTC))
	if perDay := december / 31; perDay < 4_000 || perDay > 5_600 {
		t.Errorf("December counts %v, %v a day; want some 4801", december, perDay)
	}
}

func TestAGaugeMovesWithinItsSwing(t *testing.T) {
	g := kinds["gauge"]
	begin := time.Date(2025, 11, 3, 0, 0, 0, 0, time.UTC) // a Monday
	g.From = begin.UnixMilli()
	gauge := made(t, 5, g)
	seen := map[float64]bool{}
	for quarter := range 8 * perWeek {
		value := gauge.at(begin.Add(time.Duration(quarter) * 15 * time.Minute))
		seen[value] = true
		if value < 5 || value > 35 {
			t.Fatalf("quarter %d: got %v, want 20 give or take 15", quarter, value)
		}
	}
	if len(seen) < 15 {
		t.Errorf("got only %d different values", len(seen))
	}
	day := func(n int) float64 {
		at := begin.AddDate(0, 0, n).UnixMilli()
		return gauge.total(at, at+perDay*sampleEvery-1).Mean()
	}
	if day(0) <= day(5) || day(1) <= day(6) {
		t.Errorf("working days have %v and %v, the weekend %v and %v", day(0), day(1), day(5), day(6))
	}
}

func TestAStepGrowsAtMidnightAlone(t *testing.T) {
	g := kinds["step"]
	begin := time.Date(2025, 11, 3, 0, 0, 0, 0, time.UTC)
	g.From = begin.UnixMilli()
	step := made(t, 5, g)
	if got := step.at(begin); got != 1_000_000 {
		t.Errorf("it begins at %v", got)
	}
	for quarter := 1; quarter < 300*perDay; quarter++ {
		at := begin.Add(time.Duration(quarter) * 15 * time.Minute)
		now, previous := step.at(at), step.at(at.Add(-15*time.Minute))
		if midnight := quarter%perDay == 0; midnight && now <= previous || !midnight && now != previous {
			t.Fatalf("%v: from %v to %v", at, previous, now)
		}
	}
	if grown := step.at(begin.AddDate(0, 0, 61)) - 1_000_000; grown != 61*977 {
		t.Errorf("61 days grow by %v, want 61 times 977", grown)
	}
}

func TestSamplesFollowFromTheSeed(t *testing.T) {
	for name, g := range kinds {
		if name == "still" {
			continue
		}
		all := func(seed uint64) float64 { return made(t, seed, g).total(0, 40*perDay*sampleEvery+5*sampleEvery).Sum() }
		if all(1) != all(1) {
			t.Errorf("%s: the same seed gives other samples", name)
		}
		if all(1) == all(2) {
			t.Errorf("%s: another seed gives the same samples", name)
		}
	}
}

func TestDividingIsAsIfInWholeNumbersWithoutBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-700, 700), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64}))
		start, end := edge.Draw(t, "start"), edge.Draw(t, "end")
		if end < start {
			start, end = end, start
		}
		n := rapid.IntRange(1, 600).Draw(t, "n")
		got := divide(start, end, n)
		length := new(big.Int).Sub(big.NewInt(end), big.NewInt(start))
		if length.IsInt64() && length.Int64() < int64(n) {
			n = max(1, int(length.Int64()))
		}
		if len(got) != n {
			t.Fatalf("got %d buckets, want %d", len(got), n)
		}
		for i, b := range got {
			bound := new(big.Int).Mul(length, big.NewInt(int64(i)))
			bound.Quo(bound, big.NewInt(int64(n))).Add(bound, big.NewInt(start))
			if bound.Cmp(big.NewInt(b.first)) != 0 {
				t.Fatalf("bucket %d begins at %d, want %s", i, b.first, bound)
			}
			if i+1 < n && got[i+1].first != b.last+1 || i+1 == n && b.last != end || b.last < b.first {
				t.Fatalf("bucket %d is %+v of %+v", i, b, got)
			}
		}
	})
}

func TestThreeBucketsOfTenMilliseconds(t *testing.T) {
	got := divide(0, 10, 3)
	want := []bucket{{0, 2}, {3, 5}, {6, 10}}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("bucket %d: got %v, want %v", i, got[i], want[i])
		}
	}
	december := divide(1764547200000, 1767225599000, 30)
	for i, first := range []int64{1764547200000, 1764636479966, 1764725759933} {
		if december[i].first != first {
			t.Errorf("December, bucket %d: got %d, want %d", i, december[i].first, first)
		}
	}
}
