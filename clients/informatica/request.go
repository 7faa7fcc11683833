package informatica

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind is a kind of report.
type Kind string

// The kinds of reports.
const (
	Summary       Kind = "SUMMARY"        // usage by organization, meter and day
	ProjectFolder Kind = "PROJECT_FOLDER" // IPUs by organization, day, project and folder
	Asset         Kind = "ASSET"          // usage by meter, day and asset, of the own organization
	JobLevel      Kind = "JOB_LEVEL"      // single runs, of the own organization
	// LinkedOrgsSummary is a summary of all linked organizations by the older resource.
	LinkedOrgsSummary Kind = "LINKED_ORGS_SUMMARY"
)

// limitDays are the longest ranges the vendor reports on in one job.
var limitDays = map[Kind]int{Summary: 180, ProjectFolder: 30, Asset: 30, JobLevel: 180, LinkedOrgsSummary: 180}

// Request asks for one report.
type Request struct {
	Kind Kind
	// Start and End bound the report. The vendor counts by days of UTC; from midnight to the next midnight is one day.
	Start, End time.Time
	// AllLinkedOrgs adds the organizations linked under the own one; of Summary and ProjectFolder alone.
	AllLinkedOrgs bool
	// Combined asks for one file of all organizations instead of one for each. It changes no row.
	Combined bool
	// MeterID restricts an Asset or JobLevel report to one meter; empty is all.
	MeterID string
	// CallbackURL is where the vendor posts the job's last status; nothing here needs it.
	CallbackURL string
	// Partial takes a report that lacks some organizations for a success; its Job then says what is missing.
	Partial bool
}

// check refuses what the vendor would ignore, since the report would then not be the one that was asked for.
func (r Request) check() error {
	linkable := r.Kind == Summary || r.Kind == ProjectFolder
	switch {
	case limitDays[r.Kind] == 0:
		return fmt.Errorf("there is no kind of report %q", r.Kind)
	case r.Start.IsZero() || r.End.IsZero():
		return errors.New("a report needs a start and an end")
	case r.AllLinkedOrgs && !linkable && r.Kind != LinkedOrgsSummary:
		return fmt.Errorf("reports of kind %s have the own organization alone", r.Kind)
	case r.Combined && !linkable && r.Kind != LinkedOrgsSummary:
		return fmt.Errorf("reports of kind %s cannot be combined", r.Kind)
	case r.MeterID != "" && r.Kind != Asset && r.Kind != JobLevel:
		return fmt.Errorf("reports of kind %s cannot be restricted to a meter", r.Kind)
	}
	return nil
}

// Slices cuts a request into ones that the vendor reports on in one job each. They meet at midnights of UTC, so no day
// is in two of them.
func (r Request) Slices() []Request {
	limit := limitDays[r.Kind]
	if limit == 0 {
		return []Request{r}
	}
	var slices []Request
	for {
		year, month, day := r.Start.UTC().Date()
		cut := time.Date(year, month, day+limit, 0, 0, 0, 0, time.UTC)
		if !cut.Before(r.End) {
			return append(slices, r)
		}
		slice := r
		slice.End = cut
		slices, r.Start = append(slices, slice), cut
	}
}

// instant is how the vendor's own examples write dates: in UTC, with no fraction.
const instant = "2006-01-02T15:04:05Z"

// send posts the request to the resource of its kind.
func (r Request) send(ctx context.Context, raw *RawClient) (*http.Response, error) {
	start, end := r.Start.UTC().Format(instant), r.End.UTC().Format(instant)
	switch r.Kind {
	case JobLevel:
		return raw.CreateJobLevelExport(ctx, CreateJobLevelExportRequest{
			StartDate: start, EndDate: end, CallbackURL: unlessEmpty(r.CallbackURL),
			AllMeters: boolean(r.MeterID == ""), MeterID: unlessEmpty(r.MeterID),
		})
	case LinkedOrgsSummary:
		return raw.CreateLinkedOrgsExport(ctx, CreateLinkedOrgsExportRequest{
			StartDate: start, EndDate: end, CallbackURL: unlessEmpty(r.CallbackURL), CombinedMeterUsage: boolean(r.Combined),
		})
	}
	body := CreateExportRequest{
		JobType: JobType(r.Kind), StartDate: start, EndDate: end, CallbackURL: unlessEmpty(r.CallbackURL),
		MeterID: unlessEmpty(r.MeterID),
	}
	if r.Kind != Asset {
		body.CombinedMeterUsage, body.AllLinkedOrgs = capitals(r.Combined), capitals(r.AllLinkedOrgs)
	}
	return raw.CreateExport(ctx, body)
}

// capitals writes a flag as the resource's field table types it: as text. The other two resources type booleans.
func capitals(set bool) *Flag {
	flag, text := &Flag{}, "FALSE"
	if set {
		text = "TRUE"
	}
	_ = flag.FromFlag1(text) // text can always be marshalled
	return flag
}

func boolean(set bool) *Flag {
	flag := &Flag{}
	_ = flag.FromFlag0(set) // so can a boolean
	return flag
}

func unlessEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
