// Package metronome drives the emulator with Metronome's own SDKs, unmodified.
package metronome

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	sdk "github.com/Metronome-Industries/metronome-go/v2"
	"github.com/Metronome-Industries/metronome-go/v2/option"
	"github.com/Metronome-Industries/metronome-go/v2/shared"
	"github.com/submeter/submeter/emulator"
)

var march = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// startAt starts an emulator whose time stands still, in an empty world.
func startAt(t *testing.T, now time.Time) *emulator.Emulator {
	t.Helper()
	e := emulator.Start(t, emulator.WithScenario("empty"))
	if _, err := e.Sandbox(emulator.DefaultSandbox).Freeze(now); err != nil {
		t.Fatal(err)
	}
	return e
}

func newClient(url string) sdk.Client {
	return sdk.NewClient(option.WithBaseURL(url), option.WithBearerToken("any"))
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

// TestGoSDKReadsBackWhatItIngested runs the vendor's main job: a customer, a metric, 1,000 events over three days, and
// the usage by hour, by day, at once and by group. The sums are worked out here, independently.
func TestGoSDKReadsBackWhatItIngested(t *testing.T) {
	e := startAt(t, march.AddDate(0, 0, 5))
	client, ctx := newClient(e.URL("metronome")), context.Background()

	customer := must(client.V1.Customers.New(ctx, sdk.V1CustomerNewParams{
		Name: "Northwind", IngestAliases: []string{"nw"},
	}))(t).Data
	metric := must(client.V1.BillableMetrics.New(ctx, sdk.V1BillableMetricNewParams{
		Name: "Tokens", AggregationType: sdk.V1BillableMetricNewParamsAggregationTypeSum, AggregationKey: sdk.String("tokens"),
		EventTypeFilter: shared.EventTypeFilterParam{InValues: []string{"llm.call"}},
		PropertyFilters: []shared.PropertyFilterParam{{Name: "tokens", Exists: sdk.Bool(true)}, {Name: "model", Exists: sdk.Bool(true)}},
		GroupKeys:       [][]string{{"model"}},
	}))(t).Data

	const events, days = 1000, 3
	models := []string{"small", "large", "vision"}
	hourly, daily, byModel, total := map[time.Time]float64{}, map[time.Time]float64{}, map[string]float64{}, 0.0
	for batch := 0; batch < events; batch += 100 {
		var params sdk.V1UsageIngestParams
		for i := batch; i < batch+100; i++ {
			at := march.Add(time.Duration(i) * days * 24 * time.Hour / events)
			tokens, model := float64(i)+0.25, models[i%len(models)]
			params.Usage = append(params.Usage, sdk.V1UsageIngestParamsUsage{
				TransactionID: fmt.Sprintf("tx-%d", i), CustomerID: "nw", EventType: "llm.call",
				Timestamp: at.Format(time.RFC3339Nano), Properties: map[string]any{"tokens": fmt.Sprint(tokens), "model": model},
			})
			hourly[at.Truncate(time.Hour)] += tokens
			daily[at.Truncate(24*time.Hour)] += tokens
			byModel[model] += tokens
			total += tokens
		}
		for range 2 { // the second time all of them are duplicates
			if err := client.V1.Usage.Ingest(ctx, params); err != nil {
				t.Fatal(err)
			}
		}
	}

	usage := func(size sdk.V1UsageListParamsWindowSize) map[time.Time]float64 {
		pager := client.V1.Usage.ListAutoPaging(ctx, sdk.V1UsageListParams{
			StartingOn: march, EndingBefore: march.AddDate(0, 0, days), WindowSize: size,
			CustomerIDs: []string{customer.ID}, BillableMetrics: []sdk.V1UsageListParamsBillableMetric{{ID: metric.ID}},
		})
		rows := map[time.Time]float64{}
		for pager.Next() {
			row := pager.Current()
			rows[row.StartTimestamp] = row.Value
		}
		if err := pager.Err(); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	compare(t, "by hour", usage(sdk.V1UsageListParamsWindowSizeHour), hourly)
	compare(t, "by day", usage(sdk.V1UsageListParamsWindowSizeDay), daily)
	compare(t, "at once", usage(sdk.V1UsageListParamsWindowSizeNone), map[time.Time]float64{march: total})

	groups := map[string]float64{}
	pager := client.V1.Usage.ListWithGroupsAutoPaging(ctx, sdk.V1UsageListWithGroupsParams{
		CustomerID: customer.ID, BillableMetricID: metric.ID, WindowSize: sdk.V1UsageListWithGroupsParamsWindowSizeDay,
		StartingOn: sdk.Time(march), EndingBefore: sdk.Time(march.AddDate(0, 0, days)), Limit: sdk.Int(2),
		GroupBy: sdk.V1UsageListWithGroupsParamsGroupBy{Key: "model"},
	})
	for pager.Next() {
		groups[pager.Current().GroupValue] += pager.Current().Value
	}
	if err := pager.Err(); err != nil {
		t.Fatal(err)
	}
	compare(t, "by model", groups, byModel)

	found := must(client.V1.Usage.Search(ctx, sdk.V1UsageSearchParams{TransactionIDs: []string{"tx-7"}}))(t)
	if len(*found) != 2 || (*found)[0].MatchedCustomer.ID != customer.ID || (*found)[0].IsDuplicate || !(*found)[1].IsDuplicate {
		t.Errorf("the event and its duplicate: %+v", *found)
	}
}

func compare[K comparable](t *testing.T, what string, got, want map[K]float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %v is %v, want %v", what, k, got[k], v)
		}
	}
}

