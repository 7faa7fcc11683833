package m3ter

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/emulator/internal/wire"
)

func bandsOf(limitsAndPrices ...string) list[band] {
	var bands list[band]
	for i := 0; i < len(limitsAndPrices); i += 3 {
		n := func(text string) *number { return newNumber(decimal.RequireFromString(text)) }
		bands = append(bands, band{LowerLimit: n(limitsAndPrices[i]), FixedPrice: n(limitsAndPrices[i+1]), UnitPrice: n(limitsAndPrices[i+2])})
	}
	return bands
}

func TestBandsPriceUnits(t *testing.T) {
	bands := bandsOf("0", "5", "1", "100", "2", "0.5", "1000", "0", "0.1")
	for _, row := range []struct {
		when       string
		cumulative bool
		units      string
		want       string
		parts      int
	}{
		{"nothing is in the first band", true, "0", "5", 1},
		{"within the first band", true, "40", "45", 1},
		{"at a limit the next band is not reached", true, "100", "105", 1},
		{"each band to its own units", true, "150.5", "132.25", 2}, // 5+100 + 2+25.25
		{"three bands", true, "2000", "657", 3},                    // 5+100 + 2+450 + 0+100
		{"all units at the price of the band reached", false, "150.5", "77.25", 1},
		{"all units at the price of the first band", false, "100", "105", 1},
		{"all units at the price of the last band", false, "2000", "200", 1},
	} {
		got, parts := price(pricing{Cumulative: row.cumulative, PricingBands: bands}, decimal.RequireFromString(row.units))
		if got.String() != row.want || len(parts) != row.parts {
			t.Errorf("%s: got %s in %d bands, want %s in %d", row.when, got, len(parts), row.want, row.parts)
		}
	}
}

func TestQuantitiesAreRoundedAfterDivision(t *testing.T) {
	for rounding, want := range map[string]string{"UP": "4", "DOWN": "3", "NEAREST": "4", "NONE": "3.5"} {
		a := aggregation{QuantityPerUnit: newNumber(decimal.NewFromInt(10)), Rounding: rounding}
		if got := a.units(decimal.NewFromInt(35)); got.String() != want {
			t.Errorf("%s: got %s, want %s", rounding, got, want)
		}
	}
	a := aggregation{QuantityPerUnit: newNumber(decimal.NewFromInt(1)), Rounding: "NEAREST"}
	if got := a.units(decimal.RequireFromString("5.1")); got.String() != "5" {
		t.Errorf("got %s", got)
	}
}

// billed is a world with an account on a plan, its usage in April and a charge.
func billed(t *testing.T) (w *world, account string) {
	w = newWorld(t, transfers)
	account = northwind
	template := w.ok("POST", "/plantemplates", `{"name":"T","productId":"`+theProduct+`","currency":"EUR","standingCharge":10,"billFrequency":"MONTHLY"}`).id()
	plan := w.ok("POST", "/plans", `{"name":"P","code":"p","planTemplateId":"`+template+`","standingCharge":25.50}`)
	if plan["productId"] != theProduct {
		t.Errorf("got %v", plan)
	}
	bands := `"pricingBands":[{"lowerLimit":0,"fixedPrice":0,"unitPrice":0.10},{"lowerLimit":100,"fixedPrice":1,"unitPrice":0.05}]`
	w.ok("POST", "/pricings", `{"planTemplateId":"`+template+`","aggregationId":"`+theAggregation+`","startDate":"2025-01-01T00:00:00Z","pricingBands":[{"lowerLimit":0,"fixedPrice":0,"unitPrice":99}]}`)
	w.ok("POST", "/pricings", `{"planId":"`+plan.id()+`","aggregationId":"`+theAggregation+`","startDate":"2025-01-01T00:00:00Z","cumulative":true,`+bands+`}`)
	w.ok("POST", "/accountplans", `{"accountId":"`+account+`","planId":"`+plan.id()+`","startDate":"2025-01-15T00:00:00Z"}`)
	w.submit(
		transfer("", "northwind", "2025-03-31T23:59:59Z", "eu", "t", "1000"), transfer("", "northwind", "2025-04-01T00:00:00Z", "eu", "t", "120"),
		transfer("", "northwind", "2025-04-30T23:59:59Z", "eu", "t", "30.5"), transfer("", "northwind", "2025-05-01T00:00:00Z", "eu", "t", "1000"),
	)
	w.ok("POST", "/charges", `{"name":"Setup","code":"setup","accountId":"`+account+`","currency":"EUR","entityType":"AD_HOC","lineItemType":"AD_HOC","units":3,"unitPrice":2.25,"servicePeriodStartDate":"2025-04-01T00:00:00Z","servicePeriodEndDate":"2025-04-02T00:00:00Z"}`)
	w.ok("POST", "/charges", `{"name":"Later","code":"later","accountId":"`+account+`","currency":"EUR","entityType":"AD_HOC","lineItemType":"AD_HOC","amount":7,"billDate":"2025-06-01","servicePeriodStartDate":"2025-04-01T00:00:00Z","servicePeriodEndDate":"2025-04-02T00:00:00Z"}`)
	return w, account
}

