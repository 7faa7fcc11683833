package informatica_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/submeter/submeter/fixtures"
)

// meters that the drawn worlds use: compute units and others, with files of three services, and one that only
// summaries have.
var drawnMeters = []string{
	"Data Integration", "Advanced Data Integration", "Data Masking", "Mass Ingestion Database",
	"Data Integration - Change Data Capture", "Application Integration, classic mode", "B2B Gateway",
}

var meterIDs = map[string]string{
	"Data Integration": dataIntegration, "Advanced Data Integration": "3TaYTMo6BFYeNIABfVmH0n",
	"Mass Ingestion Database": "24WXkCWzeSHjFlQvLPDegF", "Data Integration - Change Data Capture": "0sDTANKFZBSbqjzKaXKlmB",
	"Application Integration, classic mode": "3uIRkIV5Rt9lBbAPzeR5Kj",
}

var assetMeters = map[string]bool{
	"Data Integration": true, "Advanced Data Integration": true, "Data Masking": true, "Mass Ingestion Database": true,
	"Data Integration - Change Data Capture": true, "B2B Gateway": true,
}

func drawNumber(t *rapid.T, name string) json.Number {
	return json.Number(rapid.StringMatching(`(0|[1-9][0-9]{0,4})(\.[0-9]{1,6})?`).Draw(t, name))
}

