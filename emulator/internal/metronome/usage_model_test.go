package metronome

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	drawKind   = rapid.SampledFrom([]string{"call", "report"})
	drawName   = rapid.SampledFrom([]string{"a", "b", "n"})
	drawText   = rapid.SampledFrom([]string{"x", "y", "60", "", "true", "z ä"})
	drawValue  = rapid.SampledFrom([]string{`"x"`, `"y"`, `60`, `"60"`, `""`, `true`, `"z ä"`, `null`, `{"x":1}`, `[60]`, `"z \u00e4"`})
	drawAmount = rapid.SampledFrom([]string{
		`1`, `"2"`, `0`, `"0"`, `-3.5`, `"250.5"`, `"x"`, `null`, `"007"`, `1e2`, `" 5 "`, `"+0.10"`, `"-.5"`, `"5."`, `0.000000000001`,
		`"123456789012345678901234567890.5"`, `9007199254740993`, `999999999999999999`, `-0`, `[1]`, `"1e-20"`, `""`, `"1e"`, `"--1"`, `"."`,
	})
	drawStream = rapid.SampledFrom([]string{"one", "two", "three"})
	drawAt     = rapid.Custom(func(t *rapid.T) string {
		hours := rapid.IntRange(0, 119).Draw(t, "hour")
		at := time.Date(2026, 2, 27, hours, 0, 0, 0, time.UTC)
		switch rapid.IntRange(0, 3).Draw(t, "moment") {
		case 0:
			at = at.Add(-time.Nanosecond)
		case 1:
			at = at.Add(59 * time.Minute)
		}
		zone := rapid.SampledFrom([]*time.Location{time.UTC, time.FixedZone("", 2*3600), time.FixedZone("", -11*3600)})
		return at.In(zone.Draw(t, "zone")).Format(time.RFC3339Nano)
	})
)

// usageMachine sends random requests and asks the model what the answers should be.
type usageMachine struct {
	*world
	model
	sent int
}

func (m *usageMachine) stream(t *rapid.T) string {
	if len(m.customers) > 0 && rapid.IntRange(0, 3).Draw(t, "by id") == 0 {
		return rapid.SampledFrom(m.customers).Draw(t, "customer").id
	}
	return drawStream.Draw(t, "stream")
}

func (m *usageMachine) Ingest(t *rapid.T) {
	var events []string
	for range rapid.IntRange(1, 8).Draw(t, "events") {
		m.sent++
		transaction := m.sent
		if rapid.IntRange(0, 5).Draw(t, "again") == 0 {
			transaction = rapid.IntRange(1, m.sent).Draw(t, "transaction")
		}
		event := fmt.Sprintf(`{"transaction_id":"t%d","customer_id":%s,"event_type":"%s","timestamp":"%s"`,
			transaction, quote(m.stream(t)), drawKind.Draw(t, "type"), drawAt.Draw(t, "at"))
		var properties []string
		for _, name := range []string{"a", "b", "n"} {
			switch {
			case rapid.IntRange(0, 3).Draw(t, "lacks "+name) == 0:
			case name == "n":
				properties = append(properties, `"n":`+drawAmount.Draw(t, name))
			default:
				properties = append(properties, `"`+name+`":`+drawValue.Draw(t, name))
			}
		}
		events = append(events, event+`,"properties":{`+strings.Join(properties, ",")+`}}`)
	}
	m.ok("POST", "/v1/ingest", "["+strings.Join(events, ",")+"]")
	for _, event := range events {
		m.take(event)
	}
}

func (m *usageMachine) MakeCustomer(t *rapid.T) {
	if len(m.customers) == 3 {
		t.Skip("enough of them")
	}
	c := &modelCustomer{id: m.created("/v1/customers", `{"name":"c"}`)}
	m.customers = append(m.customers, c)
	slices.SortFunc(m.customers, func(a, b *modelCustomer) int { return strings.Compare(a.id, b.id) }) // one instant for all
}

func (m *usageMachine) SetAliases(t *rapid.T) {
	if len(m.customers) == 0 {
		t.Skip("nobody there")
	}
	c := rapid.SampledFrom(m.customers).Draw(t, "customer")
	aliases := rapid.SliceOfDistinct(drawStream, rapid.ID[string]).Draw(t, "aliases")
	if len(m.customers) > 1 && rapid.Bool().Draw(t, "an id as an alias") {
		aliases = append(aliases, rapid.SampledFrom(m.customers).Draw(t, "whose").id)
	}
	taken := slices.ContainsFunc(m.customers, func(other *modelCustomer) bool {
		return other != c && slices.ContainsFunc(aliases, func(a string) bool { return slices.Contains(other.aliases, a) })
	})
	body, err := json.Marshal(map[string]any{"ingest_aliases": aliases})
	if err != nil {
		t.Fatal(err)
	}
	got := m.send("POST", "/v1/customers/"+c.id+"/setIngestAliases", string(body))
	switch {
	case taken && got.status == 409:
	case !taken && got.status == 200:
		c.aliases = aliases
	default:
		t.Fatalf("aliases %s of which some are taken (%t): got %d %s", body, taken, got.status, got.body)
	}
}

