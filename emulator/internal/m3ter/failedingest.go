package m3ter

import (
	"encoding/json"
	"strings"

	"github.com/labstack/echo/v4"
)

type downloadURLResponse struct {
	URL string `json:"url"`
}

// failedIngestFile is the name under which a failed measurement's log is asked for.
func failedIngestFile(org, id string, ev event) string {
	return org + "/" + dateOf(ev.At) + "/" + id + ".json"
}

// getFailedIngestDownloadURL answers a URL of the log of a failed measurement; a file that is not known is 404
// (M3T-039).
func getFailedIngestDownloadURL(c echo.Context) error {
	file := c.QueryParam("file")
	return update(c, func(c *call) (any, error) {
		_, name, _ := cutLast(file, "/")
		id := strings.TrimSuffix(name, ".json")
		ev, ok := events.Get(c.tx, c.org, id)
		if (!ok || ev.Ingest == nil || failedIngestFile(c.org, id, ev) != file) && !c.rules.Conformance {
			return nil, errNotFound("failed-ingest file", file)
		}
		address, _ := c.link(failureLinkLife, "failures", c.org, id)
		return downloadURLResponse{URL: address}, nil
	})
}

// failedIngestLog is the file itself (M3T-059).
type failedIngestLog struct {
	Errors      []failedIngestError `json:"errors"`
	Measurement json.RawMessage     `json:"measurement"`
}

type failedIngestError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func serveFailedIngest(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	return view(c, func(c *call) (any, error) {
		ev, ok := events.Get(c.tx, c.org, id)
		if !ok || ev.Ingest == nil {
			return nil, errNotFound("failed-ingest file", id)
		}
		return failedIngestLog{
			Errors:      []failedIngestError{{Type: ev.Ingest.Type, Message: ev.Ingest.Message}},
			Measurement: ev.Ingest.Measurement,
		}, nil
	})
}
