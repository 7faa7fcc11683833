package m3ter

import (
	"github.com/labstack/echo/v4"
)

// account is an end customer.
type account struct {
	Name                      string       `json:"name"`
	Code                      string       `json:"code"`
	EmailAddress              string       `json:"emailAddress"`
	Address                   *address     `json:"address,omitempty"`
	ParentAccountID           string       `json:"parentAccountId,omitempty"`
	BillEpoch                 string       `json:"billEpoch,omitempty"`
	PurchaseOrderNumber       string       `json:"purchaseOrderNumber,omitempty"`
	Currency                  string       `json:"currency,omitempty"`
	StatementDefinitionID     string       `json:"statementDefinitionId,omitempty"`
	AutoGenerateStatementMode string       `json:"autoGenerateStatementMode,omitempty"`
	CreditApplicationOrder    list[string] `json:"creditApplicationOrder"`
	DaysBeforeBillDue         *int         `json:"daysBeforeBillDue,omitempty"`
	CustomFields              customFields `json:"customFields"`
}

type address struct {
	AddressLine1 string `json:"addressLine1,omitempty"`
	AddressLine2 string `json:"addressLine2,omitempty"`
	AddressLine3 string `json:"addressLine3,omitempty"`
	AddressLine4 string `json:"addressLine4,omitempty"`
	Locality     string `json:"locality,omitempty"`
	Region       string `json:"region,omitempty"`
	PostCode     string `json:"postCode,omitempty"`
	Country      string `json:"country,omitempty"`
}

const accountKind = "account"

var accounts = &entity[account]{
	kind: accountKind, title: "account", family: "configuration", rows: accountRows,
	code:   func(a *account) string { return a.Code },
	custom: func(a *account) customFields { return a.CustomFields }, customKind: "account",
	references: []reference[account]{to("parentAccountId", accountKind, func(a *account) string { return a.ParentAccountID })},
	rules:      checkAccount,
}

func checkAccount(c *call, next *account, before *row[account]) error {
	if next.AutoGenerateStatementMode == "" {
		next.AutoGenerateStatementMode = "NONE"
	}
	if before == nil || c.rules.Conformance {
		return nil
	}
	// A family tree has no way round to its root.
	for parent := next.ParentAccountID; parent != ""; {
		if parent == before.ID {
			return errInvalid("parentAccountId: an account cannot be below itself")
		}
		r, ok := accountRows.Get(c.tx, c.org, parent)
		if !ok {
			break
		}
		parent = r.Fields.ParentAccountID
	}
	return nil
}

// listAccountChildren answers the accounts right below one.
func listAccountChildren(c echo.Context) error {
	parent, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	l := readListing(c, 200)
	return view(c, func(c *call) (any, error) {
		if _, err := accounts.find(c, parent); err != nil {
			return nil, err
		}
		return accounts.listed(c, l, "children of "+parent, func(r row[account]) bool {
			return r.Fields.ParentAccountID == parent
		})
	})
}
