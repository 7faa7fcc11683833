package metronome

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"
)

// model is what usage should be, worked out in the plainest way there is: every event is looked at for every row.
type model struct {
	customers []*modelCustomer // by creation, then id
	metrics   []*modelMetric   // by creation, then id
	events    []modelEvent     // in order of arrival
	arrived   int              // events, duplicates too
}

type modelCustomer struct {
	id       string
	aliases  []string
	archived bool
}

type modelMetric struct {
	id, aggregation, key string
	typesIn, typesNot    []string
	filters              []propertyFilter
	groupKeys            [][]string
	after                int
	archived             bool
}

type modelEvent struct {
	transaction, stream, kind string
	at                        time.Time
	properties                map[string]any
	number                    int
}

// take adds an event as it was sent, unless its transaction id came before.
func (m *model) take(body string) {
	var sent struct {
		TransactionID string `json:"transaction_id"`
		CustomerID    string `json:"customer_id"`
		EventType     string `json:"event_type"`
		Timestamp     time.Time
		Properties    map[string]any
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&sent); err != nil {
		panic(err)
	}
	m.arrived++
	for _, e := range m.events {
		if e.transaction == sent.TransactionID {
			return
		}
	}
	m.events = append(m.events, modelEvent{
		sent.TransactionID, sent.CustomerID, sent.EventType, sent.Timestamp, sent.Properties, m.arrived,
	})
}

func (m *model) owner(stream string) *modelCustomer {
	for _, c := range m.customers {
		if c.id == stream {
			return c
		}
	}
	for _, c := range m.customers {
		if slices.Contains(c.aliases, stream) {
			return c
		}
	}
	return nil
}

// textOf returns how a property's value is written, and whether it is there; an object or list is, and has no text.
func textOf(e modelEvent, name string) (text string, hasText, present bool) {
	switch value := e.properties[name].(type) {
	case nil:
		return "", false, false
	case string:
		return value, true, true
	case json.Number, bool:
		return fmt.Sprint(value), true, true
	}
	return "", false, true
}

func (m *modelMetric) counts(e modelEvent) bool {
	if e.number <= m.after || m.typesIn != nil && !slices.Contains(m.typesIn, e.kind) || slices.Contains(m.typesNot, e.kind) {
		return false
	}
	for _, f := range m.filters {
		text, hasText, present := textOf(e, f.Name)
		switch {
		case f.Exists != nil && *f.Exists != present:
			return false
		case f.In != nil && !(hasText && slices.Contains(f.In, text)):
			return false
		case hasText && slices.Contains(f.NotIn, text):
			return false
		}
	}
	return true
}

// matching are the events of a customer that a metric counts between two instants.
func (m *model) matching(c *modelCustomer, metric *modelMetric, from, to time.Time) []modelEvent {
	var matching []modelEvent
	for _, e := range m.events {
		if m.owner(e.stream) == c && metric.counts(e) && !e.at.Before(from) && e.at.Before(to) {
			matching = append(matching, e)
		}
	}
	return matching
}

var modelNumber = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

