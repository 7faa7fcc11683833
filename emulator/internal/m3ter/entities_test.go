package m3ter

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAProductLivesThroughItsVersions(t *testing.T) {
	w := newWorld(t, "")
	made := w.ok("POST", "/products", `{"id":"","name":"Storage","code":"storage","version":0,"customFields":{"a":"x","n":1.50},"unknown":true}`)
	if made["version"] != json.Number("1") || made["dtCreated"] != "2025-05-20T09:00:00.000000Z" || len(made.id()) != 36 {
		t.Errorf("got %v", made)
	}
	w.at(morning.Add(time.Hour))
	path := "/products/" + made.id()
	changed := w.ok("PUT", path, `{"name":"Stored","code":"storage","version":1}`)
	if changed["version"] != json.Number("2") || changed["name"] != "Stored" || len(changed["customFields"].(map[string]any)) != 0 ||
		changed["dtCreated"] != made["dtCreated"] || changed["dtLastModified"] != "2025-05-20T10:00:00.000000Z" {
		t.Errorf("got %v", changed)
	}
	w.refused("PUT", path, `{"name":"Stored","code":"storage","version":1}`, 400, "version is 1, but the stored version is 2")
	w.refused("PUT", path, `{"name":"Stored","code":"storage"}`, 400, "version is required")
	gone := w.ok("DELETE", path, "")
	if gone.id() != made.id() || gone["version"] != json.Number("2") {
		t.Errorf("got %v", gone)
	}
	w.refused("GET", path, "", 404, "product")
	w.refused("DELETE", path, "", 404, "product")
	w.ok("POST", "/products", `{"name":"Again","code":"storage"}`)
}

func TestConflictsAre409WhereAnOrganizationAsksForIt(t *testing.T) {
	w := newWorld(t, "m3ter: {organizations: [{options: {conflict: conflict}, products: [{code: a, name: A}]}]}")
	w.refused("POST", "/products", `{"name":"B","code":"a"}`, 409, "code")
}

func TestBodiesAreHeldAgainstTheRules(t *testing.T) {
	w := newWorld(t, transfers)
	meter := func(rest string) string { return `{"name":"M","code":"m",` + rest + `}` }
	aggregation := func(rest string) string {
		return `{"name":"A","quantityPerUnit":1,"rounding":"NONE","unit":"GB","meterId":"` + theMeter + `",` + rest + `}`
	}
	for _, row := range []struct{ when, path, body, message string }{
		{"a broken body", "/products", `{"name":`, "JSON"},
		{"no name", "/products", `{"code":"x"}`, "name is required"},
		{"a code with a blank at its end", "/products", `{"name":"P","code":"x "}`, "code"},
		{"a code of 81 characters", "/products", `{"name":"P","code":"` + strings.Repeat("x", 81) + `"}`, "code"},
		{"a taken code", "/products", `{"name":"P","code":"storage"}`, "another product has the code storage"},
		{"custom fields of another type", "/products", `{"name":"P","code":"x","customFields":{"a":true}}`, "customFields"},
		{"no data fields", "/meters", meter(`"dataFields":[],"derivedFields":[]`), "dataFields"},
		{"null for derived fields", "/meters", meter(`"dataFields":[{"category":"WHO","code":"a","name":"a"}],"derivedFields":null`), "derivedFields"},
		{"a number without a unit", "/meters", meter(`"dataFields":[{"category":"COST","code":"a","name":"a"}],"derivedFields":[]`), "needs a unit"},
		{"a field code that begins with a digit", "/meters", meter(`"dataFields":[{"category":"WHO","code":"1a","name":"a"}],"derivedFields":[]`), "1a"},
		{"a field code that is used twice", "/meters", meter(`"dataFields":[{"category":"WHO","code":"a","name":"a"}],"derivedFields":[{"category":"MEASURE","code":"a","name":"a","unit":"x","calculation":"1"}]`), "twice"},
		{"a product that nobody has", "/meters", meter(`"productId":"` + nobody + `","dataFields":[{"category":"WHO","code":"a","name":"a"}],"derivedFields":[]`), "productId"},
		{"a sum of texts", "/aggregations", aggregation(`"targetField":"region","aggregation":"SUM"`), "SUM needs a MEASURE"},
		{"unique numbers", "/aggregations", aggregation(`"targetField":"gb_out","aggregation":"UNIQUE"`), "UNIQUE needs a METADATA"},
		{"a field that the meter lacks", "/aggregations", aggregation(`"targetField":"nope","aggregation":"SUM"`), "no field nope"},
		{"segments by a number", "/aggregations", aggregation(`"targetField":"gb_out","aggregation":"SUM","segmentedFields":["gb_out"]`), "segmentedFields"},
		{"a quantity per unit of nothing", "/aggregations", aggregation(`"quantityPerUnit":0,"targetField":"gb_out","aggregation":"SUM"`), "quantityPerUnit"},
		{"a parent that nobody has", "/accounts", `{"name":"A","code":"a","emailAddress":"a@b.c","parentAccountId":"` + nobody + `"}`, "parentAccountId"},
		{"a number too long to compute with", "/pricings", `{"planId":"x","aggregationId":"y","startDate":"2025-01-01T00:00:00Z","pricingBands":[{"lowerLimit":0,"fixedPrice":1e-5000,"unitPrice":1}]}`, "number"},
	} {
		t.Run(row.when, func(t *testing.T) {
			w.t = t
			w.refused("POST", row.path, row.body, 400, row.message)
		})
	}
}

