package m3ter

// charging is what plan templates, plans and plan groups say alike of their standing charge and least spend.
type charging struct {
	StandingCharge              *number `json:"standingCharge,omitempty"`
	StandingChargeDescription   string  `json:"standingChargeDescription,omitempty"`
	StandingChargeBillInAdvance *bool   `json:"standingChargeBillInAdvance,omitempty"`
	MinimumSpend                *number `json:"minimumSpend,omitempty"`
	MinimumSpendDescription     string  `json:"minimumSpendDescription,omitempty"`
	MinimumSpendBillInAdvance   *bool   `json:"minimumSpendBillInAdvance,omitempty"`
}

// planTemplate is what the plans of a product have in common.
type planTemplate struct {
	ProductID              string `json:"productId"`
	Name                   string `json:"name"`
	Code                   string `json:"code,omitempty"`
	Currency               string `json:"currency"`
	BillFrequency          string `json:"billFrequency"`
	BillFrequencyInterval  *int   `json:"billFrequencyInterval,omitempty"`
	StandingChargeInterval *int   `json:"standingChargeInterval,omitempty"`
	StandingChargeOffset   *int   `json:"standingChargeOffset,omitempty"`
	Ordinal                *int   `json:"ordinal,omitempty"`
	charging
	CustomFields customFields `json:"customFields"`
}

const planTemplateKind = "plantemplate"

var planTemplates = &entity[planTemplate]{
	kind: planTemplateKind, title: "plan template", family: "configuration", rows: planTemplateRows,
	blank:  planTemplate{BillFrequency: "MONTHLY"},
	code:   func(p *planTemplate) string { return p.Code },
	custom: func(p *planTemplate) customFields { return p.CustomFields }, customKind: "planTemplate",
	references: []reference[planTemplate]{to("productId", productKind, func(p *planTemplate) string { return p.ProductID })},
	filters:    []filter[planTemplate]{by("productId", func(p *planTemplate) string { return p.ProductID })},
}

// plan is what an account subscribes to.
type plan struct {
	PlanTemplateID string `json:"planTemplateId"`
	Name           string `json:"name"`
	Code           string `json:"code"`
	AccountID      string `json:"accountId,omitempty"` // a plan for that account alone
	ProductID      string `json:"productId,omitempty"` // the template's
	Bespoke        *bool  `json:"bespoke,omitempty"`
	Ordinal        *int   `json:"ordinal,omitempty"`
	charging
	StandingChargeAccountingProductID string       `json:"standingChargeAccountingProductId,omitempty"`
	MinimumSpendAccountingProductID   string       `json:"minimumSpendAccountingProductId,omitempty"`
	CustomFields                      customFields `json:"customFields"`
}

const planKind = "plan"

var plans = &entity[plan]{
	kind: planKind, title: "plan", family: "configuration", rows: planRows,
	code:    func(p *plan) string { return p.Code },
	account: func(p *plan) string { return p.AccountID },
	custom:  func(p *plan) customFields { return p.CustomFields }, customKind: "plan",
	references: []reference[plan]{
		to("planTemplateId", planTemplateKind, func(p *plan) string { return p.PlanTemplateID }),
		to("accountId", accountKind, func(p *plan) string { return p.AccountID }),
		to("standingChargeAccountingProductId", productKind, func(p *plan) string { return p.StandingChargeAccountingProductID }),
		to("minimumSpendAccountingProductId", productKind, func(p *plan) string { return p.MinimumSpendAccountingProductID }),
	},
	filters: []filter[plan]{
		by("productId", func(p *plan) string { return p.ProductID }),
		by("accountId", func(p *plan) string { return p.AccountID }),
	},
	rules: func(c *call, next *plan, _ *row[plan]) error {
		t, _ := planTemplateRows.Get(c.tx, c.org, next.PlanTemplateID)
		next.ProductID = t.Fields.ProductID
		return nil
	},
}

// planGroup sells plans together.
type planGroup struct {
	Name      string `json:"name"`
	Code      string `json:"code,omitempty"`
	Currency  string `json:"currency"`
	AccountID string `json:"accountId,omitempty"`
	charging
	StandingChargeAccountingProductID string       `json:"standingChargeAccountingProductId,omitempty"`
	MinimumSpendAccountingProductID   string       `json:"minimumSpendAccountingProductId,omitempty"`
	CustomFields                      customFields `json:"customFields"`
}

const planGroupKind = "plangroup"

var planGroups = &entity[planGroup]{
	kind: planGroupKind, title: "plan group", family: "configuration", rows: planGroupRows,
	code:    func(p *planGroup) string { return p.Code },
	account: func(p *planGroup) string { return p.AccountID },
	references: []reference[planGroup]{
		to("accountId", accountKind, func(p *planGroup) string { return p.AccountID }),
		to("standingChargeAccountingProductId", productKind, func(p *planGroup) string { return p.StandingChargeAccountingProductID }),
		to("minimumSpendAccountingProductId", productKind, func(p *planGroup) string { return p.MinimumSpendAccountingProductID }),
	},
	filters: []filter[planGroup]{by("accountId", func(p *planGroup) string { return p.AccountID })},
}

// planGroupLink puts a plan into a group.
type planGroupLink struct {
	PlanGroupID string `json:"planGroupId"`
	PlanID      string `json:"planId"`
}

const planGroupLinkKind = "plangrouplink"

var planGroupLinks = &entity[planGroupLink]{
	kind: planGroupLinkKind, title: "plan group link", family: "configuration", rows: planGroupLinkRows,
	references: []reference[planGroupLink]{
		to("planGroupId", planGroupKind, func(l *planGroupLink) string { return l.PlanGroupID }),
		to("planId", planKind, func(l *planGroupLink) string { return l.PlanID }),
	},
	filters: []filter[planGroupLink]{
		by("planGroup", func(l *planGroupLink) string { return l.PlanGroupID }),
		by("plan", func(l *planGroupLink) string { return l.PlanID }),
	},
}
