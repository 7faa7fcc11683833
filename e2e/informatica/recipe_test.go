package informatica

import (
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator"
)

// patience waits by moving the sandbox's clock.
func patience(t *testing.T, sb *emulator.Sandbox) func(time.Duration) {
	return func(d time.Duration) {
		if _, err := sb.Advance(d.String()); err != nil {
			t.Fatal(err)
		}
	}
}

func frozenSandbox(t *testing.T, name string) (*emulator.Sandbox, time.Time) {
	t.Helper()
	sb := emulator.Start(t).Sandbox(name)
	clock, err := sb.Freeze(time.Now().UTC().Truncate(24 * time.Hour).Add(26 * time.Hour)) // tomorrow at two
	if err != nil {
		t.Fatal(err)
	}
	return sb, clock.Now
}

// loaded is a loader's table: rows by their key.
type loaded map[string]map[string]string

func (l loaded) put(t *testing.T, rows []map[string]string, columns ...string) {
	t.Helper()
	for _, row := range rows {
		var key []string
		for _, column := range columns {
			cell, ok := row[column]
			if !ok {
				t.Fatalf("there is no column %q in %v", column, row)
			}
			key = append(key, cell)
		}
		if before, twice := l[strings.Join(key, "|")]; twice {
			t.Fatalf("two rows have the key %v: %v and %v", key, before, row)
		}
		l[strings.Join(key, "|")] = row
	}
}

// sum adds a column up, exactly, over the rows that match.
func (l loaded) sum(t *testing.T, column string, match map[string]string) *big.Rat {
	t.Helper()
	total := new(big.Rat)
rows:
	for _, row := range l {
		for name, want := range match {
			if row[name] != want {
				continue rows
			}
		}
		n, ok := new(big.Rat).SetString(row[column])
		if !ok {
			t.Fatalf("%s is %q", column, row[column])
		}
		total.Add(total, n)
	}
	return total
}

// The vendor's own recipe for a daily run: the summary, the assets and the projects of the previous day, by UTC, into
// three tables. Four days of it, on one session that runs out in between.
func TestTheDailyRecipe(t *testing.T) {
	sb, now := frozenSandbox(t, "recipe")
	c := newClient(sb.URL("informatica"), "admin@acme.example", "submeter", patience(t, sb))
	summary, assets, projects := loaded{}, loaded{}, loaded{}
	today := now.Truncate(24 * time.Hour)
	for range 4 {
		if _, err := sb.AdvanceTo(today.Add(2 * time.Hour)); err != nil {
			t.Fatal(err)
		}
		day := map[string]any{
			"startDate": today.AddDate(0, 0, -1).Format(javaPattern), "endDate": today.Format(javaPattern),
			"callbackUrl": "https://MyExportJobStatus.acme.example", // nobody listens there
		}
		for _, job := range []struct {
			jobType string
			into    loaded
			key     []string
		}{
			{"SUMMARY", summary, []string{"OrgId", "MeterId", "Date"}},
			{"ASSET", assets, []string{"Meter ID", "Date", "Asset Name", "Asset Type", "Project", "Folder", "Org ID", "Environment Name", "Tier", "IPU Per Unit"}},
			{"PROJECT_FOLDER", projects, []string{"Date", "Project", "Folder", "Org ID"}},
		} {
			request := map[string]any{"jobType": job.jobType, "combinedMeterUsage": "TRUE", "allLinkedOrgs": "TRUE"}
			for k, v := range day {
				request[k] = v
			}
			rows, err := c.extract("/ExportMeteringData", request)
			if err != nil {
				t.Fatalf("%s of %s: %v", job.jobType, day["startDate"], err)
			}
			if len(rows) == 0 {
				t.Fatalf("%s of %s has no rows", job.jobType, day["startDate"])
			}
			job.into.put(t, rows, job.key...)
		}
		today = today.AddDate(0, 0, 1)
	}
	compareTables(t, summary, assets, projects)
	if sessions := countOf(t, sb, "/ma/api/v2/user/login"); sessions != 4 {
		t.Errorf("the client logged in %d times, want once a day", sessions)
	}
}

