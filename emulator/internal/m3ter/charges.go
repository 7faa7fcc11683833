package m3ter

// charge is something to bill an account for once.
type charge struct {
	AccountID              string  `json:"accountId"`
	Name                   string  `json:"name"`
	Code                   string  `json:"code"`
	Currency               string  `json:"currency"`
	EntityType             string  `json:"entityType"`
	EntityID               string  `json:"entityId,omitempty"`
	LineItemType           string  `json:"lineItemType"`
	ServicePeriodStartDate instant `json:"servicePeriodStartDate"`
	ServicePeriodEndDate   instant `json:"servicePeriodEndDate"`
	Amount                 *number `json:"amount,omitempty"`
	Units                  *number `json:"units,omitempty"`
	UnitPrice              *number `json:"unitPrice,omitempty"`
	BillDate               string  `json:"billDate,omitempty"`
	Description            string  `json:"description,omitempty"`
	Notes                  string  `json:"notes,omitempty"`
	ContractID             string  `json:"contractId,omitempty"`
	AccountingProductID    string  `json:"accountingProductId,omitempty"`
	BillID                 string  `json:"billId,omitempty"`
	ScheduleID             string  `json:"scheduleId,omitempty"`
}

const chargeKind = "charge"

var charges = &entity[charge]{
	kind: chargeKind, title: "charge", family: "billing", rows: chargeRows,
	blank:   charge{EntityType: "AD_HOC", LineItemType: "AD_HOC"},
	code:    func(t *charge) string { return t.Code },
	account: func(t *charge) string { return t.AccountID },
	references: []reference[charge]{
		to("accountId", accountKind, func(t *charge) string { return t.AccountID }),
		to("contractId", contractKind, func(t *charge) string { return t.ContractID }),
		to("accountingProductId", productKind, func(t *charge) string { return t.AccountingProductID }),
		{"entityId", balanceKind, func(t *charge) []string {
			if t.EntityType != "BALANCE" {
				return nil
			}
			return []string{t.EntityID}
		}},
	},
	filters: []filter[charge]{
		by("accountId", func(t *charge) string { return t.AccountID }),
		by("entityType", func(t *charge) string { return t.EntityType }),
		by("entityId", func(t *charge) string { return t.EntityID }),
		by("billDate", func(t *charge) string { return t.BillDate }),
		by("scheduleId", func(t *charge) string { return t.ScheduleID }),
	},
	rules: checkCharge,
}

func checkCharge(c *call, next *charge, before *row[charge]) error {
	next.BillID, next.ScheduleID = "", ""
	if before != nil {
		next.BillID, next.ScheduleID = before.Fields.BillID, before.Fields.ScheduleID
	}
	if c.rules.Conformance {
		return nil
	}
	byUnits := next.Units != nil || next.UnitPrice != nil
	switch {
	case byUnits == (next.Amount != nil) || byUnits && (next.Units == nil || next.UnitPrice == nil):
		return errInvalid("Either amount, or units and unitPrice together, are required, and never both")
	case next.EntityType == "BALANCE" && next.EntityID == "":
		return errInvalid("entityId is required for BALANCE: the id of the balance")
	case !next.ServicePeriodEndDate.After(next.ServicePeriodStartDate.Time):
		return errInvalid("servicePeriodEndDate must be after servicePeriodStartDate")
	}
	if next.BillDate == "" {
		return nil
	}
	_, err := parseDate("billDate", next.BillDate)
	return err
}
