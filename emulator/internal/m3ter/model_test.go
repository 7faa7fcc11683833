package m3ter

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// sent is a measurement as the naive model remembers it.
type sent struct {
	uid, account, region, tenant string
	at                           time.Time
	gb                           decimal.Decimal
	raw                          string
	order                        int
}

var (
	drawAccount = rapid.SampledFrom([]string{"northwind", "lakeside", "made-up"})
	drawRegion  = rapid.SampledFrom([]string{"eu", "us", "ap", "60", "060"})
	drawTenant  = rapid.SampledFrom([]string{"a", "b", `q"u`, "ü"})
	drawNumber  = rapid.SampledFrom([]string{"0", "1", "-1", "0.1", "0.2", "1e3", "2.50", "-0.05", "123456789012345678", "99999999999999999999.5", "1E-7"})
	drawInstant = rapid.Map(rapid.Int64Range(0, 40*24*4), func(quarters int64) time.Time {
		return morning.Add(-time.Duration(quarters) * 15 * time.Minute)
	})
)

// draw sends some measurements and returns those that count: a uid counts once.
func drawMeasurements(t *rapid.T, w *world) []sent {
	var all []sent
	seen := map[string]bool{}
	for call := range rapid.IntRange(1, 4).Draw(t, "calls") {
		var batch []string
		for i := range rapid.IntRange(1, 25).Draw(t, "measurements") {
			s := sent{
				account: drawAccount.Draw(t, "account"), region: drawRegion.Draw(t, "region"), tenant: drawTenant.Draw(t, "tenant"),
				at: drawInstant.Draw(t, "at"), raw: drawNumber.Draw(t, "gb"), order: len(all), uid: fmt.Sprintf("u-%d-%d", call, i),
			}
			if rapid.IntRange(0, 9).Draw(t, "repeat") == 0 {
				s.uid = "again"
			}
			s.gb = decimal.RequireFromString(s.raw)
			batch = append(batch, transfer(s.uid, s.account, s.at.Format(time.RFC3339), s.region, strings.ReplaceAll(s.tenant, `"`, `\"`), s.raw))
			if !seen[s.uid] {
				seen[s.uid] = true
				all = append(all, s)
			}
		}
		w.submit(batch...)
	}
	return all
}

// question is a usage query in the model's terms.
type question struct {
	from, until time.Time
	accounts    []string // codes
	regions     []string // filter
	byAccount   bool
	byRegion    bool
	frequency   string
	functions   []string // gb_out SUM …
}

func drawQuestion(t *rapid.T) question {
	a, b := drawInstant.Draw(t, "from"), drawInstant.Draw(t, "until")
	if b.Before(a) {
		a, b = b, a
	}
	return question{
		from: a, until: b.Add(time.Second), byAccount: rapid.Bool().Draw(t, "by account"), byRegion: rapid.Bool().Draw(t, "by region"),
		accounts:  rapid.SliceOfNDistinct(drawAccount, 0, 2, rapid.ID).Draw(t, "accounts"),
		regions:   rapid.SliceOfNDistinct(drawRegion, 0, 2, rapid.ID).Draw(t, "regions"),
		frequency: rapid.SampledFrom([]string{"", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER"}).Draw(t, "frequency"),
		functions: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"gb_out SUM", "gb_out MIN", "gb_out MAX", "gb_out COUNT", "gb_out LATEST", "gb_out MEAN", "tenant UNIQUE", "region COUNT",
		}), 1, 4, rapid.ID).Draw(t, "functions"),
	}
}

// body is the question as a call asks it.
func (q question) body(ids map[string]string) string {
	var pairs, groups, accounts []string
	for _, f := range q.functions {
		field, function, _ := strings.Cut(f, " ")
		pairs = append(pairs, field, function)
	}
	for _, code := range q.accounts {
		accounts = append(accounts, cmp.Or(ids[code], nobody))
	}
	if q.byAccount {
		groups = append(groups, `{"groupType":"ACCOUNT"}`)
	}
	if q.byRegion {
		groups = append(groups, `{"groupType":"DIMENSION","meterId":"`+theMeter+`","fieldCode":"region"}`)
	}
	if q.frequency != "" {
		groups = append(groups, `{"groupType":"TIME","frequency":"`+q.frequency+`"}`)
	}
	filters := "[]"
	if len(q.regions) > 0 {
		values, _ := json.Marshal(q.regions)
		filters = `[{"meterId":"` + theMeter + `","fieldCode":"region","values":` + string(values) + `}]`
	}
	list, _ := json.Marshal(accounts)
	if accounts == nil {
		list = []byte("[]")
	}
	return fmt.Sprintf(`{"startDate":"%s","endDate":"%s","accountIds":%s,"dimensionFilters":%s,%s,"groups":[%s]}`,
		q.from.Format(time.RFC3339), q.until.Format(time.RFC3339), list, filters, aggregated(pairs...), strings.Join(groups, ","))
}

