package informatica

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// parseOrgKey reads the id out of a path's segment org('<id>'). The quotes are single ones and must be there (INF-025).
func parseOrgKey(segment string) (id string, ok bool) {
	id, ok = strings.CutPrefix(segment, "org('")
	if !ok {
		return "", false
	}
	id, ok = strings.CutSuffix(id, "')")
	return id, ok && id != "" && !strings.ContainsRune(id, '\'')
}

type getOrgAlertResponse struct {
	OrgName              string                         `json:"orgName"`
	OrgID                string                         `json:"orgId"`
	ParentOrgID          *string                        `json:"parentOrgId"` // of a sub-organization only
	ThresholdValue       *int                           `json:"thresholdValue"`
	IPUConsumed          json.Number                    `json:"ipuConsumed"`
	IPUThresholdPrefType *fixtures.InformaticaThreshold `json:"ipuThresholdPrefType"`
}

// getOrgAlert tells an organization's own threshold; where none is set, there are nulls in its place (INF-027).
func (a *API) getOrgAlert(c echo.Context) error {
	var res getOrgAlertResponse
	err := a.withOrgKey(c, func(tx *store.Tx, o org) error {
		res = getOrgAlertResponse{OrgName: o.Name, OrgID: o.ID}
		if o.Kind == fixtures.InformaticaSubOrganization {
			res.ParentOrgID = &o.Parent
		}
		kind := fixtures.InformaticaAbsolute
		for row := range alerts.After(tx, o.ID, 0) {
			if set := row.Value; set.Project == "" {
				kind = set.Type
				res.ThresholdValue, res.IPUThresholdPrefType = &set.Threshold, &set.Type
			}
		}
		res.IPUConsumed = consumed(consumedIn(tx, o, tx.Now, func(*asset) bool { return true }), o, kind)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, res)
}

type tagAlert struct {
	OrgID                string                        `json:"orgId"`
	ProjectName          string                        `json:"projectName"`
	FolderName           *string                       `json:"folderName"`
	ThresholdValue       int                           `json:"thresholdValue"`
	CurrentConsumption   json.Number                   `json:"currentConsumption"`
	IPUThresholdPrefType fixtures.InformaticaThreshold `json:"ipuThresholdPrefType"`
}

// getTagAlerts tells the thresholds of projects and folders: one stands alone, as the vendor shows it, several are a list
// (INF-026), and none is an empty list (INF-027).
func (a *API) getTagAlerts(c echo.Context) error {
	list := []tagAlert{}
	err := a.withOrgKey(c, func(tx *store.Tx, o org) error {
		for row := range alerts.After(tx, o.ID, 0) {
			set := row.Value
			if set.Project == "" {
				continue
			}
			tag := tagAlert{OrgID: o.ID, ProjectName: set.Project, ThresholdValue: set.Threshold, IPUThresholdPrefType: set.Type}
			if set.Folder != "" {
				tag.FolderName = &set.Folder
			}
			tag.CurrentConsumption = consumed(consumedIn(tx, o, tx.Now, func(at *asset) bool {
				return at.Project == set.Project && (set.Folder == "" || at.Folder == set.Folder)
			}), o, set.Type)
			list = append(list, tag)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(list) == 1 && callerOf(c).options.TagAlerts == fixtures.InformaticaTagAlertsBare {
		return writeJSON(c, http.StatusOK, list[0])
	}
	return writeJSON(c, http.StatusOK, list)
}

// withOrgKey finds the organization of the path.
func (a *API) withOrgKey(c echo.Context, read func(*store.Tx, org) error) error {
	id, ok := parseOrgKey(c.Param("orgKey"))
	if !ok {
		return echo.ErrNotFound
	}
	return store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		o, err := visibleOrg(tx, callerOf(c), id)
		if err != nil {
			return err
		}
		return read(tx, o)
	})
}

// consumedIn adds up the IPUs that an organization itself consumed on some of its assets in the billing period, which
// is the calendar month, up to an instant (INF-054).
func consumedIn(tx *store.Tx, o org, now time.Time, take func(*asset) bool) decimal.Decimal {
	first, _ := billingPeriod(now)
	r := report{
		first: first, after: now, by: now, prices: newPriceList(currentCatalogue(tx)),
		ledgers: []orgLedger{ledgerOf(tx, subject{ID: o.ID}, newest)},
	}
	var total decimal.Decimal
	var scratch []run
	for _, s := range r.shares(&r.ledgers[0], true, anyMeter) {
		if !take(s.asset) {
			continue
		}
		for d := r.first; d.Before(r.after); d = d.Add(day) {
			if used, ran := r.total(s, d, &scratch); ran {
				total = total.Add(used.Mul(r.prices.rateOn(s.ID, d).Rate))
			}
		}
	}
	return total
}

// consumed writes a consumption in the terms of a threshold: IPUs, or percent of those the organization is entitled to,
// to two digits (INF-054).
func consumed(ipus decimal.Decimal, o org, kind fixtures.InformaticaThreshold) json.Number {
	if kind == fixtures.InformaticaPercentage && o.Entitled > 0 {
		ipus = ipus.Mul(decimal.NewFromInt(100)).DivRound(decimal.NewFromInt(int64(o.Entitled)), 2)
	}
	return json.Number(ipus.String())
}
