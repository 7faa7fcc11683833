package m3ter

import (
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	usageSource       = "USAGE"
	operationalSource = "OPERATIONAL"
	formatCSV         = "CSV"
	formatJSONL       = "JSONL"
)

// exportConfig is what an export is about. A job keeps its own, whatever becomes of the schedule it came from.
type exportConfig struct {
	SourceType           string       `json:"sourceType"`
	DestinationIDs       list[string] `json:"destinationIds"`
	ExportFileFormat     string       `json:"exportFileFormat"`
	OperationalDataTypes list[string] `json:"operationalDataTypes"`
	TimePeriod           string       `json:"timePeriod"` // of schedules
	usageSelection
}

type createAdHocDataExportRequest struct {
	exportConfig
	StartDate *instant `json:"startDate"`
	EndDate   *instant `json:"endDate"`
}

type createAdHocDataExportResponse struct {
	JobID string `json:"jobId"`
}

// createAdHocDataExport starts one job. Fields of older editions of the API are ignored.
func createAdHocDataExport(c echo.Context) error {
	var req createAdHocDataExportRequest
	if err := bind(c, &req); err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		if err := c.checkExport(&req.exportConfig); err != nil {
			return nil, err
		}
		j := exportJob{Config: req.exportConfig}
		if req.SourceType == usageSource {
			from, until, err := c.usagePeriod(req.StartDate, req.EndDate)
			if err != nil {
				return nil, err
			}
			j.From, j.Until = from, until
		} else if req.StartDate != nil { // an end date means nothing here (M3T-023)
			j.From = req.StartDate.Time
		}
		return createAdHocDataExportResponse{JobID: c.startExport(j)}, nil
	})
}

// usagePeriod holds the dates of a usage export to the documented rules; the latest end is the next midnight, UTC.
func (c *call) usagePeriod(start, end *instant) (from, until time.Time, err error) {
	from, until, err = c.period(start, end)
	if err == nil && !c.rules.Conformance && until.After(midnight(c.now).AddDate(0, 0, 1)) {
		err = errInvalid("endDate must not be after the next midnight UTC")
	}
	return from, until, err
}

// checkExport holds what ad-hoc exports and schedules have in common to the rules.
func (c *call) checkExport(e *exportConfig) error {
	if e.ExportFileFormat == "" {
		e.ExportFileFormat = formatCSV // M3T-021
	}
	if err := c.checkDestinations(e.DestinationIDs); err != nil {
		return err
	}
	if e.SourceType == operationalSource {
		e.usageSelection = usageSelection{}
		e.OperationalDataTypes = distinct(e.OperationalDataTypes) // M3T-023
		if len(e.OperationalDataTypes) == 0 && !c.rules.Conformance {
			return errInvalid("operationalDataTypes is required")
		}
		return nil
	}
	e.OperationalDataTypes = nil
	_, err := c.planUsage(e.usageSelection)
	return err
}

// distinct keeps the first of equal values.
func distinct(values []string) []string {
	var kept []string
	for _, v := range values {
		if !slices.Contains(kept, v) {
			kept = append(kept, v)
		}
	}
	return kept
}