func TestWhatIsInUseStays(t *testing.T) {
	w := newWorld(t, transfers)
	w.refused("DELETE", "/products/"+theProduct, "", 400, "productId of the meter "+theMeter)
	w.refused("DELETE", "/meters/"+theMeter, "", 400, "meterId of the aggregation "+theAggregation)
	without := `{"name":"M","code":"data_transfer","version":1,"derivedFields":[],"dataFields":[{"category":"WHERE","code":"region","name":"r"}]}`
	w.refused("PUT", "/meters/"+theMeter, without, 400, "gb_out cannot be removed")
	w.ok("DELETE", "/aggregations/"+theAggregation, "")
	w.ok("PUT", "/meters/"+theMeter, without)
	w.ok("DELETE", "/products/"+theProduct, "") // the meter no longer names it
	w.ok("DELETE", "/meters/"+theMeter, "")
}

func TestAFamilyTreeHasNoCircles(t *testing.T) {
	w := newWorld(t, transfers)
	w.ok("PUT", "/accounts/"+lakeside, `{"name":"L","code":"lakeside","emailAddress":"l@x.y","parentAccountId":"`+northwind+`","version":1}`)
	w.refused("PUT", "/accounts/"+northwind, `{"name":"N","code":"northwind","emailAddress":"n@x.y","parentAccountId":"`+lakeside+`","version":1}`, 400, "below itself")
	if got := w.ok("GET", "/accounts/"+northwind+"/children", "").ids(); len(got) != 1 || got[0] != lakeside {
		t.Errorf("got %v", got)
	}
	w.refused("GET", "/accounts/"+nobody+"/children", "", 404, "account")
	w.refused("DELETE", "/accounts/"+northwind, "", 400, "parentAccountId")
}

func TestAggregationsGetTheCodesTheyLack(t *testing.T) {
	w := newWorld(t, transfers)
	body := `{"name":"GB out, total","quantityPerUnit":1,"rounding":"NONE","unit":"GB","meterId":"` + theMeter + `","targetField":"gb_out","aggregation":"SUM"}`
	first, second := w.ok("POST", "/aggregations", body), w.ok("POST", "/aggregations", body)
	if first["code"] != "GB_out__total" || second["code"] != "GB_out__total_2" {
		t.Errorf("got %v and %v", first["code"], second["code"])
	}
	if got := w.ok("GET", "/aggregations?productId="+theProduct, "").data(); len(got) != 3 {
		t.Errorf("by the meter's product: got %v", got)
	}
	compound := w.ok("POST", "/compoundaggregations", `{"name":"C","quantityPerUnit":1,"rounding":"UP","unit":"x","calculation":"2 * out"}`)
	if compound["calculation"] != "2 * out" || compound["evaluateNullAggregations"] != false {
		t.Errorf("got %v", compound)
	}
}

