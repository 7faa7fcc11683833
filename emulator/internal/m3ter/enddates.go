package m3ter

import (
	"fmt"
	"slices"

	"github.com/labstack/echo/v4"
)

// endDateBillingEntitiesRequest ends several kinds of billing entities of an account or a contract at once.
type endDateBillingEntitiesRequest struct {
	BillingEntities []string `json:"billingEntities"`
	EndDate         instant  `json:"endDate"`
	ApplyToChildren bool     `json:"applyToChildren"`
}

type endDateBillingEntitiesResponse struct {
	StatusMessage   string                 `json:"statusMessage"`
	UpdatedEntities map[string]nonEmptySet `json:"updatedEntities"`
	FailedEntities  map[string]nonEmptySet `json:"failedEntities"`
}

// nonEmptySet is all that the vendor's types say of the entities: that there are some (M3T-068).
type nonEmptySet struct {
	Empty bool `json:"empty"`
}

func endDateAccountBillingEntities(c echo.Context) error {
	return endDateEntities(c, func(c *call, id string, req endDateBillingEntitiesRequest) (belongs, error) {
		if _, err := accounts.find(c, id); err != nil {
			return belongs{}, err
		}
		family := []string{id}
		if req.ApplyToChildren {
			for r := range each(c, accountRows) {
				if r.Fields.ParentAccountID == id {
					family = append(family, r.ID)
				}
			}
		}
		return belongs{account: func(a string) bool { return slices.Contains(family, a) }, contract: func(string) bool { return true }}, nil
	})
}

func endDateContractBillingEntities(c echo.Context) error {
	return endDateEntities(c, func(c *call, id string, _ endDateBillingEntitiesRequest) (belongs, error) {
		_, err := contracts.find(c, id)
		return belongs{account: func(string) bool { return true }, contract: func(t string) bool { return t == id }}, err
	})
}

// belongs tells whose entities are meant.
type belongs struct{ account, contract func(id string) bool }

func endDateEntities(c echo.Context, whose func(*call, string, endDateBillingEntitiesRequest) (belongs, error)) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	var req endDateBillingEntitiesRequest
	if err := bind(c, &req); err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		of, err := whose(c, id, req)
		if err != nil {
			return nil, err
		}
		answer := endDateBillingEntitiesResponse{UpdatedEntities: map[string]nonEmptySet{}, FailedEntities: map[string]nonEmptySet{}}
		count := 0
		for _, kind := range distinct(req.BillingEntities) {
			updated, failed := c.endDate(kind, of, req.EndDate)
			if updated > 0 {
				answer.UpdatedEntities[kind] = nonEmptySet{}
			}
			if failed > 0 {
				answer.FailedEntities[kind] = nonEmptySet{}
			}
			count += updated
		}
		answer.StatusMessage = fmt.Sprintf("%d entities end at %s", count, precise(req.EndDate.Time))
		return answer, nil
	})
}

// endDate ends the entities of a kind that would last longer. Pricings belong to plans and not to accounts, counter
// pricings are not emulated: neither has any to end (M3T-068).
func (c *call) endDate(kind string, of belongs, end instant) (updated, failed int) {
	day := dateOf(end.Time)
	switch kind {
	case "CONTRACT":
		return endRows(c, contracts, func(r row[contract]) bool {
			return of.account(r.Fields.AccountID) && of.contract(r.ID) && r.Fields.EndDate > day
		}, func(t *contract) { t.EndDate = day })
	case "ACCOUNTPLAN":
		return endRows(c, accountPlans, func(r row[accountPlan]) bool {
			f := r.Fields
			return of.account(f.AccountID) && of.contract(f.ContractID) && (f.EndDate == nil || f.EndDate.After(end.Time))
		}, func(p *accountPlan) { p.EndDate = &end })
	case "PREPAYMENT":
		return endRows(c, commitments, func(r row[commitment]) bool {
			return of.account(r.Fields.AccountID) && of.contract(r.Fields.ContractID) && r.Fields.EndDate > day
		}, func(t *commitment) { t.EndDate = day })
	}
	return 0, 0
}

func endRows[T any](c *call, e *entity[T], meant func(row[T]) bool, end func(*T)) (updated, failed int) {
	var rows []row[T]
	for r := range each(c, e.rows) {
		if meant(r) {
			rows = append(rows, r)
		}
	}
	for _, r := range rows {
		fields := r.Fields
		end(&fields)
		if _, err := e.replace(c, r, fields); err != nil {
			failed++
			continue
		}
		updated++
	}
	return updated, failed
}
