package cognite_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/submeter/submeter/emulator/internal/cognite"
	"github.com/submeter/submeter/fixtures"
)

// generated is a scenario with a generated meter of each kind, 90 days old.
func generated() *fixtures.Scenario {
	s := fixtures.New()
	from := fixtures.Instant(noon.Truncate(24*time.Hour).AddDate(0, 0, -90))
	s.Cognite.Projects = []fixtures.CogniteProject{{Name: "acme", Meters: []fixtures.CogniteMeter{
		{ID: "atlas.monthly_ai_tokens", Generator: &fixtures.CogniteGenerator{Kind: fixtures.CogniteMonthlyCounter, From: from, PerDay: "12000"}},
		{ID: "functions.concurrent_executions", Generator: &fixtures.CogniteGenerator{Kind: fixtures.CogniteGauge, From: from, Level: "12", Swing: "10"}},
		{ID: storage, Generator: &fixtures.CogniteGenerator{Kind: fixtures.CogniteStep, From: from, Level: "500000000", PerDay: "2000000"}},
	}}}
	return s
}

// TestAHistoryIsThePlainMeanOfItsSamples draws samples and ranges, and holds every datapoint against exact sums over the
// samples one by one. It also holds a history against a finer one of the same range: the mean of a period is the mean of its
// parts, weighted by their samples.
func TestAHistoryIsThePlainMeanOfItsSamples(t *testing.T) {
	w := newWorld(t, nil)
	meterNumber := 0
	rapid.Check(t, func(t *rapid.T) {
		meterNumber++
		id := fmt.Sprintf("drawn.meter_%d", meterNumber)
		given := map[int64]float64{}
		var items []cognite.Sample
		for range rapid.IntRange(0, 60).Draw(t, "samples") {
			s := cognite.Sample{
				MeterID: id, Timestamp: rapid.Int64Range(0, 500).Draw(t, "at"),
				Value: float64(rapid.Int64Range(-1e12, 1e12).Draw(t, "thousandths")) / 1000, // few of them exact in binary
			}
			given[s.Timestamp] = s.Value
			items = append(items, s)
		}
		w.append("acme", append(items, cognite.Sample{MeterID: "drawn.other", Timestamp: 1})...)
		if len(items) == 0 {
			w.append("acme", cognite.Sample{MeterID: id, Timestamp: 1 << 40, Value: 1}) // beyond every range
		}
		start := rapid.Int64Range(-50, 500).Draw(t, "start")
		n := rapid.IntRange(1, 40).Draw(t, "n")
		parts := rapid.IntRange(2, 5).Draw(t, "parts")
		end := start + int64(n*parts)*rapid.Int64Range(1, 9).Draw(t, "length") // so that all bounds of the coarse are bounds of the fine
		coarse, fine := history(w, id, start, end, n), history(w, id, start, end, n*parts)
		checkHistory(t, given, start, end, n, coarse)
		checkHistory(t, given, start, end, n*parts, fine)
		for i, whole := range coarse {
			checkRefinement(t, given, whole, fine[i*parts:(i+1)*parts], bounds(start, end, n*parts)[i*parts:(i+1)*parts+1], i == n-1)
		}
	})
}

func history(w *world, id string, start, end int64, n int) []datapoint {
	var m meter
	w.get(fmt.Sprintf("%s/%s?start=%d&end=%d&numberOfDatapoints=%d", meters, id, start, end, n)).into(w.t, &m)
	return m.Datapoints
}

func bounds(start, end int64, n int) []int64 {
	b := make([]int64, n+1)
	for i := range b {
		b[i] = start + int64(i)*(end-start)/int64(n)
	}
	return b
}

// within returns the exact sum and the number of the samples from first up to, not including, end.
func within(given map[int64]float64, first, end int64) (sum *big.Rat, count int64) {
	sum = new(big.Rat)
	for at, value := range given {
		if first <= at && at < end {
			sum.Add(sum, new(big.Rat).SetFloat64(value))
			count++
		}
	}
	return sum, count
}

