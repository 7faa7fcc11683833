package m3ter

import (
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
)

// billJob makes bills, or works out old ones anew.
type billJob struct {
	AccountIDs              list[string]             `json:"accountIds"`
	BillingFrequency        string                   `json:"billingFrequency,omitempty"`
	BillFrequencyInterval   *int                     `json:"billFrequencyInterval,omitempty"`
	BillDate                string                   `json:"billDate,omitempty"`
	DueDate                 string                   `json:"dueDate,omitempty"`
	ExternalInvoiceDate     string                   `json:"externalInvoiceDate,omitempty"`
	LastDateInBillingPeriod string                   `json:"lastDateInBillingPeriod,omitempty"`
	TargetCurrency          string                   `json:"targetCurrency,omitempty"`
	CurrencyConversions     list[currencyConversion] `json:"currencyConversions"`
	Timezone                string                   `json:"timezone,omitempty"`
	YearEpoch               string                   `json:"yearEpoch,omitempty"`
	MonthEpoch              string                   `json:"monthEpoch,omitempty"`
	WeekEpoch               string                   `json:"weekEpoch,omitempty"`
	DayEpoch                string                   `json:"dayEpoch,omitempty"`
	Status                  string                   `json:"status,omitempty"`
	Type                    string                   `json:"type,omitempty"`
	BillIDs                 list[string]             `json:"billIds"`
	Total                   int                      `json:"total"`
	Pending                 int                      `json:"pending"`
}

const (
	billJobKind     = "billjob"
	billsCreated    = "CREATE"
	billsRecounted  = "RECALCULATE"
	jobInitializing = "INITIALIZING"
	jobComplete     = "COMPLETE"
	jobCancelled    = "CANCELLED"
)

// billJobRule is how bill jobs live unless a test says otherwise (M3T-061).
var billJobRule = job.Rule{
	Legs: []job.Leg{
		{State: jobPending, For: 100 * time.Millisecond}, {State: jobInitializing, For: 100 * time.Millisecond},
		{State: jobRunning, For: 200 * time.Millisecond},
	},
	Outcome: jobComplete,
}

// billJobPlans holds the timetables of bill jobs, by organization and id.
var billJobPlans = store.NewTable[job.Plan]("m3ter/billjob-plans")

var billJobs = &entity[billJob]{
	kind: billJobKind, title: "bill job", family: "billing", rows: billJobRows,
	rules: func(_ *call, next *billJob, before *row[billJob]) error {
		if before == nil && next.Type != billsRecounted {
			next.Type, next.BillIDs = billsCreated, nil
		}
		if next.Timezone == "" {
			next.Timezone = "UTC"
		}
		next.Status = ""
		return nil
	},
	show: showBillJob,
	filters: []filter[billJob]{{"status", func(c *call, l listing) (func(row[billJob]) bool, error) {
		status, active := l.query.Get("status"), l.query.Get("active")
		return func(r row[billJob]) bool {
			is := showBillJob(c, r).Fields.Status
			running := is != jobComplete && is != jobCancelled
			return (status == "" || status == is) && (active == "" || (active == "true") == running)
		}, nil
	}}},
}

// showBillJob reads the status off the timetable.
func showBillJob(c *call, r row[billJob]) row[billJob] {
	p, ok := billJobPlans.Get(c.tx, c.org+nul+r.ID)
	if !ok {
		r.Fields.Status = jobComplete
		return r
	}
	status := p.At(c.now)
	r.Fields.Status = status.State
	for _, turn := range p.Turns[1:] {
		if !turn.At.After(c.now) {
			r.Version++
		}
	}
	if !status.Done {
		r.Fields.Pending = r.Fields.Total
	}
	return r
}

func createBillJob(c echo.Context) error {
	b, err := readBody[billJob](c)
	if err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) { return c.startBillJob(b.fields) })
}

