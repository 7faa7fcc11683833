package m3ter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/submeter/submeter/clients/m3ter"
	"github.com/submeter/submeter/emulator"
)

// Measurements in, usage out. Against the vendor, the base URL is empty.
func Example() {
	client, done := start()
	defer done()
	ctx := context.Background()
	noon := time.Date(2025, 5, 19, 12, 0, 0, 0, time.UTC)
	accepted, err := client.Submit(ctx, slices.Values([]m3ter.Measurement{
		{Meter: "data_transfer", Account: "northwind", TS: noon, Where: m3ter.Texts{"region": "eu"}, Measure: m3ter.Numbers{"gb_out": "0.1"}},
		{Meter: "data_transfer", Account: "northwind", TS: noon.Add(time.Hour), Where: m3ter.Texts{"region": "eu"}, Measure: m3ter.Numbers{"gb_out": "0.2"}},
		{Meter: "data_transfer", Account: "lakeside", TS: noon, Where: m3ter.Texts{"region": "us"}, Measure: m3ter.Numbers{"gb_out": json.Number("7")}},
	}))
	check(err)
	fmt.Println(accepted, "accepted")
	for row, err := range client.Usage(ctx, m3ter.UsageQuery{
		StartDate: noon.AddDate(0, 0, -1), EndDate: noon.AddDate(0, 0, 1),
		Aggregations: []m3ter.Aggregation{{MeterID: transfer, FieldCode: "gb_out", FieldType: m3ter.FieldTypeMEASURE, Function: m3ter.FunctionSUM}},
		Groups:       []m3ter.Group{{GroupType: m3ter.GroupTypeACCOUNT}},
	}) {
		check(err)
		gigabytes, _ := row.Number("data_transfer.gb_out.SUM")
		fmt.Println(row.Text("accountCode"), gigabytes)
	}
	// Output:
	// 3 accepted
	// lakeside 7
	// northwind 0.3
}

// Files of accounts and meters, in one call.
func ExampleClient_Export() {
	client, done := start()
	defer done()
	export, err := client.Export(context.Background(), m3ter.ExportRequest{
		SourceType:           m3ter.SourceOPERATIONAL,
		OperationalDataTypes: []m3ter.DataType{m3ter.DataTypeACCOUNTS, m3ter.DataTypeMETERS},
	})
	check(err)
	defer func() { _ = export.Close() }()
	for _, file := range export.Files() {
		for row, err := range file.Rows() {
			check(err)
			fmt.Println(file.Type, row.Text("code"), row.Text("name"))
		}
	}
	// Unordered output:
	// account lakeside Lakeside Media
	// account northwind Northwind, Inc.
	// meter data_transfer Data transfer
}

// start returns a client of an emulator, and what ends both.
func start() (*m3ter.Client, func()) {
	e, err := emulator.New(emulator.WithScenario("testdata/metering.yaml"))
	check(err)
	check(e.Listen("127.0.0.1:0"))
	client, err := m3ter.New(e.URL()+"/m3ter", organization, m3ter.Credentials{AccessKeyID: "key", APISecret: "open sesame"})
	check(err)
	return client, func() { _ = e.Close() }
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
