package m3ter

import (
	"github.com/labstack/echo/v4"
	"github.com/shopspring/decimal"
)

// balance is money of an account that bills can be paid from.
type balance struct {
	AccountID                       string       `json:"accountId"`
	ContractID                      string       `json:"contractId,omitempty"`
	Code                            string       `json:"code"`
	Name                            string       `json:"name"`
	Description                     string       `json:"description,omitempty"`
	Currency                        string       `json:"currency"`
	StartDate                       instant      `json:"startDate"`
	EndDate                         instant      `json:"endDate"`
	RolloverAmount                  *number      `json:"rolloverAmount,omitempty"`
	RolloverEndDate                 *instant     `json:"rolloverEndDate,omitempty"`
	Amount                          *number      `json:"amount,omitempty"`
	AllowOverdraft                  *bool        `json:"allowOverdraft,omitempty"`
	ProductIDs                      list[string] `json:"productIds"`
	LineItemTypes                   list[string] `json:"lineItemTypes"`
	BalanceDrawDownDescription      string       `json:"balanceDrawDownDescription,omitempty"`
	OverageDescription              string       `json:"overageDescription,omitempty"`
	OverageSurchargePercent         *number      `json:"overageSurchargePercent,omitempty"`
	ConsumptionsAccountingProductID string       `json:"consumptionsAccountingProductId,omitempty"`
	FeesAccountingProductID         string       `json:"feesAccountingProductId,omitempty"`
	CustomFields                    customFields `json:"customFields"`
}

const balanceKind = "balance"

var balances = &entity[balance]{
	kind: balanceKind, title: "balance", family: "billing", rows: balanceRows,
	code:    func(b *balance) string { return b.Code },
	account: func(b *balance) string { return b.AccountID },
	references: []reference[balance]{
		to("accountId", accountKind, func(b *balance) string { return b.AccountID }),
		to("contractId", contractKind, func(b *balance) string { return b.ContractID }),
		{"productIds", productKind, func(b *balance) []string { return b.ProductIDs }},
		to("consumptionsAccountingProductId", productKind, func(b *balance) string { return b.ConsumptionsAccountingProductID }),
		to("feesAccountingProductId", productKind, func(b *balance) string { return b.FeesAccountingProductID }),
	},
	filters: []filter[balance]{
		by("accountId", func(b *balance) string { return b.AccountID }),
		by("contractId", func(b *balance) string { return b.ContractID }),
		by("contract", func(b *balance) string { return b.ContractID }),
		between("endDateStart", "endDateEnd", func(b *balance) string { return micro(b.lastDay().Time) }),
	},
	rules: func(c *call, next *balance, before *row[balance]) error {
		next.Amount = newNumber(decimal.Zero)
		if before != nil && before.Fields.Amount != nil {
			next.Amount = before.Fields.Amount
		}
		if !c.rules.Conformance && !next.EndDate.After(next.StartDate.Time) {
			return errInvalid("endDate must be after startDate")
		}
		return nil
	},
	removed: func(c *call, gone row[balance]) error {
		var own []row[transaction]
		for r := range each(c, transactionRows) {
			if r.Fields.BalanceID == gone.ID {
				own = append(own, r)
			}
		}
		for _, r := range own { // a balance consists of them
			if err := transactions.remove(c, r); err != nil {
				return err
			}
		}
		return nil
	},
}

// lastDay is when a balance ends: what rolls over counts until the end of the rollover.
func (b *balance) lastDay() instant {
	if b.RolloverEndDate != nil {
		return *b.RolloverEndDate
	}
	return b.EndDate
}

// transaction changes the amount of a balance. What the API makes was caused by the caller (M3T-060).
type transaction struct {
	BalanceID         string   `json:"balanceId"`
	Amount            *number  `json:"amount"`
	TransactionTypeID string   `json:"transactionTypeId,omitempty"`
	Description       string   `json:"description,omitempty"`
	Paid              *number  `json:"paid,omitempty"`
	CurrencyPaid      string   `json:"currencyPaid,omitempty"`
	AppliedDate       *instant `json:"appliedDate,omitempty"`
	TransactionDate   *instant `json:"transactionDate,omitempty"`
	EntityType        string   `json:"entityType"`
	EntityID          string   `json:"entityId"`
}

const transactionKind = "balancetransaction"

