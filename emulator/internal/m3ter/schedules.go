package m3ter

import (
	"time"

	"github.com/robfig/cron/v3"
)

// schedule starts an export again and again.
type schedule struct {
	Name           string `json:"name"`
	Code           string `json:"code"`
	ScheduleType   string `json:"scheduleType,omitempty"`
	Period         int    `json:"period,omitempty"`
	Offset         int    `json:"offset,omitempty"`
	CronExpression string `json:"cronExpression,omitempty"`
	exportConfig
}

// What is shown of a schedule: what all have, then its variant.
type (
	scheduleCommon struct {
		Name             string       `json:"name"`
		Code             string       `json:"code"`
		SourceType       string       `json:"sourceType"`
		DestinationIDs   list[string] `json:"destinationIds"`
		ScheduleType     string       `json:"scheduleType,omitempty"`
		Period           int          `json:"period,omitempty"`
		Offset           int          `json:"offset,omitempty"`
		CronExpression   string       `json:"cronExpression,omitempty"`
		ExportFileFormat string       `json:"exportFileFormat"`
	}
	operationalSchedule struct {
		scheduleCommon
		OperationalDataTypes list[string] `json:"operationalDataTypes"`
	}
	usageSchedule struct {
		scheduleCommon
		TimePeriod string `json:"timePeriod"`
		usageSelection
	}
)

const (
	scheduleKind = "schedule"
	byMinute     = "MINUTE"
	byHour       = "HOUR"
	byDay        = "DAY"
	shortestGap  = 15 * time.Minute
)

var schedules = &entity[schedule]{
	kind: scheduleKind, title: "schedule", rows: scheduleRows,
	blank: schedule{exportConfig: exportConfig{SourceType: operationalSource, ExportFileFormat: formatCSV}},
	code:  func(s *schedule) string { return s.Code },
	references: []reference[schedule]{{
		field: "destinationIds", kind: destinationKind, ids: func(s *schedule) []string { return s.DestinationIDs },
	}},
	rules:  checkSchedule,
	stored: startSchedule,
	shape: func(s schedule) any {
		if s.SourceType == operationalSource {
			return operationalSchedule{scheduleCommon: s.common(), OperationalDataTypes: s.OperationalDataTypes}
		}
		return usageSchedule{scheduleCommon: s.common(), TimePeriod: s.TimePeriod, usageSelection: s.usageSelection}
	},
	inList: func(_ *call, r row[schedule]) any { return answer{audit: r.audit(), fields: r.Fields.common()} },
}

func (s schedule) common() scheduleCommon {
	return scheduleCommon{
		Name: s.Name, Code: s.Code, SourceType: s.SourceType, DestinationIDs: s.DestinationIDs,
		ScheduleType: s.ScheduleType, Period: s.Period, Offset: s.Offset, CronExpression: s.CronExpression,
		ExportFileFormat: s.ExportFileFormat,
	}
}

func checkSchedule(c *call, next *schedule, before *row[schedule]) error {
	if err := c.checkExport(&next.exportConfig); err != nil {
		return err
	}
	if next.SourceType == operationalSource {
		next.TimePeriod = ""
	}
	if c.rules.Conformance {
		return nil
	}
	switch {
	case next.Name == "":
		return errInvalid("name is required")
	case next.Code == "":
		return errInvalid("code is required")
	case next.SourceType == usageSource && next.TimePeriod == "":
		return errInvalid("timePeriod is required")
	case before != nil && before.Fields.SourceType != next.SourceType: // M3T-029
		return errInvalid("sourceType cannot change")
	}
	return next.checkFrequency(c.now)
}

// checkFrequency allows one way to say how often: every so many units, or a cron expression (M3T-030).
func (s *schedule) checkFrequency(now time.Time) error {
	every := s.ScheduleType != "" || s.Period != 0
	if every == (s.CronExpression != "") {
		return errInvalid("Either scheduleType and period or cronExpression is required, and not both")
	}
	if !every {
		return s.checkCron(now)
	}
	longest, offsets := 0, 0
	switch s.ScheduleType {
	case byMinute:
		longest = 3 * 24 * 60
		if s.Period < 15 {
			return errInvalid("period must be 15 minutes at least")
		}
	case byHour:
		longest, offsets = 72, 59
	case byDay:
		longest, offsets = 3, 23
	default:
		return errInvalid("scheduleType must be HOUR, DAY or MINUTE")
	}
	if s.Period < 1 || s.Period > longest {
		return errInvalid("period must be from 1 to %d for %s", longest, s.ScheduleType)
	}
	if s.Offset < 0 || s.Offset > offsets {
		return errInvalid("offset must be from 1 to %d for %s; a MINUTE schedule has none", offsets, s.ScheduleType)
	}
	return nil
}

