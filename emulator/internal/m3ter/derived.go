package m3ter

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/shopspring/decimal"
)

// The language of derived fields, as far as it is emulated (M3T-037): numbers, codes of fields, texts in double
// quotes, + - * / with the usual precedence, a minus sign, parentheses; + also joins texts.

// operand is a value in a calculation.
type operand struct {
	isNumber bool
	number   decimal.Decimal
	text     string
}

func (o operand) String() string {
	if o.isNumber {
		return o.number.String()
	}
	return o.text
}

func operandOf(token string) operand {
	if strings.HasPrefix(token, `"`) {
		var text string
		_ = json.Unmarshal([]byte(token), &text) // valid JSON, checked on arrival
		return operand{text: text}
	}
	d, err := parseNumber(token)
	if err != nil {
		return operand{text: token}
	}
	return operand{isNumber: true, number: d}
}

// expression computes a derived field from the values of the fields by code.
type expression func(fields map[string]operand) (operand, error)

var errUnsupported = errors.New("the calculation uses what is not emulated")

const maxNesting = 100

// parseCalculation reads a calculation.
func parseCalculation(text string) (expression, error) {
	p := &calculation{rest: []rune(text)}
	e, err := p.sum(0)
	if err != nil {
		return nil, err
	}
	if p.peek() != 0 {
		return nil, fmt.Errorf("%w: %q", errUnsupported, string(p.rest))
	}
	return e, nil
}

type calculation struct{ rest []rune }

// peek returns the next character that is no blank, 0 at the end.
func (p *calculation) peek() rune {
	for len(p.rest) > 0 && unicode.IsSpace(p.rest[0]) {
		p.rest = p.rest[1:]
	}
	if len(p.rest) == 0 {
		return 0
	}
	return p.rest[0]
}

func (p *calculation) sum(depth int) (expression, error) {
	return p.chain("+-", depth, p.product)
}

func (p *calculation) product(depth int) (expression, error) {
	return p.chain("*/", depth, p.factor)
}

// chain reads operands with operators of one precedence between them, which bind from the left.
func (p *calculation) chain(operators string, depth int, operandAt func(int) (expression, error)) (expression, error) {
	left, err := operandAt(depth)
	for err == nil && p.peek() != 0 && strings.ContainsRune(operators, p.peek()) {
		operator := p.peek()
		p.rest = p.rest[1:]
		var right expression
		right, err = operandAt(depth)
		left = binary(operator, left, right)
	}
	return left, err
}

func (p *calculation) factor(depth int) (expression, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("%w: too many parentheses", errUnsupported)
	}
	switch r := p.peek(); {
	case r == '(':
		p.rest = p.rest[1:]
		inner, err := p.sum(depth + 1)
		if err == nil && p.peek() != ')' {
			return nil, fmt.Errorf("%w: a parenthesis is not closed", errUnsupported)
		}
		if err == nil {
			p.rest = p.rest[1:]
		}
		return inner, err
	case r == '-':
		p.rest = p.rest[1:]
		inner, err := p.factor(depth + 1)
		return binary('-', constant(operand{isNumber: true}), inner), err
	case r == '"':
		return p.literal()
	case r >= '0' && r <= '9' || r == '.':
		d, err := parseNumber(p.word(func(r rune) bool { return r >= '0' && r <= '9' || r == '.' }))
		return constant(operand{isNumber: true, number: d}), err
	case unicode.IsLetter(r) || r == '_' || r == '$':
		return fieldValue(p.word(func(r rune) bool {
			return unicode.IsLetter(r) || r == '_' || r == '$' || r >= '0' && r <= '9'
		})), nil
	}
	return nil, fmt.Errorf("%w: %q", errUnsupported, string(p.rest))
}

func (p *calculation) word(part func(rune) bool) string {
	n := 0
	for n < len(p.rest) && part(p.rest[n]) {
		n++
	}
	word := string(p.rest[:n])
	p.rest = p.rest[n:]
	return word
}

func (p *calculation) literal() (expression, error) {
	p.rest = p.rest[1:]
	text := p.word(func(r rune) bool { return r != '"' })
	if len(p.rest) == 0 {
		return nil, fmt.Errorf("%w: a text is not closed", errUnsupported)
	}
	p.rest = p.rest[1:]
	return constant(operand{text: text}), nil
}

func constant(value operand) expression {
	return func(map[string]operand) (operand, error) { return value, nil }
}

func fieldValue(code string) expression {
	return func(fields map[string]operand) (operand, error) {
		value, ok := fields[code]
		if !ok {
			return value, fmt.Errorf("there is no value of %s", code)
		}
		return value, nil
	}
}

func binary(operator rune, left, right expression) expression {
	return func(fields map[string]operand) (operand, error) {
		a, err := left(fields)
		if err != nil {
			return a, err
		}
		b, err := right(fields)
		if err != nil {
			return b, err
		}
		return combine(operator, a, b)
	}
}

func combine(operator rune, a, b operand) (operand, error) {
	if !a.isNumber || !b.isNumber {
		if operator == '+' {
			return operand{text: a.String() + b.String()}, nil
		}
		return operand{}, fmt.Errorf("%c needs numbers on both sides", operator)
	}
	result := operand{isNumber: true}
	switch operator {
	case '+':
		result.number = a.number.Add(b.number)
	case '-':
		result.number = a.number.Sub(b.number)
	case '*':
		result.number = a.number.Mul(b.number)
	case '/':
		if b.number.IsZero() {
			return result, errors.New("division by zero")
		}
		result.number = divide(a.number, b.number)
	}
	if result.number.NumDigits() > maxNumberText || result.number.Exponent() < -maxNumberExponent {
		return result, errors.New("the result is out of range")
	}
	return result, nil
}

// divide keeps sixteen digits or more of the quotient, about what a double has.
func divide(a, b decimal.Decimal) decimal.Decimal {
	whole := max(0, int32(b.NumDigits())+b.Exponent())
	return a.DivRound(b, max(16, 16-a.Exponent()+whole))
}

func divideByCount(sum decimal.Decimal, count int) decimal.Decimal {
	return divide(sum, decimal.NewFromInt(int64(count)))
}
