package metronome

import (
	"regexp"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

type getEmbeddableDashboardURLRequest struct {
	CustomerID string `json:"customer_id"`
	Dashboard  string `json:"dashboard"`
	Colors     []struct {
		Value *string `json:"value"`
	} `json:"color_overrides"`
}

type getEmbeddableDashboardURLResponse struct {
	Data struct {
		URL string `json:"url"`
	} `json:"data"`
}

var hexColor = regexp.MustCompile(`^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$`)

const dashboardTokenLength = 32

// getEmbeddableDashboardURL makes a new URL each time; there is no page behind it. Options are not looked into: the list
// of their keys is not known to be whole. // MET-048
func (a *API) getEmbeddableDashboardURL(c echo.Context) error {
	var req getEmbeddableDashboardURLRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	base := wire.TraceOf(c.Request().Context()).BaseURL + "/metronome"
	return a.write(c, func(tx *store.Tx, who caller) (any, error) {
		if _, err := who.customer(tx, req.CustomerID); err != nil {
			return nil, err
		}
		for _, color := range req.Colors {
			if color.Value != nil && !hexColor.MatchString(*color.Value) && !who.Conformance { // MET-051
				return nil, errBadColor(*color.Value)
			}
		}
		token := store.Base62(store.NewEntropy(tx, "metronome/dashboard"), dashboardTokenLength)
		var resp getEmbeddableDashboardURLResponse
		resp.Data.URL = base + "/embeddable-dashboards/" + req.Dashboard + "?token=" + token
		return resp, nil
	})
}
