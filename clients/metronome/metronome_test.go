package metronome_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/clients/internal/transport"
	"github.com/submeter/submeter/clients/metronome"
	"github.com/submeter/submeter/emulator"
	"github.com/submeter/submeter/fixtures"
)

var march = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// start returns the base URL of an empty world in which it is the 20th of March for good.
func start(t *testing.T) string {
	t.Helper()
	e := emulator.Start(t, emulator.WithScenario("empty"))
	if _, err := e.Sandbox(emulator.DefaultSandbox).Freeze(march.AddDate(0, 0, 19)); err != nil {
		t.Fatal(err)
	}
	return e.URL("metronome")
}

func connect(t *testing.T, baseURL string) *metronome.Client {
	t.Helper()
	client, err := metronome.New(baseURL, "any")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// must is must(call())(t): the result of a call that has to succeed.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// losesAnswers stands in front of a server: what it is sent arrives, but the answer to every other POST gets lost on
// the way and a 503 comes instead.
func losesAnswers(t *testing.T, baseURL string) string {
	t.Helper()
	var posts atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), r.Method, baseURL+r.URL.RequestURI(), r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		out.Header = r.Header
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if r.Method == http.MethodPost && posts.Add(1)%2 == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// tokens makes a customer with the alias nw, and a metric that sums tokens by model.
func tokens(t *testing.T, client *metronome.Client) (customer, metric uuid.UUID) {
	t.Helper()
	made := must(client.CreateCustomer(t.Context(), metronome.CreateCustomerRequest{Name: "Northwind", IngestAliases: []string{"nw"}}))(t)
	metric = must(client.CreateBillableMetric(t.Context(), metronome.CreateBillableMetricRequest{
		Name: "Tokens", AggregationType: new(metronome.CreateBillableMetricRequestAggregationTypeSum), AggregationKey: new("tokens"),
		EventTypeFilter: &metronome.EventTypeFilter{InValues: []string{"llm.call"}},
		PropertyFilters: []metronome.PropertyFilter{{Name: "tokens", Exists: new(true)}, {Name: "model", Exists: new(true)}},
		GroupKeys:       [][]string{{"model"}},
	}))(t)
	return made.ID, metric
}

// sums adds up what goes in, independently of the emulator.
type sums[K comparable] map[K]decimal.Decimal

func (s sums[K]) add(key K, amount decimal.Decimal) { s[key] = s[key].Add(amount) }

func (s sums[K]) text() map[K]string {
	out := map[K]string{}
	for key, amount := range s {
		out[key] = amount.String()
	}
	return out
}

func equal[K comparable](t *testing.T, what string, got, want map[K]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: got %v\nwant %v", what, got, want)
	}
}

func text(n *json.Number) string {
	if n == nil {
		return "null"
	}
	return n.String()
}

