package ledger

import (
	"cmp"
	"math/bits"

	"github.com/shopspring/decimal"
)

// amount is a number: a plain decimal, which takes no memory of its own, or any other.
type amount struct {
	mantissa int64
	scale    uint8
	big      *decimal.Decimal // nil: mantissa and scale
}

// amount returns the value of a cell of kind number or odd.
func (f *frame) amount(c cell) amount {
	if c.kind == kindOdd {
		return amount{big: &f.odd[c.payload].number}
	}
	return amount{mantissa: c.payload, scale: c.scale}
}

func (a amount) decimal() decimal.Decimal {
	if a.big != nil {
		return *a.big
	}
	return decimal.New(a.mantissa, -int32(a.scale))
}

// compare returns -1, 0 or +1 as a is less than, equal to or greater than b.
func (a amount) compare(b amount) int {
	switch {
	case a.big != nil || b.big != nil:
		return a.decimal().Cmp(b.decimal())
	case a.scale == b.scale:
		return cmp.Compare(a.mantissa, b.mantissa)
	case (a.mantissa < 0) != (b.mantissa < 0):
		return cmp.Compare(a.mantissa, b.mantissa)
	}
	c := compareMagnitudes(a, b)
	if a.mantissa < 0 {
		return -c
	}
	return c
}

// compareMagnitudes compares two plain decimals by their size alone, at the finer of their scales: 18 digits times 18
// zeros fit into 128 bits.
func compareMagnitudes(a, b amount) int {
	scale := max(a.scale, b.scale)
	aHigh, aLow := bits.Mul64(magnitude(a.mantissa), uint64(powersOfTen[scale-a.scale]))
	bHigh, bLow := bits.Mul64(magnitude(b.mantissa), uint64(powersOfTen[scale-b.scale]))
	return cmp.Or(cmp.Compare(aHigh, bHigh), cmp.Compare(aLow, bLow))
}
