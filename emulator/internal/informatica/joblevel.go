package informatica

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// A job-level report covers the requesting organization alone, and has a file for each service.

func jobMeter(m *meter) bool { return m.Job }

// serviceFiles returns the file of the service of the meter that was asked for or, of all meters, those that have rows;
// with none at all an empty one of data integration (INF-033, INF-038).
func (r *report) serviceFiles() []file {
	if len(r.ledgers) == 0 {
		return nil
	}
	byService := map[string][]*share{}
	var services []string
	for _, s := range r.shares(&r.ledgers[0], true, jobMeter) {
		if r.only == nil && !r.ranAtAll(s) {
			continue
		}
		if byService[s.Service] == nil {
			services = append(services, s.Service)
		}
		byService[s.Service] = append(byService[s.Service], s)
	}
	slices.SortFunc(services, func(a, b string) int { // the one that all clients know comes first
		return cmp.Or(rank(a)-rank(b), strings.Compare(a, b))
	})
	switch {
	case r.only != nil:
		services = []string{r.only.Service}
	case len(services) == 0:
		services = []string{serviceCDI}
	}
	files := make([]file, len(services))
	for i, service := range services {
		shares := byService[service]
		files[i] = file{service + "MeteringAuditData.csv", taskHeader, func(t *table) { r.writeTasks(shares, t) }}
		if service == serviceCAI {
			files[i].header, files[i].write = processHeader, func(t *table) { r.writeProcesses(shares, t) }
		}
	}
	return files
}

func rank(service string) int {
	if service == serviceCDI {
		return 0
	}
	return 1
}

func (r *report) ranAtAll(s *share) bool {
	var scratch []run
	for d := r.first; d.Before(r.after); d = d.Add(day) {
		if _, ran := r.total(s, d, &scratch); ran {
			return true
		}
	}
	return false
}

// task is a run with whose it is.
type task struct {
	run
	*share
}

// writeTasks writes a row for each run, day by day in order of their start.
func (r *report) writeTasks(shares []*share, t *table) {
	org := r.ledgers[0].ID
	var (
		scratch []run
		tasks   []task
	)
	r.dates(t, func(d time.Time, _ string) {
		tasks = tasks[:0]
		for _, s := range shares {
			for _, u := range s.usages {
				scratch = u.runsOn(d, r.by, scratch[:0])
				for _, one := range scratch {
					tasks = append(tasks, task{one, s})
				}
			}
		}
		slices.SortStableFunc(tasks, func(a, b task) int { return a.Start.Compare(b.Start) })
		for i := range tasks {
			writeTask(org, &tasks[i], t)
		}
	})
}

// writeTask writes one run. Of a meter that does not count compute units no cores are told (INF-049); a run is audited
// when it ends (INF-050).
func writeTask(org string, k *task, t *table) {
	cores := decimal.Zero
	if k.countsComputeUnits() {
		cores = k.Cores
	}
	status := cmp.Or(k.Status, taskSucceeded)
	end := k.end().Format(reportTime)
	t.row(k.asset.ID, k.asset.Name, k.asset.Object, k.asset.Type, strconv.FormatInt(k.runID(), 10), k.asset.Project,
		k.asset.Folder, org, k.asset.Environment.ID, k.asset.Environment.Name, cores.String(),
		k.Start.Format(reportTime), end, status, k.amount(k.meter).String(), end, strconv.Itoa(k.Seconds))
}

// runID tells the runs of a task apart by the second they started in: it ascends and fits 32 bits until 2088 (INF-050).
func (r *run) runID() int64 { return r.Start.Unix() - runsCountFrom }

const runsCountFrom = 1577836800 // the year 2020

// writeProcesses writes a row for each day and asset: application integration tells no single runs.
func (r *report) writeProcesses(shares []*share, t *table) {
	org := r.ledgers[0].ID
	var scratch []run
	r.dates(t, func(d time.Time, date string) {
		for _, s := range shares {
			count, status := 0, ""
			for _, u := range s.usages {
				scratch = u.runsOn(d, r.by, scratch[:0])
				for i := range scratch {
					count += scratch[i].Executions
					status = cmp.Or(scratch[i].Status, status)
				}
			}
			if count == 0 {
				continue
			}
			hours, _ := r.total(s, d, &scratch)
			average := hours.Mul(secondsAnHour).DivRound(decimal.NewFromInt(int64(count)), 3) // INF-051
			t.row(org, s.asset.Name, s.asset.Type, processCaller, s.asset.Environment.Name, date,
				cmp.Or(status, processDone), strconv.Itoa(count), hours.String(), average.String())
		}
	})
}

const processCaller = "api.user" // nobody else calls a made-up process (INF-051)

var secondsAnHour = decimal.NewFromInt(60 * 60)