// Every answer of a POST is lost once, and all events are sent twice over; the sums must not notice.
func TestWhatGoesInComesOutExact(t *testing.T) {
	client := connect(t, losesAnswers(t, start(t)))
	customer, metric := tokens(t, client)

	const count, days = 1050, 10
	models := []string{"small", "large", "vision"}
	hourly, daily, byModel, total := sums[time.Time]{}, sums[time.Time]{}, sums[string]{}, decimal.Zero
	var events []metronome.Event
	for i := range count {
		at := march.Add(time.Duration(i) * days * 24 * time.Hour / count)
		amount := decimal.RequireFromString(fmt.Sprintf("%d.%020d", i, i+1)) // 20 places, far beyond a float64
		events = append(events, metronome.Event{
			CustomerID: "nw", EventType: "llm.call", Timestamp: at.In(time.FixedZone("", 5400)),
			Properties: metronome.Properties{"tokens": amount.String(), "model": models[i%3]},
		})
		hourly.add(at.Truncate(time.Hour), amount)
		daily.add(at.Truncate(24*time.Hour), amount)
		byModel.add(models[i%3], amount)
		total = total.Add(amount)
	}
	for range 2 {
		if n := must(client.Ingest(t.Context(), slices.Values(events)))(t); n != count {
			t.Errorf("%d events acknowledged, want %d", n, count)
		}
	}

	query := metronome.ListUsageRequest{
		StartingOn: march, EndingBefore: march.AddDate(0, 0, days), CustomerIds: []uuid.UUID{customer},
		BillableMetrics: []metronome.UsageMetric{{ID: metric}},
	}
	usage := func(window metronome.WindowSize) map[time.Time]string {
		query.WindowSize = window
		rows := map[time.Time]string{}
		for row, err := range client.Usage(t.Context(), query) {
			if err != nil {
				t.Fatal(err)
			}
			rows[row.StartTimestamp] = text(row.Value)
		}
		return rows
	}
	equal(t, "by hour, on two pages", usage(metronome.WindowSizeHour), hourly.text())
	equal(t, "by day", usage(metronome.WindowSizeDay), daily.text())
	equal(t, "at once", usage(metronome.WindowSizeNone), map[time.Time]string{march: total.String()})

	groups, pages := sums[string]{}, 0
	for row, err := range client.UsageGroups(t.Context(), metronome.ListUsageWithGroupsRequest{
		CustomerID: customer, BillableMetricID: metric, WindowSize: metronome.WindowSizeHour,
		StartingOn: &query.StartingOn, EndingBefore: &query.EndingBefore, GroupKey: []string{"model"},
	}) {
		if err != nil {
			t.Fatal(err)
		}
		groups.add(*row.GroupValue, decimal.RequireFromString(text(row.Value)))
		pages++
	}
	if pages <= 100 {
		t.Errorf("%d rows by group fit one page, so paging was not tried", pages)
	}
	equal(t, "by group", groups.text(), byModel.text())

	query.BillableMetrics = []metronome.UsageMetric{metronome.MetricBy(metric, "model", "small", "none")}
	rows := must(transport.Collect(client.Usage(t.Context(), query)))(t)
	if len(rows) != 1 || text(rows[0].Groups["small"]) != byModel["small"].String() || rows[0].Groups["none"] != nil {
		t.Errorf("grouped by model: %+v", rows)
	}
}

func TestARefusedBatchIsNamedAndCanBeSentAgain(t *testing.T) {
	client := connect(t, start(t))
	customer, metric := tokens(t, client)
	var events []metronome.Event
	for i := range 250 {
		events = append(events, metronome.Event{
			CustomerID: "nw", EventType: "llm.call", Timestamp: march.Add(time.Duration(i) * time.Minute),
			Properties: metronome.Properties{"tokens": json.Number("1.5"), "model": "small"},
		})
	}
	good := events[130].Timestamp
	events[130].Timestamp = march.AddDate(-1, 0, 0) // more than 34 days ago
	n, err := client.Ingest(t.Context(), slices.Values(events))
	refused := (*metronome.Error)(nil)
	if n != 100 || !errors.As(err, &refused) || refused.Status != http.StatusBadRequest || !strings.HasPrefix(err.Error(), "events 101 to 200: POST /metronome/v1/ingest: 400 ") {
		t.Fatalf("%d acknowledged, error %v", n, err)
	}
	events[130].Timestamp = good
	if n := must(client.Ingest(t.Context(), slices.Values(events)))(t); n != 250 {
		t.Errorf("%d acknowledged", n)
	}
	rows := must(transport.Collect(client.Usage(t.Context(), metronome.ListUsageRequest{
		StartingOn: march, EndingBefore: march.AddDate(0, 0, 1), WindowSize: metronome.WindowSizeNone, CustomerIds: []uuid.UUID{customer},
		BillableMetrics: []metronome.UsageMetric{{ID: metric}},
	})))(t)
	if len(rows) != 1 || text(rows[0].Value) != "375" {
		t.Errorf("usage %+v, want 250 times 1.5", rows)
	}
	id := must(metronome.TransactionID(events[0]))(t)
	found := must(client.SearchEvents(t.Context(), id, "unknown"))(t)
	if len(found) != 2 || found[0].TransactionID != id || found[0].Properties["tokens"] != json.Number("1.5") || !*found[1].IsDuplicate {
		t.Errorf("found %+v", found)
	}
}

