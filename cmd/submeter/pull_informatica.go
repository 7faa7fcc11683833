package main

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/informatica"
)

// informaticaPull is what the flags of pull informatica say.
type informaticaPull struct {
	*pull
	baseURL, meter      string
	report              choice
	linkedOrgs, partial bool
	span
}

func (p *pull) informaticaCommand() *cobra.Command {
	i := &informaticaPull{pull: p, report: newChoice("summary", "summary", "project", "asset", "task", "process")}
	cmd := &cobra.Command{
		Use:   "informatica",
		Short: "Metering reports: consumption by meter, project, asset or run",
		Long: `Run metering export jobs of Informatica IDMC, wait for them, and write the rows of their archives. A range longer
than one job may have is cut into several at midnights of UTC.

The reports: summary is by organization, meter and day; project by organization, day, project and folder; asset by
meter, day and asset; task has single runs, and process what application integration executed.

User and password come from INFORMATICA_USERNAME and INFORMATICA_PASSWORD.`,
		Example: `  submeter pull informatica --from 2026-03-01 --to 2026-04-01 --linked-orgs
  submeter pull informatica --report asset --from 2026-03-01 --to 2026-04-01 -o csv --out assets.csv`,
		Args: cobra.NoArgs,
		RunE: p.job(i.pullReport),
	}
	flags := cmd.Flags()
	envFlag(flags, &i.baseURL, "base-url", "INFORMATICA_BASE_URL", "", "base `URL` to log in at, such as https://dm-us.informaticacloud.com")
	addSpanFlags(cmd, &i.span)
	flags.Var(&i.report, "report", "what a row is about")
	flags.BoolVar(&i.linkedOrgs, "linked-orgs", false, "with the linked organizations: summary and project")
	flags.StringVar(&i.meter, "meter", "", "only the meter with this `id`: asset, task and process")
	flags.BoolVar(&i.partial, "partial", false, "take a report that lacks some organizations for a success")
	return cmd
}