func TestABillJobMakesBillsOfStoredUsage(t *testing.T) {
	w, account := billed(t)
	started := w.ok("POST", "/billjobs", `{"billDate":"2025-05-01"}`)
	if started["status"] != "PENDING" || started["total"] != json.Number("1") || started["pending"] != json.Number("1") || started["type"] != "CREATE" {
		t.Errorf("got %v", started)
	}
	var states []string
	for range 4 {
		states = append(states, w.ok("GET", "/billjobs/"+started.id(), "")["status"].(string))
		w.advance(100 * time.Millisecond)
	}
	if fmt.Sprint(states) != "[PENDING INITIALIZING RUNNING RUNNING]" {
		t.Errorf("got %v", states)
	}
	done := w.ok("GET", "/billjobs/"+started.id(), "")
	if done["status"] != "COMPLETE" || done["pending"] != json.Number("0") || len(done["billIds"].([]any)) != 1 {
		t.Fatalf("got %v", done)
	}
	b := w.ok("GET", "/bills/"+done["billIds"].([]any)[0].(string), "")
	for field, want := range map[string]any{
		"accountId": account, "accountCode": "northwind", "billDate": "2025-05-01", "startDate": "2025-04-01", "endDate": "2025-05-01",
		"status": "PENDING", "currency": "EUR", "billTotal": json.Number("45.775"), "billJobId": started.id(), "billingFrequency": "MONTHLY",
	} {
		if b[field] != want {
			t.Errorf("%s: got %v, want %v", field, b[field], want)
		}
	}
	lines := w.ok("GET", "/bills/"+b.id()+"/lineitems", "").data()
	for i, want := range []string{"STANDING_CHARGE 1 25.5", "USAGE 150.5 13.525", "AD_HOC 3 6.75"} {
		if got := fmt.Sprint(lines[i]["lineItemType"], " ", lines[i]["quantity"], " ", lines[i]["subtotal"]); got != want {
			t.Errorf("line %d: got %s, want %s", i, got, want)
		}
	}
	if one := w.ok("GET", "/bills/"+b.id()+"/lineitems/"+lines[1].id(), ""); len(one["bandUsage"].([]any)) != 2 {
		t.Errorf("got %v", one)
	}
	if again := w.ok("POST", "/billjobs", `{"billDate":"2025-05-01"}`); again["total"] != json.Number("1") {
		t.Errorf("got %v", again)
	}
	w.advance(time.Second)
	if got := w.ok("GET", "/bills?accountId="+account, "").ids(); len(got) != 1 {
		t.Errorf("a second bill of the period was made: %v", got)
	}
	if short := w.ok("GET", "/bills?excludeLineItems=true&includeBillTotal=true", "").data()[0]; len(short["lineItems"].([]any)) != 0 || short["billTotal"] == nil {
		t.Errorf("got %v", short)
	}
}