// TestGoSDKPagesThroughLists makes more customers and metrics than a page holds.
func TestGoSDKPagesThroughLists(t *testing.T) {
	e := startAt(t, march)
	client, ctx := newClient(e.URL("metronome")), context.Background()
	var ids []string
	for i := range 23 {
		ids = append(ids, must(client.V1.Customers.New(ctx, sdk.V1CustomerNewParams{Name: fmt.Sprintf("customer %d", i)}))(t).Data.ID)
		must(client.V1.BillableMetrics.New(ctx, sdk.V1BillableMetricNewParams{
			Name: fmt.Sprintf("metric %d", i), AggregationType: sdk.V1BillableMetricNewParamsAggregationTypeCount,
		}))(t)
	}
	pager := client.V1.Customers.ListAutoPaging(ctx, sdk.V1CustomerListParams{Limit: sdk.Int(7)})
	var listed []string
	for pager.Next() {
		listed = append(listed, pager.Current().ID)
	}
	slices.Sort(ids) // made at one instant, so listed by id
	if pager.Err() != nil || !slices.Equal(listed, ids) {
		t.Errorf("customers in pages of 7: %v, %v, want %v", listed, pager.Err(), ids)
	}
	metrics := client.V1.BillableMetrics.ListAutoPaging(ctx, sdk.V1BillableMetricListParams{Limit: sdk.Int(5)})
	count := 0
	for metrics.Next() {
		count++
	}
	if metrics.Err() != nil || count != 23 {
		t.Errorf("metrics in pages of 5: %d, %v", count, metrics.Err())
	}
}

// TestGoSDKRetriesByItself lets the rate limit refuse the SDK, which tries again without being told.
func TestGoSDKRetriesByItself(t *testing.T) {
	e := emulator.Start(t, emulator.WithScenario("empty"), emulator.WithRateLimits("vendor"))
	client, ctx := newClient(e.URL("metronome")), context.Background()
	for range 12 { // more than the eight that a second allows
		must(client.V1.Customers.List(ctx, sdk.V1CustomerListParams{}))(t)
	}
	sandbox := e.Sandbox(emulator.DefaultSandbox)
	if n := must(sandbox.CountRequests(emulator.Filter{Status: http.StatusTooManyRequests}))(t); n == 0 {
		t.Error("no call was refused, so no retry was proved")
	}
}

// TestGoSDKSeesAConflict meets a taken alias: the SDK retries a 409 twice, and must find it a 409 each time.
func TestGoSDKSeesAConflict(t *testing.T) {
	e := startAt(t, march)
	client, ctx := newClient(e.URL("metronome")), context.Background()
	params := sdk.V1CustomerNewParams{Name: "Contoso", IngestAliases: []string{"contoso"}}
	must(client.V1.Customers.New(ctx, params))(t)
	if _, err := client.V1.Customers.New(ctx, params); err == nil {
		t.Fatal("an alias was given twice")
	}
	sandbox := e.Sandbox(emulator.DefaultSandbox)
	if n := must(sandbox.CountRequests(emulator.Filter{Status: http.StatusConflict}))(t); n != 3 {
		t.Errorf("%d conflicts, want the first and two retries", n)
	}
}
