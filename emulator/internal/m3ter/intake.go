package m3ter

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/submeter/submeter/emulator/internal/ledger"
	"github.com/submeter/submeter/emulator/internal/store"
)

// dedupeWindow is how long a uid is remembered, from its arrival, within the organization (M3T-034).
const dedupeWindow = 35 * 24 * time.Hour

// endField is the ledger's field for the end of a measurement; no meter's field has a name without a dot.
const endField = "ets"

func usageOf(org string) ledger.Ledger { return ledger.New("m3ter/"+org, dedupeWindow) }

// stream is where the ledger keeps the usage of a meter and an account: by their ids, whatever becomes of the codes.
func stream(meterID, accountID string) string { return meterID + "/" + accountID }

func (c category) lower() string { return strings.ToLower(string(c)) }

// column is the name of a field in the ledger and in rows of usage.
func column(f dataField) string { return f.Category.lower() + "." + f.Code }

// The six ways in which a measurement fails after it was accepted.
const (
	undefinedMeter     = "UndefinedMeter"
	missingField       = "MissingField"
	duplicateUID       = "DuplicateUid"
	duplicateField     = "DuplicateField"
	calculationError   = "CalculationError"
	invalidAccountCode = "InvalidAccountCode"
)

// intake takes accepted measurements into the ledger: what happens after the answer.
type intake struct {
	*call
	meters   map[string]*meterPlan
	accounts map[string]string // code to id; "" where the code is no good
	failed   int
}

// meterPlan is a meter made ready for many measurements.
type meterPlan struct {
	id      string
	data    []plannedField
	derived []plannedField
}

type plannedField struct {
	dataField
	column string
	calc   expression // of a derived field
	broken error      // why there is none
}

func newIntake(c *call) *intake {
	return &intake{call: c, meters: map[string]*meterPlan{}, accounts: map[string]string{}}
}

// refusal is why a measurement fails.
type refusal struct{ kind, message string }

// take stores what is good and makes an event of everything that is not.
func (in *intake) take(batch []measurement) {
	var (
		entries  []ledger.Event
		sources  []*measurement
		missteps []*refusal // of entries that are stored all the same
	)
	for i := range batch {
		entry, misstep, refused := in.enrich(&batch[i])
		if refused != nil {
			in.fail(&batch[i], *refused)
			continue
		}
		entries, sources, missteps = append(entries, entry), append(sources, &batch[i]), append(missteps, misstep)
	}
	if len(entries) == 0 {
		return
	}
	for i, duplicate := range usageOf(in.org).Append(in.tx, ledger.NewBatch(entries)) {
		switch {
		case duplicate:
			in.fail(sources[i], refusal{duplicateUID, "uid " + sources[i].uid + " was used before"})
		case missteps[i] != nil:
			in.fail(sources[i], *missteps[i])
		}
	}
}

func (in *intake) fail(m *measurement, why refusal) {
	in.failed++
	in.record(event{Name: ingestFailure, Ingest: &failedIngest{
		Type: why.kind, Message: why.message, UID: m.uid, Meter: m.meter, Account: m.account, Measurement: []byte(m.raw),
	}})
}

// enrich makes a ledger entry of a measurement: fields that the meter does not have are dropped, all that it has are
// needed (M3T-036).
func (in *intake) enrich(m *measurement) (entry ledger.Event, misstep, refused *refusal) {
	plan := in.meter(m.meter)
	if plan == nil {
		return entry, nil, &refusal{undefinedMeter, "No meter with code " + m.meter}
	}
	if code, twice := m.repeated(); twice {
		return entry, nil, &refusal{duplicateField, "Field " + code + " stands in more than one category"}
	}
	entry = ledger.Event{ID: m.uid, Type: m.account, Time: m.ts, Fields: make([]ledger.Field, 0, len(plan.data)+len(plan.derived)+1)}
	for _, f := range plan.data {
		token, ok := m.value(f.Category, f.Code)
		if !ok {
			return entry, nil, &refusal{missingField, "Field " + f.Code + " is missing"}
		}
		entry.Fields = append(entry.Fields, ledger.Field{Name: f.column, JSON: token})
	}
	accountID := in.account(m.account)
	if accountID == "" {
		return entry, nil, &refusal{invalidAccountCode, "No account has the code " + m.account + ", but one has nearly the same"}
	}
	entry.Stream = stream(plan.id, accountID)
	misstep = plan.derive(&entry)
	if m.ets != "" {
		entry.Fields = append(entry.Fields, ledger.Field{Name: endField, JSON: m.ets})
	}
	return entry, misstep, nil
}