// A change of these ids would count events twice that an older version of this package has sent.
func TestTransactionIDsAreStable(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	event := metronome.Event{CustomerID: "nw", EventType: "llm.call", Timestamp: at, Properties: metronome.Properties{"b": 2, "a": "1"}}
	const want = "5ae00c3f249f7f12ddfbfed87207350625081fac1ac226ea4935851c918c0f83"
	if got := must(metronome.TransactionID(event))(t); got != want {
		t.Errorf("id %s, want %s", got, want)
	}
	event.Timestamp = at.In(time.FixedZone("", -3600))
	event.TransactionID = "not looked at"
	if got := must(metronome.TransactionID(event))(t); got != want {
		t.Errorf("id %s in another zone, want %s", got, want)
	}
	seen := map[string]bool{want: true}
	for _, other := range []metronome.Event{
		{CustomerID: "nw2", EventType: event.EventType, Timestamp: at, Properties: event.Properties},
		{CustomerID: "nw", EventType: "llm", Timestamp: at, Properties: event.Properties},
		{CustomerID: "nw", EventType: event.EventType, Timestamp: at.Add(1), Properties: event.Properties},
		{CustomerID: "nw", EventType: event.EventType, Timestamp: at, Properties: metronome.Properties{"b": 2, "a": 1}},
		{CustomerID: "nw", EventType: event.EventType, Timestamp: at},
	} {
		id := must(metronome.TransactionID(other))(t)
		if seen[id] {
			t.Errorf("%+v has the id of another event", other)
		}
		seen[id] = true
	}
	if _, err := metronome.TransactionID(metronome.Event{Properties: metronome.Properties{"f": func() {}}}); err == nil {
		t.Error("a property that JSON cannot hold passed")
	}
}

func TestListsFollowTheirPages(t *testing.T) {
	client := connect(t, start(t))
	var names, metrics []string
	for i := range 130 {
		names = append(names, fmt.Sprintf("Customer %03d", i))
		must(client.CreateCustomer(t.Context(), metronome.CreateCustomerRequest{Name: names[i], IngestAliases: []string{fmt.Sprint("c", i)}}))(t)
		metrics = append(metrics, fmt.Sprintf("Metric %03d", i))
		must(client.CreateBillableMetric(t.Context(), metronome.CreateBillableMetricRequest{
			Name: metrics[i], AggregationType: new(metronome.CreateBillableMetricRequestAggregationTypeCount),
		}))(t)
	}
	var got []string
	for customer, err := range client.Customers(t.Context(), metronome.ListCustomersParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, customer.Name)
	}
	slices.Sort(got) // made at one instant, they have no order of their own
	if !slices.Equal(got, names) {
		t.Errorf("customers %q", got)
	}
	got = nil
	for metric, err := range client.BillableMetrics(t.Context(), true) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, metric.Name)
	}
	slices.Sort(got)
	if !slices.Equal(got, metrics) {
		t.Errorf("metrics %q", got)
	}

	one := must(transport.Collect(client.Customers(t.Context(), metronome.ListCustomersParams{IngestAlias: new("c7")})))(t)
	if len(one) != 1 || one[0].Name != "Customer 007" {
		t.Fatalf("by alias: %+v", one)
	}
	if again := must(client.Customer(t.Context(), one[0].ID))(t); again.Name != one[0].Name {
		t.Errorf("by id: %+v", again)
	}
	if _, err := client.BillableMetric(t.Context(), one[0].ID); !errors.Is(err, metronome.ErrNotFound) {
		t.Errorf("a metric that is none: %v", err)
	}
}

