package ledger_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/submeter/submeter/emulator/internal/ledger"
)

// model is the naive ledger: all events in a slice, every answer worked out from scratch.
type model struct {
	events []ledger.Stored
	now    time.Time
	dedupe time.Duration
}

func (m *model) copy() *model {
	c := *m
	c.events = slices.Clone(m.events)
	return &c
}

func (m *model) append(events []ledger.Event) (duplicates []bool) {
	for _, e := range events {
		duplicate := e.ID != "" && slices.ContainsFunc(m.events, func(old ledger.Stored) bool {
			return old.ID == e.ID && !old.Duplicate && (m.dedupe == 0 || old.Arrived.Add(m.dedupe).After(m.now))
		})
		m.events = append(m.events, ledger.Stored{
			Event: e, Number: uint64(len(m.events)) + 1, Arrived: m.now, Duplicate: duplicate,
		})
		duplicates = append(duplicates, duplicate)
	}
	return duplicates
}

func (m *model) find(id string) (found []ledger.Stored) {
	for _, e := range m.events {
		if e.ID == id && id != "" {
			found = append(found, e)
		}
	}
	return found
}

func (m *model) streams(prefix string) (names []string) {
	for _, e := range m.events {
		if !e.Duplicate && strings.HasPrefix(e.Stream, prefix) {
			names = append(names, e.Stream)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (m *model) scan(sel ledger.Selection) (found []ledger.Stored) {
	for _, e := range m.events {
		in := !e.Duplicate && (sel.All || slices.Contains(sel.Streams, e.Stream)) && e.Number > sel.After &&
			!e.Time.Before(sel.From) && (sel.Before.IsZero() || e.Time.Before(sel.Before))
		if in && passes(sel.Filter, e.Event) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b ledger.Stored) int { return a.Time.Compare(b.Time) })
	return found
}

// answer is a ledger.Result in terms that can be compared: its value as an exact fraction, or none.
type answer struct {
	Window, Events, Numbers int
	Group                   string
	Value                   string
}

func (m *model) aggregate(q ledger.Query) (answers []answer) {
	for w := range len(q.Windows) - 1 {
		byGroup := map[string][]ledger.Stored{}
		for _, e := range m.scan(ledger.Selection{Streams: q.Streams, Filter: q.Filter, After: q.After, From: q.Windows[w]}) {
			if !e.Time.Before(q.Windows[w+1]) {
				continue
			}
			group := []ledger.Part{}
			for _, name := range q.GroupBy {
				text, kind := textOf(e.Event, name)
				group = append(group, ledger.Part{Text: text, Present: kind == scalar})
			}
			key := groupText(group)
			byGroup[key] = append(byGroup[key], e)
		}
		for group, events := range byGroup {
			a := answer{Window: w, Group: group, Events: len(events)}
			a.Numbers, a.Value = aggregate(q, events)
			answers = append(answers, a)
		}
	}
	slices.SortFunc(answers, func(a, b answer) int { return cmp.Or(cmp.Compare(a.Window, b.Window), cmp.Compare(a.Group, b.Group)) })
	return answers
}

// groupText writes a group so that texts sort as results do: by the texts, absent last.
func groupText(group []ledger.Part) string {
	var b strings.Builder
	for _, p := range group {
		if p.Present {
			b.WriteString("=" + p.Text + "\x00")
		} else {
			b.WriteString("~\x00")
		}
	}
	return b.String()
}

func aggregate(q ledger.Query, events []ledger.Stored) (numbers int, value string) {
	var values []*big.Rat
	distinct := map[string]bool{}
	for _, e := range events {
		text, kind := textOf(e.Event, q.Field)
		if kind == scalar {
			distinct[text] = true
			if n := numberOf(text); n != nil {
				values = append(values, n)
			}
		}
	}
	switch q.Function {
	case ledger.Count:
		return len(values), big.NewRat(int64(len(events)), 1).String()
	case ledger.Unique:
		return 0, big.NewRat(int64(len(distinct)), 1).String()
	case ledger.Sum:
		sum := new(big.Rat)
		for _, n := range values {
			sum.Add(sum, n)
		}
		return len(values), sum.String()
	case ledger.Min, ledger.Max, ledger.Latest:
	}
	if len(values) == 0 {
		return 0, ""
	}
	best := values[0]
	for _, n := range values { // in order of time and arrival
		if q.Function == ledger.Min && n.Cmp(best) < 0 || q.Function == ledger.Max && n.Cmp(best) > 0 || q.Function == ledger.Latest {
			best = n
		}
	}
	return len(values), best.String()
}

type kind int

const (
	absent kind = iota
	nested
	scalar
)

// textOf returns the text of an event's field, read with the standard library alone.
func textOf(e ledger.Event, name string) (text string, of kind) {
	for _, f := range e.Fields {
		if f.Name != name {
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader([]byte(f.JSON)))
		decoder.UseNumber()
		var v any
		if err := decoder.Decode(&v); err != nil {
			panic(err)
		}
		switch v := v.(type) {
		case nil:
			text, of = "", absent
		case string:
			text, of = v, scalar
		case json.Number:
			text, of = v.String(), scalar
		case bool:
			text, of = map[bool]string{true: "true", false: "false"}[v], scalar
		default:
			text, of = "", nested
		}
	}
	return text, of
}

var decimalText = regexp.MustCompile(`^\s*([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?)\s*$`)

func numberOf(text string) *big.Rat {
	parts := decimalText.FindStringSubmatch(text)
	if parts == nil || strings.Contains(text, "e201") { // beyond what counts as a number
		return nil
	}
	n, ok := new(big.Rat).SetString(parts[1])
	if !ok {
		return nil
	}
	return n
}

func passes(f ledger.Filter, e ledger.Event) bool {
	if len(f.Types) > 0 && !slices.Contains(f.Types, e.Type) || slices.Contains(f.NotTypes, e.Type) {
		return false
	}
	for _, c := range f.Fields {
		text, kind := textOf(e, c.Name)
		listed := func(texts []string) bool { return kind == scalar && slices.Contains(texts, text) }
		if c.Exists != nil && *c.Exists != (kind != absent) || c.In != nil && !listed(c.In) || listed(c.NotIn) {
			return false
		}
	}
	return true
}
