package metronome

import (
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

type setIngestAliasesRequest struct {
	Aliases []string `json:"ingest_aliases"`
}

func (a *API) setIngestAliases(c echo.Context) error {
	var req setIngestAliasesRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.change(c, c.Param("customer_id"), func(tx *store.Tx, who caller, row *customer) (any, error) {
		if alias, taken := who.setAliases(tx, row, req.Aliases); taken {
			return nil, errAliasTaken(alias)
		}
		return nil, nil
	})
}

// setAliases makes aliases the whole set of a customer's. Repeats are dropped. An alias that another customer owns,
// active or archived, is refused; it stays that customer's until it is taken off there. // MET-044
func (w caller) setAliases(tx *store.Tx, row *customer, aliases []string) (alias string, taken bool) {
	before := row.Aliases
	row.Aliases = nil
	for _, alias := range aliases {
		if slices.Contains(row.Aliases, alias) {
			continue
		}
		owner, owned := aliasOwners.Get(tx, in(w.environment, alias))
		switch {
		case !owned:
			aliasOwners.Put(tx, in(w.environment, alias), row.ID)
		case owner != row.ID && !w.Conformance: // MET-051
			return alias, true
		}
		row.Aliases = append(row.Aliases, alias)
	}
	for _, alias := range before {
		if owner, _ := aliasOwners.Get(tx, in(w.environment, alias)); owner == row.ID && !slices.Contains(row.Aliases, alias) {
			aliasOwners.Delete(tx, in(w.environment, alias))
		}
	}
	return "", false
}

// change answers a request with a change of one customer, which counts as an update of it. // MET-047
func (a *API) change(c echo.Context, id string, do func(tx *store.Tx, who caller, row *customer) (any, error)) error {
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		row, err := who.customer(tx, id)
		if err != nil {
			return nil, err
		}
		row.Updated = tx.Now
		answer, err := do(tx, who, &row)
		if err != nil {
			return nil, err
		}
		customers.put(tx, who.environment, row)
		return answer, nil
	})
}

type setCustomerNameRequest struct {
	Name string `json:"name"`
}

func (a *API) setCustomerName(c echo.Context) error {
	var req setCustomerNameRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.change(c, c.Param("customer_id"), func(_ *store.Tx, _ caller, row *customer) (any, error) {
		row.Name = shortened(req.Name)
		return customerResponse{customerBodyOf(*row)}, nil
	})
}

type updateCustomerConfigRequest struct {
	Salesforce optional[string] `json:"salesforce_account_id"`
	LeaveDraft optional[bool]   `json:"leave_stripe_invoices_in_draft"`
}

func (a *API) updateCustomerConfig(c echo.Context) error {
	var req updateCustomerConfigRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.change(c, c.Param("customer_id"), func(_ *store.Tx, _ caller, row *customer) (any, error) {
		if req.Salesforce.given {
			row.Salesforce = req.Salesforce.value
		}
		if req.LeaveDraft.given {
			row.LeaveDraft = req.LeaveDraft.value
		}
		return nil, nil
	})
}

type objectID struct {
	ID string `json:"id"`
}

// idResponse answers the id of what was made or changed.
type idResponse struct {
	Data objectID `json:"data"`
}

// archiveCustomer leaves the aliases with the customer: they stay taken, and events under them stay its usage. // MET-036
func (a *API) archiveCustomer(c echo.Context) error {
	var req objectID
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.change(c, req.ID, func(tx *store.Tx, who caller, row *customer) (any, error) {
		if row.Archived != nil && !who.Conformance {
			return nil, errAlreadyArchived(row.ID) // MET-046, MET-051
		}
		row.Archived = &tx.Now
		return idResponse{objectID{row.ID}}, nil
	})
}

type setCustomerBillableStatusRequest struct {
	CustomerID string    `json:"customer_id"`
	Status     string    `json:"billable_status"`
	From       time.Time `json:"effective_at"`
}

type setCustomerBillableStatusResponse struct {
	Data struct {
		ID     string              `json:"id"`
		Status *billableStatusBody `json:"current_billable_status"`
	} `json:"data"`
}

type billableStatusBody struct {
	Value       string  `json:"value"`
	EffectiveAt *string `json:"effective_at"`
}

func (a *API) setCustomerBillableStatus(c echo.Context) error {
	var req setCustomerBillableStatusRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.change(c, req.CustomerID, func(tx *store.Tx, _ caller, row *customer) (any, error) {
		row.Statuses = slices.DeleteFunc(row.Statuses, func(s billableStatus) bool { return s.From.Equal(req.From) })
		row.Statuses = append(row.Statuses, billableStatus{Value: req.Status, From: req.From})
		slices.SortFunc(row.Statuses, func(a, b billableStatus) int { return a.From.Compare(b.From) })
		var resp setCustomerBillableStatusResponse
		resp.Data.ID, resp.Data.Status = row.ID, statusAt(*row, tx.Now)
		return resp, nil
	})
}

// statusAt returns whether a customer is billed at an instant; nil when nobody has ever said. Before the first instant
// that was given a customer is billed like any other. // MET-055
func statusAt(row customer, now time.Time) *billableStatusBody {
	if len(row.Statuses) == 0 {
		return nil
	}
	current := &billableStatusBody{Value: "billable"}
	for _, s := range row.Statuses {
		if !s.From.After(now) {
			from := inMillis(s.From)
			current = &billableStatusBody{Value: s.Value, EffectiveAt: &from}
		}
	}
	return current
}