// A creation whose answer is lost happens once: its repetition carries the same key.
func TestCreationsAreRepeatedOnce(t *testing.T) {
	baseURL := start(t)
	customer, metric := tokens(t, connect(t, losesAnswers(t, baseURL)))
	client := connect(t, baseURL)
	customers := must(transport.Collect(client.Customers(t.Context(), metronome.ListCustomersParams{})))(t)
	metrics := must(transport.Collect(client.BillableMetrics(t.Context(), false)))(t)
	if len(customers) != 1 || customers[0].ID != customer || len(metrics) != 1 || metrics[0].ID != metric {
		t.Errorf("customers %+v\nmetrics %+v", customers, metrics)
	}
}

func TestRefusals(t *testing.T) {
	world := fixtures.New()
	world.Metronome.Tokens = []fixtures.MetronomeToken{{Token: "good"}, {Token: "reader", Access: fixtures.MetronomeReadOnly}}
	baseURL := emulator.Start(t, emulator.WithWorld(world)).URL("metronome")
	cases := []struct {
		name, token string
		status      int
		signIn      bool
		text        string
	}{
		{"an unknown token", "bad", 401, true, "POST /metronome/v1/ingest: 401 Unauthorized: Unauthorized"},
		{"a token that may only read", "reader", 403, true, "POST /metronome/v1/ingest: 403 Forbidden: Forbidden"},
		{"an event without a type", "good", 400, false, "POST /metronome/v1/ingest: 400 Bad Request: "},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			client := must(metronome.New(baseURL, tc.token))(t)
			n, err := client.Ingest(t.Context(), slices.Values([]metronome.Event{{CustomerID: "nw", Timestamp: march}}))
			refused := (*metronome.Error)(nil)
			if n != 0 || !errors.As(err, &refused) || refused.Status != tc.status || errors.Is(err, metronome.ErrSignIn) != tc.signIn || !strings.HasPrefix(refused.Error(), tc.text) {
				t.Errorf("%d acknowledged, error %v", n, err)
			}
		})
	}
}

// The vendor's limit is eight a second. The clock runs here, so that the second which Retry-After asks for goes by.
func TestRateLimitsAreWaitedFor(t *testing.T) {
	box := emulator.Start(t, emulator.WithScenario("empty"), emulator.WithRateLimits("vendor")).Sandbox(emulator.DefaultSandbox)
	client := connect(t, box.URL("metronome"))
	for limited := 0; limited == 0; {
		if _, err := transport.Collect(client.Customers(t.Context(), metronome.ListCustomersParams{})); err != nil {
			t.Fatal(err)
		}
		limited = must(box.CountRequests(emulator.Filter{Status: http.StatusTooManyRequests}))(t)
	}
	seen := must(box.Requests(emulator.Filter{}))(t)
	last, refused := seen[len(seen)-1], seen[len(seen)-2]
	if refused.Status != http.StatusTooManyRequests || last.Status != http.StatusOK || last.At.Sub(refused.At) < time.Second {
		t.Errorf("%d at %s, then %d at %s", refused.Status, refused.At, last.Status, last.At)
	}
}

func TestTheContextEndsAnIteration(t *testing.T) {
	client := connect(t, start(t))
	tokens(t, client)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if rows, err := transport.Collect(client.Customers(ctx, metronome.ListCustomersParams{})); !errors.Is(err, context.Canceled) || rows != nil {
		t.Errorf("%v, %v", rows, err)
	}
}

func TestBaseURLsAndTokensThatAreNone(t *testing.T) {
	for _, baseURL := range []string{"localhost:4010", "ftp://host", "http://", "::"} {
		if _, err := metronome.New(baseURL, "any"); err == nil {
			t.Errorf("%q passed", baseURL)
		}
	}
	if _, err := metronome.New("", ""); err == nil {
		t.Error("no token passed")
	}
	client := must(metronome.New("", "any"))(t)
	if client.Raw().Server != "https://api.metronome.com/" {
		t.Errorf("server %s", client.Raw().Server)
	}
}
