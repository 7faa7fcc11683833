package m3ter

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// event is something that happened. What an answer shows of it follows from the kind of event.
type event struct {
	Name     string          `json:"name"`
	At       time.Time       `json:"at"`
	Actioned time.Time       `json:"actioned,omitzero"`
	Resource string          `json:"resource,omitempty"` // id of what it is about
	Account  string          `json:"account,omitempty"`
	Old      json.RawMessage `json:"old,omitempty"`
	New      json.RawMessage `json:"new,omitempty"`
	Ingest   *failedIngest   `json:"ingest,omitempty"`
	Export   *failedExport   `json:"export,omitempty"`
}

// failedIngest is why a measurement was not taken as it came (M3T-059).
type failedIngest struct {
	Type        string          `json:"type"`
	Message     string          `json:"message"`
	UID         string          `json:"uid,omitempty"`
	Meter       string          `json:"meter"`
	Account     string          `json:"account"`
	Measurement json.RawMessage `json:"measurement"` // as it came
}

// failedExport is why an export job failed (M3T-059).
type failedExport struct {
	Job        string `json:"job"`
	Schedule   string `json:"schedule,omitempty"`
	SourceType string `json:"source_type"`
	Message    string `json:"message"`
}

const (
	ingestFailure = "ingest.validation.failure"
	exportFailure = "dataexport.job.failure"
)

var events = store.NewOrdered[event]("m3ter/events")

// record keeps an event as having happened now.
func (c *call) record(ev event) {
	ev.At = c.now
	events.Put(c.tx, c.org, c.newID("event"), ev)
}

// eventResponse is an event as the API shows it.
type eventResponse struct {
	ID         string  `json:"id"`
	EventName  string  `json:"eventName"`
	EventTime  string  `json:"eventTime"`
	DtActioned *string `json:"dtActioned"` // null until somebody has dealt with it (M3T-058)
	M3terEvent any     `json:"m3terEvent"`
}

func showEvent(c *call, id string, ev event) eventResponse {
	shown := eventResponse{ID: id, EventName: ev.Name, EventTime: milli(ev.At), M3terEvent: ev.details(c, id)}
	if at := ev.Actioned; !at.IsZero() || c.rules.Conformance { // strict clients want a date
		text := milli(at)
		shown.DtActioned = &text
	}
	return shown
}

type changeEvent struct {
	EventData changedEntity `json:"eventData"`
}

type changedEntity struct {
	New json.RawMessage `json:"newDto,omitempty"`
	Old json.RawMessage `json:"oldDto,omitempty"` // (M3T-058)
}

type ingestEvent struct {
	EventType      string `json:"eventType"`
	Type           string `json:"type"`
	Message        string `json:"message"`
	UID            string `json:"uid,omitempty"`
	Meter          string `json:"meter"`
	Account        string `json:"account"`
	GetDownloadURL string `json:"getDownloadUrl"`
}

type exportEvent struct {
	EventType  string  `json:"eventType"`
	JobID      string  `json:"jobId"`
	ScheduleID *string `json:"scheduleId"`
	SourceType string  `json:"sourceType"`
	Message    string  `json:"message"`
}

func (ev event) details(c *call, id string) any {
	switch {
	case ev.Ingest != nil:
		f := ev.Ingest
		return ingestEvent{
			EventType: "IngestValidationFailure", Type: f.Type, Message: f.Message, UID: f.UID, Meter: f.Meter, Account: f.Account,
			GetDownloadURL: c.base + "/organizations/" + url.PathEscape(c.org) + "/measurements/failedIngest/getDownloadUrl?file=" +
				url.QueryEscape(failedIngestFile(c.org, id, ev)),
		}
	case ev.Export != nil:
		f := ev.Export
		shown := exportEvent{EventType: "DataExportJobFailure", JobID: f.Job, SourceType: f.SourceType, Message: f.Message}
		if f.Schedule != "" {
			shown.ScheduleID = &f.Schedule
		}
		return shown
	}
	return changeEvent{EventData: changedEntity{New: withOrganization(ev.New, c.org), Old: withOrganization(ev.Old, c.org)}}
}

// withOrganization adds the organization to an entity, as events show it.
func withOrganization(entity json.RawMessage, org string) json.RawMessage {
	if len(entity) == 0 {
		return nil
	}
	return splice(entity, []byte(`{"orgId":`+quote(org)+`}`))
}

// eventType is the class that listEvents filters by. Changes of configuration are in none of the four (M3T-062).
func (ev event) eventType() string {
	switch {
	case ev.Ingest != nil:
		return "IngestValidationFailure"
	case ev.Export != nil:
		return "DataExportJobFailure"
	case strings.HasPrefix(ev.Name, "integration."):
		return "IntegrationEvent"
	}
	return ""
}

func getEvent(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	return view(c, func(c *call) (any, error) {
		ev, ok := events.Get(c.tx, c.org, id)
		if !ok && !c.rules.Conformance {
			return nil, errNotFound("event", id)
		}
		return showEvent(c, id, ev), nil
	})
}

func listEvents(c echo.Context) error {
	l := readListing(c, 100)
	return view(c, func(c *call) (any, error) {
		ids := l.values("ids")
		others := []string{"eventName", "eventType", "accountId", "resourceId", "notificationId", "notificationCode", "includeActioned"}
		if len(ids) > 0 && !c.rules.Conformance && slices.ContainsFunc(others, l.query.Has) {
			return nil, errInvalid("ids cannot be used together with other filters")
		}
		keep := func(r store.Row[event]) bool {
			if len(ids) > 0 {
				return slices.Contains(ids, r.ID)
			}
			return r.Value.passes(l.query)
		}
		return cut(c, l, "events", events, keep, func(r store.Row[event]) eventResponse {
			return showEvent(c, r.ID, r.Value)
		})
	})
}

// passes holds an event against the filters of a list; no event has a notification, for those are not emulated.
func (ev event) passes(query url.Values) bool {
	for param, value := range map[string]string{
		"eventName": ev.Name, "eventType": ev.eventType(), "accountId": ev.Account, "resourceId": ev.Resource,
		"notificationId": "", "notificationCode": "",
	} {
		if asked := query.Get(param); asked != "" && asked != value {
			return false
		}
	}
	return ev.Actioned.IsZero() || query.Get("includeActioned") == "true" // (M3T-058)
}

func listEventTypes(c echo.Context) error {
	return respondOK(c, map[string]any{"events": eventNames()})
}

func listEventFields(c echo.Context) error {
	names := eventNames()
	if asked := c.QueryParam("eventName"); asked != "" {
		names = slices.DeleteFunc(names, func(n string) bool { return n != asked })
	}
	fields := map[string]map[string]string{}
	for _, name := range names {
		fields[name] = fieldsOfEvent(name)
	}
	return respondOK(c, map[string]any{"events": fields})
}