// answer is what the model says: rows in the order of the API, each as text.
func (q question) answer(all []sent, ids map[string]string) []string {
	type key struct{ bucket, account, region string }
	groups := map[key][]sent{}
	if !q.byAccount && !q.byRegion && q.frequency == "" {
		groups[key{}] = nil
	}
	for _, s := range all {
		if s.at.Before(q.from) || !s.at.Before(q.until) || len(q.accounts) > 0 && !slices.Contains(q.accounts, s.account) ||
			len(q.regions) > 0 && !slices.Contains(q.regions, s.region) {
			continue
		}
		var k key
		if q.byAccount {
			k.account = ids[s.account]
		}
		if q.byRegion {
			k.region = s.region
		}
		if q.frequency != "" {
			k.bucket = milli(bucketStart(q.frequency, s.at))
		}
		groups[k] = append(groups[k], s)
	}
	keys := make([]key, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(b.bucket, a.bucket), cmp.Compare(a.account, b.account), cmp.Compare(quote(a.region), quote(b.region)))
	})
	var rows []string
	for _, k := range keys {
		row := []string{k.bucket, k.account, k.region}
		for _, f := range q.functions {
			row = append(row, f+"="+evaluate(f, groups[k]))
		}
		rows = append(rows, strings.Join(row, "|"))
	}
	return rows
}

// evaluate works out one function the slow way.
func evaluate(function string, group []sent) string {
	distinct := map[string]bool{}
	sum, best := decimal.Zero, sent{}
	for i, s := range group {
		distinct[s.tenant] = true
		sum = sum.Add(s.gb)
		better := i == 0
		switch function {
		case "gb_out MIN":
			better = better || s.gb.LessThan(best.gb)
		case "gb_out MAX":
			better = better || s.gb.GreaterThan(best.gb)
		case "gb_out LATEST":
			better = better || s.at.After(best.at) || s.at.Equal(best.at) && s.order > best.order
		}
		if better {
			best = s
		}
	}
	switch {
	case strings.HasSuffix(function, "COUNT"):
		return fmt.Sprint(len(group))
	case strings.HasSuffix(function, "UNIQUE"):
		return fmt.Sprint(len(distinct))
	case len(group) == 0:
		return ""
	case function == "gb_out SUM":
		return sum.String()
	case function == "gb_out MEAN":
		return divideByCount(sum, len(group)).String()
	}
	return best.gb.String()
}

// shown is a row of the API in the words of the model.
func (q question) shown(row fields) string {
	text := func(name string) string {
		if v, ok := row[name]; ok {
			return fmt.Sprint(v)
		}
		return ""
	}
	cells := []string{text("timestamp"), text("accountId"), text("where.region")}
	for _, f := range q.functions {
		value := text("data_transfer." + strings.Replace(f, " ", ".", 1))
		if d, err := decimal.NewFromString(value); err == nil {
			value = d.String()
		}
		cells = append(cells, f+"="+value)
	}
	return strings.Join(cells, "|")
}

func TestUsageQueriesAgreeWithANaiveModel(t *testing.T) {
	w := newWorld(t, transfers)
	rapid.Check(t, func(t *rapid.T) {
		w.t = t
		if err := w.sandbox.Reset(w.base); err != nil {
			t.Fatal(err)
		}
		all := drawMeasurements(t, w)
		ids := map[string]string{"northwind": northwind, "lakeside": lakeside}
		for _, a := range w.ok("GET", "/accounts?codes=made-up", "").ids() {
			ids["made-up"] = a
		}
		for range 3 {
			q := drawQuestion(t)
			want := q.answer(all, ids)
			var got []string
			for _, row := range w.ok("POST", "/usage/query", q.body(ids)).data() {
				got = append(got, q.shown(row))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s\ngot\n%s\nwant\n%s", q.body(ids), strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		// Measurements as they came are all there, the latest first.
		rows := w.ok("POST", "/usage/query", `{"startDate":"2025-01-01T00:00:00Z","endDate":"2025-06-01T00:00:00Z"}`).data()
		slices.SortStableFunc(all, func(a, b sent) int { return b.at.Compare(a.at) })
		for i, row := range rows {
			if row["uid"] != all[i].uid || row["measure.gb_out"] != json.Number(all[i].raw) || row["who.tenant"] != all[i].tenant {
				t.Fatalf("row %d: got %v, want %+v", i, row, all[i])
			}
		}
		if len(rows) != len(all) {
			t.Fatalf("got %d measurements, want %d", len(rows), len(all))
		}
	})
}
