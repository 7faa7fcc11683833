package m3ter

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"github.com/tidwall/gjson"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// Limits of a submit call, as documented.
const (
	maxIngestBytes   = 512_000
	maxMeasurements  = 1000
	maxUID           = 50
	maxMetadataValue = 256
	maxCode          = 80
	futureTolerance  = 5 * time.Minute // (M3T-033)
)

// measurement is one element of a submit call or an uploaded file, structurally sound. Its texts are parts of the body.
type measurement struct {
	raw     string // as it came
	uid     string
	meter   string
	account string
	ts      time.Time
	ets     string // JSON text, checked; empty: none
	fields  []measured
}

// measured is a value that a measurement carries.
type measured struct {
	category category
	code     string
	token    string // JSON text of a string or a number
}

type submitMeasurementsResponse struct {
	Result string `json:"result"`
}

// boundIngest refuses a body over the limit before anything else looks into it.
func boundIngest(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		text, err := io.ReadAll(io.LimitReader(c.Request().Body, maxIngestBytes))
		var broken *wire.BodyError
		if len(text) == maxIngestBytes || errors.As(err, &broken) && broken.Status == http.StatusRequestEntityTooLarge {
			return errTooLarge()
		}
		if err != nil {
			return err
		}
		c.Request().Body = io.NopCloser(bytes.NewReader(text))
		return next(c)
	}
}

// submitMeasurements takes a batch. What is wrong in form refuses all of it; what does not fit the configuration becomes
// an event later, which here is before the answer (M3T-033, M3T-038).
func submitMeasurements(c echo.Context) error {
	text, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err
	}
	batch, err := decodeMeasurements(string(text))
	if err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		for i := range batch {
			if batch[i].ts.After(c.now.Add(futureTolerance)) && !c.rules.Conformance {
				return nil, errInvalid("measurements[%d].ts lies in the future", i)
			}
		}
		newIntake(c).take(batch)
		return submitMeasurementsResponse{Result: "accepted"}, nil
	})
}

// decodeMeasurements reads a submit body and refuses exactly what the document would, at a fraction of the cost. Of
// a key that stands twice the last counts, as for every JSON decoder.
func decodeMeasurements(text string) ([]measurement, error) {
	if !gjson.Valid(text) {
		return nil, errInvalid("The request body is not well-formed JSON")
	}
	root := gjson.Parse(text)
	if !root.IsObject() {
		return nil, errInvalid("The request body must be an object")
	}
	var elements gjson.Result
	root.ForEach(func(key, value gjson.Result) bool {
		if key.String() == "measurements" {
			elements = value
		}
		return true
	})
	if !elements.Exists() {
		return nil, errInvalid("measurements is required")
	}
	if !elements.IsArray() {
		return nil, errInvalid("measurements must be an array of objects")
	}
	var (
		batch []measurement
		wrong error
	)
	elements.ForEach(func(_, element gjson.Result) bool {
		var m measurement
		if m, wrong = decodeMeasurement(element); wrong != nil {
			wrong = errInvalid("measurements[%d]%s", len(batch), wrong)
			return false
		}
		batch = append(batch, m)
		return len(batch) <= maxMeasurements
	})
	switch {
	case wrong != nil:
		return nil, wrong
	case len(batch) == 0:
		return nil, errInvalid("measurements must have at least 1 item")
	case len(batch) > maxMeasurements:
		return nil, errInvalid("measurements must have at most %d items", maxMeasurements)
	}
	return batch, nil
}

// fault is what is wrong with a measurement: the rest of a sentence that begins with the measurement's place.
type fault string

func (f fault) Error() string { return string(f) }

var categories = map[string]category{
	"who": categoryWho, "where": categoryWhere, "what": categoryWhat, "other": categoryOther, "metadata": categoryMetadata,
	"measure": categoryMeasure, "cost": categoryCost, "income": categoryIncome,
}