var transactions = &entity[transaction]{
	kind: transactionKind, title: "transaction", rows: transactionRows,
	references: []reference[transaction]{
		to("transactionTypeId", transactionTypeKind, func(t *transaction) string { return t.TransactionTypeID }),
	},
	filters: []filter[transaction]{
		by("transactionTypeId", func(t *transaction) string { return t.TransactionTypeID }),
		by("entityType", func(t *transaction) string { return t.EntityType }),
		by("entityId", func(t *transaction) string { return t.EntityID }),
	},
	rules: func(c *call, next *transaction, _ *row[transaction]) error {
		next.EntityType, next.EntityID = "SERVICE_USER", c.user
		if next.AppliedDate == nil {
			next.AppliedDate = &instant{c.now}
		}
		if next.TransactionDate == nil {
			next.TransactionDate = &instant{c.now}
		}
		return nil
	},
}

// createBalanceTransaction adds to the balance what the transaction is worth (M3T-060).
func createBalanceTransaction(c echo.Context) error {
	id, err := pathParam(c, "balanceId")
	if err != nil {
		return err
	}
	b, err := readBody[transaction](c)
	if err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		of, err := balances.find(c, id)
		if err != nil {
			return nil, err
		}
		b.fields.BalanceID = id
		r, err := transactions.insert(c, c.newID(transactionKind), b.fields)
		if err != nil {
			return nil, err
		}
		of.Fields.Amount = newNumber(orZero(of.Fields.Amount).Add(orZero(b.fields.Amount)))
		of.Modified, of.ModifiedBy = c.now, c.actor
		balanceRows.Put(c.tx, c.org, id, of)
		return transactions.answer(c, r), nil
	})
}

func listBalanceTransactions(c echo.Context) error {
	id, err := pathParam(c, "balanceId")
	if err != nil {
		return err
	}
	l := readListing(c, 200)
	return view(c, func(c *call) (any, error) {
		if _, err := balances.find(c, id); err != nil {
			return nil, err
		}
		return transactions.listed(c, l, "transactions of "+id, func(r row[transaction]) bool { return r.Fields.BalanceID == id })
	})
}

type balanceTransactionSummary struct {
	TotalCreditAmount    number `json:"totalCreditAmount"`
	TotalDebitAmount     number `json:"totalDebitAmount"`
	InitialCreditAmount  number `json:"initialCreditAmount"`
	ExpiredBalanceAmount number `json:"expiredBalanceAmount"`
	RolloverConsumed     number `json:"rolloverConsumed"`
	BalanceConsumed      number `json:"balanceConsumed"`
}

// summarizeBalanceTransactions adds up what came in and went out. The first credit counts as the initial one, and what
// is left when the balance has ended as expired (M3T-066).
func summarizeBalanceTransactions(c echo.Context) error {
	id, err := pathParam(c, "balanceId")
	if err != nil {
		return err
	}
	return view(c, func(c *call) (any, error) {
		of, err := balances.find(c, id)
		if err != nil {
			return nil, err
		}
		var sum balanceTransactionSummary
		for r := range each(c, transactionRows) {
			amount := orZero(r.Fields.Amount)
			switch {
			case r.Fields.BalanceID != id:
			case amount.IsPositive():
				if sum.InitialCreditAmount.IsZero() {
					sum.InitialCreditAmount.Decimal = amount
				}
				sum.TotalCreditAmount.Decimal = sum.TotalCreditAmount.Add(amount)
			default:
				sum.TotalDebitAmount.Decimal = sum.TotalDebitAmount.Sub(amount)
			}
		}
		sum.BalanceConsumed = sum.TotalDebitAmount
		if end := of.Fields.lastDay(); !end.IsZero() && !c.now.Before(end.Time) {
			sum.ExpiredBalanceAmount.Decimal = sum.TotalCreditAmount.Sub(sum.TotalDebitAmount.Decimal)
		}
		return sum, nil
	})
}

// transactionType names a reason for transactions.
type transactionType struct {
	Name     string `json:"name"`
	Code     string `json:"code,omitempty"`
	Archived bool   `json:"archived"`
}

const transactionTypeKind = "transactiontype"

var transactionTypes = &entity[transactionType]{
	kind: transactionTypeKind, title: "transaction type", family: "configuration", rows: transactionTypeRows,
	code: func(t *transactionType) string { return t.Code },
	filters: []filter[transactionType]{{"archived", func(_ *call, l listing) (func(row[transactionType]) bool, error) {
		asked := l.query.Get("archived")
		return func(r row[transactionType]) bool { return asked == "" || (asked == "true") == r.Fields.Archived }, nil
	}}},
	rules: func(c *call, next *transactionType, _ *row[transactionType]) error {
		if !c.rules.Conformance && next.Code != "" && !fieldCode.MatchString(next.Code) {
			return errInvalid("code %s must begin with a letter, _ or $ and hold letters, digits, _ and $ alone", next.Code)
		}
		return nil
	},
}
