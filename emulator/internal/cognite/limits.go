package cognite

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

type limitAnswer struct {
	LimitID string  `json:"limitId"`
	Value   float64 `json:"value"`
}

type limitPage struct {
	Items      []limitAnswer `json:"items"`
	NextCursor string        `json:"nextCursor,omitempty"`
}

// listLimits answers a page of all limits.
func listLimits(c echo.Context) error {
	page, err := pageOfQuery(c)
	if err != nil {
		return err
	}
	return listLimitPage(c, page)
}

type listLimitsRequest struct{ pageRequest }

// UnmarshalJSON reads the fields by their exact names.
func (r *listLimitsRequest) UnmarshalJSON(data []byte) error { return exact(data, r.fields()) }

// listLimitsAdvanced answers a page of the limits whose id begins as asked.
func listLimitsAdvanced(c echo.Context) error {
	var asked listLimitsRequest
	if _, err := bind(c, &asked); err != nil {
		return err
	}
	return listLimitPage(c, asked.pageRequest)
}

func listLimitPage(c echo.Context, page pageRequest) error {
	answer := limitPage{Items: []limitAnswer{}}
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) (err error) {
		answer.NextCursor, err = walkPage(tx, limits, "limits", callerOf(c).project, page, func(id string, l limit) {
			answer.Items = append(answer.Items, limitAnswer{LimitID: id, Value: l.Value})
		})
		return err
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, answer)
}

// getLimit answers one limit, in no list.
func getLimit(c echo.Context) error {
	answer := limitAnswer{LimitID: pathParam(c, "limitId")}
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		l, ok := limits.Get(tx, inProject(callerOf(c).project, answer.LimitID))
		if !ok {
			return errNoLimit()
		}
		answer.Value = l.Value
		return nil
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, answer)
}
