package informatica_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/clients/informatica"
	"github.com/submeter/submeter/emulator"
)

var (
	march1 = time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	march2 = march1.AddDate(0, 0, 1)
	march3 = march1.AddDate(0, 0, 2)
)

// world starts an emulator of testdata/metering.yaml with its clock frozen. Jobs come to their end by being asked for, so
// that no test waits.
func world(t *testing.T, opts ...emulator.Option) *emulator.Sandbox {
	t.Helper()
	e := emulator.Start(t, append([]emulator.Option{emulator.WithScenario("testdata/metering.yaml")}, opts...)...)
	sb := e.Sandbox("clients")
	if _, err := sb.Freeze(time.Time{}); err != nil {
		t.Fatal(err)
	}
	live(t, sb, emulator.Rule{Outcome: "SUCCESS"})
	return sb
}

// live lets jobs go through their two active states, each when asked once, to what the rule says.
func live(t *testing.T, sb *emulator.Sandbox, rule emulator.Rule) {
	t.Helper()
	rule.Legs = []emulator.Leg{{State: "CREATED", Polls: 1}, {State: "PROCESSING", Polls: 1}}
	if _, err := sb.SetTransitions("informatica", "export", rule); err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, url, username string, opts ...informatica.Option) *informatica.Client {
	t.Helper()
	quick := []informatica.Option{informatica.WithPolling(time.Millisecond, 5*time.Millisecond)}
	c, err := informatica.New(url, username, "open sesame", append(quick, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func head(t *testing.T, sb *emulator.Sandbox, opts ...informatica.Option) *informatica.Client {
	t.Helper()
	return connect(t, sb.URL("informatica"), "head@acme.example", opts...)
}

// twoDays is a request for the two days on which something ran.
func twoDays(kind informatica.Kind) informatica.Request {
	return informatica.Request{Kind: kind, Start: march1, End: march3}
}

func report(t *testing.T, c *informatica.Client, r informatica.Request) *informatica.Report {
	t.Helper()
	got, err := c.Report(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := got.Close(); err != nil {
			t.Error(err)
		}
	})
	return got
}

func all[T any](t *testing.T, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}

// same compares rows by what they print, in which decimals are exact and 0.160 is not 0.16.
func same[T any](t *testing.T, got, want []T) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "no row", "no row"
		if i < len(got) {
			g = fmt.Sprintf("%+v", got[i])
		}
		if i < len(want) {
			w = fmt.Sprintf("%+v", want[i])
		}
		if g != w {
			t.Errorf("row %d\n got %s\nwant %s", i, g, w)
		}
	}
}

func dec(text string) decimal.Decimal { return decimal.RequireFromString(text) }

func calls(t *testing.T, sb *emulator.Sandbox, operation string) int {
	t.Helper()
	n, err := sb.CountRequests(emulator.Filter{Operation: operation})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const (
	headID, branchID = "HeadHeadHeadHeadHead01", "BranchBranchBranchBr02"
	di, cai, pages   = "a2nB20h1o0lc7k3P9xtWS8", "3uIRkIV5Rt9lBbAPzeR5Kj", "PagesPagesPagesPages03"
)

// summaryOf is what ran, with the rates of the scenario: cores times hours, or the quantity.
func summaryOf(org, meter, name string, day time.Time, usage, rate, ipu, scalar string) informatica.SummaryRow {
	row := informatica.SummaryRow{
		OrgID: org, MeterID: meter, MeterName: name, Date: day,
		BillingPeriodStart: march1, BillingPeriodEnd: march1.AddDate(0, 0, 30),
		MeterUsage: dec(usage), IPU: dec(ipu), IPURate: dec(rate), Scalar: scalar, MetricCategory: "IPU",
		OrgName: "Head, Inc.", OrgType: "Production",
	}
	if org == branchID {
		row.OrgName, row.OrgType = "Branch", "Sub Organization"
	}
	return row
}

var headSummary = []informatica.SummaryRow{
	summaryOf(headID, cai, "Application Integration, classic mode", march1, "1", "0.5", "0.5", "Compute Units"),
	summaryOf(headID, di, "Data Integration", march1, "2.00025", "0.16", "0.32004", "Compute Units"),
	summaryOf(headID, di, "Data Integration", march2, "2.5", "0.128", "0.32", "Compute Units"),
	summaryOf(headID, pages, "Pages, scanned", march2, "987654321.123457", "0.000007", "6913.580247864199", "Pages"),
}

var linkedSummary = append(headSummary[:4:4],
	summaryOf(branchID, di, "Data Integration", march2, "2", "0.128", "0.256", "Compute Units"))

func TestSummariesAreExact(t *testing.T) {
	c := head(t, world(t))
	linked := twoDays(informatica.Summary)
	linked.AllLinkedOrgs = true
	combined := linked
	combined.Combined = true
	oneDay := twoDays(informatica.Summary)
	oneDay.End = march2
	cases := []struct {
		name    string
		request informatica.Request
		files   int
		want    []informatica.SummaryRow
	}{
		{"of the own organization", twoDays(informatica.Summary), 1, headSummary},
		{"of a single day", oneDay, 1, headSummary[:2]},
		{"of all linked organizations, in a file each", linked, 2, linkedSummary},
		{"of all linked organizations, in one file", combined, 1, linkedSummary},
		{"by the older resource", twoDays(informatica.LinkedOrgsSummary), 2, linkedSummary},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got := report(t, c, tc.request)
			same(t, all(t, got.Summaries()), tc.want)
			same(t, all(t, got.Summaries()), tc.want) // once more, from the same archive
			if len(got.Files()) != tc.files {
				t.Errorf("the archive has %d files, want %d", len(got.Files()), tc.files)
			}
			if got.Job.Status != informatica.JobStatusSUCCESS || !got.Job.Start.Equal(march1) || got.Job.OrgID != headID {
				t.Errorf("the job is %+v", got.Job)
			}
		})
	}
}

