package informatica_test

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/clients/informatica"
	"github.com/submeter/submeter/emulator"
)

// A month's IPUs by meter. Against the vendor, the URL is the login host of the organization's region.
func Example() {
	e, err := emulator.New(emulator.WithScenario("testdata/metering.yaml"))
	check(err)
	defer func() { _ = e.Close() }()
	check(e.Listen("127.0.0.1:0"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()

	client, err := informatica.New(e.URL()+"/informatica", "head@acme.example", "open sesame")
	check(err)
	report, err := client.Report(ctx, informatica.Request{
		Kind:          informatica.Summary,
		Start:         time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC),
		End:           time.Date(2025, 4, 1, 0, 0, 0, 0, time.UTC),
		AllLinkedOrgs: true,
	})
	check(err)
	defer func() { _ = report.Close() }()

	total := map[string]decimal.Decimal{}
	for row, err := range report.Summaries() {
		check(err)
		total[row.MeterName] = total[row.MeterName].Add(row.IPU)
	}
	fmt.Println("Data Integration:", total["Data Integration"])
	fmt.Println("Pages, scanned:", total["Pages, scanned"])
	// Output:
	// Data Integration: 0.89604
	// Pages, scanned: 6913.580247864199
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
