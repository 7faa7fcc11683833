package ledger

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestAValueIsTakenApartOnce(t *testing.T) {
	plain := func(mantissa int64, scale uint8) value {
		return value{kind: kindNumber, mantissa: mantissa, scale: scale}
	}
	text := func(s string) value { return value{kind: kindText, text: s} }
	odd := func(s, number string) value {
		return value{kind: kindOdd, text: s, number: decimal.RequireFromString(number)}
	}
	absent, nested := value{kind: kindAbsent}, value{kind: kindNested}
	for _, c := range []struct {
		when, json string
		want       value
	}{
		{"null counts as absent", `null`, absent},
		{"no value at all counts as absent", ``, absent},
		{"an object is present and equals nothing", `{"a":1}`, nested},
		{"so does an array", `[1]`, nested},
		{"true is a text", `true`, text("true")},
		{"and the same text in quotes", `"true"`, text("true")},
		{"null in quotes is a text", `"null"`, text("null")},
		{"an empty string is present", `""`, text("")},
		{"blanks alone are a text", `"  "`, text("  ")},
		{"escapes are resolved", `"\u0041\n"`, text("A\n")},
		{"a number in escapes is a number", `"\u0035"`, plain(5, 0)},
		{"a whole number", `60`, plain(60, 0)},
		{"the same in quotes", `"60"`, plain(60, 0)},
		{"blanks around a value do not belong to it", " 60\n", plain(60, 0)},
		{"a fraction keeps its zeros, which are part of its text", `1.50`, plain(150, 2)},
		{"a negative fraction below one", `-0.05`, plain(-5, 2)},
		{"zero with a scale", `0.00`, plain(0, 2)},
		{"18 digits are kept as an integer", `999999999999999999`, plain(999999999999999999, 0)},
		{"18 digits after the point too", `0.99999999999999999`, plain(99999999999999999, 17)},
		{"19 digits are not", `9999999999999999999`, odd("9999999999999999999", "9999999999999999999")},
		{"19 digits with a point are not either", `1.000000000000000001`, odd("1.000000000000000001", "1.000000000000000001")},
		{"the least 64 bit integer", `-9223372036854775808`, odd("-9223372036854775808", "-9223372036854775808")},
		{"minus zero is a number, and not the text 0", `-0`, odd("-0", "0")},
		{"so is minus zero with a scale", `-0.0`, odd("-0.0", "0")},
		{"a plus sign", `"+5"`, odd("+5", "5")},
		{"leading zeros", `"007"`, odd("007", "7")},
		{"a point in front", `".5"`, odd(".5", "0.5")},
		{"a point at the end", `"5."`, odd("5.", "5")},
		{"blanks around a number in quotes", `" 5 "`, odd(" 5 ", "5")},
		{"an exponent", `1e3`, odd("1e3", "1000")},
		{"an exponent with a sign", `"1.5E-3"`, odd("1.5E-3", "0.0015")},
		{"the greatest exponent", `1e200`, odd("1e200", "1e200")},
		{"a greater one is a text: nobody adds up 1e1000000000", `1e201`, text("1e201")},
		{"a smaller one is a text too", `1e-201`, text("1e-201")},
		{"an exponent without an end", `1e99999999999999999999`, text("1e99999999999999999999")},
		{"200 digits", strings.Repeat("9", 200), odd(strings.Repeat("9", 200), strings.Repeat("9", 200))},
		{"more are a text", strings.Repeat("9", 201), text(strings.Repeat("9", 201))},
		{"two points", `"1.2.3"`, text("1.2.3")},
		{"two signs", `"--5"`, text("--5")},
		{"a sign behind", `"5-"`, text("5-")},
		{"a sign alone", `"-"`, text("-")},
		{"a point alone", `"."`, text(".")},
		{"an exponent alone", `"e5"`, text("e5")},
		{"an exponent of nothing", `"5e"`, text("5e")},
		{"thousands", `"1,000"`, text("1,000")},
		{"underscores", `"1_000"`, text("1_000")},
		{"hexadecimal", `"0x10"`, text("0x10")},
		{"no number by name", `"NaN"`, text("NaN")},
		{"infinity", `"Infinity"`, text("Infinity")},
		{"digits of another script", `"٥"`, text("٥")},
		{"a quote that never ends, against the promise, is a text", `"`, text(`"`)},
		{"so is a broken escape", `"\u00"`, text(`\u00`)},
	} {
		got := parseValue(c.json)
		if got.kind != c.want.kind || got.text != c.want.text || got.mantissa != c.want.mantissa || got.scale != c.want.scale || !got.number.Equal(c.want.number) {
			t.Errorf("%s: %s is %+v, want %+v", c.when, c.json, got, c.want)
		}
	}
}