func (i *informaticaPull) connect() (*informatica.Client, error) {
	if i.baseURL == "" {
		return nil, usageError{errors.New("no base URL: set INFORMATICA_BASE_URL or --base-url")}
	}
	username, err := i.mustSecret("INFORMATICA_USERNAME")
	if err != nil {
		return nil, err
	}
	password, err := i.mustSecret("INFORMATICA_PASSWORD")
	if err != nil {
		return nil, err
	}
	client, err := informatica.New(i.baseURL, username, password, informatica.WithProgress(func(now informatica.Progress) {
		switch now.Stage {
		case informatica.WaitingForJob:
			i.told.say("job %s is %s", now.Job.ID, now.Job.Status)
		case informatica.Downloading:
			i.told.say("job %s: %d bytes", now.Job.ID, now.Bytes)
		default:
			i.told.say("%s", now.Stage)
		}
	}))
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

func (i *informaticaPull) pullReport(ctx context.Context) error {
	if err := i.check(); err != nil {
		return err
	}
	request := informatica.Request{Start: i.from, End: i.to, AllLinkedOrgs: i.linkedOrgs, MeterID: i.meter, Partial: i.partial}
	switch i.report.value {
	case "summary":
		request.Kind = informatica.Summary
		return pullRows(ctx, i, request, summaryColumns, (*informatica.Report).Summaries)
	case "project":
		request.Kind = informatica.ProjectFolder
		return pullRows(ctx, i, request, projectColumns, (*informatica.Report).Projects)
	case "asset":
		request.Kind = informatica.Asset
		return pullRows(ctx, i, request, assetColumns, (*informatica.Report).Assets)
	case "task":
		request.Kind = informatica.JobLevel
		return pullRows(ctx, i, request, taskColumns, (*informatica.Report).Tasks)
	default:
		request.Kind = informatica.JobLevel
		return pullRows(ctx, i, request, processColumns, (*informatica.Report).Processes)
	}
}

// pullRows writes the rows of one report after the other, as many as the range needs.
func pullRows[T any](ctx context.Context, i *informaticaPull, request informatica.Request, columns []column[T], rows func(*informatica.Report) iter.Seq2[T, error]) (err error) {
	summary := request.Kind == informatica.Summary || request.Kind == informatica.ProjectFolder
	switch {
	case request.AllLinkedOrgs && !summary:
		return usageError{errors.New("--linked-orgs goes with the reports summary and project")}
	case request.MeterID != "" && summary:
		return usageError{errors.New("--meter goes with the reports asset, task and process")}
	}
	client, err := i.connect()
	if err != nil {
		return err
	}
	defer func() {
		// The rows are there, or not; a session that stays open for a while changes neither.
		_ = client.Logout(context.WithoutCancel(ctx))
	}()
	err = write(i.pull, "rows", columns, func(yield func(T, error) bool) {
		for _, slice := range request.Slices() {
			if !one(ctx, client, slice, rows, yield) {
				return
			}
		}
	})
	if errors.Is(err, informatica.ErrFailed) || errors.Is(err, informatica.ErrPartial) {
		return codedError{err, exitJobFailed}
	}
	return err
}

// one yields the rows of one report, and tells whether to go on.
func one[T any](ctx context.Context, client *informatica.Client, request informatica.Request, rows func(*informatica.Report) iter.Seq2[T, error], yield func(T, error) bool) bool {
	report, err := client.Report(ctx, request)
	if err != nil {
		var none T
		yield(none, err)
		return false
	}
	defer func() { _ = report.Close() }()
	for row, err := range rows(report) {
		if !yield(row, err) || err != nil {
			return false
		}
	}
	return true
}

var summaryColumns = []column[informatica.SummaryRow]{
	{"org_id", func(r informatica.SummaryRow) any { return r.OrgID }},
	{"org_name", func(r informatica.SummaryRow) any { return r.OrgName }},
	{"org_type", func(r informatica.SummaryRow) any { return r.OrgType }},
	{"meter_id", func(r informatica.SummaryRow) any { return r.MeterID }},
	{"meter_name", func(r informatica.SummaryRow) any { return r.MeterName }},
	{"date", func(r informatica.SummaryRow) any { return day(r.Date) }},
	{"billing_period_start", func(r informatica.SummaryRow) any { return day(r.BillingPeriodStart) }},
	{"billing_period_end", func(r informatica.SummaryRow) any { return day(r.BillingPeriodEnd) }},
	{"meter_usage", func(r informatica.SummaryRow) any { return exact(r.MeterUsage) }},
	{"scalar", func(r informatica.SummaryRow) any { return r.Scalar }},
	{"metric_category", func(r informatica.SummaryRow) any { return r.MetricCategory }},
	{"ipu_rate", func(r informatica.SummaryRow) any { return exact(r.IPURate) }},
	{"ipu", func(r informatica.SummaryRow) any { return exact(r.IPU) }},
}

var projectColumns = []column[informatica.ProjectRow]{
	{"date", func(r informatica.ProjectRow) any { return day(r.Date) }},
	{"org_id", func(r informatica.ProjectRow) any { return r.OrgID }},
	{"org_type", func(r informatica.ProjectRow) any { return r.OrgType }},
	{"project", func(r informatica.ProjectRow) any { return r.Project }},
	{"folder", func(r informatica.ProjectRow) any { return r.Folder }},
	{"ipu", func(r informatica.ProjectRow) any { return exact(r.Consumption) }},
}

var assetColumns = []column[informatica.AssetRow]{
	{"meter_id", func(r informatica.AssetRow) any { return r.MeterID }},
	{"meter_name", func(r informatica.AssetRow) any { return r.MeterName }},
	{"date", func(r informatica.AssetRow) any { return day(r.Date) }},
	{"asset_name", func(r informatica.AssetRow) any { return r.AssetName }},
	{"asset_type", func(r informatica.AssetRow) any { return r.AssetType }},
	{"project", func(r informatica.AssetRow) any { return r.Project }},
	{"folder", func(r informatica.AssetRow) any { return r.Folder }},
	{"org_id", func(r informatica.AssetRow) any { return r.OrgID }},
	{"org_type", func(r informatica.AssetRow) any { return r.OrgType }},
	{"environment_name", func(r informatica.AssetRow) any { return r.EnvironmentName }},
	{"environment_type", func(r informatica.AssetRow) any { return r.EnvironmentType }},
	{"tier", func(r informatica.AssetRow) any { return r.Tier }},
	{"ipu_per_unit", func(r informatica.AssetRow) any { return exact(r.IPUPerUnit) }},
	{"usage", func(r informatica.AssetRow) any { return exact(r.Usage) }},
	{"ipu", func(r informatica.AssetRow) any { return exact(r.Consumption) }},
}

var taskColumns = []column[informatica.TaskRow]{
	{"task_id", func(r informatica.TaskRow) any { return r.TaskID }},
	{"task_name", func(r informatica.TaskRow) any { return r.TaskName }},
	{"task_object_name", func(r informatica.TaskRow) any { return r.ObjectName }},
	{"task_type", func(r informatica.TaskRow) any { return r.TaskType }},
	{"task_run_id", func(r informatica.TaskRow) any { return whole(r.RunID) }},
	{"project", func(r informatica.TaskRow) any { return r.Project }},
	{"folder", func(r informatica.TaskRow) any { return r.Folder }},
	{"org_id", func(r informatica.TaskRow) any { return r.OrgID }},
	{"environment_id", func(r informatica.TaskRow) any { return r.EnvironmentID }},
	{"environment", func(r informatica.TaskRow) any { return r.Environment }},
	{"cores_used", func(r informatica.TaskRow) any { return exact(r.CoresUsed) }},
	{"start_time", func(r informatica.TaskRow) any { return unlessNever(r.Start) }},
	{"end_time", func(r informatica.TaskRow) any { return unlessNever(r.End) }},
	{"status", func(r informatica.TaskRow) any { return r.Status }},
	{"audit_time", func(r informatica.TaskRow) any { return unlessNever(r.Audit) }},
	{"obm_task_seconds", func(r informatica.TaskRow) any { return whole(int64(r.OBMTaskTime / time.Second)) }},
	{"metered_value", func(r informatica.TaskRow) any { return exact(r.MeteredValue) }},
}

var processColumns = []column[informatica.ProcessRow]{
	{"org_id", func(r informatica.ProcessRow) any { return r.OrgID }},
	{"asset", func(r informatica.ProcessRow) any { return r.Asset }},
	{"execution_type", func(r informatica.ProcessRow) any { return r.ExecutionType }},
	{"invoked_by", func(r informatica.ProcessRow) any { return r.InvokedBy }},
	{"execution_env", func(r informatica.ProcessRow) any { return r.ExecutionEnv }},
	{"date", func(r informatica.ProcessRow) any { return day(r.Date) }},
	{"status", func(r informatica.ProcessRow) any { return r.Status }},
	{"execution_count", func(r informatica.ProcessRow) any { return whole(r.ExecutionCount) }},
	{"average_seconds", func(r informatica.ProcessRow) any { return exact(r.AverageSeconds) }},
	{"total_hours", func(r informatica.ProcessRow) any { return exact(r.TotalHours) }},
}

// exact writes a decimal as it is, without an exponent.
func exact(d decimal.Decimal) json.Number { return json.Number(d.String()) }

// day writes what is a day of UTC, and not an instant, as one.
func day(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.DateOnly)
}

func unlessNever(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