// drawWorld draws two organizations with assets, made-up usage, given runs and changing rates.
func drawWorld(t *rapid.T) *fixtures.Scenario {
	s := fixtures.New()
	s.Seed = rapid.Uint64().Draw(t, "seed")
	now := time.Date(2025, 4, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 86399).Draw(t, "now")) * time.Second)
	s.Clock = fixtures.Clock{At: fixtures.Instant(now), Mode: fixtures.ClockFrozen}
	m := &s.Informatica
	m.Orgs = []fixtures.InformaticaOrg{{ID: production, Name: "Top"}, {ID: sub, Name: "Sub", Kind: fixtures.InformaticaSubOrganization, Parent: "Top"}}
	m.Users = []fixtures.InformaticaUser{{Username: bot, Password: "right", Org: "Top"}}
	paths := []string{"P/F/a", "P/G/a", "P/a", "a", "Q/F/b, with comma"}
	for _, o := range m.Orgs {
		m.Environments = append(m.Environments, fixtures.InformaticaEnvironment{Org: o.Name, Name: "e"})
		for _, path := range paths {
			m.Assets = append(m.Assets, fixtures.InformaticaAsset{Org: o.Name, Path: path, Environment: "e"})
		}
	}
	rates := map[string]bool{}
	for range rapid.IntRange(0, 4).Draw(t, "rates") {
		name := rapid.SampledFrom(drawnMeters).Draw(t, "meter")
		r := fixtures.InformaticaRate{Meter: name, Rate: drawNumber(t, "rate"), Tier: rapid.IntRange(1, 3).Draw(t, "tier")}
		if rates[name] {
			r.From = fixtures.Instant(now.AddDate(0, 0, -rapid.IntRange(0, 20).Draw(t, "from")))
		}
		rates[name] = true
		m.Rates = append(m.Rates, r)
	}
	place := func() (string, string, string) {
		return rapid.SampledFrom(m.Orgs).Draw(t, "org").Name, rapid.SampledFrom(drawnMeters).Draw(t, "meter"), rapid.SampledFrom(paths).Draw(t, "asset")
	}
	for range rapid.IntRange(0, 6).Draw(t, "usages") {
		u := fixtures.InformaticaUsage{
			From: fixtures.Instant(now.AddDate(0, 0, -rapid.IntRange(0, 40).Draw(t, "from"))),
			Runs: rapid.IntRange(1, 5).Draw(t, "runs"), Weekend: rapid.IntRange(0, 100).Draw(t, "weekend"),
			Minutes: rapid.IntRange(1, 500).Draw(t, "minutes"), Spread: rapid.IntRange(0, 100).Draw(t, "spread"),
			Cores: rapid.IntRange(1, 9).Draw(t, "cores"), Quantity: drawNumber(t, "quantity"), Executions: rapid.IntRange(1, 99).Draw(t, "executions"),
		}
		u.Org, u.Meter, u.Asset = place()
		m.Usage = append(m.Usage, u)
	}
	if rapid.Bool().Draw(t, "sub-organizations") {
		m.Usage = append(m.Usage, fixtures.InformaticaUsage{Org: "Top", Meter: "Sub-organizations", From: fixtures.Instant(now.AddDate(0, -1, 0))})
	}
	for range rapid.IntRange(0, 8).Draw(t, "given runs") {
		r := fixtures.InformaticaRun{
			Start:   fixtures.Instant(now.Add(-time.Duration(rapid.IntRange(0, 30*86400).Draw(t, "ago")) * time.Second)),
			Seconds: rapid.IntRange(1, 3000).Draw(t, "nines") * 9, Cores: drawNumber(t, "cores"), Quantity: drawNumber(t, "quantity"),
		}
		r.Org, r.Meter, r.Asset = place()
		m.Runs = append(m.Runs, r)
	}
	text, err := fixtures.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = fixtures.Parse("drawn.yaml", text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

// totals adds decimals up by key.
type totals map[string]decimal.Decimal

func (s totals) add(t tester, key, amount string) {
	s[key] = s[key].Add(number(t, amount))
}

func number(t tester, text string) decimal.Decimal {
	t.Helper()
	d, err := decimal.NewFromString(text)
	if err != nil || strings.ContainsAny(text, "eE+ ") {
		t.Fatalf("%q is not a plain decimal", text)
	}
	return d
}

func (s totals) equal(t tester, what string, want totals) {
	t.Helper()
	for key := range want {
		if !s[key].Equal(want[key]) {
			t.Fatalf("%s: %s is %s, want %s", what, key, s[key], want[key])
		}
	}
	for key := range s {
		if _, ok := want[key]; !ok {
			t.Fatalf("%s: %s is %s, want none", what, key, s[key])
		}
	}
}

// TestAllReportsAgreeToTheLastDigit draws worlds and parses back every file of every report of them: INF-035.
func TestAllReportsAgreeToTheLastDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := seeded(t, drawWorld(t))
		session := w.login(bot)
		start := w.sb.Now().Add(-time.Duration(rapid.IntRange(0, 30*86400).Draw(t, "start ago")) * time.Second)
		dates := fields{"startDate": start.Format(time.RFC3339), "endDate": w.sb.Now().Format(time.RFC3339)}
		single := rapid.SampledFrom([]string{
			"Data Integration", "Advanced Data Integration", "Mass Ingestion Database", "Application Integration, classic mode",
		}).Draw(t, "single meter")
		ids := []string{
			w.start(export, session, with(dates, fields{"jobType": "SUMMARY", "allLinkedOrgs": true, "combinedMeterUsage": rapid.Bool().Draw(t, "combined")})),
			w.start(export, session, with(dates, fields{"jobType": "PROJECT_FOLDER", "allLinkedOrgs": "TRUE"})),
			w.start(export, session, with(dates, fields{"jobType": "ASSET"})),
			w.start(jobs, session, with(dates, fields{"meterId": meterIDs[single]})),
			w.start(jobs, session, with(dates, fields{"allMeters": true})),
		}
		w.advance(5 * time.Second)
		var reports [][]csvFile
		for _, id := range ids {
			reports = append(reports, w.call(http.MethodGet, export+"/"+id+"/download", session, nil).files())
		}
		usage, ipus := checkSummary(t, reports[0])
		checkProjects(t, reports[1], ipus)
		checkAssets(t, reports[2], usage)
		checkSingleMeter(t, reports[3], single, usage)
		checkAllMeters(t, reports[4], usage)
	})
}

// checkSummary returns usage by organization, meter and day, and IPUs by organization and day.
func checkSummary(t tester, files []csvFile) (usage, ipus totals) {
	usage, ipus = totals{}, totals{}
	for _, f := range files {
		for _, row := range f.rows {
			key := row["OrgId"] + " " + row["MeterName"] + " " + row["Date"]
			if _, twice := usage[key]; twice {
				t.Fatalf("summary: %s stands there twice", key)
			}
			used := number(t, row["MeterUsage"])
			if want := used.Mul(number(t, row["IPURate"])); !number(t, row["IPU"]).Equal(want) {
				t.Fatalf("summary: %s: IPU is %s, want %s", key, row["IPU"], want)
			}
			usage.add(t, key, row["MeterUsage"])
			ipus.add(t, row["OrgId"]+" "+row["Date"], row["IPU"])
		}
	}
	return usage, ipus
}