func FuzzParseValue(f *testing.F) {
	for _, seed := range []string{`null`, `""`, `"\u00e4"`, `-0.50`, `1e3`, `" 5 "`, `{}`, `"`, `9999999999999999999`, "\"\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		v := parseValue(token)
		switch v.kind {
		case kindNumber: // its text follows from it, whether it came as a number or in quotes
			back := parseValue(string(appendPlain(nil, v.mantissa, v.scale)))
			if back.kind != v.kind || back.mantissa != v.mantissa || back.scale != v.scale {
				t.Errorf("%q is %+v, written out and read again %+v", token, v, back)
			}
		case kindOdd, kindText:
			quoted, err := json.Marshal(v.text)
			if err != nil {
				t.Fatal(err)
			}
			if valid := strings.ToValidUTF8(v.text, "\ufffd") == v.text; valid {
				if back := parseValue(string(quoted)); back.kind != v.kind || back.text != v.text || !back.number.Equal(v.number) {
					t.Errorf("%q is %+v, quoted and read again %+v", token, v, back)
				}
			}
		case kindNested, kindAbsent:
		}
	})
}

func TestAPlainDecimalIsWrittenAsItWasRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mantissa, scale := rapid.Int64Range(-999999999999999999, 999999999999999999).Draw(t, "mantissa"), rapid.Uint8Range(0, 17).Draw(t, "scale")
		text := string(appendPlain([]byte("x"), mantissa, scale))[1:]
		digits := strings.Trim(strings.ReplaceAll(text, ".", ""), "-")
		m, s, ok := plainDecimal(text)
		if len(digits) <= 18 && (!ok || m != mantissa || s != scale) {
			t.Fatalf("%d at scale %d is written %s, read %d at scale %d, %v", mantissa, scale, text, m, s, ok)
		}
		if want := decimal.New(mantissa, -int32(scale)); !decimal.RequireFromString(text).Equal(want) {
			t.Fatalf("%s is written %s", want, text)
		}
	})
}

// amounts lie at the edges of 64 bits and of scales.
var amounts = rapid.Custom(func(t *rapid.T) amount {
	if rapid.IntRange(0, 5).Draw(t, "big") == 0 {
		d := decimal.RequireFromString(rapid.SampledFrom([]string{"1e200", "-1e-200", "9223372036854775808", "-9223372036854775809", "0.1"}).Draw(t, "number"))
		return amount{big: &d}
	}
	m := rapid.OneOf(rapid.Int64Range(-999999999999999999, 999999999999999999), rapid.Int64Range(-20, 20),
		rapid.SampledFrom([]int64{999999999999999999, -999999999999999999})).Draw(t, "mantissa")
	return amount{mantissa: m, scale: rapid.Uint8Range(0, 18).Draw(t, "scale")}
})

func TestASumLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sum exactSum
		want := new(big.Rat)
		for _, a := range rapid.SliceOfN(amounts, 0, 60).Draw(t, "amounts") {
			sum.add(a)
			want.Add(want, a.decimal().Rat())
		}
		if got := sum.total().Rat(); got.Cmp(want) != 0 {
			t.Fatalf("the sum is %s, want %s", got, want)
		}
	})
}

func TestASumGoesOnAtTheEdgesOf64Bits(t *testing.T) {
	for _, c := range []struct {
		when string
		add  []amount
		want string
	}{
		{"nothing adds up to zero", nil, "0"},
		{"it passes the greatest integer", []amount{{mantissa: math.MaxInt64}, {mantissa: 1}}, "9223372036854775808"},
		{"it passes the least", []amount{{mantissa: math.MinInt64}, {mantissa: -1}}, "-9223372036854775809"},
		{"the least integer meets a finer scale", []amount{{mantissa: math.MinInt64}, {mantissa: 1, scale: 18}}, "-9223372036854775807.999999999999999999"},
		{"a finer scale meets the least integer", []amount{{mantissa: 1, scale: 18}, {mantissa: math.MinInt64}}, "-9223372036854775807.999999999999999999"},
		{"it falls back from beyond", []amount{{mantissa: math.MaxInt64}, {mantissa: math.MaxInt64}, {mantissa: -math.MaxInt64}, {mantissa: -math.MaxInt64}, {mantissa: 1}}, "1"},
		{"zero of a fine scale", []amount{{mantissa: 0, scale: 18}, {mantissa: math.MaxInt64}}, "9223372036854775807"},
		{"tenths add up as people expect", []amount{{mantissa: 1, scale: 1}, {mantissa: 2, scale: 1}}, "0.3"},
	} {
		var sum exactSum
		for _, a := range c.add {
			sum.add(a)
		}
		if got := sum.total().String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.when, got, c.want)
		}
	}
}

func TestAmountsCompareAsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := amounts.Draw(t, "a"), amounts.Draw(t, "b")
		if got, want := a.compare(b), a.decimal().Rat().Cmp(b.decimal().Rat()); got != want {
			t.Fatalf("%s compared with %s: %d, want %d", a.decimal(), b.decimal(), got, want)
		}
	})
}
