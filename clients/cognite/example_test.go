package cognite_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/submeter/submeter/clients/cognite"
	"github.com/submeter/submeter/emulator"
	"github.com/submeter/submeter/fixtures"
)

// serve starts submeter in this process. With the vendor itself the base URL is that of a cluster,
// https://westeurope-1.cognitedata.com say, and the token URL that of the project's identity provider.
func serve() (baseURL string, stop func() error) {
	at := func(hour int) fixtures.Time { return fixtures.Instant(time.Date(2025, 12, 1, hour, 0, 0, 0, time.UTC)) }
	world := fixtures.New()
	world.Cognite.Clients = []fixtures.CogniteClient{{ID: "billing", Secret: "hush"}}
	world.Cognite.Projects = []fixtures.CogniteProject{{
		Name: "plant",
		Meters: []fixtures.CogniteMeter{{ID: "files.storage_bytes", Samples: []fixtures.CogniteSample{
			{At: at(0), Value: "1000"}, {At: at(3), Value: "1200"}, {At: at(6), Value: "1500"}, {At: at(9), Value: "1700"}, {At: at(10), Value: "1900"},
		}}},
		Limits: []fixtures.CogniteLimit{{ID: "files.storage_bytes", Value: "5000"}},
	}}
	e, err := emulator.New(emulator.WithWorld(world))
	if err != nil {
		log.Panic(err)
	}
	if err := e.Listen("127.0.0.1:0"); err != nil {
		log.Panic(err)
	}
	return e.URL("cognite"), e.Close
}

func Example() {
	baseURL, stop := serve()
	defer stop()
	ctx := context.Background()
	client, err := cognite.New(baseURL, "plant", cognite.Credentials{
		ClientID: "billing", ClientSecret: "hush", TokenURL: baseURL + "/oauth2/token",
	})
	if err != nil {
		log.Panic(err)
	}

	var ids []string
	for meter, err := range client.Meters(ctx, "files.") {
		if err != nil {
			log.Panic(err)
		}
		ids = append(ids, meter.MeterID)
	}
	day := time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)
	span := cognite.Span{From: day, To: day.AddDate(0, 0, 1), Every: 6 * time.Hour}
	for meter, err := range client.History(ctx, span, ids...) {
		if err != nil {
			log.Panic(err)
		}
		for _, point := range meter.Datapoints {
			fmt.Println(meter.MeterID, time.UnixMilli(point.Timestamp).UTC().Format(time.DateTime), point.Average)
		}
	}
	limit, err := client.Limit(ctx, "files.storage_bytes")
	if err != nil {
		log.Panic(err)
	}
	fmt.Println("of", limit.Value)
	// Output:
	// files.storage_bytes 2025-12-01 00:00:00 1100
	// files.storage_bytes 2025-12-01 06:00:00 1700
	// files.storage_bytes 2025-12-01 12:00:00 1900
	// files.storage_bytes 2025-12-01 18:00:00 1900
	// of 5000
}
