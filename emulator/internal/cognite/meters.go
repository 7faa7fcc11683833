package cognite

import (
	"math"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// meterAnswer is a meter on the wire: nothing but its id and its datapoints. // COG-031
type meterAnswer struct {
	MeterID    string      `json:"meterId"`
	Datapoints []datapoint `json:"datapoints"` // [] without a history
}

type meterPage struct {
	Items      []meterAnswer `json:"items"`
	NextCursor string        `json:"nextCursor,omitempty"` // never empty: an SDK would ask for the same page for ever
}

// historyRequest asks for averages, when it has a start and a number of datapoints; everything else asks for none.
// COG-008
type historyRequest struct {
	Start              *wholeNumber
	End                *wholeNumber
	NumberOfDatapoints *wholeNumber
}

func (h *historyRequest) fields() map[string]any {
	return map[string]any{"start": &h.Start, "end": &h.End, "numberOfDatapoints": &h.NumberOfDatapoints}
}

func historyOfQuery(c echo.Context) (h historyRequest, err error) {
	for name, into := range map[string]**wholeNumber{"start": &h.Start, "end": &h.End, "numberOfDatapoints": &h.NumberOfDatapoints} {
		if *into, err = queryInteger(c, name); err != nil {
			return h, err
		}
	}
	return h, nil
}

// history answers meters of one project for one request: all of them on the same grid.
type history struct {
	tx      *store.Tx
	project string
	options fixtures.CogniteOptions
	buckets []bucket // none: no history is asked for
}

func newHistory(tx *store.Tx, c echo.Context, asked historyRequest) (history, error) {
	h := history{tx: tx, project: callerOf(c).project, options: settingsFor(c).Options}
	if asked.Start == nil || asked.NumberOfDatapoints == nil || *asked.NumberOfDatapoints == 0 {
		return h, nil
	}
	start, end := int64(*asked.Start), tx.Now.UnixMilli()
	if asked.End != nil {
		end = int64(*asked.End)
	}
	if end < start { // COG-007
		return h, errEndBeforeStart()
	}
	h.buckets = divide(start, end, int(*asked.NumberOfDatapoints)) // the document has let 0 to 600 through // COG-006
	return h, nil
}

func (h history) answer(id string, m meter) meterAnswer {
	answer := meterAnswer{MeterID: id, Datapoints: []datapoint{}}
	if len(h.buckets) > 0 {
		answer.Datapoints = h.read(id, m).averages(h.buckets, h.options)
	}
	return answer
}

func (h history) read(id string, m meter) readings {
	key := inProject(h.project, id)
	r := readings{given: samples.Read(h.tx, key), now: h.tx.Now.UnixMilli()}
	if m.Generator != nil {
		r.made, r.madeEnd = generate(h.tx, key, m.Generator), math.MaxInt64
		if first, ok := r.given.First(); ok {
			r.madeEnd = first.At
		}
	}
	return r
}

// listConsumptionData answers a page of all meters.
func listConsumptionData(c echo.Context) error {
	asked, err := historyOfQuery(c)
	if err != nil {
		return err
	}
	page, err := pageOfQuery(c)
	if err != nil {
		return err
	}
	return listMeters(c, page, asked)
}

type listMetersRequest struct {
	pageRequest
	historyRequest
}

// UnmarshalJSON reads the fields by their exact names.
func (r *listMetersRequest) UnmarshalJSON(data []byte) error {
	fields := r.historyRequest.fields()
	for name, into := range r.pageRequest.fields() {
		fields[name] = into
	}
	return exact(data, fields)
}

// listConsumptionDataAdvanced answers a page of the meters whose id begins as asked. No body asks for all. // COG-013
func listConsumptionDataAdvanced(c echo.Context) error {
	var asked listMetersRequest
	if _, err := bind(c, &asked); err != nil {
		return err
	}
	return listMeters(c, asked.pageRequest, asked.historyRequest)
}

func listMeters(c echo.Context, page pageRequest, asked historyRequest) error {
	answer := meterPage{Items: []meterAnswer{}}
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		h, err := newHistory(tx, c, asked)
		if err != nil {
			return err
		}
		if h.options.ListHistory == fixtures.CogniteListEmpty { // COG-027
			h.buckets = nil
		}
		answer.NextCursor, err = walkPage(tx, meters, "meters", h.project, page, func(id string, m meter) {
			answer.Items = append(answer.Items, h.answer(id, m))
		})
		return err
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, answer)
}

// fetchConsumptionDataByID answers one meter, in no list.
func fetchConsumptionDataByID(c echo.Context) error {
	asked, err := historyOfQuery(c)
	if err != nil {
		return err
	}
	var answer []meterAnswer
	err = store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		answer, err = findMeters(tx, c, []string{pathParam(c, "meterId")}, asked)
		return err
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, answer[0])
}

type fetchMetersRequest struct {
	Items []meterRef
	historyRequest
}

type meterRef struct{ MeterID string }

// UnmarshalJSON reads the fields by their exact names.
func (r *fetchMetersRequest) UnmarshalJSON(data []byte) error {
	fields := r.historyRequest.fields()
	fields["items"] = &r.Items
	return exact(data, fields)
}

// UnmarshalJSON reads the field by its exact name.
func (r *meterRef) UnmarshalJSON(data []byte) error {
	return exact(data, map[string]any{"meterId": &r.MeterID})
}

type fetchMetersResponse struct {
	Items []meterAnswer `json:"items"`
}

// fetchConsumptionDataByIDs answers meters in the order of the request, one for each id, repeated ones too. // COG-016
func fetchConsumptionDataByIDs(c echo.Context) error {
	var asked fetchMetersRequest
	given, err := bind(c, &asked)
	if err != nil {
		return err
	}
	if !given { // COG-014
		return errNoBody()
	}
	if most := settingsFor(c).Options.MaxIDs; len(asked.Items) > most { // COG-015
		return errTooManyIDs(most)
	}
	ids := make([]string, len(asked.Items))
	for i, item := range asked.Items {
		ids[i] = item.MeterID
	}
	var answer fetchMetersResponse
	err = store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		answer.Items, err = findMeters(tx, c, ids, asked.historyRequest)
		return err
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, answer)
}

// findMeters answers the meters of some ids, or that one of them is unknown, as by id alone too. Whether an id could be
// one is not asked: an ill-formed one is just unknown. // COG-030 COG-048
func findMeters(tx *store.Tx, c echo.Context, ids []string, asked historyRequest) ([]meterAnswer, error) {
	h, err := newHistory(tx, c, asked)
	if err != nil {
		return nil, err
	}
	found := make([]meter, len(ids))
	for i, id := range ids {
		m, ok := meters.Get(tx, inProject(h.project, id))
		if !ok {
			return nil, errNoMeters()
		}
		found[i] = m
	}
	answers := make([]meterAnswer, len(ids))
	for i, id := range ids {
		answers[i] = h.answer(id, found[i])
	}
	return answers, nil
}
