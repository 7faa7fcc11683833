package metronome_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/submeter/submeter/clients/metronome"
	"github.com/submeter/submeter/emulator"
	"github.com/submeter/submeter/fixtures"
)

// serve starts submeter in this process, where it is noon of the second of March for good. With the vendor itself the
// base URL is empty, and the token is the vendor's.
func serve() (baseURL string, stop func() error) {
	world := fixtures.New()
	world.Clock = fixtures.Clock{At: fixtures.Instant(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)), Mode: fixtures.ClockFrozen}
	world.Metronome.Customers = []fixtures.MetronomeCustomer{{Name: "Northwind", IngestAliases: []string{"northwind"}}}
	world.Metronome.BillableMetrics = []fixtures.MetronomeBillableMetric{{
		Name: "Tokens", AggregationType: "SUM", AggregationKey: "tokens", GroupKeys: [][]string{{"model"}},
		PropertyFilters: []fixtures.MetronomePropertyFilter{{Name: "tokens"}, {Name: "model"}},
	}}
	e, err := emulator.New(emulator.WithWorld(world))
	if err != nil {
		log.Panic(err)
	}
	if err := e.Listen("127.0.0.1:0"); err != nil {
		log.Panic(err)
	}
	return e.URL("metronome"), e.Close
}

func Example() {
	baseURL, stop := serve()
	defer stop()
	ctx := context.Background()
	client, err := metronome.New(baseURL, "any")
	if err != nil {
		log.Panic(err)
	}

	call := func(hour int, model, tokens string) metronome.Event {
		return metronome.Event{
			CustomerID: "northwind", EventType: "completion", Timestamp: time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC),
			Properties: metronome.Properties{"model": model, "tokens": tokens},
		}
	}
	events := []metronome.Event{call(9, "small", "1000"), call(10, "large", "250.5"), call(11, "small", "400")}
	for range 2 { // the second time they are known
		sent, err := client.Ingest(ctx, slices.Values(events))
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(sent, "events acknowledged")
	}

	for row, err := range client.Usage(ctx, metronome.ListUsageRequest{
		StartingOn:   time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		EndingBefore: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC),
		WindowSize:   metronome.WindowSizeDay,
	}) {
		if err != nil {
			log.Panic(err)
		}
		if row.Value == nil {
			fmt.Println(row.StartTimestamp.Format(time.DateOnly), row.BillableMetricName, "no usage")
			continue
		}
		fmt.Println(row.StartTimestamp.Format(time.DateOnly), row.BillableMetricName, *row.Value)
	}
	// Output:
	// 3 events acknowledged
	// 3 events acknowledged
	// 2026-03-01 Tokens 1650.5
	// 2026-03-02 Tokens no usage
}

func ExampleClient_UsageGroups() {
	baseURL, stop := serve()
	defer stop()
	ctx := context.Background()
	client, err := metronome.New(baseURL, "any")
	if err != nil {
		log.Panic(err)
	}
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	if _, err := client.Ingest(ctx, slices.Values([]metronome.Event{
		{CustomerID: "northwind", EventType: "completion", Timestamp: at, Properties: metronome.Properties{"model": "small", "tokens": "7"}},
		{CustomerID: "northwind", EventType: "completion", Timestamp: at, Properties: metronome.Properties{"model": "large", "tokens": "0.25"}},
	})); err != nil {
		log.Panic(err)
	}

	query := metronome.ListUsageWithGroupsRequest{
		WindowSize: metronome.WindowSizeNone, GroupKey: []string{"model"},
		StartingOn: new(at.Truncate(24 * time.Hour)), EndingBefore: new(at.Truncate(24*time.Hour).AddDate(0, 0, 1)),
	}
	for metric, err := range client.BillableMetrics(ctx, false) {
		if err != nil {
			log.Panic(err)
		}
		query.BillableMetricID = metric.ID
	}
	for customer, err := range client.Customers(ctx, metronome.ListCustomersParams{IngestAlias: new("northwind")}) {
		if err != nil {
			log.Panic(err)
		}
		query.CustomerID = customer.ID
	}
	for row, err := range client.UsageGroups(ctx, query) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(row.Group, *row.Value)
	}
	// Output:
	// map[model:large] 0.25
	// map[model:small] 7
}