func checkProjects(t tester, files []csvFile, ipus totals) {
	seen, sums := map[string]bool{}, totals{}
	for _, f := range files {
		for _, row := range f.rows {
			key := fmt.Sprintf("%s/%s/%s/%s", row["Org ID"], row["Date"], row["Project"], row["Folder"])
			if seen[key] {
				t.Fatalf("projects: %s stands there twice", key)
			}
			seen[key] = true
			sums.add(t, row["Org ID"]+" "+row["Date"], row["Consumption (IPUs)"])
		}
	}
	sums.equal(t, "projects", ipus)
}

func checkAssets(t tester, files []csvFile, usage totals) {
	sums, want := totals{}, totals{}
	for _, row := range files[0].rows {
		consumed := number(t, row["Usage"]).Mul(number(t, row["IPU Per Unit"]))
		if !number(t, row["Consumption (IPUs)"]).Equal(consumed) {
			t.Fatalf("assets: consumption is %s, want %s: %v", row["Consumption (IPUs)"], consumed, row)
		}
		sums.add(t, row["Org ID"]+" "+row["Meter Name"]+" "+row["Date"], row["Usage"])
	}
	for key, used := range usage {
		for meter := range assetMeters {
			if strings.HasPrefix(key, production+" "+meter+" 2") {
				want[key] = used
			}
		}
	}
	sums.equal(t, "assets", want)
}

// ofMeters is what the requesting organization used on some meters, by day.
func ofMeters(usage totals, meters ...string) totals {
	days := totals{}
	for key, used := range usage {
		for _, meter := range meters {
			if day, ok := strings.CutPrefix(key, production+" "+meter+" 2"); ok {
				days["2"+day] = days["2"+day].Add(used)
			}
		}
	}
	return days
}

func checkSingleMeter(t tester, files []csvFile, meter string, usage totals) {
	if len(files) != 1 {
		t.Fatalf("one meter: got the files %s", names(files))
	}
	checkRuns(t, files[0], ofMeters(usage, meter), strings.Contains(meter, "Data Integration"))
}

// checkRuns adds up runs, or days of processes, and compares with what a summary says of the days.
func checkRuns(t tester, f csvFile, want totals, cores bool) {
	sums := totals{}
	for _, row := range f.rows {
		if f.name == "CAIMeteringAuditData.csv" {
			sums.add(t, row["Date (in UTC)"], row["Total Execution time (in hours)"])
			continue
		}
		sums.add(t, row["Start Time"][:10]+" 00:00:00.0", row["Metered Value"])
		start, err1 := time.Parse("2006-01-02 15:04:05.0", row["Start Time"])
		end, err2 := time.Parse("2006-01-02 15:04:05.0", row["End Time"])
		if err1 != nil || err2 != nil {
			t.Fatalf("runs: %v %v in %v", err1, err2, row)
		}
		seconds := decimal.NewFromInt(int64(end.Sub(start) / time.Second))
		if !number(t, row["OBM Task Time(s)"]).Equal(seconds) {
			t.Fatalf("runs: the task time is not the time between start and end: %v", row)
		}
		value := number(t, row["Metered Value"]).Mul(decimal.NewFromInt(3600))
		if cores && !value.Equal(number(t, row["Cores Used"]).Mul(seconds)) {
			t.Fatalf("runs: the metered value is not cores times hours: %v", row)
		}
	}
	sums.equal(t, f.name, want)
}

func checkAllMeters(t tester, files []csvFile, usage totals) {
	byFile := map[string][]string{
		"CDIMeteringAuditData.csv": {"Data Integration", "Advanced Data Integration", "Data Integration - Change Data Capture"},
		"CAIMeteringAuditData.csv": {"Application Integration, classic mode"},
		"CMIMeteringAuditData.csv": {"Mass Ingestion Database"},
	}
	for _, f := range files {
		checkRuns(t, f, ofMeters(usage, byFile[f.name]...), false)
		delete(byFile, f.name)
	}
	for name, meters := range byFile {
		if len(ofMeters(usage, meters...)) > 0 {
			t.Fatalf("all meters: %s is missing among %s", name, names(files))
		}
	}
}
