package informatica

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// limitDays are the longest ranges of the reports.
var limitDays = map[reportKind]int{reportSummary: 180, reportProject: 30, reportAsset: 30, reportJob: 180}

// flag is a boolean that the vendor types as text in one place and as a boolean in another, and shows as text in both:
// either is taken, in any case, and null is as absent (INF-011).
type flag bool

// UnmarshalJSON reads true, "TRUE" and their opposites.
func (f *flag) UnmarshalJSON(text []byte) error {
	switch strings.ToLower(strings.Trim(string(text), `"`)) {
	case "true":
		*f = true
	case "false", "null":
		*f = false
	default:
		return fmt.Errorf("%s is neither TRUE nor FALSE", text)
	}
	return nil
}

// exportRange is what all requests for exports begin with and end on.
type exportRange struct {
	StartDate   string `json:"startDate"`
	EndDate     string `json:"endDate"`
	CallbackURL string `json:"callbackUrl"`
}

type createExportRequest struct {
	exportRange
	JobType            reportKind `json:"jobType"`
	CombinedMeterUsage flag       `json:"combinedMeterUsage"`
	AllLinkedOrgs      flag       `json:"allLinkedOrgs"`
	MeterID            string     `json:"meterId"`
}

// createExport starts a summary, project or asset export. Fields that a report does not have are ignored, as is all that
// is unknown (INF-015).
func (a *API) createExport(c echo.Context) error {
	var req createExportRequest
	if err := readJSON(c, &req); err != nil {
		return err
	}
	w := wanted{report: req.JobType}
	switch req.JobType {
	case reportSummary, reportProject:
		w.combined, w.linked = bool(req.CombinedMeterUsage), bool(req.AllLinkedOrgs)
	case reportAsset:
		w.meter = req.MeterID
	default:
		return errJobType() // INF-014
	}
	made, err := create(c, w, req.exportRange)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, made.response()) // INF-013
}

type createLinkedOrgsExportRequest struct {
	exportRange
	CombinedMeterUsage flag `json:"combinedMeterUsage"`
}

// createLinkedOrgsExport is the older way to start a summary, always of all linked organizations. Combined means one
// file for all of them, as on the newer resource (INF-019).
func (a *API) createLinkedOrgsExport(c echo.Context) error {
	var req createLinkedOrgsExportRequest
	if err := readJSON(c, &req); err != nil {
		return err
	}
	made, err := create(c, wanted{report: reportSummary, linked: true, combined: bool(req.CombinedMeterUsage)}, req.exportRange)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, made.responseLinkedOrgs())
}

type createJobLevelExportRequest struct {
	exportRange
	AllMeters flag   `json:"allMeters"`
	MeterID   string `json:"meterId"`
}

// createJobLevelExport starts an export of single runs, of one meter or of all: all wins over one (INF-020).
func (a *API) createJobLevelExport(c echo.Context) error {
	var req createJobLevelExportRequest
	if err := readJSON(c, &req); err != nil {
		return err
	}
	w := wanted{report: reportJob, meter: req.MeterID}
	switch {
	case bool(req.AllMeters):
		w.meter = ""
	case req.MeterID == "":
		return errMissing("meterId, unless allMeters is TRUE,")
	}
	made, err := create(c, w, req.exportRange)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, made.responseJobLevel())
}

// wanted is what a report is to show, whichever resource asked for it.
type wanted struct {
	report           reportKind
	linked, combined bool
	meter            string // empty: all meters
}

// create checks a request and starts its job, in one transaction: the limit of active jobs cannot be raced.
func create(c echo.Context, w wanted, in exportRange) (exportJob, error) {
	who := callerOf(c)
	start, end, err := in.check(w.report, who.options.RangeGraceDays)
	if err != nil {
		return exportJob{}, err
	}
	var made exportJob
	err = store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
		if err := checkMeter(tx, w, who.options.LenientMeters); err != nil {
			return err
		}
		now := settingOf(tx)
		x := export{
			Report: w.report, Org: who.org.ID, User: who.user.ID, Meter: w.meter, Combined: w.combined,
			Start: start, End: end, Callback: in.CallbackURL, Created: tx.Now,
			Edition: now.Edition, LastUsage: now.LastUsage,
		}
		rule := job.RuleOf(tx, vendor, kindExport, standing(who.options))
		rule = x.collect(tx, who, w.linked, rule)
		if countActive(tx, who.org.ID) >= maxActive {
			if status, refused := limitStatus(who.options.TooManyJobs); refused {
				return errTooManyJobs(status)
			}
			rule = job.Rule{Outcome: stateFailed, Error: tooManyJobs}
		}
		x.Plan = job.Lay(rule, tx.Now)
		made = exportJob{id: newID(tx, kindExport), export: x, status: x.Plan.At(tx.Now)}
		exports.Put(tx, everyone, made.id, x)
		open.Put(tx, made.id, true)
		return nil
	})
	return made, err
}

// check reads the range of a report and holds it against its limit. A day is allowed on top, because the vendor's own
// examples use it (INF-017).
func (in exportRange) check(report reportKind, graceDays int) (start, end time.Time, err error) {
	var ok bool
	if start, ok = parseDate(in.StartDate); !ok {
		return start, end, errDate("startDate")
	}
	if end, ok = parseDate(in.EndDate); !ok {
		return start, end, errDate("endDate")
	}
	switch limit := limitDays[report]; {
	case start.After(end):
		return start, end, errDateOrder()
	case end.Sub(start) > time.Duration(limit+graceDays)*day:
		return start, end, errRange(limit)
	case in.CallbackURL != "" && !isCallback(in.CallbackURL):
		return start, end, errCallback()
	}
	return start, end, nil
}

