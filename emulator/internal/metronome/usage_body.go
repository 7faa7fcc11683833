package metronome

import (
	"bytes"
	"strconv"

	"github.com/labstack/echo/v4"
	"github.com/tidwall/gjson"
)

// The fields of the bodies of POST /v1/usage, and which must be there, in the order in which the document checks them.
var (
	usageFields    = []string{"billable_metrics", "customer_ids", "ending_before", "starting_on", "window_size"}
	requiredUsage  = []int{4, 3, 2}
	metricFields   = []string{"group_by", "id"}
	requiredMetric = []int{1}
	groupFields    = []string{"key", "values"}
	requiredGroup  = []int{0}
)

// decodeUsage reads the body of a usage query in place of the document's check.
func decodeUsage(c echo.Context, body []byte) (*usageQuery, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, (&breach{rule: "required", demand: "is required", subject: "A request body"}).refuse(c)
	}
	parsed, b := parseJSON(body)
	if b != nil {
		return nil, b.refuse(c)
	}
	var query usageQuery
	if b := query.decode(parsed); b != nil {
		return nil, b.refuse(c)
	}
	return &query, nil
}

func (q *usageQuery) decode(v gjson.Result) (b *breach) {
	if b := wantObject(v); b != nil {
		return b
	}
	members := make([]gjson.Result, len(usageFields))
	findMembers(v, usageFields, members)
	for i, field := range members {
		if !field.Exists() {
			continue
		}
		switch i {
		case 0:
			q.metrics, b = wantList(field, "objects", 0, 0, wantUsageMetric)
		case 1:
			q.customers, b = wantList(field, "strings", 0, 0, wantUUID)
		case 2:
			q.grid.to, b = wantInstant(field)
		case 3:
			q.grid.from, b = wantInstant(field)
		case 4:
			q.grid.size, b = wantWindowSize(field)
		}
		if b != nil {
			return b.in(usageFields[i])
		}
	}
	return firstMissing(members, usageFields, requiredUsage)
}

func wantUsageMetric(v gjson.Result) (m usageMetric, b *breach) {
	if b := wantObject(v); b != nil {
		return m, b
	}
	members := make([]gjson.Result, len(metricFields))
	findMembers(v, metricFields, members)
	if group := members[0]; group.Exists() {
		if m.groupBy, m.values, b = wantGroupBy(group); b != nil {
			return m, b.in(metricFields[0])
		}
	}
	if id := members[1]; id.Exists() {
		if m.id, b = wantUUID(id); b != nil {
			return m, b.in(metricFields[1])
		}
	}
	return m, firstMissing(members, metricFields, requiredMetric)
}

func wantGroupBy(v gjson.Result) (key *string, values []string, b *breach) {
	if b := wantObject(v); b != nil {
		return nil, nil, b
	}
	members := make([]gjson.Result, len(groupFields))
	findMembers(v, groupFields, members)
	if name := members[0]; name.Exists() {
		text, b := wantText(name, 0, 0)
		if b != nil {
			return nil, nil, b.in(groupFields[0])
		}
		key = &text
	}
	if listed := members[1]; listed.Exists() {
		wantValue := func(v gjson.Result) (string, *breach) { return wantText(v, 1, 0) }
		if values, b = wantList(listed, "strings", 1, maxGroups, wantValue); b != nil {
			return nil, nil, b.in(groupFields[1])
		}
	}
	return key, values, firstMissing(members, groupFields, requiredGroup)
}

// wantList reads a list and each of its items. An empty one is not nil: it asks for nothing, not for all. // MET-063
func wantList[T any](v gjson.Result, items string, least, most int, want func(gjson.Result) (T, *breach)) ([]T, *breach) {
	elements, b := wantArray(v, items, least, most)
	if b != nil {
		return nil, b
	}
	list := make([]T, len(elements))
	for i, element := range elements {
		if list[i], b = want(element); b != nil {
			return nil, b.in(strconv.Itoa(i))
		}
	}
	return list, nil
}

// wantWindowSize takes the three spellings that the document lists for each size.
func wantWindowSize(v gjson.Result) (windowSize, *breach) {
	if v.Type == gjson.String {
		switch unquote(v.Raw) {
		case "hour", "HOUR", "Hour":
			return hourly, nil
		case "day", "DAY", "Day":
			return daily, nil
		case "none", "NONE", "None":
			return whole, nil
		}
	}
	return whole, broken("enum", "must be one of hour, day, none")
}
