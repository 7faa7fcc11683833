package informatica

import (
	"iter"
	"time"

	"github.com/shopspring/decimal"
)

// SummaryRow is what an organization used of a meter on a day.
type SummaryRow struct {
	OrgID, MeterID, MeterName            string
	Date                                 time.Time // midnight, UTC
	BillingPeriodStart, BillingPeriodEnd time.Time
	MeterUsage                           decimal.Decimal // in units of Scalar
	IPU                                  decimal.Decimal // consumed
	Scalar, MetricCategory               string
	OrgName, OrgType                     string
	IPURate                              decimal.Decimal // IPUs for a unit
}

var summaryLayout = layout[SummaryRow]{LayoutSummary, []column[SummaryRow]{
	text("OrgId", func(r *SummaryRow) *string { return &r.OrgID }).asKey(),
	text("MeterId", func(r *SummaryRow) *string { return &r.MeterID }).asKey(),
	freeText("MeterName", func(r *SummaryRow) *string { return &r.MeterName }),
	moment("Date", func(r *SummaryRow) *time.Time { return &r.Date }).asKey(),
	moment("BillingPeriodStartDate", func(r *SummaryRow) *time.Time { return &r.BillingPeriodStart }),
	moment("BillingPeriodEndDate", func(r *SummaryRow) *time.Time { return &r.BillingPeriodEnd }),
	number("MeterUsage", func(r *SummaryRow) *decimal.Decimal { return &r.MeterUsage }).asKey(),
	number("IPU", func(r *SummaryRow) *decimal.Decimal { return &r.IPU }).asKey(),
	text("Scalar", func(r *SummaryRow) *string { return &r.Scalar }),
	text("MetricCategory", func(r *SummaryRow) *string { return &r.MetricCategory }),
	freeText("OrgName", func(r *SummaryRow) *string { return &r.OrgName }),
	text("OrgType", func(r *SummaryRow) *string { return &r.OrgType }),
	number("IPURate", func(r *SummaryRow) *decimal.Decimal { return &r.IPURate }),
}}

// Summaries iterates over the rows of a Summary or LinkedOrgsSummary report.
func (r *Report) Summaries() iter.Seq2[SummaryRow, error] { return rows(r, &summaryLayout) }

// ProjectRow is what a folder of an organization consumed on a day. Consumption of no project has neither.
type ProjectRow struct {
	Date            time.Time // midnight, UTC
	Project, Folder string
	OrgID, OrgType  string
	Consumption     decimal.Decimal // IPUs
}

var projectLayout = layout[ProjectRow]{LayoutProject, []column[ProjectRow]{
	moment("Date", func(r *ProjectRow) *time.Time { return &r.Date }).asKey(),
	freeText("Project", func(r *ProjectRow) *string { return &r.Project }).asKey(),
	freeText("Folder", func(r *ProjectRow) *string { return &r.Folder }),
	text("Org ID", func(r *ProjectRow) *string { return &r.OrgID }).asKey(),
	text("Org Type", func(r *ProjectRow) *string { return &r.OrgType }),
	number("Consumption (IPUs)", func(r *ProjectRow) *decimal.Decimal { return &r.Consumption }).asKey(),
}}

// Projects iterates over the rows of a ProjectFolder report.
func (r *Report) Projects() iter.Seq2[ProjectRow, error] { return rows(r, &projectLayout) }

// AssetRow is what an asset used of a meter on a day, in an environment and at a rate.
type AssetRow struct {
	MeterID, MeterName               string
	Date                             time.Time // midnight, UTC
	AssetName, AssetType             string
	Project, Folder                  string
	OrgID, OrgType                   string
	EnvironmentName, EnvironmentType string
	Tier                             string
	IPUPerUnit, Usage                decimal.Decimal
	Consumption                      decimal.Decimal // IPUs
}

var assetLayout = layout[AssetRow]{LayoutAsset, []column[AssetRow]{
	text("Meter ID", func(r *AssetRow) *string { return &r.MeterID }).asKey(),
	freeText("Meter Name", func(r *AssetRow) *string { return &r.MeterName }),
	moment("Date", func(r *AssetRow) *time.Time { return &r.Date }).asKey(),
	freeText("Asset Name", func(r *AssetRow) *string { return &r.AssetName }).asKey(),
	text("Asset Type", func(r *AssetRow) *string { return &r.AssetType }),
	freeText("Project", func(r *AssetRow) *string { return &r.Project }),
	freeText("Folder", func(r *AssetRow) *string { return &r.Folder }),
	text("Org ID", func(r *AssetRow) *string { return &r.OrgID }).asKey(),
	text("Org Type", func(r *AssetRow) *string { return &r.OrgType }),
	freeText("Environment Name", func(r *AssetRow) *string { return &r.EnvironmentName }),
	text("Environment Type", func(r *AssetRow) *string { return &r.EnvironmentType }),
	text("Tier", func(r *AssetRow) *string { return &r.Tier }),
	number("IPU Per Unit", func(r *AssetRow) *decimal.Decimal { return &r.IPUPerUnit }),
	number("Usage", func(r *AssetRow) *decimal.Decimal { return &r.Usage }).asKey(),
	number("Consumption (IPUs)", func(r *AssetRow) *decimal.Decimal { return &r.Consumption }).asKey(),
}}