func TestProjectsAreExact(t *testing.T) {
	request := twoDays(informatica.ProjectFolder)
	request.AllLinkedOrgs = true
	got := all(t, report(t, head(t, world(t)), request).Projects())
	same(t, got, []informatica.ProjectRow{
		{Date: march1, Project: "Finance", Folder: "Nightly", OrgID: headID, OrgType: "Production", Consumption: dec("0.32004")},
		{Date: march1, Project: "Sync", OrgID: headID, OrgType: "Production", Consumption: dec("0.5")},
		{Date: march2, OrgID: headID, OrgType: "Production", Consumption: dec("6913.580247864199")},
		{Date: march2, Project: "Finance", Folder: "Nightly", OrgID: headID, OrgType: "Production", Consumption: dec("0.32")},
		{Date: march2, Project: "Regional", OrgID: branchID, OrgType: "Sub Organization", Consumption: dec("0.256")},
	})
}

func TestAssetsAreExact(t *testing.T) {
	c := head(t, world(t))
	asset := func(meter, name string, day time.Time, asset, kind, project, folder, tier, rate, usage, ipu string) informatica.AssetRow {
		return informatica.AssetRow{
			MeterID: meter, MeterName: name, Date: day, AssetName: asset, AssetType: kind, Project: project, Folder: folder,
			OrgID: headID, OrgType: "Production", EnvironmentName: "agent-group-1", EnvironmentType: "Secure Agent",
			Tier: tier, IPUPerUnit: dec(rate), Usage: dec(usage), Consumption: dec(ipu),
		}
	}
	want := []informatica.AssetRow{
		asset(di, "Data Integration", march1, "mt_orders", "Mapping Task", "Finance", "Nightly", "1", "0.16", "2.00025", "0.32004"),
		asset(di, "Data Integration", march2, "mt_orders", "Mapping Task", "Finance", "Nightly", "2", "0.128", "2.5", "0.32"),
		asset(pages, "Pages, scanned", march2, "scan", "Scanner", "", "", "1", "0.000007", "987654321.123457", "6913.580247864199"),
	}
	same(t, all(t, report(t, c, twoDays(informatica.Asset)).Assets()), want)
	one := twoDays(informatica.Asset)
	one.MeterID = pages
	got := report(t, c, one)
	same(t, all(t, got.Assets()), want[2:])
	if got.Job.MeterID != pages {
		t.Errorf("the job has the meter %q", got.Job.MeterID)
	}
}

