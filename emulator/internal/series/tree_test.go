package series

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestTreesAnswerLikeSortedLists grows trees of several levels in different orders, overwrites some of them, and compares
// ranges with a plain sum.
func TestTreesAnswerLikeSortedLists(t *testing.T) {
	const size = 2 * leafSize * innerSize * innerSize
	random := rand.New(rand.NewPCG(1, 2))
	orders := map[string]func(i int) int64{
		"in the order of time":      func(i int) int64 { return int64(i) },
		"against the order of time": func(i int) int64 { return int64(size - i) },
		"in no order":               func(i int) int64 { return int64(i*7919%size) * 3 },
		"with repeated instants":    func(int) int64 { return random.Int64N(size / 2) },
		"into one place":            func(i int) int64 { return int64(i%2) * int64(size-i) },
	}
	for name, instant := range orders {
		t.Run(name, func(t *testing.T) {
			var grown tree
			values := map[int64]float64{}
			for i := range size {
				s := Sample{At: instant(i), Value: float64(random.Int64N(1000))}
				grown.put(s)
				values[s.At] = s.Value
			}
			for range 50 {
				first := random.Int64N(3*size) - 10
				last := first + random.Int64N(size)
				count, sum := int64(0), 0.0
				for at, value := range values {
					if first <= at && at <= last {
						count, sum = count+1, sum+value
					}
				}
				if got := grown.total(first, last); got.Count != count || got.Sum() != sum {
					t.Fatalf("total of %d..%d is %d samples of %v, want %d of %v", first, last, got.Count, got.Sum(), count, sum)
				}
				want, known := values[first]
				if s, ok := grown.get(first); ok != known || s.Value != want {
					t.Fatalf("sample of %d is %v %v, want %v %v", first, s, ok, want, known)
				}
			}
			if height := grown.height(); height < 3 {
				t.Fatalf("the tree has %d levels: too few to try what joins them", height)
			}
		})
	}
}

func (t *tree) height() (levels int) {
	for n := t.root; n != nil; levels++ {
		if n.kids == nil {
			return levels + 1
		}
		n = n.kids[0]
	}
	return levels
}

func TestMeansAreRoundedOnce(t *testing.T) {
	rows := map[string]struct {
		values []float64
		want   float64
	}{
		"thirds of whole numbers":                      {[]float64{1, 1, 2}, 4.0 / 3},
		"tenths that binary numbers cannot hold":       {[]float64{0.1, 0.2, 0.3}, 0.2},
		"a small number beside a huge one and back":    {[]float64{1e300, 1, -1e300, 1}, 0.5},
		"one cent ten times beside a billion":          {[]float64{1e9, .01, .01, .01, .01, .01, .01, .01, .01, .01}, 100000000.009},
		"nothing at all":                               {nil, 0},
		"a number that takes all 53 bits, three times": {[]float64{9007199254740991, 9007199254740991, 9007199254740991}, 9007199254740991},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			var grown tree
			for i, value := range row.values {
				grown.put(Sample{At: int64(i), Value: value})
			}
			if got := grown.total(0, 100).Mean(); got != row.want {
				t.Errorf("mean of %v is %v, want %v", row.values, got, row.want)
			}
		})
	}
}

func TestATotalHoldsWhatAWholeNumberOf100BitsSays(t *testing.T) {
	sum, _ := new(big.Int).SetString("1267650600228229401496703205375", 10) // 2^100 - 1
	with := TotalOf(1, sum)
	without := with.minus(TotalOf(0, new(big.Int).Lsh(big.NewInt(1), 100)))
	if with.Sum() != 0x1p100 || without.Sum() != -1 {
		t.Errorf("2^100-1 reads %v, and %v above 2^100; want 1.2676506002282294e+30 and -1", with.Sum(), without.Sum())
	}
}

func TestABatchThatIsDamagedIsRefused(t *testing.T) {
	whole := encodeBatch("atlas.tokens", []Sample{{At: 1 << 40, Value: 1.5}, {At: -1 << 63, Value: 1e300}, {At: 1<<63 - 1, Value: -0.1}})
	key, samples, err := decodeBatch(whole)
	if err != nil || key != "atlas.tokens" || len(samples) != 3 || samples[1] != (Sample{At: -1 << 63, Value: 1e300}) || samples[2].Value != -0.1 {
		t.Fatalf("a whole batch reads %q %v %v", key, samples, err)
	}
	for end := range whole {
		if _, _, err := decodeBatch(whole[:end]); err == nil {
			t.Errorf("a batch cut after %d of %d bytes was read", end, len(whole))
		}
	}
	if _, _, err := decodeBatch(append(whole, 0)); err == nil {
		t.Error("a batch with a byte too many was read")
	}
}
