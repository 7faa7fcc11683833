package informatica

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/fixtures"
)

type reportKind string

const (
	reportSummary reportKind = "SUMMARY"
	reportProject reportKind = "PROJECT_FOLDER"
	reportAsset   reportKind = "ASSET"
	reportJob     reportKind = "JOB_LEVEL" // of a resource of its own, which has no job type
)

// Columns are matched by name, blanks and capitals included. The summary alone has no blanks.
const (
	summaryHeader = "OrgId,MeterId,MeterName,Date,BillingPeriodStartDate,BillingPeriodEndDate,MeterUsage,IPU,Scalar," +
		"MetricCategory,OrgName,OrgType,IPURate"
	projectHeader = "Date,Project,Folder,Org ID,Org Type,Consumption (IPUs)"
	assetHeader   = "Meter ID,Meter Name,Date,Asset Name,Asset Type,Project,Folder,Org ID,Org Type,Environment Name," +
		"Environment Type,Tier,IPU Per Unit,Usage,Consumption (IPUs)"
	taskHeader = "Task ID,Task Name,Task Object Name,Task Type,Task Run ID,Project Name,Folder Name,Org ID," +
		"Environment ID,Environment,Cores Used,Start Time,End Time,Status,Metered Value,Audit Time,OBM Task Time(s)"
	processHeader = "Org ID,Executed asset,Execution type,Invoked by,Execution env,Date (in UTC),status," +
		"Execution count,Total Execution time (in hours),Average Execution time (in seconds)"
)

const (
	metricCategory = "IPU"       // INF-036
	taskSucceeded  = "SUCCESS"   // INF-036
	processDone    = "COMPLETED" // INF-036
)

// orgTypes are how reports call the kinds of organizations (INF-036).
var orgTypes = map[fixtures.InformaticaOrgKind]string{
	fixtures.InformaticaProduction:           "Production",
	fixtures.InformaticaAdditionalProduction: "Additional Production",
	fixtures.InformaticaSubOrganization:      "Sub Organization",
	fixtures.InformaticaSandbox:              "Sandbox",
}

func (s subject) orgType() string { return orgTypes[s.Kind] }

// report is everything that the files of a finished job are made from. Making it reads the store; writing it does not.
type report struct {
	kind         reportKind
	ledgers      []orgLedger // of the requesting organization first
	combined     bool
	only         *meter // nil: all meters
	first, after time.Time
	by           time.Time // runs that ended later are not in
	prices       priceList
	dialect      dialect
}

// orgLedger is the consumption of one organization.
type orgLedger struct {
	subject
	usages []usage
}

// file is one CSV file of a report.
type file struct {
	name, header string
	write        func(*table)
}

// files returns the files in the order of the archive (INF-033).
func (r *report) files() []file {
	switch r.kind {
	case reportSummary:
		return r.orgFiles(summaryHeader, r.writeSummary)
	case reportProject:
		return r.orgFiles(projectHeader, r.writeProjects)
	case reportAsset:
		return r.orgFiles(assetHeader, r.writeAssets)
	}
	return r.serviceFiles()
}

func (r *report) orgFiles(header string, write func(*orgLedger, *table)) []file {
	if len(r.ledgers) == 0 {
		return nil
	}
	if r.combined {
		return []file{{r.ledgers[0].ID + "_combined.csv", header, func(t *table) {
			for i := range r.ledgers {
				write(&r.ledgers[i], t)
			}
		}}}
	}
	files := make([]file, len(r.ledgers))
	for i := range r.ledgers {
		files[i] = file{r.ledgers[i].ID + ".csv", header, func(t *table) { write(&r.ledgers[i], t) }}
	}
	return files
}

// dates walks the days of the report that writing has not failed before.
func (r *report) dates(t *table, visit func(d time.Time, text string)) {
	for d := r.first; d.Before(r.after) && t.err == nil; d = d.Add(day) {
		visit(d, d.Format(reportTime))
	}
}

// share is the part of a ledger that has one meter, or one meter and asset.
type share struct {
	*meter
	asset  *asset
	usages []*usage
}