func (m *usageMachine) MakeMetric(t *rapid.T) {
	if len(m.metrics) == 4 {
		t.Skip("enough of them")
	}
	made := &modelMetric{after: m.arrived, key: "n"}
	made.aggregation = rapid.SampledFrom([]string{aggregateCount, aggregateSum, aggregateMax, aggregateLatest, aggregateUnique}).Draw(t, "aggregation")
	if made.aggregation == aggregateUnique {
		made.key = drawName.Draw(t, "key")
	}
	made.filters = []propertyFilter{{Name: "a"}, {Name: "b"}, {Name: "n"}}
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		f := propertyFilter{Name: drawName.Draw(t, "condition on")}
		if rapid.Bool().Draw(t, "exists") {
			exists := rapid.IntRange(0, 3).Draw(t, "must exist") > 0
			f.Exists = &exists
		}
		if rapid.IntRange(0, 3).Draw(t, "in") == 0 {
			f.In = rapid.SliceOfN(drawText, 1, 4).Draw(t, "in values")
		}
		if rapid.IntRange(0, 3).Draw(t, "not in") == 0 {
			f.NotIn = rapid.SliceOfN(drawText, 1, 2).Draw(t, "not in values")
		}
		made.filters = append(made.filters, f)
	}
	if rapid.Bool().Draw(t, "types") {
		made.typesIn = []string{drawKind.Draw(t, "type")}
	}
	if rapid.IntRange(0, 4).Draw(t, "not types") == 0 {
		made.typesNot = []string{drawKind.Draw(t, "no type")}
	}
	made.groupKeys = [][]string{{"a"}, {"n"}, {"b", "a"}}
	request := map[string]any{
		"name": "m", "aggregation_type": made.aggregation, "property_filters": made.filters, "group_keys": made.groupKeys,
		"event_type_filter": valueFilter{In: made.typesIn, NotIn: made.typesNot},
	}
	if made.aggregation != aggregateCount {
		request["aggregation_key"] = made.key
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	made.id = m.created("/v1/billable-metrics/create", string(body))
	m.metrics = append(m.metrics, made)
	slices.SortFunc(m.metrics, func(a, b *modelMetric) int { return strings.Compare(a.id, b.id) })
}

func (m *usageMachine) Archive(t *rapid.T) {
	if len(m.metrics) == 0 || rapid.IntRange(0, 3).Draw(t, "really") > 0 {
		t.Skip("rather not")
	}
	metric := rapid.SampledFrom(m.metrics).Draw(t, "metric")
	metric.archived = true
	m.ok("POST", "/v1/billable-metrics/archive", `{"id":"`+metric.id+`"}`)
}

// drawRange draws a range of midnights and the size of its windows.
func drawRange(t *rapid.T) (from, to time.Time, size string) {
	from = time.Date(2026, 2, 26, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 5).Draw(t, "from"))
	to = from.AddDate(0, 0, rapid.IntRange(1, 4).Draw(t, "days"))
	return from, to, rapid.SampledFrom([]string{"HOUR", "DAY", "NONE", "day", "None"}).Draw(t, "window size")
}