// isCallback takes absolute http and https URLs.
func isCallback(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// checkMeter refuses a meter that there is not, or that the report cannot show (INF-017, INF-039).
func checkMeter(tx *store.Tx, w wanted, lenient bool) error {
	if w.meter == "" {
		return nil
	}
	m, ok := newPriceList(currentCatalogue(tx)).meters[w.meter]
	switch {
	case ok && w.report == reportAsset && m.Asset, ok && w.report == reportJob && m.Job:
		return nil
	case !ok && lenient && isID(w.meter):
		return nil
	}
	kind := "job-level"
	if w.report == reportAsset {
		kind = "asset"
	}
	return errMeter(w.meter, kind)
}

func isID(text string) bool {
	return len(text) == idLength && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// collect notes whose usage the report will hold. Organizations that the user has no rights on, and those whose usage
// cannot be had, are left out and make the job's success partial; without the requesting one there is none (INF-041).
func (x *export) collect(tx *store.Tx, who caller, linked bool, rule job.Rule) job.Rule {
	members := []org{who.org}
	if linked {
		members = family(tx, who.org)
	}
	for _, o := range members {
		if o.Unavailable || !who.user.mayRead(o.ID) {
			x.Missing = append(x.Missing, o.ID)
			continue
		}
		x.Orgs = append(x.Orgs, subject{ID: o.ID, Name: o.Name, Kind: o.Kind})
	}
	switch {
	case rule.Outcome != stateSuccess || len(x.Missing) == 0:
	case slices.Contains(x.Missing, who.org.ID):
		rule.Outcome, rule.Error = stateFailed, collectFailed(who.org.ID)
	default:
		rule.Outcome, rule.Error = statePartial, collectFailed(strings.Join(x.Missing, ", "))
	}
	return rule
}

// collectFailed is a text in the manner of the vendor's: opaque, and with markup in it.
func collectFailed(orgs string) string {
	return fmt.Sprintf("Short error message: [collectUsage] the usage of %s could not be read: upstream answered 503: "+
		`"<html><body>unavailable</body></html>"`, orgs)
}

// exportJob is a job with its id and its status at some instant.
type exportJob struct {
	id string
	export
	status job.Status
}

// exportHead and exportTail are what all answers about a job begin and end with, in the vendor's order.
type exportHead struct {
	JobID         string `json:"jobId"`
	Status        string `json:"status"`
	ErrorMessage  string `json:"errorMessage,omitempty"`
	OrgID         string `json:"orgId"`
	UserID        string `json:"userId"`
	SelectedOrgID string `json:"selectedOrgId"`
}

type exportTail struct {
	StartDate   string  `json:"startDate"`
	EndDate     string  `json:"endDate"`
	CallbackURL *string `json:"callbackUrl"` // null when there is none (INF-016)
	CreateTime  string  `json:"createTime"`
	UpdateTime  string  `json:"updateTime"`
}

type exportResponse struct {
	exportHead
	MeterID *string `json:"meterId"`
	exportTail
}

type createLinkedOrgsExportResponse struct {
	exportHead
	exportTail
	CombinedMeterUsage bool `json:"combinedMeterUsage"` // a boolean here (INF-044)
}

type createJobLevelExportResponse struct {
	exportHead
	AllMeters *bool   `json:"allMeters,omitempty"` // only when true (INF-020)
	MeterID   *string `json:"meterId"`
	exportTail
}

func (x *exportJob) head() exportHead {
	h := exportHead{JobID: x.id, Status: x.status.State, OrgID: x.Org, UserID: x.User, SelectedOrgID: x.Org}
	if h.Status == statePartial || h.Status == stateFailed {
		h.ErrorMessage = cmp.Or(x.status.Error, x.Plan.Error, "Short error message: [export] the job did not succeed.")
	}
	return h
}

// tail has the time of the latest change of state in it (INF-030).
func (x *exportJob) tail() exportTail {
	t := exportTail{
		StartDate: formatDate(x.Start), EndDate: formatDate(x.End),
		CreateTime: formatDate(x.Created), UpdateTime: formatDate(x.status.Since),
	}
	if x.Callback != "" {
		t.CallbackURL = &x.Callback
	}
	return t
}

func (x *exportJob) meterID() *string {
	if x.Meter == "" {
		return nil
	}
	return &x.Meter
}

// response is the answer of the status resource to any job.
func (x *exportJob) response() exportResponse {
	return exportResponse{exportHead: x.head(), MeterID: x.meterID(), exportTail: x.tail()}
}

func (x *exportJob) responseLinkedOrgs() createLinkedOrgsExportResponse {
	return createLinkedOrgsExportResponse{exportHead: x.head(), exportTail: x.tail(), CombinedMeterUsage: x.Combined}
}

func (x *exportJob) responseJobLevel() createJobLevelExportResponse {
	res := createJobLevelExportResponse{exportHead: x.head(), MeterID: x.meterID(), exportTail: x.tail()}
	if x.Meter == "" {
		all := true
		res.AllMeters = &all
	}
	return res
}

var _ json.Unmarshaler = (*flag)(nil)

// limitStatus says how the job beyond the limit is refused; false: it is not, but fails (INF-018).
func limitStatus(o fixtures.InformaticaTooManyJobs) (status int, refused bool) {
	switch o {
	case fixtures.InformaticaJobsForbidden:
		return http.StatusForbidden, true
	case fixtures.InformaticaJobsTooManyRequests:
		return http.StatusTooManyRequests, true
	case fixtures.InformaticaJobsFailed:
		return 0, false
	case fixtures.InformaticaJobsBadRequest:
	}
	return http.StatusBadRequest, true
}