func TestJobLevelReportsTellRunsAndProcesses(t *testing.T) {
	c := head(t, world(t))
	run := func(id, name, object, kind, project, folder string, start time.Time, took time.Duration, cores, metered, status string) informatica.TaskRow {
		return informatica.TaskRow{
			TaskID: id, TaskName: name, ObjectName: object, TaskType: kind, Project: project, Folder: folder, OrgID: headID,
			RunID:         int64(start.Sub(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Second),
			EnvironmentID: "EnvironmentEnvironme04", Environment: "agent-group-1", CoresUsed: dec(cores), Start: start,
			End: start.Add(took), Status: status, MeteredValue: dec(metered), Audit: start.Add(took), OBMTaskTime: took,
		}
	}
	orders := func(start time.Time, took time.Duration, cores, metered, status string) informatica.TaskRow {
		return run("AssetAssetAssetAsset06", "mt_orders", "m_orders", "Mapping Task", "Finance", "Nightly", start, took, cores, metered, status)
	}
	runs := []informatica.TaskRow{
		orders(march1.Add(time.Hour), 30*time.Minute, "4", "2", "SUCCESS"),
		orders(march1.Add(5*time.Hour), 9*time.Second, "0.1", "0.00025", "WARNING"),
		orders(march2.Add(time.Hour), time.Hour, "2.5", "2.5", "SUCCESS"),
		run("AssetAssetAssetAsset07", "scan", "", "Scanner", "", "", march2.Add(9*time.Hour), 15*time.Minute, "0", "987654321.123457", "SUCCESS"),
	}
	processes := []informatica.ProcessRow{{
		OrgID: headID, Asset: "p_sync", ExecutionType: "Process", InvokedBy: "api.user", ExecutionEnv: "agent-group-1",
		Date: march1, Status: "COMPLETED", ExecutionCount: 480, TotalHours: dec("1"), AverageSeconds: dec("7.5"),
	}}
	every := report(t, c, twoDays(informatica.JobLevel))
	same(t, all(t, every.Tasks()), runs)
	same(t, all(t, every.Processes()), processes)
	for meter, want := range map[string]struct {
		tasks     []informatica.TaskRow
		processes []informatica.ProcessRow
	}{di: {tasks: runs[:3]}, cai: {processes: processes}, pages: {tasks: runs[3:]}} {
		request := twoDays(informatica.JobLevel)
		request.MeterID = meter
		one := report(t, c, request)
		same(t, all(t, one.Tasks()), want.tasks)
		same(t, all(t, one.Processes()), want.processes)
	}
}

// The ways of writing files that were met in the wild change nothing of what they say.
func TestEveryDialectHasTheSameRows(t *testing.T) {
	for _, option := range []string{"quoting: never", "absent_cell: null_text", "empty_report: zero_bytes"} {
		t.Run(option, func(t *testing.T) {
			c := head(t, world(t, scenario(t, option)))
			linked := twoDays(informatica.Summary)
			linked.AllLinkedOrgs = true
			same(t, all(t, report(t, c, linked).Summaries()), linkedSummary)
			projects := all(t, report(t, c, twoDays(informatica.ProjectFolder)).Projects())
			if len(projects) != 4 || projects[2].Project != "" || projects[2].Consumption.String() != "6913.580247864199" {
				t.Errorf("the projects are %+v", projects)
			}
			empty := twoDays(informatica.Summary)
			empty.Start, empty.End = march1.AddDate(0, 0, -9), march1.AddDate(0, 0, -3)
			if rows := all(t, report(t, c, empty).Summaries()); len(rows) != 0 {
				t.Errorf("days on which nothing ran have %+v", rows)
			}
		})
	}
}

func TestRefusalsAreTyped(t *testing.T) {
	sb := world(t)
	ctx := context.Background()
	wrong, err := informatica.New(sb.URL("informatica"), "head@acme.example", "wrong")
	if err != nil {
		t.Fatal(err)
	}
	refused := (*informatica.Error)(nil)
	if _, err = wrong.Report(ctx, twoDays(informatica.Summary)); !errors.Is(err, informatica.ErrSignIn) || !errors.As(err, &refused) ||
		refused.Status != 401 || refused.Code != "IDS_085" || len(refused.RequestID) != 22 {
		t.Errorf("a wrong password: %v", err)
	}
	reader := connect(t, sb.URL("informatica"), "reader@acme.example")
	if _, err = reader.Report(ctx, twoDays(informatica.Summary)); !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("without the right: %v", err)
	}
	long := twoDays(informatica.Asset)
	long.End = march1.AddDate(0, 2, 0)
	if _, err = head(t, sb).Report(ctx, long); !errors.As(err, &refused) || refused.Status != 400 || informatica.Busy(err) {
		t.Errorf("a range that is too long: %v", err)
	}
	if _, err = reader.OrgByName(ctx, "nobody's"); !errors.Is(err, informatica.ErrNotFound) {
		t.Errorf("an organization that there is not: %v", err)
	}
}

func TestOrganizationsAndTheirThresholds(t *testing.T) {
	c := head(t, world(t))
	ctx := context.Background()
	own, err := c.Org(ctx, "")
	if err != nil || own.ID != headID || len(own.SubOrgs) != 1 || own.SubOrgs[0].ID != branchID {
		t.Errorf("the own organization is %+v (%v)", own, err)
	}
	if sub, err := c.Org(ctx, branchID); err != nil || sub.Name != "Branch" {
		t.Errorf("the other one is %+v (%v)", sub, err)
	}
	if sub, err := c.OrgByName(ctx, "Branch"); err != nil || sub.ID != branchID {
		t.Errorf("by its name it is %+v (%v)", sub, err)
	}
	if alert, err := c.OrgAlert(ctx, headID); err != nil || alert.ThresholdValue == nil || *alert.ThresholdValue != 300 || alert.IPUConsumed.String() != "0" {
		t.Errorf("the threshold is %+v (%v)", alert, err)
	}
	one, err := c.TagAlerts(ctx, branchID)
	if err != nil || len(one) != 1 || one[0].ProjectName != "Regional" || one[0].FolderName != nil || one[0].ThresholdValue != 50 {
		t.Errorf("the threshold of a project is %+v (%v)", one, err)
	}
	if license, err := c.License(ctx, headID); err != nil || len(license.CustomLicenses) == 0 {
		t.Errorf("the licenses are %+v (%v)", license, err)
	}
}