// Assets iterates over the rows of an Asset report.
func (r *Report) Assets() iter.Seq2[AssetRow, error] { return rows(r, &assetLayout) }

// TaskRow is one run of a task.
type TaskRow struct {
	TaskID, TaskName, ObjectName, TaskType string
	RunID                                  int64
	Project, Folder                        string
	OrgID                                  string
	EnvironmentID, Environment             string
	CoresUsed                              decimal.Decimal
	Start, End                             time.Time
	Status                                 string
	MeteredValue                           decimal.Decimal
	Audit                                  time.Time
	OBMTaskTime                            time.Duration // whole seconds
}

var taskLayout = layout[TaskRow]{LayoutTask, []column[TaskRow]{
	text("Task ID", func(r *TaskRow) *string { return &r.TaskID }).asKey(),
	freeText("Task Name", func(r *TaskRow) *string { return &r.TaskName }),
	freeText("Task Object Name", func(r *TaskRow) *string { return &r.ObjectName }).also("Task Object"),
	text("Task Type", func(r *TaskRow) *string { return &r.TaskType }),
	whole("Task Run ID", func(r *TaskRow) *int64 { return &r.RunID }).asKey(),
	freeText("Project Name", func(r *TaskRow) *string { return &r.Project }),
	freeText("Folder Name", func(r *TaskRow) *string { return &r.Folder }),
	text("Org ID", func(r *TaskRow) *string { return &r.OrgID }).asKey(),
	text("Environment ID", func(r *TaskRow) *string { return &r.EnvironmentID }),
	freeText("Environment", func(r *TaskRow) *string { return &r.Environment }),
	number("Cores Used", func(r *TaskRow) *decimal.Decimal { return &r.CoresUsed }),
	moment("Start Time", func(r *TaskRow) *time.Time { return &r.Start }).asKey(),
	moment("End Time", func(r *TaskRow) *time.Time { return &r.End }),
	text("Status", func(r *TaskRow) *string { return &r.Status }),
	number("Metered Value", func(r *TaskRow) *decimal.Decimal { return &r.MeteredValue }).asKey(),
	moment("Audit Time", func(r *TaskRow) *time.Time { return &r.Audit }),
	seconds("OBM Task Time(s)", func(r *TaskRow) *time.Duration { return &r.OBMTaskTime }),
}}

// Tasks iterates over the runs of a JobLevel report, of all services that tell single runs.
func (r *Report) Tasks() iter.Seq2[TaskRow, error] { return rows(r, &taskLayout, LayoutProcess) }

// ProcessRow is what application integration executed of an asset on a day.
type ProcessRow struct {
	OrgID, Asset, ExecutionType, InvokedBy, ExecutionEnv string
	Date                                                 time.Time // midnight, UTC
	Status                                               string
	ExecutionCount                                       int64
	TotalHours, AverageSeconds                           decimal.Decimal
}

var processLayout = layout[ProcessRow]{LayoutProcess, []column[ProcessRow]{
	text("Org ID", func(r *ProcessRow) *string { return &r.OrgID }).asKey(),
	freeText("Executed asset", func(r *ProcessRow) *string { return &r.Asset }).asKey(),
	text("Execution type", func(r *ProcessRow) *string { return &r.ExecutionType }),
	freeText("Invoked by", func(r *ProcessRow) *string { return &r.InvokedBy }),
	text("Execution env", func(r *ProcessRow) *string { return &r.ExecutionEnv }),
	moment("Date (in UTC)", func(r *ProcessRow) *time.Time { return &r.Date }).asKey(),
	text("status", func(r *ProcessRow) *string { return &r.Status }),
	whole("Execution count", func(r *ProcessRow) *int64 { return &r.ExecutionCount }).asKey(),
	number("Total Execution time (in hours)", func(r *ProcessRow) *decimal.Decimal { return &r.TotalHours }),
	number("Average Execution time (in seconds)", func(r *ProcessRow) *decimal.Decimal { return &r.AverageSeconds }),
}}

// Processes iterates over the executions of a JobLevel report.
func (r *Report) Processes() iter.Seq2[ProcessRow, error] { return rows(r, &processLayout, LayoutTask) }

// layoutOf finds the layout of a header. That of assets has all columns of that of projects.
func layoutOf(header []string) Layout {
	switch {
	case summaryLayout.fits(header):
		return LayoutSummary
	case assetLayout.fits(header):
		return LayoutAsset
	case projectLayout.fits(header):
		return LayoutProject
	case taskLayout.fits(header):
		return LayoutTask
	case processLayout.fits(header):
		return LayoutProcess
	}
	return ""
}