// cronRuns is how many runs of an expression are looked at for being too close: more than a week of the closest allowed.
const cronRuns = 700

func (s *schedule) checkCron(now time.Time) error {
	if s.Offset != 0 {
		return errInvalid("offset does not go with cronExpression")
	}
	runs, err := parseCron(s.CronExpression)
	if err != nil {
		return errInvalid("cronExpression: %s", err)
	}
	at := runs.Next(now.UTC())
	for range cronRuns {
		next := runs.Next(at)
		if at.IsZero() || next.IsZero() {
			break
		}
		if next.Sub(at) < shortestGap {
			return errInvalid("cronExpression: runs must be at least 15 minutes apart")
		}
		at = next
	}
	return nil
}

// parseCron reads the five fields of a cron expression (M3T-065).
func parseCron(text string) (cron.Schedule, error) {
	return cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
}

// startSchedule makes the first job of a new schedule at once. A changed one keeps the instant of its next run (M3T-031).
func startSchedule(c *call, r row[schedule], created bool) error {
	if created && (!c.rules.Conformance || r.Fields.next(c.now).After(c.now)) {
		c.runSchedule(r)
	}
	return nil
}

// runSchedule starts a job now and sees to the next run.
func (c *call) runSchedule(r row[schedule]) {
	j := exportJob{Schedule: r.ID, Config: r.Fields.exportConfig}
	if r.Fields.SourceType == usageSource {
		j.From, j.Until = timePeriod(r.Fields.TimePeriod, c.now)
	}
	c.startExport(j)
	if next := r.Fields.next(c.now); next.After(c.now) {
		c.dueAt(next, dueSchedule, r.ID)
	}
}

// next returns the run after one at an instant: a period later, counted from the first run. With an offset runs stand that
// far into an hour or a day (M3T-064). The zero time: never.
func (s *schedule) next(after time.Time) time.Time {
	if s.CronExpression != "" {
		runs, err := parseCron(s.CronExpression)
		if err != nil {
			return time.Time{}
		}
		return runs.Next(after.UTC())
	}
	unit := map[string]time.Duration{byMinute: time.Minute, byHour: time.Hour, byDay: 24 * time.Hour}[s.ScheduleType]
	step := time.Duration(s.Period) * unit
	if s.Offset == 0 || step == 0 {
		return after.Add(step)
	}
	into := time.Duration(s.Offset) * time.Hour
	if s.ScheduleType == byHour {
		into = time.Duration(s.Offset) * time.Minute
	}
	aligned := after.UTC().Truncate(unit).Add(into)
	if aligned.Equal(after) {
		return after.Add(step)
	}
	if !aligned.After(after) {
		aligned = aligned.Add(unit)
	}
	return aligned
}

// timePeriod returns the period of a schedule's run at an instant, in UTC; weeks run from Monday to Monday.
func timePeriod(name string, at time.Time) (from, until time.Time) {
	at = at.UTC()
	day := midnight(at)
	week, month, quarter := bucketStart("WEEK", at), bucketStart("MONTH", at), bucketStart("QUARTER", at)
	year := time.Date(at.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	switch name {
	case "TODAY":
		return day, at
	case "YESTERDAY":
		return day.AddDate(0, 0, -1), day
	case "WEEK_TO_DATE":
		return week, at
	case "MONTH_TO_DATE":
		return month, at
	case "YEAR_TO_DATE":
		return year, at
	case "PREVIOUS_WEEK":
		return week.AddDate(0, 0, -7), week
	case "PREVIOUS_MONTH":
		return month.AddDate(0, -1, 0), month
	case "PREVIOUS_QUARTER":
		return quarter.AddDate(0, -3, 0), quarter
	case "PREVIOUS_YEAR":
		return year.AddDate(-1, 0, 0), year
	case "LAST_12_HOURS":
		hour := at.Truncate(time.Hour)
		return hour.Add(-12 * time.Hour), hour
	case "LAST_YEAR":
		return day.AddDate(-1, 0, 0), day // M3T-032
	}
	days := map[string]int{"LAST_7_DAYS": 7, "LAST_30_DAYS": 30, "LAST_35_DAYS": 35, "LAST_90_DAYS": 90, "LAST_120_DAYS": 120}
	return day.AddDate(0, 0, -days[name]), day
}