func numberOf(e modelEvent, name string) (*big.Rat, bool) {
	text, hasText, _ := textOf(e, name)
	if text = strings.TrimSpace(text); !hasText || !modelNumber.MatchString(text) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// aggregate is the value of events, or nil for null.
func (m *modelMetric) aggregate(events []modelEvent) *big.Rat {
	if len(events) == 0 {
		return nil
	}
	switch m.aggregation {
	case aggregateCount:
		return big.NewRat(int64(len(events)), 1)
	case aggregateUnique:
		seen := map[string]bool{}
		for _, e := range events {
			if text, hasText, _ := textOf(e, m.key); hasText {
				seen[text] = true
			}
		}
		return big.NewRat(int64(len(seen)), 1)
	}
	var value *big.Rat
	var latest time.Time
	if m.aggregation == aggregateSum {
		value = new(big.Rat)
	}
	for _, e := range events {
		number, ok := numberOf(e, m.key)
		switch {
		case !ok:
		case m.aggregation == aggregateSum:
			value.Add(value, number)
		case m.aggregation == aggregateMax && (value == nil || number.Cmp(value) > 0):
			value = number
		case m.aggregation == aggregateLatest && (value == nil || !e.at.Before(latest)):
			value, latest = number, e.at
		}
	}
	return value
}

// windowsOf cuts a range, bounds included.
func windowsOf(from, to time.Time, size string) []time.Time {
	step := to.Sub(from)
	switch strings.ToLower(size) {
	case "hour":
		step = time.Hour
	case "day":
		step = 24 * time.Hour
	}
	var bounds []time.Time
	for at := from; !at.After(to); at = at.Add(step) {
		bounds = append(bounds, at)
	}
	return bounds
}

// asked is one metric of a usage query.
type modelAsk struct {
	metric *modelMetric
	key    string // "": not grouped
	values []string
}

// usage answers the rows of POST /v1/usage, a line each.
func (m *model) usage(customers []*modelCustomer, asks []modelAsk, bounds []time.Time) []string {
	var rows []string
	for _, c := range customers {
		for _, ask := range asks {
			groups := ask.values
			if ask.key != "" && groups == nil {
				groups = ask.metric.groups(m.matching(c, ask.metric, bounds[0], bounds[len(bounds)-1]), ask.key)
			}
			for i := range len(bounds) - 1 {
				events := m.matching(c, ask.metric, bounds[i], bounds[i+1])
				row := fmt.Sprintf("%s %s %s %s", c.id, ask.metric.id, bounds[i].Format(time.RFC3339), decimalText(ask.metric.aggregate(events)))
				for _, group := range slices.Compact(slices.Sorted(slices.Values(groups))) {
					of := slices.DeleteFunc(slices.Clone(events), func(e modelEvent) bool {
						text, hasText, _ := textOf(e, ask.key)
						return !hasText || text != group
					})
					row += fmt.Sprintf(" %q=%s", group, decimalText(ask.metric.aggregate(of)))
				}
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// groups are the distinct values of a key, sorted.
func (m *modelMetric) groups(events []modelEvent, key string) []string {
	seen := map[string]bool{}
	for _, e := range events {
		if text, hasText, _ := textOf(e, key); hasText {
			seen[text] = true
		}
	}
	var groups []string
	for text := range seen {
		groups = append(groups, text)
	}
	sort.Strings(groups)
	return groups
}

// byGroup answers the rows of POST /v1/usage/groups, a line each.
func (m *model) byGroup(c *modelCustomer, metric *modelMetric, keys []string, filters map[string][]string, bounds []time.Time) []string {
	var rows []string
	for i := range len(bounds) - 1 {
		events := m.matching(c, metric, bounds[i], bounds[i+1])
		start := bounds[i].Format(time.RFC3339)
		if len(keys) == 0 {
			rows = append(rows, start+" "+decimalText(metric.aggregate(events)))
			continue
		}
		split := map[string][]modelEvent{}
		for _, e := range events {
			if group, kept := groupOf(e, keys, filters); kept {
				split[group] = append(split[group], e)
			}
		}
		var groups []string
		for group := range split {
			groups = append(groups, group)
		}
		sort.Strings(groups)
		for _, group := range groups {
			shown := strings.NewReplacer("\x01", "", "\x02", "").Replace(group)
			rows = append(rows, start+" "+shown+decimalText(metric.aggregate(split[group])))
		}
	}
	return rows
}

// groupOf names the group of an event, so that names sort as groups do: values first, what lacks one last.
func groupOf(e modelEvent, keys []string, filters map[string][]string) (group string, kept bool) {
	for _, key := range keys {
		text, hasText, _ := textOf(e, key)
		if values := filters[key]; len(values) > 0 && !(hasText && slices.Contains(values, text)) {
			return "", false
		}
		if hasText {
			group += "\x01" + key + "=" + text + "\x01 "
		} else {
			group += "\x02"
		}
	}
	return group, true
}

// decimalText writes a value as the shortest exact decimal.
func decimalText(value *big.Rat) string {
	if value == nil {
		return "null"
	}
	text := value.FloatString(400)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
