package ledger

import (
	"math"
	"math/bits"

	"github.com/shopspring/decimal"
)

// exactSum adds decimals up without losing a digit: in 64 bits while they last, in a big decimal beyond.
type exactSum struct {
	mantissa int64
	scale    uint8
	big      decimal.Decimal // what no longer fitted
}

var powersOfTen = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

func (s *exactSum) add(a amount) {
	if a.big != nil {
		s.big = s.big.Add(*a.big)
		return
	}
	mantissa, scale := a.mantissa, a.scale
	if scale != s.scale {
		var ok bool
		if mantissa, ok = s.align(mantissa, scale); !ok {
			s.spill()
			s.scale, s.mantissa = scale, mantissa
			return
		}
	}
	total, ok := addInt64(s.mantissa, mantissa)
	if !ok {
		s.spill()
		total = mantissa
	}
	s.mantissa = total
}

// align brings the running sum or the new number to the finer of their scales. When that does not fit it answers
// false and the number as it was.
func (s *exactSum) align(mantissa int64, scale uint8) (int64, bool) {
	if scale < s.scale {
		return rescale(mantissa, s.scale-scale)
	}
	sum, ok := rescale(s.mantissa, scale-s.scale)
	if ok {
		s.mantissa, s.scale = sum, scale
	}
	return mantissa, ok
}

func (s *exactSum) spill() {
	s.big = s.big.Add(decimal.New(s.mantissa, -int32(s.scale)))
	s.mantissa = 0
}

func (s *exactSum) total() decimal.Decimal {
	return s.big.Add(decimal.New(s.mantissa, -int32(s.scale)))
}

func rescale(mantissa int64, digits uint8) (int64, bool) {
	if int(digits) >= len(powersOfTen) {
		return mantissa, mantissa == 0
	}
	hi, lo := bits.Mul64(magnitude(mantissa), uint64(powersOfTen[digits]))
	if hi != 0 || lo > math.MaxInt64 {
		return mantissa, false
	}
	if mantissa < 0 {
		return -int64(lo), true
	}
	return int64(lo), true
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

func addInt64(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}