// total adds up what a share consumed on a day; false: nothing ran.
func (r *report) total(s *share, d time.Time, scratch *[]run) (decimal.Decimal, bool) {
	var total decimal.Decimal
	ran := false
	for _, u := range s.usages {
		*scratch = u.runsOn(d, r.by, (*scratch)[:0])
		for i := range *scratch {
			total = total.Add((*scratch)[i].amount(s.meter))
			ran = true
		}
	}
	return total, ran
}

// shares splits a ledger by meter and, when byAsset, by asset; in order of names. Meters that take does not want are left
// out.
func (r *report) shares(l *orgLedger, byAsset bool, take func(*meter) bool) []*share {
	type key struct {
		meter string
		asset asset
	}
	found := map[key]*share{}
	var list []*share
	for i := range l.usages {
		u := &l.usages[i]
		m, ok := r.prices.meters[u.Meter]
		if !ok || r.only != nil && m.ID != r.only.ID || !take(m) {
			continue
		}
		k := key{meter: m.ID}
		if byAsset {
			k.asset = u.Asset
		}
		s, ok := found[k]
		if !ok {
			s = &share{meter: m, asset: &u.Asset}
			found[k], list = s, append(list, s)
		}
		s.usages = append(s.usages, u)
	}
	slices.SortStableFunc(list, func(a, b *share) int {
		return cmp.Or(byName(a.meter, b.meter), byPlace(a.asset, b.asset))
	})
	return list
}

func byPlace(a, b *asset) int {
	return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Folder, b.Folder),
		strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
}

func anyMeter(*meter) bool { return true }

// writeSummary writes a row for each day and meter.
func (r *report) writeSummary(l *orgLedger, t *table) {
	shares := r.shares(l, false, anyMeter)
	var scratch []run
	r.dates(t, func(d time.Time, date string) {
		from, to := billingPeriod(d)
		first, last := from.Format(reportTime), to.Format(reportTime)
		for _, s := range shares {
			used, ran := r.total(s, d, &scratch)
			if !ran {
				continue
			}
			price := r.prices.rateOn(s.ID, d).Rate
			t.row(l.ID, s.ID, s.Name, date, first, last, used.String(), used.Mul(price).String(), s.Scalar,
				metricCategory, l.Name, l.orgType(), price.String())
		}
	})
}

// writeProjects writes a row for each day, project and folder. What belongs to no project stands in one row without.
func (r *report) writeProjects(l *orgLedger, t *table) {
	type location struct {
		project, folder string
		shares          []*share
	}
	var locations []*location
	for _, s := range r.shares(l, true, anyMeter) {
		i := slices.IndexFunc(locations, func(at *location) bool {
			return at.project == s.asset.Project && at.folder == s.asset.Folder
		})
		if i < 0 {
			i = len(locations)
			locations = append(locations, &location{project: s.asset.Project, folder: s.asset.Folder})
		}
		locations[i].shares = append(locations[i].shares, s)
	}
	slices.SortFunc(locations, func(a, b *location) int {
		return cmp.Or(strings.Compare(a.project, b.project), strings.Compare(a.folder, b.folder))
	})
	var scratch []run
	r.dates(t, func(d time.Time, date string) {
		for _, at := range locations {
			var ipus decimal.Decimal
			anything := false
			for _, s := range at.shares {
				used, ran := r.total(s, d, &scratch)
				if ran {
					ipus, anything = ipus.Add(used.Mul(r.prices.rateOn(s.ID, d).Rate)), true
				}
			}
			if anything {
				t.row(date, at.project, at.folder, l.ID, l.orgType(), ipus.String())
			}
		}
	})
}

// writeAssets writes a row for each day, meter and asset.
func (r *report) writeAssets(l *orgLedger, t *table) {
	shares := r.shares(l, true, func(m *meter) bool { return m.Asset })
	var scratch []run
	r.dates(t, func(d time.Time, date string) {
		for _, s := range shares {
			used, ran := r.total(s, d, &scratch)
			if !ran {
				continue
			}
			price := r.prices.rateOn(s.ID, d)
			t.row(s.ID, s.Name, date, s.asset.Name, s.asset.Type, s.asset.Project, s.asset.Folder, l.ID, l.orgType(),
				s.asset.Environment.Name, s.asset.Environment.Type, strconv.Itoa(price.Tier), price.Rate.String(),
				used.String(), used.Mul(price.Rate).String())
		}
	})
}