func decodeMeasurement(element gjson.Result) (measurement, error) {
	m := measurement{raw: element.Raw}
	if !element.IsObject() {
		return m, fault(" must be an object")
	}
	var parts [4]gjson.Result // uid, meter, account, ts
	var ets gjson.Result
	groups := make(map[category]gjson.Result, 4)
	element.ForEach(func(key, value gjson.Result) bool {
		switch name := key.String(); name {
		case "uid":
			parts[0] = value
		case "meter":
			parts[1] = value
		case "account":
			parts[2] = value
		case "ts":
			parts[3] = value
		case "ets":
			ets = value
		default:
			if group, ok := categories[name]; ok {
				groups[group] = value
			}
		}
		return true
	})
	if err := m.readNames(parts, ets); err != nil {
		return m, err
	}
	for group, value := range groups {
		if err := m.readGroup(group, value); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m *measurement) readNames(parts [4]gjson.Result, ets gjson.Result) error {
	if uid := parts[0]; uid.Exists() && uid.Type != gjson.Null {
		m.uid = uid.String()
		if uid.Type != gjson.String {
			return fault(".uid must be a string")
		}
		if utf8.RuneCountInString(m.uid) > maxUID {
			return fault(".uid must have at most 50 characters")
		}
	}
	for i, name := range []string{"meter", "account"} {
		value := parts[i+1]
		if !value.Exists() {
			return fault("." + name + " is required")
		}
		if value.Type != gjson.String || !validCode(value.Str) {
			return fault("." + name + " must be a code of 1 to 80 characters, without blanks around it or control characters")
		}
	}
	m.meter, m.account = parts[1].Str, parts[2].Str
	if !parts[3].Exists() {
		return fault(".ts is required")
	}
	var ok bool
	if m.ts, ok = readInstant(parts[3]); !ok {
		return fault(".ts must be a date-time such as 2026-03-01T00:00:00Z")
	}
	if ets.Exists() && ets.Type != gjson.Null {
		end, ok := readInstant(ets)
		if !ok {
			return fault(".ets must be a date-time such as 2026-03-01T00:00:00Z")
		}
		m.ets = quote(precise(end))
	}
	return nil
}

// readInstant reads RFC 3339 to the letter: time.Parse takes an hour of one digit and a comma before the fraction, too.
func readInstant(value gjson.Result) (time.Time, bool) {
	text := value.Str
	if value.Type != gjson.String || len(text) < len("2006-01-02T15:04:05Z") || text[len("2006-01-02T15")] != ':' ||
		strings.Contains(text, ",") {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

func (m *measurement) readGroup(group category, values gjson.Result) error {
	if values.Type == gjson.Null {
		return nil
	}
	name := "." + group.lower()
	if !values.IsObject() {
		return fault(name + " must be an object")
	}
	first := len(m.fields)
	values.ForEach(func(key, value gjson.Result) bool {
		f := measured{category: group, code: key.String(), token: value.Raw}
		for i := range m.fields[first:] {
			if m.fields[first+i].code == f.code {
				m.fields[first+i] = f
				return true
			}
		}
		m.fields = append(m.fields, f)
		return true
	})
	for _, f := range m.fields[first:] {
		value := gjson.Parse(f.token)
		switch {
		case group.numeric() && (value.Type != gjson.Number || !finite(value.Num)):
			return fault(name + "." + f.code + " must be a number")
		case !group.numeric() && value.Type != gjson.String:
			return fault(name + "." + f.code + " must be a string")
		case group == categoryMetadata && utf8.RuneCountInString(value.Str) > maxMetadataValue:
			return fault(name + "." + f.code + " must have at most 256 characters")
		}
	}
	return nil
}

// finite says whether a number fits a double, which is all that the service keeps.
func finite(n float64) bool { return n-n == 0 }

// validCode is the form of meters' and accounts' codes: inner blanks are allowed, other white space is not.
func validCode(code string) bool {
	if code == "" || code[0] == ' ' || code[len(code)-1] == ' ' || utf8.RuneCountInString(code) > maxCode {
		return false
	}
	for i := range len(code) {
		if code[i] < ' ' || code[i] == 0x7f {
			return false
		}
	}
	return true
}