func TestBillsAreApprovedLockedAndWorkedOutAnew(t *testing.T) {
	w, account := billed(t)
	w.ok("POST", "/billjobs", `{"billDate":"2025-05-01","accountIds":["`+account+`"]}`)
	w.advance(time.Second)
	b := w.ok("GET", "/bills/latest/"+account, "")
	w.submit(transfer("", "northwind", "2025-04-15T00:00:00Z", "eu", "t", "10"))
	w.ok("POST", "/billjobs/recalculate", `{"billIds":["`+b.id()+`"]}`)
	w.advance(time.Second)
	if got := w.ok("GET", "/bills/"+b.id(), ""); got["billTotal"] != json.Number("46.275") || got["version"] != json.Number("2") {
		t.Errorf("worked out anew: got %v %v", got["billTotal"], got["version"])
	}
	if got := w.ok("POST", "/bills/approve", `{"billIds":["`+b.id()+`"]}`); got["message"] == nil {
		t.Errorf("got %v", got)
	}
	if got := w.ok("GET", "/bills?status=APPROVED", "").data(); len(got) != 1 || got[0]["approvedBy"] == nil {
		t.Errorf("got %v", got)
	}
	if got := w.ok("PUT", "/bills/"+b.id()+"/status", `{"status":"PENDING"}`); got["status"] != "PENDING" || got["approvedBy"] != nil {
		t.Errorf("got %v", got)
	}
	if got := w.ok("PUT", "/bills/"+b.id()+"/lock", ""); got["locked"] != true {
		t.Errorf("got %v", got)
	}
	w.submit(transfer("", "northwind", "2025-04-15T00:00:00Z", "eu", "t", "10"))
	w.ok("POST", "/billjobs/recalculate", `{"billIds":["`+b.id()+`"]}`)
	w.advance(time.Second)
	if got := w.ok("GET", "/bills/"+b.id(), ""); got["billTotal"] != json.Number("46.275") {
		t.Errorf("a locked bill changed: got %v", got["billTotal"])
	}
	w.refused("POST", "/bills/approve", `{"billIds":["`+nobody+`"]}`, 400, "billIds")
	w.refused("POST", "/billjobs", `{"accountIds":["`+nobody+`"]}`, 400, "accountIds")
	charge := w.ok("GET", "/charges", "").data()[1]
	if charge["billId"] != b.id() {
		t.Errorf("got %v", charge)
	}
	w.ok("DELETE", "/bills/"+b.id(), "")
	if charge := w.ok("GET", "/charges/"+charge.id(), ""); charge["billId"] != nil {
		t.Errorf("the charge of a deleted bill can be billed again: got %v", charge)
	}
	w.refused("GET", "/bills/latest/"+account, "", 404, "no bill")
}

func TestACancelledBillJobMakesNoBill(t *testing.T) {
	w, _ := billed(t)
	id := w.ok("POST", "/billjobs", `{"billDate":"2025-05-01"}`).id()
	if got := w.ok("POST", "/billjobs/"+id+"/cancel", ""); got["status"] != "CANCELLED" {
		t.Errorf("got %v", got)
	}
	fired := w.advance(time.Minute)
	if len(w.ok("GET", "/bills", "").data()) != 0 || len(fired) != 1 || fired[0] != (wire.Fired{At: morning, Vendor: "m3ter", Kind: "billjob", ID: id, From: "PENDING", To: "CANCELLED"}) {
		t.Errorf("got %+v", fired)
	}
	w.refused("POST", "/billjobs/"+id+"/cancel", "", 400, "CANCELLED already")
}

func TestBalancesAddUpTheirTransactions(t *testing.T) {
	w := newWorld(t, transfers)
	b := w.ok("POST", "/balances", `{"accountId":"`+northwind+`","code":"b","name":"B","currency":"EUR","startDate":"2025-05-01T00:00:00Z","endDate":"2025-06-01T00:00:00Z"}`)
	path := "/balances/" + b.id()
	for _, amount := range []string{"100", "0.1", "0.2", "-30.05"} {
		made := w.ok("POST", path+"/transactions", `{"amount":`+amount+`}`)
		if made["entityType"] != "SERVICE_USER" || "SERVICE_USER_"+made["entityId"].(string) != made["createdBy"] {
			t.Errorf("got %v", made)
		}
	}
	if got := w.ok("GET", path, ""); got["amount"] != json.Number("70.25") {
		t.Errorf("got %v", got)
	}
	sum := w.ok("GET", path+"/transactions/summary", "")
	for field, want := range map[string]string{
		"totalCreditAmount": "100.3", "totalDebitAmount": "30.05", "initialCreditAmount": "100", "balanceConsumed": "30.05", "expiredBalanceAmount": "0",
	} {
		if sum[field] != json.Number(want) {
			t.Errorf("%s: got %v, want %s", field, sum[field], want)
		}
	}
	w.refused("POST", path+"/transactions", `{"amount":1,"transactionTypeId":"`+nobody+`"}`, 400, "transactionTypeId")
	w.refused("POST", "/balances/"+nobody+"/transactions", `{"amount":1}`, 404, nobody)
	w.ok("DELETE", path, "")
	if left := countRows(w, "m3ter/balancetransaction"); left != 0 {
		t.Errorf("%d transactions are left of a deleted balance", left)
	}
}

