package metronome

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// crowdedWorld has enough of everything that every list takes several pages of its greatest size.
func crowdedWorld(t testing.TB) *world {
	var s strings.Builder
	s.WriteString("\nmetronome:\n  customers:\n")
	for i := range 130 {
		fmt.Fprintf(&s, "    - {name: customer %d, ingest_aliases: [c%d], created_at: 2026-01-%02dT00:00:00Z}\n", i, i, 1+i%5)
	}
	s.WriteString("  billable_metrics:\n")
	for i := range 120 {
		fmt.Fprintf(&s, "    - {name: metric %d, aggregation_type: COUNT, property_filters: [{name: a}, {name: b}], "+
			"group_keys: [[a], [a, b]], created_at: 2026-01-%02dT00:00:00Z}\n", i, 1+i%7)
	}
	s.WriteString("  custom_field_keys:\n")
	for i := range 110 {
		fmt.Fprintf(&s, "    - {entity: customer, key: key%d}\n", i)
	}
	s.WriteString("  events:\n")
	for i := range 400 {
		b := fmt.Sprintf(", b: b%d", i%3)
		if i%11 == 0 {
			b = ""
		}
		fmt.Fprintf(&s, "    - {customer_id: c0, event_type: e, timestamp: 2026-03-%02dT%02d:00:00Z, properties: {a: a%d%s}}\n",
			1+i%2, i%24, i%70, b)
	}
	return newWorld(t, s.String())
}

// walk follows the cursors of a list and returns its rows as they were written.
func (w *world) walk(method, path, body string, limit int) []string {
	w.t.Helper()
	target, err := url.Parse(path)
	if err != nil {
		w.t.Fatal(err)
	}
	parameters := target.Query()
	if limit > 0 {
		parameters.Set("limit", fmt.Sprint(limit))
	}
	var rows []string
	for range 2000 {
		target.RawQuery = parameters.Encode()
		var page list[json.RawMessage]
		w.decode(w.ok(method, target.String(), body), &page)
		if limit > 0 && len(page.Data) > limit {
			w.t.Fatalf("%s: a page of %d rows, where %d were asked for", target, len(page.Data), limit)
		}
		for _, row := range page.Data {
			rows = append(rows, string(row))
		}
		if page.NextPage == nil {
			return rows
		}
		if len(page.Data) == 0 {
			w.t.Fatalf("%s: an empty page leads on", target)
		}
		parameters.Set("next_page", *page.NextPage)
	}
	w.t.Fatalf("%s: the walk does not end", path)
	return nil
}

// walks are all lists of the API, with how many rows the crowded world has for them.
func walks(t testing.TB, w *world) []walkOf {
	t.Helper()
	var page list[customerDetail]
	w.decode(w.ok("GET", "/v1/customers?ingest_alias=c0", ""), &page)
	customer := page.Data[0].ID
	var metricPage list[billableMetricBody]
	w.decode(w.ok("GET", "/v1/billable-metrics?limit=1", ""), &metricPage)
	metric := metricPage.Data[0].ID
	groups := func(window, fields string) string {
		return `{"customer_id":"` + customer + `","billable_metric_id":"` + metric + `","window_size":"` + window +
			`","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-06T00:00:00Z"` + fields + `}`
	}
	return []walkOf{
		{"customers", "GET", "/v1/customers", "", 130, true},
		{"metrics", "GET", "/v1/billable-metrics", "", 120, true},
		{"metrics of a customer", "GET", "/v1/customers/" + customer + "/billable-metrics", "", 120, true},
		{"custom field keys", "POST", "/v1/customFields/listKeys", "{}", 110, false},
		{"hours of a customer and metric", "POST", "/v1/usage/groups", groups("HOUR", ""), 120, true},
		{"groups by day", "POST", "/v1/usage/groups", groups("DAY", `,"group_key":["a"]`), 70, true},
		{"compound groups by hour", "POST", "/v1/usage/groups", groups("HOUR", `,"group_key":["b","a"]`), 400, true},
		{"usage of a customer", "POST", "/v1/usage", `{"window_size":"DAY","starting_on":"2026-03-01T00:00:00Z",
			"ending_before":"2026-03-04T00:00:00Z","customer_ids":["` + customer + `"]}`, 360, false},
		{"usage of a metric in hours", "POST", "/v1/usage", `{"window_size":"HOUR","starting_on":"2026-03-01T00:00:00Z",
			"ending_before":"2026-03-11T00:00:00Z","customer_ids":["` + customer + `","` + nobody + `"],
			"billable_metrics":[{"id":"` + metric + `"},{"id":"` + nobody + `"},{"id":"` + metric + `","group_by":{"key":"a"}}]}`, 480, false},
		{"no costs", "GET", "/v1/customers/" + customer + "/costs?starting_on=2026-03-01T00:00:00Z&ending_before=2026-03-02T00:00:00Z",
			"", 0, true},
	}
}

