package m3ter

import (
	"time"
)

// accountPlan puts an account on a plan, or on a plan group, for a time.
type accountPlan struct {
	AccountID        string       `json:"accountId"`
	PlanID           string       `json:"planId,omitempty"`
	PlanGroupID      string       `json:"planGroupId,omitempty"`
	ProductID        string       `json:"productId,omitempty"` // the plan's
	Code             string       `json:"code,omitempty"`
	StartDate        instant      `json:"startDate"`
	EndDate          *instant     `json:"endDate,omitempty"`
	BillEpoch        string       `json:"billEpoch,omitempty"`
	ContractID       string       `json:"contractId,omitempty"`
	ChildBillingMode string       `json:"childBillingMode,omitempty"`
	CustomFields     customFields `json:"customFields"`
}

const accountPlanKind = "accountplan"

var accountPlans = &entity[accountPlan]{
	kind: accountPlanKind, title: "account plan", family: "configuration", rows: accountPlanRows,
	code:    func(p *accountPlan) string { return p.Code },
	account: func(p *accountPlan) string { return p.AccountID },
	custom:  func(p *accountPlan) customFields { return p.CustomFields }, customKind: "accountPlan",
	references: []reference[accountPlan]{
		to("accountId", accountKind, func(p *accountPlan) string { return p.AccountID }),
		to("planId", planKind, func(p *accountPlan) string { return p.PlanID }),
		to("planGroupId", planGroupKind, func(p *accountPlan) string { return p.PlanGroupID }),
		to("contractId", contractKind, func(p *accountPlan) string { return p.ContractID }),
	},
	filters: []filter[accountPlan]{
		by("account", func(p *accountPlan) string { return p.AccountID }),
		by("contract", func(p *accountPlan) string { return p.ContractID }),
		by("product", func(p *accountPlan) string { return p.ProductID }),
		{"plan", func(_ *call, l listing) (func(row[accountPlan]) bool, error) {
			asked := l.query.Get("plan")
			return func(r row[accountPlan]) bool {
				return asked == "" || asked == r.Fields.PlanID || asked == r.Fields.PlanGroupID
			}, nil
		}},
		{"date", activeAccountPlans},
	},
	rules: checkAccountPlan,
}

// activeAccountPlans keeps those that are active at the date asked for; those of one account only if they are active
// now, unless includeall asks for all.
func activeAccountPlans(c *call, l listing) (func(row[accountPlan]) bool, error) {
	if !c.rules.Conformance && l.query.Get("product") != "" && l.query.Get("account") == "" {
		return nil, errInvalid("product can be used together with account only")
	}
	var at time.Time
	switch text := l.query.Get("date"); {
	case text != "":
		var err error
		if at, err = parseDate("date", text[:min(len(text), len(time.DateOnly))]); err != nil && !c.rules.Conformance {
			return nil, err
		}
	case l.query.Get("account") != "" && l.query.Get("includeall") != "true":
		at = c.now
	}
	return func(r row[accountPlan]) bool { return at.IsZero() || r.Fields.activeAt(at) }, nil
}

func (p *accountPlan) activeAt(at time.Time) bool {
	return !p.StartDate.After(at) && (p.EndDate == nil || p.EndDate.After(at))
}

// overlaps says whether two account plans are active at some instant both.
func (p *accountPlan) overlaps(q *accountPlan) bool {
	return (q.EndDate == nil || p.StartDate.Before(q.EndDate.Time)) && (p.EndDate == nil || q.StartDate.Before(p.EndDate.Time))
}

func checkAccountPlan(c *call, next *accountPlan, before *row[accountPlan]) error {
	p, _ := planRows.Get(c.tx, c.org, next.PlanID)
	next.ProductID = p.Fields.ProductID
	if next.ChildBillingMode == "" {
		next.ChildBillingMode = "PARENT_BREAKDOWN"
	}
	if c.rules.Conformance {
		return nil
	}
	switch {
	case (next.PlanID == "") == (next.PlanGroupID == ""):
		return errInvalid("Either planId or planGroupId is required, and not both")
	case next.EndDate != nil && !next.EndDate.After(next.StartDate.Time):
		return errInvalid("endDate must be after startDate")
	case p.Fields.AccountID != "" && p.Fields.AccountID != next.AccountID:
		return errInvalid("planId: the plan is for another account alone")
	}
	if next.ProductID == "" {
		return nil
	}
	for r := range each(c, accountPlanRows) {
		if before != nil && r.ID == before.ID {
			continue
		}
		if r.Fields.AccountID == next.AccountID && r.Fields.ProductID == next.ProductID && r.Fields.overlaps(next) {
			return errInvalid("The account has a plan for this product at that time: account plan %s", r.ID)
		}
	}
	return nil
}