// derive computes the derived fields, which are stored with the measurement (M3T-037).
func (p *meterPlan) derive(entry *ledger.Event) (misstep *refusal) {
	if len(p.derived) == 0 {
		return nil
	}
	known := make(map[string]operand, len(p.data)+len(p.derived))
	for i, f := range p.data {
		known[f.Code] = operandOf(entry.Fields[i].JSON)
	}
	for _, f := range p.derived {
		result, err := operand{}, f.broken
		if err == nil {
			result, err = f.calc(known)
		}
		if err == nil && f.Category.numeric() && !result.isNumber {
			err = fmt.Errorf("the result %q is not a number", result.text)
		}
		if err != nil {
			misstep = &refusal{calculationError, "Derived field " + f.Code + ": " + err.Error()}
			continue
		}
		known[f.Code] = result
		token := result.String()
		if !f.Category.numeric() {
			token = quote(token)
		}
		entry.Fields = append(entry.Fields, ledger.Field{Name: f.column, JSON: token})
	}
	return misstep
}

func (m *measurement) value(group category, code string) (string, bool) {
	for _, f := range m.fields {
		if f.category == group && f.code == code {
			return f.token, true
		}
	}
	return "", false
}

// repeated finds a field code that stands in two categories.
func (m *measurement) repeated() (string, bool) {
	for i := range m.fields {
		for j := range i {
			if m.fields[i].code == m.fields[j].code {
				return m.fields[i].code, true
			}
		}
	}
	return "", false
}

func (in *intake) meter(code string) *meterPlan {
	if plan, ok := in.meters[code]; ok {
		return plan
	}
	var plan *meterPlan
	if id, ok := codes.Get(in.tx, codeKey(in.org, meterKind, code)); ok {
		if r, ok := meterRows.Get(in.tx, in.org, id); ok {
			plan = planMeter(id, &r.Fields)
		}
	}
	in.meters[code] = plan
	return plan
}

func planMeter(id string, m *meter) *meterPlan {
	plan := &meterPlan{id: id}
	for _, f := range m.DataFields {
		plan.data = append(plan.data, plannedField{dataField: f, column: column(f)})
	}
	for _, f := range m.DerivedFields {
		p := plannedField{dataField: f.dataField, column: column(f.dataField)}
		p.calc, p.broken = parseCalculation(f.Calculation)
		plan.derived = append(plan.derived, p)
	}
	return plan
}

// account returns the id of the account of a code, and makes a bare account when there is none that could be meant
// (M3T-035): "" says that one is nearly called so.
func (in *intake) account(code string) string {
	if id, ok := in.accounts[code]; ok {
		return id
	}
	id, ok := codes.Get(in.tx, codeKey(in.org, accountKind, code))
	if !ok && !in.nearlyTaken(code) {
		id = in.newID(accountKind)
		seal := store.NewEntropy(in.tx, "m3ter/autocreated")
		bare := account{
			Name: code + "-autocreated", Code: code, EmailAddress: hex.EncodeToString(seal[:8]) + "-autocreated@example.com",
		}
		if _, err := accounts.insert(in.call, id, bare); err != nil {
			id = ""
		}
	}
	in.accounts[code] = id
	return id
}

func (in *intake) nearlyTaken(code string) bool {
	for range codes.Prefix(in.tx, foldedCodes(in.org, accountKind, code)) {
		return true
	}
	return false
}
