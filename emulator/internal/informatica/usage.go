package informatica

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"
)

// The consumption of an organization is a ledger of runs, of which most are never stored: a usage either lists its runs
// or makes up those of any day from a key. All reports and thresholds are sums over runsOn, and so agree to the last
// digit (INF-035).

const (
	// wholeStep keeps hours decimal: a run of 9 seconds takes 0.0025 hours. Made-up runs keep to hundredths.
	wholeStep  = 9
	madeUpStep = 36
	longestRun = 22 * 60 * 60 // seconds, of a made-up run: all of them start and end on one day
)

// runsOn appends the runs that started on a day, d being its midnight in UTC, and were over by an instant, in order of
// their start.
func (u *usage) runsOn(d, by time.Time, runs []run) []run {
	if u.Pattern != nil {
		return u.Pattern.runsOn(d, by, runs)
	}
	end := d.Add(day)
	i, _ := slices.BinarySearchFunc(u.Runs, d, func(r run, d time.Time) int { return r.Start.Compare(d) })
	for ; i < len(u.Runs) && u.Runs[i].Start.Before(end); i++ {
		if !u.Runs[i].end().After(by) {
			runs = append(runs, u.Runs[i])
		}
	}
	return runs
}

func (r *run) end() time.Time { return r.Start.Add(time.Duration(r.Seconds) * time.Second) }

// hours is exact, because Seconds is a multiple of wholeStep.
func (r *run) hours() decimal.Decimal {
	if r.Seconds%madeUpStep == 0 {
		return decimal.New(int64(r.Seconds/madeUpStep), -2)
	}
	return decimal.New(int64(r.Seconds/wholeStep)*25, -4)
}

// amount is what a run consumed, in the units of its meter.
func (r *run) amount(m *meter) decimal.Decimal {
	if !m.countsComputeUnits() {
		return r.Quantity
	}
	if r.Cores.Equal(oneCore) {
		return r.hours()
	}
	return r.Cores.Mul(r.hours())
}

var oneCore = decimal.NewFromInt(1)

// runsOn makes up the runs of a day. Each has a stretch of the day of its own to start in, so that no two start at once.
func (p *pattern) runsOn(d, by time.Time, runs []run) []run {
	if d.Before(p.From) || !p.Until.IsZero() && !d.Before(p.Until) {
		return runs
	}
	count := p.Runs
	if wd := d.Weekday(); wd == time.Saturday || wd == time.Sunday {
		count = count * p.Weekend / 100
	}
	longest := p.Seconds*(100+p.Spread)/100 + madeUpStep // makeUp rounds
	stretch := (24*60*60 - longest) / max(count, 1)
	dice := p.Key ^ uint64(d.Unix()/86400)*0x9e3779b97f4a7c15
	for i := range count {
		r := p.makeUp(&dice)
		r.Start = d.Add(time.Duration(i*stretch+int(next(&dice)%uint64(stretch))) * time.Second)
		if !r.end().After(by) {
			runs = append(runs, r)
		}
	}
	return runs
}

// makeUp rolls the length and the amount of a run: both differ from the usual by the same part.
func (p *pattern) makeUp(dice *uint64) run {
	thousandths := int64(1000 - p.Spread*10 + int(next(dice)%uint64(2*p.Spread*10+1)))
	steps := max(1, (int64(p.Seconds)*thousandths/1000+madeUpStep/2)/madeUpStep)
	return run{
		Seconds: min(int(steps), longestRun/madeUpStep) * madeUpStep, Cores: p.Cores,
		Quantity: p.Quantity.Mul(decimal.New(thousandths, -3)), Executions: p.Executions,
	}
}

// next is the generator SplitMix64: a key and a day give the same runs for ever, on any machine.
func next(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
