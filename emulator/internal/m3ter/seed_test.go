package m3ter

import (
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

func TestTheDefaultWorldHasUsageToQueryAndToBill(t *testing.T) {
	w := newWorld(t, "")
	s, err := fixtures.Load("default")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.api.Seed(w.sandbox, s); err != nil {
		t.Fatal(err)
	}
	if len(w.eventsOf(ingestFailure)) != 0 {
		t.Errorf("some measurements failed: %v", w.eventsOf(ingestFailure))
	}
	meter := w.ok("GET", "/meters?codes=data_transfer", "").ids()[0]
	rows := w.ok("POST", "/usage/query", `{"startDate":"2025-04-20T00:00:00Z","endDate":"2025-05-21T00:00:00Z","aggregations":[{"meterId":"`+meter+`","fieldCode":"gb_total","fieldType":"MEASURE","function":"SUM"}],"groups":[{"groupType":"ACCOUNT"}]}`).data()
	if len(rows) != 3 {
		t.Errorf("got %v", rows)
	}
	for _, row := range rows {
		if v, ok := row["data_transfer.gb_total.SUM"]; !ok || v == "0" {
			t.Errorf("got %v", row)
		}
	}
	w.ok("POST", "/billjobs", `{"billDate":"2025-05-20"}`)
	w.advance(time.Second)
	if lines := w.ok("GET", "/bills", "").data()[0]["lineItems"].([]any); len(lines) != 2 {
		t.Errorf("got %v", lines)
	}
	if err := w.api.Seed(w.sandbox, s); err != nil {
		t.Errorf("laid on itself: %v", err)
	}
	if lines := w.api.Credentials(s); len(lines) != 1 || !strings.Contains(lines[0], openOrganization) {
		t.Errorf("got %v", lines)
	}
}

func TestScenariosThatContradictTheirMetersAreRefused(t *testing.T) {
	for _, row := range []struct{ when, more, want string }{
		{"usage of no meter", "      usage: [{meter: x, account: a, from: -1d, fields: {}}]\n", `usage[0]: there is no meter with the code "x"`},
		{"a field that is missing", "      usage: [{meter: data_transfer, account: a, from: -1d, fields: {region: eu}}]\n", "needs the field tenant"},
		{"a text for a number", "      measurements: [{meter: data_transfer, account: a, at: -1d, fields: {region: eu, tenant: t, gb_out: much}}]\n", `measurements[0]: field gb_out of data_transfer is MEASURE, and "much" is not`},
		{"a record that names nothing", "      records: [{kind: plan, body: {name: P, code: p, planTemplateId: x}}]\n", "records[0]: plan: planTemplateId"},
		{"a parent that stands behind", "      accounts: [{code: c, name: C, parent: d}, {code: d, name: D}]\n", `account c: there is no account with the code "d"`},
	} {
		t.Run(row.when, func(t *testing.T) {
			scenario := transfers
			if strings.Contains(row.more, "accounts:") {
				scenario = strings.Split(transfers, "      accounts:")[0]
			}
			s, err := fixtures.Parse("test.yaml", []byte("version: 1\n"+scenario+row.more))
			if err != nil {
				t.Fatal(err)
			}
			st, err := store.Open(store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			_, err = st.Baseline("b", clock.FrozenAt(morning), func(sb *store.Sandbox) error { return New(Config{}).Seed(sb, s) })
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}

func TestRangesAreDrawnWithTheirDecimals(t *testing.T) {
	w := newWorld(t, transfers+`
      usage: [{meter: data_transfer, account: northwind, from: -1d, every_minutes: 1, fields: {region: [eu, us], tenant: "a..b", gb_out: "-0.50..0.5"}}]
`)
	rows, _ := w.query(`{"startDate":"2025-05-01T00:00:00Z","endDate":"2025-06-01T00:00:00Z",` + aggregated("gb_out", "MIN", "gb_out", "MAX", "gb_out", "COUNT", "region", "UNIQUE", "tenant", "UNIQUE") + `}`)
	want := `{"data_transfer.gb_out.COUNT":1440,"data_transfer.gb_out.MAX":0.5,"data_transfer.gb_out.MIN":-0.5,"data_transfer.region.UNIQUE":2,"data_transfer.tenant.UNIQUE":1}`
	if rows[0] != want {
		t.Errorf("got %s", rows[0])
	}
}
