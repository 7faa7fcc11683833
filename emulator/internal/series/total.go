package series

import (
	"math"
	"math/big"
)

// Total is a number of samples and what they add up to. The sum is held in two float64, the second carrying what the
// first cannot: some 106 bits. For samples whose magnitudes lie within 20 decimal digits of one another it is exact,
// so that it depends neither on the order in which they came nor on the layers they lie in.
type Total struct {
	Count int64
	high  float64
	low   float64
}

// TotalOf returns the total of count samples whose sum is known, to the precision of a Total.
func TotalOf(count int64, sum *big.Int) Total {
	high, _ := new(big.Float).SetInt(sum).Float64()
	whole, _ := new(big.Float).SetFloat64(high).Int(nil)
	low, _ := new(big.Float).SetInt(whole.Sub(sum, whole)).Float64()
	return Total{Count: count, high: high, low: low}
}

// Plus returns the total of both.
func (t Total) Plus(o Total) Total {
	t.Count += o.Count
	t.addPair(o.high, o.low)
	return t
}

// minus returns the total without the samples of o, which are among those of t.
func (t Total) minus(o Total) Total {
	t.Count -= o.Count
	t.addPair(-o.high, -o.low)
	return t
}

// Sum returns the sum, rounded once.
func (t Total) Sum() float64 { return t.high }

// Mean returns the arithmetic mean, rounded once, and 0 of no samples.
func (t Total) Mean() float64 {
	if t.Count == 0 {
		return 0
	}
	n := float64(t.Count)
	mean := t.high / n
	return mean + (math.FMA(-mean, n, t.high)+t.low)/n
}

func (t *Total) add(value float64) {
	t.Count++
	t.addPair(value, 0)
}

func (t *Total) addPair(high, low float64) {
	sum, rest := twoSum(t.high, high)
	lowSum, lowRest := twoSum(t.low, low)
	sum, rest = quickTwoSum(sum, rest+lowSum)
	t.high, t.low = quickTwoSum(sum, rest+lowRest)
}

// twoSum returns the rounded sum of two numbers and what rounding took away, exactly (Knuth).
func twoSum(a, b float64) (sum, rest float64) {
	sum = a + b
	part := sum - a
	return sum, (a - (sum - part)) + (b - part)
}

// quickTwoSum is twoSum where a is not the smaller one in magnitude (Dekker).
func quickTwoSum(a, b float64) (sum, rest float64) {
	sum = a + b
	return sum, b - (sum - a)
}
