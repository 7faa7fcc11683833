package metronome

import (
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

type previewEventsRequest struct {
	Events []struct {
		TransactionID string `json:"transaction_id"`
	} `json:"events"`
}

type previewEventsResponse struct {
	Data []struct{} `json:"data"` // invoices
}

// previewEvents prices events that nobody stores. A price needs a contract, and no customer has one here, so there is no
// invoice to answer, whether the events stand alone or on top of usage. // MET-048
func (a *API) previewEvents(c echo.Context) error {
	var req previewEventsRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	return a.read(c, func(tx *store.Tx, who caller) (any, error) {
		seen := map[string]bool{}
		for _, event := range req.Events {
			if id := event.TransactionID; id != "" && seen[id] {
				return nil, errDuplicateTransaction(id)
			}
			seen[event.TransactionID] = true
		}
		if _, err := who.customer(tx, c.Param("customer_id")); err != nil {
			return nil, err
		}
		return previewEventsResponse{Data: []struct{}{}}, nil
	})
}