func TestOneOfTwoWritersOfAVersionWins(t *testing.T) {
	w := newWorld(t, transfers)
	const writers = 8
	var (
		group    sync.WaitGroup
		statuses [writers]int
	)
	for i := range writers {
		group.Go(func() {
			got := w.send("PUT", w.in("/products/"+theProduct), fmt.Sprintf(`{"name":"writer %d","code":"storage","version":1}`, i))
			statuses[i] = got.status
		})
	}
	group.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusBadRequest] != writers-1 {
		t.Errorf("got %v", count)
	}
	if got := w.ok("GET", "/products/"+theProduct, ""); got["version"] != json.Number("2") {
		t.Errorf("got %v", got)
	}
}

func TestTheOrganizationHasCustomFieldsFromTheStart(t *testing.T) {
	w := newWorld(t, "m3ter: {organizations: [{options: {enforce_custom_fields: true}}]}")
	first := w.ok("GET", "/customfields", "")
	if first["version"] != json.Number("1") || len(first["account"].(map[string]any)) != 0 {
		t.Errorf("got %v", first)
	}
	w.refused("PUT", "/customfields", `{"product":{"tier":"x"}}`, 400, "version is required")
	w.refused("POST", "/products", `{"name":"P","code":"p","customFields":{"tier":"gold"}}`, 400, "custom field tier")
	second := w.ok("PUT", "/customfields", `{"product":{"tier":"x"},"version":1}`)
	if second["version"] != json.Number("2") || second.id() != first.id() {
		t.Errorf("got %v", second)
	}
	w.ok("POST", "/products", `{"name":"P","code":"p","customFields":{"tier":"gold"}}`)
}

func TestEveryChangeIsAnEvent(t *testing.T) {
	w := newWorld(t, "")
	made := w.ok("POST", "/products", `{"name":"P","code":"p"}`)
	w.ok("PUT", "/products/"+made.id(), `{"name":"Q","code":"p","version":1}`)
	w.ok("DELETE", "/products/"+made.id(), "")
	list := w.ok("GET", "/events?resourceId="+made.id(), "").data()
	want := []string{"configuration.product.deleted", "configuration.product.updated", "configuration.product.created"}
	for i, name := range want {
		if list[i]["eventName"] != name || list[i]["dtActioned"] != nil {
			t.Errorf("got %v, want %s", list[i], name)
		}
	}
	data := list[1]["m3terEvent"].(map[string]any)["eventData"].(map[string]any)
	if data["newDto"].(map[string]any)["name"] != "Q" || data["oldDto"].(map[string]any)["name"] != "P" ||
		data["newDto"].(map[string]any)["orgId"] != w.org {
		t.Errorf("got %v", data)
	}
	one := w.ok("GET", "/events/"+list[0].id(), "")
	if one["eventTime"] != "2025-05-20T09:00:00.000Z" {
		t.Errorf("got %v", one)
	}
	w.refused("GET", "/events/"+nobody, "", 404, "event")
	w.refused("GET", "/events?eventName=x&ids="+list[0].id(), "", 400, "ids")
	if got := w.ok("GET", "/events?ids="+list[2].id()+","+nobody, "").ids(); len(got) != 1 || got[0] != list[2].id() {
		t.Errorf("got %v", got)
	}
}

func TestEventsAreListedByNameAndField(t *testing.T) {
	w := newWorld(t, "")
	names := w.ok("GET", "/events/types", "")["events"].([]any)
	if len(names) != 106 {
		t.Errorf("got %d names", len(names))
	}
	all := w.ok("GET", "/events/fields", "")["events"].(map[string]any)
	if len(all) != 106 {
		t.Errorf("got the fields of %d events", len(all))
	}
	one := w.ok("GET", "/events/fields?eventName=configuration.meter.updated", "")["events"].(map[string]any)
	meter := one["configuration.meter.updated"].(map[string]any)
	if len(one) != 1 || meter["new.code"] != "string" || meter["old.dataFields"] != "array" || meter["new.version"] != "int" ||
		meter["new.customFields"] != "map" {
		t.Errorf("got %v", one)
	}
	if none := w.ok("GET", "/events/fields?eventName=nothing", "")["events"].(map[string]any); len(none) != 0 {
		t.Errorf("got %v", none)
	}
}
