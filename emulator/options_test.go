package emulator_test

import (
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator"
	"github.com/submeter/submeter/fixtures"
)

func TestAWorldMadeInCodeIsCheckedAndSeeded(t *testing.T) {
	world := fixtures.New()
	world.Name = "in code"
	world.Metronome.Customers = []fixtures.MetronomeCustomer{{Name: "Northwind", IngestAliases: []string{"nw"}}}
	e := emulator.Start(t, emulator.WithWorld(world))
	if _, _, body := call(t, "GET", e.URL("metronome")+"/v1/customers", "", "Authorization", "Bearer any"); !strings.Contains(body, `"name":"Northwind"`) {
		t.Errorf("customers: %s", body)
	}
	world.Metronome.Customers[0].IngestAliases = []string{""}
	if _, err := emulator.New(emulator.WithWorld(world)); err == nil || !strings.Contains(err.Error(), "ingest_aliases[0]") {
		t.Errorf("an empty alias: %v", err)
	}
}