type walkOf struct {
	what, method, path, body string
	rows                     int
	limited                  bool // the size of its pages can be chosen
}

func TestWalksAreTheSameWhateverTheSizeOfPages(t *testing.T) {
	w := crowdedWorld(t)
	for _, walk := range walks(t, w) {
		t.Run(walk.what, func(t *testing.T) {
			w.t = t
			whole := w.walk(walk.method, walk.path, walk.body, 0)
			if len(whole) != walk.rows {
				t.Fatalf("got %d rows, want %d", len(whole), walk.rows)
			}
			seen := map[string]bool{}
			for _, row := range whole {
				if seen[row] && !strings.Contains(walk.what, "usage of a metric") {
					t.Errorf("a row comes twice: %s", row)
				}
				seen[row] = true
			}
			if !walk.limited {
				return
			}
			for _, size := range []int{1, 2, 7, 100} {
				rows := w.walk(walk.method, walk.path, walk.body, size)
				if strings.Join(rows, "\n") != strings.Join(whole, "\n") {
					t.Errorf("pages of %d give %d other rows", size, len(rows))
				}
			}
		})
	}
}

func TestListsBeginWithTheOldest(t *testing.T) {
	w := crowdedWorld(t)
	for _, path := range []string{"/v1/customers", "/v1/billable-metrics"} {
		last := ""
		for _, row := range w.walk("GET", path, "", 100) {
			var one struct{ ID, Created string }
			w.decode(row, &one)
			var detail customerDetail
			w.decode(row, &detail)
			if place := detail.CreatedAt + " " + one.ID; path == "/v1/customers" && place <= last {
				t.Errorf("%s after %s", place, last)
			} else {
				last = place
			}
		}
	}
}

func TestARowMadeMeanwhileShiftsNoPage(t *testing.T) {
	w := crowdedWorld(t)
	whole := w.walk("GET", "/v1/customers", "", 0)
	var page list[json.RawMessage]
	w.decode(w.ok("GET", "/v1/customers?limit=60", ""), &page)
	w.seed("\nmetronome:\n  customers: [{name: older than all, created_at: 2025-01-01T00:00:00Z}]")
	rest := w.walk("GET", "/v1/customers?next_page="+*page.NextPage, "", 0)
	if len(page.Data)+len(rest) != len(whole) {
		t.Errorf("got %d and %d rows, want %d together", len(page.Data), len(rest), len(whole))
	}
}

func TestCursorsBelongToTheirRequest(t *testing.T) {
	w := crowdedWorld(t)
	cursors := map[string]string{}
	for _, walk := range walks(t, w) {
		var page list[json.RawMessage]
		path := walk.path
		if walk.limited && !strings.Contains(path, "?") {
			path += "?limit=3"
		}
		w.decode(w.ok(walk.method, path, walk.body), &page)
		if page.NextPage != nil {
			cursors[walk.what] = *page.NextPage
		}
	}
	for _, walk := range walks(t, w) {
		for of, cursor := range cursors {
			path := walk.path + "?next_page=" + cursor
			if strings.Contains(walk.path, "?") {
				path = walk.path + "&next_page=" + cursor
			}
			if of == walk.what {
				w.ok(walk.method, path, walk.body)
				continue
			}
			w.refused(walk.method, path, walk.body, 400, "Invalid next_page cursor")
		}
	}
	hours := cursors["usage of a customer"]
	body := walks(t, w)[7].body
	w.ok("POST", "/v1/usage?next_page="+hours, strings.ReplaceAll(body, "\n", "  "))
	w.refused("POST", "/v1/usage?next_page="+hours, strings.Replace(body, "DAY", "HOUR", 1), 400, "Invalid next_page cursor")
	for i := range hours {
		changed := []byte(hours)
		changed[i] = map[bool]byte{true: 'A', false: 'B'}[changed[i] != 'A']
		if raw, _ := base64.RawURLEncoding.DecodeString(string(changed)); bytes.Equal(raw, mustDecode(hours)) {
			continue // the last character has bits that mean nothing
		}
		w.refused("POST", "/v1/usage?next_page="+string(changed), body, 400, "Invalid next_page cursor")
	}
}

func mustDecode(cursor string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		panic(err)
	}
	return raw
}

