package informatica

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

const archiveLife = 3 * day // from the job's end

// newest as the number of a usage stands for all there are.
const newest = ^uint64(0)

// downloadExport streams the ZIP of a finished job. It is made anew each time, from what the job fixed when it was
// made: the organizations, the prices, the usages that there were, and the end up to which runs count.
func (a *API) downloadExport(c echo.Context) error {
	var (
		x exportJob
		r report
	)
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) (err error) {
		who := callerOf(c)
		if x, err = jobOf(tx, who, c.Param("jobId")); err != nil {
			return err
		}
		if err := x.checkArchive(tx.Now, who.options); err != nil {
			return err
		}
		r = x.report(tx)
		return nil
	})
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, "application/zip")
	header.Set(echo.HeaderContentDisposition, `attachment; filename="`+x.id+`.zip"`) // INF-022
	out := &download{to: c.Response()}
	if err := writeArchive(out, r.files(), r.dialect, x.status.Since); err != nil {
		return err
	}
	return out.close()
}

// checkArchive refuses a download that there is no ZIP for, or none any more (INF-024).
func (x *exportJob) checkArchive(now time.Time, o fixtures.InformaticaOptions) error {
	state := x.status.State
	if state != stateSuccess && state != statePartial {
		return errNoArchive(downloadStatus(o.EarlyDownload == fixtures.InformaticaEarlyNotFound), state)
	}
	if !now.Before(x.status.Since.Add(archiveLife)) {
		return errExpired(downloadStatus(o.ExpiredDownload == fixtures.InformaticaExpiredNotFound))
	}
	return nil
}

func downloadStatus(notFound bool) int {
	if notFound {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

// report reads what the files of a finished job are made from.
func (x *exportJob) report(tx *store.Tx) report {
	edition, _ := catalogues.Get(tx, editionKey(x.Edition))
	r := report{
		kind: x.Report, combined: x.Combined, by: x.status.Since, prices: newPriceList(edition),
		dialect: dialectOf(settingOf(tx).Options),
	}
	r.first, r.after = daysOf(x.Start, x.End)
	if x.Meter != "" {
		var ok bool
		if r.only, ok = r.prices.meters[x.Meter]; !ok {
			r.only = &meter{ID: x.Meter, Service: serviceCDI} // let in by the option; nothing was ever counted by it
		}
	}
	for _, s := range x.reported() {
		r.ledgers = append(r.ledgers, ledgerOf(tx, s, x.LastUsage))
	}
	return r
}

// reported are the organizations whose usage the ZIP holds. A success that a test made partial lacks the last of several,
// for want of a reason (INF-055).
func (x *exportJob) reported() []subject {
	if x.status.State == statePartial && len(x.Missing) == 0 && len(x.Orgs) > 1 {
		return x.Orgs[:len(x.Orgs)-1]
	}
	return x.Orgs
}

// ledgerOf reads an organization's usages up to a number.
func ledgerOf(tx *store.Tx, s subject, last uint64) orgLedger {
	l := orgLedger{subject: s}
	for row := range usages.After(tx, s.ID, 0) {
		if row.Value.Number <= last {
			l.usages = append(l.usages, row.Value)
		}
	}
	return l
}