func checkHistory(t *rapid.T, given map[int64]float64, start, end int64, n int, got []datapoint) {
	if len(got) != n {
		t.Fatalf("got %d datapoints, want %d", len(got), n)
	}
	b := bounds(start, end, n)
	for i, p := range got {
		if p.Timestamp != b[i] {
			t.Fatalf("datapoint %d is at %d, want %d", i, p.Timestamp, b[i])
		}
		until := b[i+1]
		if i == n-1 {
			until++
		}
		want := 0.0
		if sum, count := within(given, b[i], until); count > 0 {
			want, _ = sum.Quo(sum, new(big.Rat).SetInt64(count)).Float64()
		} else {
			latest := int64(math.MinInt64)
			for at, value := range given {
				if at < b[i] && at > latest {
					latest, want = at, value
				}
			}
		}
		if p.Average != want {
			t.Fatalf("datapoint %d of %d: got %v, want %v, the exact mean rounded once", i, n, p.Average, want)
		}
	}
}

func checkRefinement(t *rapid.T, given map[int64]float64, whole datapoint, parts []datapoint, b []int64, last bool) {
	weighted, samples := new(big.Rat), int64(0)
	for i, part := range parts {
		until := b[i+1]
		if last && i == len(parts)-1 {
			until++
		}
		_, count := within(given, b[i], until)
		weighted.Add(weighted, new(big.Rat).Mul(new(big.Rat).SetFloat64(part.Average), new(big.Rat).SetInt64(count)))
		samples += count
	}
	if samples == 0 {
		return // then all of them repeat an earlier value
	}
	mean, _ := weighted.Quo(weighted, new(big.Rat).SetInt64(samples)).Float64()
	if math.Abs(mean-whole.Average) > 1e-15*1e9 {
		t.Fatalf("the period at %d has the mean %v, its parts together %v", whole.Timestamp, whole.Average, mean)
	}
}

func TestGeneratedMetersHaveAHistoryOfTheirOwn(t *testing.T) {
	w := newWorld(t, generated())
	day := int64(24 * time.Hour / time.Millisecond)
	midnight := noon.Truncate(24 * time.Hour).UnixMilli()
	begin := midnight - 90*day
	all := map[string][]datapoint{}
	for _, id := range []string{"atlas.monthly_ai_tokens", "functions.concurrent_executions", storage} {
		points := history(w, id, begin-10*day, midnight+10*day, 110)
		all[id] = points
		for i, p := range points {
			switch {
			case i < 10 && p.Average != 0:
				t.Errorf("%s: %v before the first sample", id, p)
			case i > 11 && i < 100 && p.Average <= 0:
				t.Errorf("%s: %v on day %d", id, p.Average, i-10)
			case i > 101 && p.Average != points[101].Average:
				t.Errorf("%s: %v after now, where %v is the last value known", id, p.Average, points[101].Average)
			}
		}
	}
	if averages := averagesOf(all[storage][10:100]); !slices.IsSorted(averages) {
		t.Errorf("the step falls: %v", averages)
	}
	if averages := averagesOf(all["atlas.monthly_ai_tokens"][10:100]); slices.IsSorted(averages) {
		t.Errorf("the counter never begins again: %v", averages)
	}
}

func averagesOf(points []datapoint) (averages []float64) {
	for _, p := range points {
		averages = append(averages, p.Average)
	}
	return averages
}

// A meter that is generated goes on with the samples it is given: what was generated before the first of them stays.
func TestGivenSamplesTakeOverFromGeneratedOnes(t *testing.T) {
	w := newWorld(t, generated())
	hour := int64(time.Hour / time.Millisecond)
	now := noon.UnixMilli()
	before := history(w, storage, now-48*hour, now-24*hour-1, 24)
	tail := history(w, storage, now-48*hour, now, 48)
	w.append("acme", cognite.Sample{MeterID: storage, Timestamp: now - 24*hour, Value: 5}, cognite.Sample{MeterID: storage, Timestamp: now - 2*hour, Value: 7})
	after := history(w, storage, now-48*hour, now-24*hour-1, 24)
	if !slices.EqualFunc(before, after, func(a, b datapoint) bool { return a.Average == b.Average }) {
		t.Errorf("before the first sample given: got %v, want %v", after, before)
	}
	changed := history(w, storage, now-48*hour, now, 48)
	for i, p := range changed {
		want := tail[i].Average
		if i >= 24 {
			want = 5
		}
		if i >= 46 {
			want = 7
		}
		if p.Average != want {
			t.Errorf("hour %d: got %v, want %v", i, p.Average, want)
		}
	}
}
