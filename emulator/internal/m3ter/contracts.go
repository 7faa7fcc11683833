package m3ter

import "time"

// contract is an agreement with an account that its plans and prepayments belong to.
type contract struct {
	AccountID                 string            `json:"accountId"`
	Name                      string            `json:"name"`
	Code                      string            `json:"code,omitempty"`
	Description               string            `json:"description,omitempty"`
	StartDate                 string            `json:"startDate,omitempty"`
	EndDate                   string            `json:"endDate,omitempty"`
	PurchaseOrderNumber       string            `json:"purchaseOrderNumber,omitempty"`
	BillGroupingKeyID         string            `json:"billGroupingKeyId,omitempty"`
	ApplyContractPeriodLimits *bool             `json:"applyContractPeriodLimits,omitempty"`
	UsageFilters              list[usageFilter] `json:"usageFilters"`
	CustomFields              customFields      `json:"customFields"`
}

type usageFilter struct {
	DimensionCode string `json:"dimensionCode"`
	Mode          string `json:"mode"`
	Value         string `json:"value"`
}

const contractKind = "contract"

var contracts = &entity[contract]{
	kind: contractKind, title: "contract", family: "configuration", rows: contractRows,
	code:    func(t *contract) string { return t.Code },
	account: func(t *contract) string { return t.AccountID },
	custom:  func(t *contract) customFields { return t.CustomFields }, customKind: "contract",
	references: []reference[contract]{to("accountId", accountKind, func(t *contract) string { return t.AccountID })},
	filters:    []filter[contract]{by("accountId", func(t *contract) string { return t.AccountID })},
	rules: func(c *call, next *contract, _ *row[contract]) error {
		return c.checkDates(next.StartDate, next.EndDate)
	},
}

// checkDates refuses a term that ends before it begins. Dates of one form compare as texts.
func (c *call) checkDates(start, end string) error {
	if !c.rules.Conformance && start != "" && end != "" && end < start {
		return errInvalid("endDate must not be before startDate")
	}
	return nil
}

// commitment is an amount that an account pays, or has paid, ahead.
type commitment struct {
	AccountID                    string              `json:"accountId"`
	ContractID                   string              `json:"contractId,omitempty"`
	Amount                       *number             `json:"amount,omitempty"`
	AmountPrePaid                *number             `json:"amountPrePaid,omitempty"`
	AmountFirstBill              *number             `json:"amountFirstBill,omitempty"`
	AmountSpent                  *number             `json:"amountSpent,omitempty"`
	Currency                     string              `json:"currency"`
	StartDate                    string              `json:"startDate,omitempty"`
	EndDate                      string              `json:"endDate,omitempty"`
	BillingPlanID                string              `json:"billingPlanId,omitempty"`
	BillingInterval              *int                `json:"billingInterval,omitempty"`
	BillingOffset                *int                `json:"billingOffset,omitempty"`
	BillEpoch                    string              `json:"billEpoch,omitempty"`
	FeeDates                     list[commitmentFee] `json:"feeDates"`
	ProductIDs                   list[string]        `json:"productIds"`
	LineItemTypes                list[string]        `json:"lineItemTypes"`
	OverageSurchargePercent      *number             `json:"overageSurchargePercent,omitempty"`
	SeparateOverageUsage         *bool               `json:"separateOverageUsage,omitempty"`
	CommitmentFeeDescription     string              `json:"commitmentFeeDescription,omitempty"`
	CommitmentUsageDescription   string              `json:"commitmentUsageDescription,omitempty"`
	OverageDescription           string              `json:"overageDescription,omitempty"`
	CommitmentFeeBillInAdvance   *bool               `json:"commitmentFeeBillInAdvance,omitempty"`
	ChildBillingMode             string              `json:"childBillingMode,omitempty"`
	AccountingProductID          string              `json:"accountingProductId,omitempty"`
	FeesAccountingProductID      string              `json:"feesAccountingProductId,omitempty"`
	DrawdownsAccountingProductID string              `json:"drawdownsAccountingProductId,omitempty"`
}

type commitmentFee struct {
	Date                   string  `json:"date"`
	Amount                 *number `json:"amount"`
	ServicePeriodStartDate string  `json:"servicePeriodStartDate"`
	ServicePeriodEndDate   string  `json:"servicePeriodEndDate"`
}

const commitmentKind = "commitment"

var commitments = &entity[commitment]{
	kind: commitmentKind, title: "commitment", family: "configuration", rows: commitmentRows,
	account: func(t *commitment) string { return t.AccountID },
	references: []reference[commitment]{
		to("accountId", accountKind, func(t *commitment) string { return t.AccountID }),
		to("contractId", contractKind, func(t *commitment) string { return t.ContractID }),
		to("billingPlanId", planKind, func(t *commitment) string { return t.BillingPlanID }),
		{"productIds", productKind, func(t *commitment) []string { return t.ProductIDs }},
		to("accountingProductId", productKind, func(t *commitment) string { return t.AccountingProductID }),
		to("feesAccountingProductId", productKind, func(t *commitment) string { return t.FeesAccountingProductID }),
		to("drawdownsAccountingProductId", productKind, func(t *commitment) string { return t.DrawdownsAccountingProductID }),
	},
	filters: []filter[commitment]{
		by("accountId", func(t *commitment) string { return t.AccountID }),
		by("contractId", func(t *commitment) string { return t.ContractID }),
		byAny("productId", func(t *commitment) []string { return t.ProductIDs }),
		between("endDateStart", "endDateEnd", func(t *commitment) string { return t.EndDate }),
		{"date", func(_ *call, l listing) (func(row[commitment]) bool, error) {
			at := l.query.Get("date")
			return func(r row[commitment]) bool {
				return at == "" || r.Fields.StartDate <= at && at <= r.Fields.EndDate
			}, nil
		}},
	},
	rules: checkCommitment,
}

func checkCommitment(c *call, next *commitment, before *row[commitment]) error {
	next.AmountSpent = newNumber(orZero(nil))
	if before != nil {
		next.AmountSpent = before.Fields.AmountSpent
	}
	if c.rules.Conformance {
		return nil
	}
	if next.BillingPlanID != "" && len(next.FeeDates) > 0 {
		return errInvalid("Either billingPlanId or feeDates can be given, not both")
	}
	if orZero(next.AmountPrePaid).GreaterThan(orZero(next.Amount)) {
		return errInvalid("amountPrePaid must not be more than amount")
	}
	for _, fee := range next.FeeDates {
		for field, text := range map[string]string{
			"servicePeriodStartDate": fee.ServicePeriodStartDate, "servicePeriodEndDate": fee.ServicePeriodEndDate,
		} {
			if _, err := time.Parse(time.RFC3339Nano, text); err == nil {
				continue // the vendor's clients send an instant here
			}
			if _, err := parseDate("feeDates."+field, text); err != nil {
				return err
			}
		}
	}
	return c.checkDates(next.StartDate, next.EndDate)
}