func TestRulesOfBillingEntities(t *testing.T) {
	w, account := billed(t)
	plan := w.ok("GET", "/plans", "").ids()[0]
	for _, row := range []struct{ when, path, body, message string }{
		{"two plans of a product at once", "/accountplans", `{"accountId":"` + account + `","planId":"` + plan + `","startDate":"2025-06-01T00:00:00Z"}`, "has a plan for this product"},
		{"neither plan nor group", "/accountplans", `{"accountId":"` + account + `","startDate":"2025-06-01T00:00:00Z"}`, "planId or planGroupId"},
		{"a pricing of nothing", "/pricings", `{"planId":"` + plan + `","startDate":"2025-06-01T00:00:00Z","pricingBands":[{"lowerLimit":0,"fixedPrice":0,"unitPrice":1}]}`, "aggregationId or compoundAggregationId"},
		{"a pricing without bands", "/pricings", `{"planId":"` + plan + `","aggregationId":"` + theAggregation + `","startDate":"2025-06-01T00:00:00Z","pricingBands":[]}`, "pricingBands"},
		{"a segment that the aggregation lacks", "/pricings", `{"planId":"` + plan + `","aggregationId":"` + theAggregation + `","segment":{"region":"eu"},"startDate":"2025-06-01T00:00:00Z","pricingBands":[{"lowerLimit":0,"fixedPrice":0,"unitPrice":1}]}`, "segment"},
		{"a contract that ends before it begins", "/contracts", `{"accountId":"` + account + `","name":"C","startDate":"2025-06-01","endDate":"2025-05-01"}`, "endDate"},
		{"a date that is none", "/contracts", `{"accountId":"` + account + `","name":"C","startDate":"2025-06-31","endDate":"2025-07-01"}`, "startDate"},
		{"more paid than agreed", "/commitments", `{"accountId":"` + account + `","amount":5,"amountPrePaid":6,"currency":"EUR","startDate":"2025-01-01","endDate":"2026-01-01"}`, "amountPrePaid"},
		{"an amount and units", "/charges", `{"name":"C","code":"c","accountId":"` + account + `","currency":"EUR","entityType":"AD_HOC","lineItemType":"AD_HOC","amount":1,"units":1,"unitPrice":1,"servicePeriodStartDate":"2025-04-01T00:00:00Z","servicePeriodEndDate":"2025-04-02T00:00:00Z"}`, "Either amount"},
		{"units without a price", "/charges", `{"name":"C","code":"c","accountId":"` + account + `","currency":"EUR","entityType":"AD_HOC","lineItemType":"AD_HOC","units":1,"servicePeriodStartDate":"2025-04-01T00:00:00Z","servicePeriodEndDate":"2025-04-02T00:00:00Z"}`, "Either amount"},
		{"a balance fee of no balance", "/charges", `{"name":"C","code":"c","accountId":"` + account + `","currency":"EUR","entityType":"BALANCE","lineItemType":"BALANCE_FEE","amount":1,"servicePeriodStartDate":"2025-04-01T00:00:00Z","servicePeriodEndDate":"2025-04-02T00:00:00Z"}`, "entityId"},
	} {
		t.Run(row.when, func(t *testing.T) {
			w.t = t
			w.refused("POST", row.path, row.body, 400, row.message)
		})
	}
	w.t = t
	w.refused("DELETE", "/accounts/"+account, "", 400, "accountId")
	ended := w.ok("PUT", "/accounts/"+account+"/enddatebillingentities", `{"billingEntities":["ACCOUNTPLAN","CONTRACT"],"endDate":"2025-05-01T00:00:00Z"}`)
	if len(ended["updatedEntities"].(map[string]any)) != 1 {
		t.Errorf("got %v", ended)
	}
	if got := w.ok("GET", "/accountplans?account="+account, "").ids(); len(got) != 0 {
		t.Errorf("an ended account plan is not active: got %v", got)
	}
	if got := w.ok("GET", "/accountplans?account="+account+"&includeall=true", "").ids(); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}
