package m3ter

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/submeter/submeter/emulator/internal/ledger"
)

// This file alone decides what rows of usage look like, in answers and in files (M3T-044).

// usageRecord is a row: its cells are JSON texts under the columns of its table, "" where there is no value.
type usageRecord struct {
	columns []string
	cells   []string
}

// MarshalJSON writes the cells that have a value, in the order of the columns.
func (r usageRecord) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	r.writeJSON(&b)
	return b.Bytes(), nil
}

func (r usageRecord) writeJSON(b *bytes.Buffer) {
	b.WriteByte('{')
	first := true
	for i, cell := range r.cells {
		if cell == "" {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.WriteString(quote(r.columns[i]))
		b.WriteByte(':')
		b.WriteString(cell)
	}
	b.WriteByte('}')
}

// columns are fixed for all rows of a selection, whatever values they have.
func (p usagePlan) columns() []string {
	if len(p.Functions) == 0 {
		return p.rawColumns()
	}
	var columns []string
	if p.ByAccount {
		columns = append(columns, "accountId", "accountCode")
	}
	for _, s := range p.Splits {
		columns = append(columns, s.Header)
	}
	if p.Frequency != "" {
		columns = append(columns, "timestamp")
	}
	for _, f := range p.Functions {
		columns = append(columns, f.Header)
	}
	return columns
}

// records are the rows of a selection, most recent first.
func (p usagePlan) records(c *call, from, until time.Time) iter.Seq[usageRecord] {
	if len(p.Functions) == 0 {
		return p.rawRecords(c, from, until, usageOf(c.org).Position(c.tx))
	}
	return p.aggregated(c, from, until)
}

// group is what the rows of an aggregated selection are told apart by.
type group struct {
	bucket  int
	account string
	splits  string // the values, each as JSON or empty, joined by NUL
}

// aggregated computes the rows of a selection with functions. Without groups there is one row, also when nothing
// matched; with groups only combinations that have usage.
func (p usagePlan) aggregated(c *call, from, until time.Time) iter.Seq[usageRecord] {
	windows := p.windows(c, from, until)
	rows := map[group][]string{}
	if !p.ByAccount && p.Frequency == "" && len(p.Splits) == 0 {
		rows[group{}] = make([]string, len(p.Functions))
	}
	for i, f := range p.Functions {
		m, ok := p.meter(f.Meter)
		if !ok {
			continue
		}
		sets := map[string][]string{"": p.streams(c, m)}
		if p.ByAccount {
			sets = byAccount(sets[""])
		}
		for account, streams := range sets {
			for _, r := range f.results(c, m, streams, windows, p.splitsOf(m)) {
				key := group{bucket: r.Window, account: account, splits: p.splitKey(m, r.Group)}
				if rows[key] == nil {
					rows[key] = make([]string, len(p.Functions))
				}
				rows[key][i] = f.cell(r)
			}
		}
	}
	return p.assemble(c, windows, rows)
}

func (p usagePlan) meter(id string) (plannedMeter, bool) {
	i := slices.IndexFunc(p.Meters, func(m plannedMeter) bool { return m.ID == id })
	if i < 0 {
		return plannedMeter{}, false
	}
	return p.Meters[i], true
}

// byAccount sorts the streams of a meter by their account.
func byAccount(streams []string) map[string][]string {
	sets := map[string][]string{}
	for _, s := range streams {
		_, account, _ := strings.Cut(s, "/")
		sets[account] = []string{s}
	}
	return sets
}

// windows are the bounds of the time group's buckets within the period, or the period itself. Years without usage have
// no buckets: a period of a thousand years by the hour asks for no memory.
func (p usagePlan) windows(c *call, from, until time.Time) []time.Time {
	bounds := []time.Time{from}
	if p.Frequency != "" {
		from, until = p.busy(c, from, until)
		bounds[0] = from
		for next := nextBucket(p.Frequency, bucketStart(p.Frequency, from)); next.Before(until); next = nextBucket(p.Frequency, next) {
			bounds = append(bounds, next)
		}
	}
	return append(bounds, until)
}

// busy narrows a period to the years that have usage of the selection.
func (p usagePlan) busy(c *call, from, until time.Time) (first, last time.Time) {
	years := []time.Time{from}
	for y := from.UTC().Year() + 1; y <= until.UTC().Year(); y++ {
		if start := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC); start.After(from) && start.Before(until) {
			years = append(years, start)
		}
	}
	years = append(years, until)
	low, high := len(years), 0
	for _, m := range p.Meters {
		q := ledger.Query{Streams: p.streams(c, m), Windows: years, Function: ledger.Count}
		for _, r := range usageOf(c.org).Aggregate(c.tx, q) {
			low, high = min(low, r.Window), max(high, r.Window+1)
		}
	}
	if low > high {
		return until.Add(-time.Nanosecond), until
	}
	return years[low], years[high]
}