func TestAnEmptyCursorIsNone(t *testing.T) {
	w := crowdedWorld(t)
	for _, walk := range walks(t, w) {
		separator := "?"
		if strings.Contains(walk.path, "?") {
			separator = "&"
		}
		if got, want := w.ok(walk.method, walk.path+separator+"next_page=", walk.body), w.ok(walk.method, walk.path, walk.body); got != want {
			t.Errorf("%s: the empty cursor changes the page", walk.what)
		}
	}
}

func TestCursorsSurviveArchiving(t *testing.T) {
	w := newWorld(t, twoCustomers)
	var page list[usageRow]
	body := `{"window_size":"NONE","starting_on":"2026-03-01T00:00:00Z","ending_before":"2026-03-04T00:00:00Z"}`
	w.decode(w.ok("POST", "/v1/usage", body), &page)
	w.ok("POST", "/v1/billable-metrics/archive", `{"id":"`+requests+`"}`) // the one that the cursor is at
	rest := w.walk("POST", "/v1/usage?next_page="+*page.NextPage, body, 0)
	if len(rest) != 3+4 {
		t.Errorf("got %d rows, want the other metrics of both customers: %s", len(rest), strings.Join(rest, "\n"))
	}
}

// FuzzCursor: no text makes a cursor, and what a cursor says is never trusted to be within bounds.
func FuzzCursor(f *testing.F) {
	w := newWorld(f, twoCustomers)
	body := usageAsk(`"customer_ids":["` + northwind + `"]`)
	var page list[usageRow]
	w.decode(w.ok("POST", "/v1/usage", body), &page)
	f.Add(*page.NextPage, []byte(`{"c":"0","m":"1","w":2}`))
	f.Add("", []byte(`{"c":"-5","m":"99999999999999999999","w":-1}`))
	f.Add("====", []byte(`{"c":"x","m":"y","w":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, text string, position []byte) {
		w := &world{t: t, api: w.api, sandbox: w.sandbox, token: "any"}
		got := w.send("POST", "/v1/usage?next_page="+url.QueryEscape(text), body)
		if text != "" && text != *page.NextPage && got.status != 400 || got.status >= 500 {
			t.Errorf("%q: got %d %s", text, got.status, got.body)
		}
		if !json.Valid(position) {
			return
		}
		binding := in("PRODUCTION", "POST /v1/usage", "", bodySum(t, body))
		forged, err := wire.EncodeCursor(binding, json.RawMessage(position))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.send("POST", "/v1/usage?next_page="+forged, body); got.status != 200 && got.status != 400 {
			t.Errorf("%s: got %d %s", position, got.status, got.body)
		}
	})
}

func TestWindowsOfARange(t *testing.T) {
	day := func(text string) time.Time {
		at, ok := parseInstant(text)
		if !ok {
			t.Fatal(text)
		}
		return at
	}
	for _, row := range []struct {
		what, from, to string
		size           windowSize
		windows        int
		second         string // where the second window begins
	}{
		{"days", "2026-03-01T00:00:00Z", "2026-03-04T00:00:00Z", daily, 3, "2026-03-02T00:00:00Z"},
		{"hours of a day", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", hourly, 24, "2026-03-01T01:00:00Z"},
		{"the whole range", "1970-01-01T00:00:00Z", "2026-03-02T00:00:00Z", whole, 1, "2026-03-02T00:00:00Z"},
		{"days before 1970", "1969-12-30T00:00:00Z", "1970-01-02T00:00:00Z", daily, 3, "1969-12-31T00:00:00Z"},
		{"all hours of all years", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", hourly, 87649392, "0001-01-01T01:00:00Z"},
		{"hours before 1970 that begin and end between", "1969-12-31T21:30:00Z", "1969-12-31T23:30:00Z", hourly, 3, "1969-12-31T22:00:00Z"},
		{"no range", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", daily, 0, ""},
		{"a range backwards", "2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z", whole, 0, ""},
		{"hours that begin and end between", "2026-03-01T00:30:00Z", "2026-03-01T02:00:00.5Z", hourly, 3, "2026-03-01T01:00:00Z"},
	} {
		g := grid{from: day(row.from), to: day(row.to), size: row.size}
		if got := g.windows(); got != row.windows {
			t.Errorf("%s: got %d windows, want %d", row.what, got, row.windows)
			continue
		}
		if row.windows == 0 {
			continue
		}
		if got := g.bound(1); !got.Equal(day(row.second)) {
			t.Errorf("%s: the second window begins %s", row.what, got)
		}
		if last := g.bounds(row.windows-1, 1); !last[1].Equal(g.to) || !last[0].Before(g.to) {
			t.Errorf("%s: the last window is %s", row.what, last)
		}
	}
}

func bodySum(t testing.TB, body string) string {
	t.Helper()
	meaning, err := canonical([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(meaning)
	return string(sum[:])
}