// recalculateBills starts a job that works out bills anew.
func recalculateBills(c echo.Context) error {
	var req approveBillsRequest
	if err := bind(c, &req); err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		for _, id := range req.BillIDs {
			if !billRows.Has(c.tx, c.org, id) && !c.rules.Conformance {
				return nil, errInvalid("billIds: there is no bill with id %s", id)
			}
		}
		return c.startBillJob(billJob{Type: billsRecounted, BillIDs: distinct(req.BillIDs)})
	})
}

func (c *call) startBillJob(b billJob) (any, error) {
	for _, id := range b.AccountIDs {
		if !accountRows.Has(c.tx, c.org, id) && !c.rules.Conformance {
			return nil, errInvalid("accountIds: there is no account with id %s", id)
		}
	}
	b.Total = len(b.BillIDs)
	if b.Type != billsRecounted {
		b.Type = billsCreated
		b.Total = len(c.accountsToBill(b))
	}
	r, err := billJobs.insert(c, c.newID(billJobKind), b)
	if err != nil {
		return nil, err
	}
	p := job.Lay(job.RuleOf(c.tx, vendor, billJobKind, billJobRule), c.now)
	billJobPlans.Put(c.tx, c.org+nul+r.ID, p)
	jobOwners.Put(c.tx, r.ID, jobOwner{Kind: billJobKind, Org: c.org})
	c.dueTurns(p, dueBillJob, r.ID, c.now)
	return billJobs.answer(c, r), nil
}

// turnBillJob makes the bills when the job is complete.
func (c *call) turnBillJob(id string) error {
	p, ok := billJobPlans.Get(c.tx, c.org+nul+id)
	r, known := billJobRows.Get(c.tx, c.org, id)
	if !ok || !known {
		return nil
	}
	status := p.At(c.now)
	if from := stateBefore(p, c.now); from != status.State && from != "" {
		c.fire(billJobKind, id, from, status.State)
	}
	if !status.Done || status.State != jobComplete || !status.Since.Equal(c.now) {
		return nil
	}
	made, err := c.makeBills(r)
	if err != nil {
		return err
	}
	r.Fields.BillIDs = made
	r.Modified = c.now
	billJobRows.Put(c.tx, c.org, id, r)
	return nil
}

// cancelBillJob stops a job that is not at its end.
func cancelBillJob(c echo.Context) error {
	return billJobs.one(update, c, func(c *call, r row[billJob]) (row[billJob], error) {
		p, ok := billJobPlans.Get(c.tx, c.org+nul+r.ID)
		if !ok {
			return r, nil // made up under conformance
		}
		if p.At(c.now).Done {
			return r, errInvalid("The bill job %s is %s already", r.ID, p.At(c.now).State)
		}
		billJobPlans.Put(c.tx, c.org+nul+r.ID, p.Force(c.now, jobCancelled, ""))
		c.dueAt(c.now, dueBillJob, r.ID)
		return r, nil
	})
}

// getBillJob answers one job; a leg that counts polls comes nearer to its end by it.
func getBillJob(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		r, err := billJobs.find(c, id)
		if err != nil {
			return nil, err
		}
		shown := billJobs.answer(c, r)
		if p, ok := billJobPlans.Get(c.tx, c.org+nul+id); ok && len(p.Waiting) > 0 {
			p = p.Poll(c.now)
			billJobPlans.Put(c.tx, c.org+nul+id, p)
			c.dueTurns(p, dueBillJob, id, c.now)
		}
		return shown, nil
	})
}

// accountsToBill are the accounts that a job is about: those asked for, or all, that have an account plan.
func (c *call) accountsToBill(b billJob) []row[account] {
	subscribed := map[string]bool{}
	for r := range each(c, accountPlanRows) {
		subscribed[r.Fields.AccountID] = true
	}
	var selected []row[account]
	for r := range each(c, accountRows) {
		if subscribed[r.ID] && (len(b.AccountIDs) == 0 || slices.Contains(b.AccountIDs, r.ID)) {
			selected = append(selected, r)
		}
	}
	return selected
}
