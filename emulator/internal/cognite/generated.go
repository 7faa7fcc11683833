package cognite

import (
	"math/big"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/submeter/submeter/emulator/internal/series"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// generator is what a meter makes its samples from, when it has none of its own.
type generator struct {
	Kind   fixtures.CogniteGeneratorKind `json:"kind"`
	From   int64                         `json:"from"` // Unix milliseconds
	Level  int64                         `json:"level,omitempty"`
	Swing  int64                         `json:"swing,omitempty"`
	PerDay int64                         `json:"per_day,omitempty"`
}

// A generated meter has a sample every quarter of an hour, on the quarter. // COG-044
const (
	sampleEvery = 15 * 60 * 1000 // milliseconds
	perDay      = 24 * 60 * 60 * 1000 / sampleEvery
	perWeek     = 7 * perDay
)

// generated is the samples of a generator, none of them stored. They are counted by quarters of an hour from the midnight
// at or before the first one. Whatever the kind, the sum of the first so many samples follows from sums over one turn
// of a few short tables, so a period costs the same whatever its length; a counter costs as much for each month in it.
type generated struct {
	kind   fixtures.CogniteGeneratorKind
	origin int64 // Unix milliseconds of quarter 0, a midnight
	first  int64 // quarter of the first sample
	level  int64
	tables []cycle // of a gauge's values, of a counter's increments, of a step's daily growth
}

// cycle is whole numbers that repeat for ever.
type cycle struct {
	sums  []int64 // sums[i] is the sum of the first i numbers, up to one turn
	areas []int64 // areas[i] is the sum of the first i sums
}

// generate makes the samples of a meter, the same for the same seed, project and meter.
func generate(tx *store.Tx, key string, g *generator) *generated {
	const day = perDay * sampleEvery
	origin := floorDiv(g.From, day) * day
	made := &generated{
		kind: g.Kind, origin: origin, first: -floorDiv(origin-g.From, sampleEvery), level: g.Level,
	}
	random := rand.New(rand.NewChaCha8(store.Entropy(store.Seed(tx), "cognite/meter/"+key, 0)))
	switch g.Kind {
	case fixtures.CogniteGauge:
		made.tables = []cycle{
			newCycle(waves(random, g.Swing-g.Swing/3, weekday(origin))),
			newCycle(noise(random, g.Swing/3)),
		}
	case fixtures.CogniteMonthlyCounter:
		rough := g.PerDay / 3
		made.tables = []cycle{
			newCycle(spread(7*(g.PerDay-rough), busyHours(random, weekday(origin)))),
			newCycle(spread(rough*noiseLength/perDay, anything(random, noiseLength))),
		}
	case fixtures.CogniteStep:
		const days = 61
		made.tables = []cycle{newCycle(spread(days*g.PerDay, anything(random, days)))}
	}
	return made
}

// total adds up the samples from first to last, both included, in Unix milliseconds.
func (g *generated) total(first, last int64) series.Total {
	from, to := max(g.quarter(first), g.first), g.quarter(last+1)
	if to <= from {
		return series.Total{}
	}
	return series.TotalOf(to-from, g.sum(from, to))
}

// before returns the value of the latest sample before an instant, 0 when there is none.
func (g *generated) before(at int64) float64 {
	quarter := g.quarter(at) - 1
	if quarter < g.first {
		return 0
	}
	value, _ := new(big.Float).SetInt(g.sum(quarter, quarter+1)).Float64()
	return value
}

// quarter is the first quarter that is not before an instant.
func (g *generated) quarter(at int64) int64 {
	if at < g.origin {
		return 0
	}
	return -floorDiv(g.origin-at, sampleEvery)
}

// sum adds up the samples of quarters from up to, not including, to.
func (g *generated) sum(from, to int64) *big.Int {
	switch g.kind {
	case fixtures.CogniteMonthlyCounter:
		return g.counted(from, to)
	case fixtures.CogniteStep:
		return new(big.Int).Sub(g.stepped(to), g.stepped(from))
	}
	sum := new(big.Int).Mul(big.NewInt(g.level), big.NewInt(to-from))
	for _, t := range g.tables {
		sum.Add(sum, t.sum(to))
		sum.Sub(sum, t.sum(from))
	}
	return sum
}

// counted adds up a counter: at each quarter it shows what was counted before that quarter in its month, so that a month
// begins at 0.
func (g *generated) counted(from, to int64) *big.Int {
	sum := new(big.Int)
	for from < to {
		begin, next := g.month(from)
		until := min(to, next)
		count := big.NewInt(until - from)
		for _, t := range g.tables {
			sum.Add(sum, t.area(until))
			sum.Sub(sum, t.area(from))
			atBegin := t.sum(max(begin, g.first))
			sum.Sub(sum, atBegin.Mul(atBegin, count))
		}
		from = until
	}
	return sum
}

// month returns the first quarter of the month that a quarter lies in, and of the next.
func (g *generated) month(quarter int64) (begin, next int64) {
	at := time.UnixMilli(g.origin + quarter*sampleEvery).UTC()
	first := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
	return (first.UnixMilli() - g.origin) / sampleEvery, (first.AddDate(0, 1, 0).UnixMilli() - g.origin) / sampleEvery
}

// stepped adds up the first quarters of a step: a level that grows at midnight and stands still all day.
func (g *generated) stepped(quarters int64) *big.Int {
	days, rest := quarters/perDay, big.NewInt(quarters%perDay)
	sum := new(big.Int).Mul(big.NewInt(g.level), big.NewInt(quarters))
	for _, t := range g.tables {
		whole := t.area(days)
		sum.Add(sum, whole.Mul(whole, big.NewInt(perDay)))
		today := t.sum(days)
		sum.Add(sum, today.Mul(today, rest))
	}
	return sum
}

func newCycle(values []int64) cycle {
	c := cycle{sums: make([]int64, len(values)+1), areas: make([]int64, len(values)+1)}
	for i, v := range values {
		c.sums[i+1] = c.sums[i] + v
		c.areas[i+1] = c.areas[i] + c.sums[i]
	}
	return c
}

// sum adds up the first n numbers.
func (c cycle) sum(n int64) *big.Int {
	length := int64(len(c.sums) - 1)
	turns, rest := n/length, n%length
	sum := new(big.Int).Mul(big.NewInt(turns), big.NewInt(c.sums[length]))
	return sum.Add(sum, big.NewInt(c.sums[rest]))
}

// area adds up the sums of the first 0, 1 … n-1 numbers.
func (c cycle) area(n int64) *big.Int {
	length := int64(len(c.sums) - 1)
	turns, rest := n/length, n%length
	// Each turn begins with the sum of those before it: 0, 1 … turns-1 times one turn's sum, for each of its numbers.
	before := new(big.Int).Mul(big.NewInt(turns*(turns-1)/2*length+rest*turns), big.NewInt(c.sums[length]))
	before.Add(before, new(big.Int).Mul(big.NewInt(turns), big.NewInt(c.areas[length])))
	return before.Add(before, big.NewInt(c.areas[rest]))
}

// ---- what the tables look like

// noiseLength is a prime number, so that the noise falls differently on each week.
const noiseLength = 1009

func weekday(origin int64) int { return int(time.UnixMilli(origin).UTC().Weekday()) }

// busiest is the activity at noon of a working day.
const busiest = 1000

// activity is how busy a quarter of the week is, from 0 to busiest: working days have a hump between six and eighteen
// o'clock, weekends a low one. Whole numbers throughout: floating point is not the same on every processor.
func activity(quarter, firstDay int) int64 {
	const begin, length = perDay / 4, perDay / 2
	into := int64(quarter%perDay - begin)
	if into < 0 || into > length {
		return 0
	}
	hump := busiest * 4 * into * (length - into) / (length * length)
	if day := time.Weekday((quarter/perDay + firstDay) % 7); day == time.Saturday || day == time.Sunday {
		hump /= 4
	}
	return hump
}

// waves are the values of a week between -height and height, higher in busy hours.
func waves(random *rand.Rand, height int64, firstDay int) []int64 {
	values := make([]int64, perWeek)
	for i := range values {
		values[i] = height * (2*activity(i, firstDay) - busiest) / busiest * (800 + random.Int64N(201)) / 1000
	}
	return values
}

// noise is values between -height and height.
func noise(random *rand.Rand, height int64) []int64 {
	values := make([]int64, noiseLength)
	for i := range values {
		values[i] = random.Int64N(2*height+1) - height
	}
	return values
}

// busyHours are the weights of a week's quarters.
func busyHours(random *rand.Rand, firstDay int) []int64 {
	weights := anything(random, perWeek)
	for i := range weights {
		weights[i] *= busiest/10 + activity(i, firstDay)
	}
	return weights
}

func anything(random *rand.Rand, n int) []int64 {
	weights := make([]int64, n)
	for i := range weights {
		weights[i] = 1 + random.Int64N(1000)
	}
	return weights
}

// spread divides a total by weights into whole numbers, so that nothing of it is lost.
func spread(total int64, weights []int64) []int64 {
	all := int64(0)
	for _, w := range weights {
		all += w
	}
	values := make([]int64, len(weights))
	given, weight := int64(0), int64(0)
	for i, w := range weights {
		weight += w
		high, low := bits.Mul64(uint64(total), uint64(weight)) // may need more than 64 bits
		upTo, _ := bits.Div64(high, low, uint64(all))
		values[i], given = int64(upTo)-given, int64(upTo)
	}
	return values
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