// compareTables holds the tables against one another, as a finance team does.
func compareTables(t *testing.T, summary, assets, projects loaded) {
	t.Helper()
	orgs, meters := map[string]bool{}, map[string]bool{}
	for _, row := range summary {
		date, err := time.Parse("2006-01-02 15:04:05.0", row["Date"])
		if err != nil || date.Hour() != 0 {
			t.Fatalf("the summary has the date %q", row["Date"])
		}
		orgs[row["OrgId"]], meters[row["MeterName"]] = true, true
		used, _ := new(big.Rat).SetString(row["MeterUsage"])
		rate, _ := new(big.Rat).SetString(row["IPURate"])
		ipus, _ := new(big.Rat).SetString(row["IPU"])
		if used == nil || rate == nil || ipus == nil || ipus.Cmp(used.Mul(used, rate)) != 0 {
			t.Errorf("IPU is not usage times rate in %v", row)
		}
	}
	if len(orgs) != 5 || len(meters) < 12 {
		t.Errorf("the summary has %d organizations and %d meters, want 5 and a dozen", len(orgs), len(meters))
	}
	for _, row := range assets {
		where := map[string]string{"OrgId": row["Org ID"], "MeterId": row["Meter ID"], "Date": row["Date"]}
		here := map[string]string{"Org ID": row["Org ID"], "Meter ID": row["Meter ID"], "Date": row["Date"]}
		if want, got := summary.sum(t, "IPU", where), assets.sum(t, "Consumption (IPUs)", here); got.Cmp(want) != 0 {
			t.Errorf("the assets of %v consumed %s IPUs, the summary says %s", here, got.FloatString(9), want.FloatString(9))
		}
	}
	for _, row := range projects {
		where := map[string]string{"OrgId": row["Org ID"], "Date": row["Date"]}
		here := map[string]string{"Org ID": row["Org ID"], "Date": row["Date"]}
		if want, got := summary.sum(t, "IPU", where), projects.sum(t, "Consumption (IPUs)", here); got.Cmp(want) != 0 {
			t.Errorf("the projects of %v consumed %s IPUs, the summary says %s", here, got.FloatString(9), want.FloatString(9))
		}
	}
}

func countOf(t *testing.T, sb *emulator.Sandbox, path string) (count int) {
	t.Helper()
	list, err := sb.Requests(emulator.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, exchange := range list {
		if strings.HasSuffix(exchange.Path, path) {
			count++
		}
	}
	return count
}

// A loader that meets the limit of five tries again some seconds later, and by then there is room.
func TestALoaderThatMeetsTheLimitGetsThroughOnItsSecondTry(t *testing.T) {
	sb, now := frozenSandbox(t, "limit")
	c := newClient(sb.URL("informatica"), "admin@acme.example", "submeter", patience(t, sb))
	request := map[string]any{
		"startDate": now.AddDate(0, 0, -30).Format(javaPattern), "endDate": now.Format(javaPattern), "allMeters": true,
	}
	for range 5 {
		if _, err := c.create("/ExportServiceJobLevelMeteringData", request); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := c.extract("/ExportServiceJobLevelMeteringData", request)
	if err != nil || len(rows) == 0 || rows[0]["Task ID"] == "" {
		t.Fatalf("got %d rows and %v", len(rows), err)
	}
	refused, err := sb.CountRequests(emulator.Filter{Status: http.StatusBadRequest})
	if err != nil || refused != 1 {
		t.Errorf("got %d refusals (%v), want one", refused, err)
	}
}

// Whoever has no rights on the linked organizations gets a partial report, which this client takes for a failure.
func TestAnAnalystWithoutRightsGetsAPartialReport(t *testing.T) {
	sb, now := frozenSandbox(t, "partial")
	c := newClient(sb.URL("informatica"), "analyst@acme.example", "submeter", patience(t, sb))
	request := map[string]any{
		"startDate": now.AddDate(0, 0, -1).Format(javaPattern), "endDate": now.Format(javaPattern), "allLinkedOrgs": "TRUE", "jobType": "SUMMARY",
	}
	_, err := c.extract("/ExportMeteringData", request)
	if !errors.Is(err, errFailed) || !strings.Contains(err.Error(), "PARTIAL_SUCCESS") {
		t.Fatalf("got %v", err)
	}
	delete(request, "allLinkedOrgs")
	if rows, err := c.extract("/ExportMeteringData", request); err != nil || len(rows) == 0 {
		t.Fatalf("of the own organization: got %d rows and %v", len(rows), err)
	}
}