func (p usagePlan) splitsOf(m plannedMeter) []string {
	var columns []string
	for _, s := range p.Splits {
		if s.Meter == m.ID {
			columns = append(columns, s.Column)
		}
	}
	return columns
}

// splitKey places the values of a meter's own dimension groups among those of all.
func (p usagePlan) splitKey(m plannedMeter, parts []ledger.Part) string {
	cells := make([]string, len(p.Splits))
	for i, s := range p.Splits {
		if s.Meter != m.ID {
			continue
		}
		if parts[0].Present {
			cells[i] = quote(parts[0].Text)
		}
		parts = parts[1:]
	}
	return strings.Join(cells, nul)
}

// results asks the ledger for the function's values. Only measurements that have the field count.
func (f plannedColumn) results(c *call, m plannedMeter, streams []string, windows []time.Time, groupBy []string) []ledger.Result {
	present := true
	q := ledger.Query{
		Streams: streams, Windows: windows, Field: f.Column, GroupBy: groupBy,
		Filter: ledger.Filter{Fields: append(m.conditions(), ledger.FieldFilter{Name: f.Column, Exists: &present})},
	}
	q.Function = map[string]ledger.Function{
		"SUM": ledger.Sum, "MIN": ledger.Min, "MAX": ledger.Max, "COUNT": ledger.Count, "LATEST": ledger.Latest,
		"MEAN": ledger.Sum, "UNIQUE": ledger.Unique,
	}[f.Function]
	if q.Function == "" {
		return nil
	}
	return usageOf(c.org).Aggregate(c.tx, q)
}

func (f plannedColumn) cell(r ledger.Result) string {
	if !r.Value.Valid {
		return ""
	}
	if f.Function == "MEAN" {
		if r.Numbers == 0 {
			return ""
		}
		return divideByCount(r.Value.Decimal, r.Numbers).String()
	}
	return r.Value.Decimal.String()
}

// assemble writes the rows in their order: the latest bucket first, then accounts and dimensions ascending.
func (p usagePlan) assemble(c *call, windows []time.Time, rows map[group][]string) iter.Seq[usageRecord] {
	keys := make([]group, 0, len(rows))
	for key := range rows {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.bucket, a.bucket), cmp.Compare(a.account, b.account), cmp.Compare(a.splits, b.splits))
	})
	columns := p.columns()
	return func(yield func(usageRecord) bool) {
		for _, key := range keys {
			cells := make([]string, 0, len(columns))
			if p.ByAccount {
				cells = append(cells, quote(key.account), accountCodeCell(c, key.account))
			}
			if len(p.Splits) > 0 {
				cells = append(cells, strings.Split(key.splits, nul)...)
			}
			if p.Frequency != "" {
				cells = append(cells, quote(milli(bucketStart(p.Frequency, windows[key.bucket]))))
			}
			for i, value := range rows[key] {
				if f := p.Functions[i].Function; value == "" && (f == "COUNT" || f == "UNIQUE") {
					value = "0"
				}
				cells = append(cells, value)
			}
			if !yield(usageRecord{columns: columns, cells: cells}) {
				return
			}
		}
	}
}

// accountCodeCell is the code that the account has now; a deleted one has none.
func accountCodeCell(c *call, id string) string {
	r, ok := accountRows.Get(c.tx, c.org, id)
	if !ok {
		return ""
	}
	return quote(r.Fields.Code)
}