func (m *usageMachine) AskForUsage(t *rapid.T) {
	from, to, size := drawRange(t)
	request := map[string]any{"window_size": size, "starting_on": from, "ending_before": to}
	var customers []*modelCustomer
	for _, c := range m.customers {
		if !c.archived {
			customers = append(customers, c)
		}
	}
	if rapid.Bool().Draw(t, "some customers") && len(m.customers) > 0 {
		customers = rapid.SliceOfN(rapid.SampledFrom(m.customers), 1, 2).Draw(t, "customers")
		ids := []string{nobody}
		for _, c := range customers {
			ids = append(ids, c.id)
		}
		request["customer_ids"] = ids
	}
	var asks []modelAsk
	for _, metric := range m.metrics {
		if !metric.archived {
			asks = append(asks, modelAsk{metric: metric})
		}
	}
	if rapid.Bool().Draw(t, "some metrics") && len(m.metrics) > 0 {
		asks = rapid.SliceOfN(rapid.Custom(m.drawAsk), 1, 3).Draw(t, "metrics")
		listed := []map[string]any{}
		for _, ask := range asks {
			listed = append(listed, ask.json())
		}
		request["billable_metrics"] = append(listed, map[string]any{"id": nobody})
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range m.walk("POST", "/v1/usage", string(body), 0) {
		got = append(got, usageLine(m.world, row))
	}
	compareLines(t, string(body), got, m.model.usage(customers, asks, windowsOf(from, to, size)))
}

func (m *usageMachine) drawAsk(t *rapid.T) modelAsk {
	ask := modelAsk{metric: rapid.SampledFrom(m.metrics).Draw(t, "metric")}
	if rapid.Bool().Draw(t, "grouped") {
		ask.key = rapid.SampledFrom([]string{"a", "n"}).Draw(t, "group key")
		if rapid.Bool().Draw(t, "values") {
			ask.values = rapid.SliceOfN(rapid.SampledFrom([]string{"x", "60", "0", "none of them"}), 1, 3).Draw(t, "group values")
		}
	}
	return ask
}

func (a modelAsk) json() map[string]any {
	listed := map[string]any{"id": a.metric.id}
	if a.key != "" {
		group := map[string]any{"key": a.key}
		if a.values != nil {
			group["values"] = a.values
		}
		listed["group_by"] = group
	}
	return listed
}

// usageLine writes a row as the model does.
func usageLine(w *world, row string) string {
	var r struct {
		Customer string `json:"customer_id"`
		Metric   string `json:"billable_metric_id"`
		Start    string `json:"start_timestamp"`
		Value    *json.Number
		Groups   map[string]*json.Number
	}
	w.decode(row, &r)
	line := fmt.Sprintf("%s %s %s %s", r.Customer, r.Metric, r.Start, numberText(r.Value))
	var groups []string
	for group := range r.Groups {
		groups = append(groups, group)
	}
	slices.Sort(groups)
	for _, group := range groups {
		line += fmt.Sprintf(" %q=%s", group, numberText(r.Groups[group]))
	}
	return line
}

func numberText(n *json.Number) string {
	if n == nil {
		return "null"
	}
	return n.String()
}

func (m *usageMachine) AskForGroups(t *rapid.T) {
	if len(m.metrics) == 0 || len(m.customers) == 0 {
		t.Skip("nothing to ask about")
	}
	from, to, size := drawRange(t)
	c, metric := rapid.SampledFrom(m.customers).Draw(t, "customer"), rapid.SampledFrom(m.metrics).Draw(t, "metric")
	request := map[string]any{
		"window_size": size, "starting_on": from, "ending_before": to, "customer_id": c.id, "billable_metric_id": metric.id,
	}
	keys := rapid.SampledFrom([][]string{nil, {"a"}, {"n"}, {"a", "b"}, {"b", "a"}}).Draw(t, "group key")
	filters := map[string][]string{}
	if keys != nil {
		request["group_key"] = keys
		for _, key := range keys {
			if rapid.Bool().Draw(t, "filtered") {
				filters[key] = rapid.SliceOfN(drawText, 0, 3).Draw(t, "filter")
			}
		}
		request["group_filters"] = filters
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	limit := rapid.SampledFrom([]int{0, 1, 2, 7, 100}).Draw(t, "limit")
	if size == "HOUR" && limit > 0 && limit < 7 {
		limit = 7
	}
	var got []string
	for _, row := range m.walk("POST", "/v1/usage/groups", string(body), limit) {
		got = append(got, m.groupRow(row, keys))
	}
	compareLines(t, string(body), got, m.byGroup(c, metric, keys, filters, windowsOf(from, to, size)))
}

func (m *usageMachine) groupRow(row string, keys []string) string {
	var r struct {
		Start string `json:"starting_on"`
		Group map[string]string
		Value *json.Number
	}
	m.decode(row, &r)
	line := r.Start + " "
	for _, key := range keys {
		if text, ok := r.Group[key]; ok {
			line += key + "=" + text + " "
		}
	}
	return line + numberText(r.Value)
}

func compareLines(t *rapid.T, what string, got, want []string) {
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("%s:\n got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUsageAgainstAModel(t *testing.T) {
	for what, options := range map[string]string{
		"a page for each pair": "",
		"packed pages":         "\nmetronome: {options: {usage_page: packed, usage_page_rows: 7}}",
		"split pairs":          "\nmetronome: {options: {usage_page_rows: 5}}",
	} {
		t.Run(what, func(t *testing.T) {
			w, forks := newWorld(t, options), 0
			rapid.Check(t, func(t *rapid.T) {
				forks++
				fork := w.fork(fmt.Sprintf("%s %d", what, forks))
				fork.t = t
				t.Repeat(rapid.StateMachineActions(&usageMachine{world: fork}))
			})
		})
	}
}

// Check is called between the actions of the machine; what there is to check, they have.
func (m *usageMachine) Check(*rapid.T) {}

// fork makes another sandbox of the same beginning.
func (w *world) fork(name string) *world {
	w.t.Helper()
	sb, _, err := w.store.Sandbox(name, w.baseline)
	if err != nil {
		w.t.Fatal(err)
	}
	return &world{t: w.t, api: w.api, sandbox: sb, store: w.store, baseline: w.baseline, token: w.token}
}
