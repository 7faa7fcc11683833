package m3ter

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// walk follows a list to its end and returns the ids, page by page.
func (w *world) walk(path string, size int) [][]string {
	w.t.Helper()
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	if size > 0 {
		path += fmt.Sprintf("%spageSize=%d", join, size)
		join = "&"
	}
	var pages [][]string
	for next := path; ; {
		answer := w.ok("GET", next, "")
		pages = append(pages, answer.ids())
		token, more := answer["nextToken"]
		if !more {
			return pages
		}
		if len(answer.ids()) == 0 {
			w.t.Fatalf("%s: an empty page has a token", next)
		}
		next = path + join + "nextToken=" + url.QueryEscape(token.(string))
	}
}

func TestProductsComeInPagesNewestFirst(t *testing.T) {
	w := newWorld(t, "")
	var made []string
	for i := range 250 {
		made = append(made, w.ok("POST", "/products", fmt.Sprintf(`{"name":"P","code":"p%d"}`, i)).id())
	}
	slices.Reverse(made)
	pages := w.walk("/products", 100)
	if len(pages) != 3 || len(pages[0]) != 100 || len(pages[1]) != 100 || len(pages[2]) != 50 || !slices.Equal(slices.Concat(pages...), made) {
		t.Errorf("got pages of %d, %v …", len(pages), pages[0][:3])
	}
	if pages := w.walk("/products", 0); len(pages) != 2 || len(pages[0]) != 200 {
		t.Errorf("without pageSize: got %d pages", len(pages))
	}
	if got := w.send("GET", w.in("/products?ids="+nobody), ""); got.body != `{"data":[]}` {
		t.Errorf("got %s", got.body)
	}
	for _, list := range []string{
		"ids=" + made[1] + "," + made[0], "ids=" + made[0] + "&ids=" + made[1], "ids=" + made[0] + "%2C" + made[1],
		"ids=" + made[0] + ",,%20," + "&ids=" + made[1] + "&ids=",
	} {
		if got := w.ok("GET", "/products?"+list, "").ids(); !slices.Equal(got, made[:2]) {
			t.Errorf("%s: got %v", list, got)
		}
	}
	for _, size := range []string{"0", "201", "-1", "x"} {
		w.refused("GET", "/products?pageSize="+size, "", 400, "pageSize")
	}
	w.refused("GET", "/products?nextToken=nonsense", "", 400, "nextToken")
	token := w.ok("GET", "/products?pageSize=1", "")["nextToken"].(string)
	w.refused("GET", "/meters?nextToken="+token, "", 400, "nextToken")
	w.refused("GET", "/products?ids=x&nextToken="+token, "", 400, "nextToken")
	w.org = nobody
	w.refused("GET", "/products?nextToken="+token, "", 400, "nextToken")
}

// everyList makes five of everything that can be listed and returns the lists' paths.
func everyList(w *world) []string {
	day := func(i int) string { return morning.AddDate(0, 0, i).Format(time.RFC3339) }
	var balance, bill string
	for i := range 5 {
		post := func(path, body string) fields { return w.ok("POST", path, fmt.Sprintf(body, i)) }
		product := post("/products", `{"name":"P","code":"product %d"}`).id()
		meter := post("/meters", `{"name":"M","code":"meter %d","productId":"`+product+`","dataFields":[{"category":"MEASURE","code":"n","name":"n","unit":"u"}],"derivedFields":[]}`).id()
		aggregation := post("/aggregations", `{"name":"A","code":"a%d","meterId":"`+meter+`","targetField":"n","aggregation":"SUM","quantityPerUnit":1,"rounding":"NONE","unit":"u"}`).id()
		post("/compoundaggregations", `{"name":"C","code":"c%d","calculation":"1","quantityPerUnit":1,"rounding":"NONE","unit":"u"}`)
		account := post("/accounts", `{"name":"A","code":"account %d","emailAddress":"a@b.c","parentAccountId":"`+northwind+`"}`).id()
		template := post("/plantemplates", `{"name":"T","code":"t%d","productId":"`+product+`","currency":"EUR","standingCharge":10,"billFrequency":"MONTHLY"}`).id()
		plan := post("/plans", `{"name":"P","code":"plan %d","planTemplateId":"`+template+`"}`).id()
		planGroup := post("/plangroups", `{"name":"G","code":"g%d","currency":"EUR"}`).id()
		w.ok("POST", "/plangrouplinks", `{"planGroupId":"`+planGroup+`","planId":"`+plan+`"}`)
		post("/pricings", `{"code":"pricing %d","planId":"`+plan+`","aggregationId":"`+aggregation+`","startDate":"2025-01-01T00:00:00Z","pricingBands":[{"lowerLimit":0,"fixedPrice":0,"unitPrice":1}]}`)
		contract := post("/contracts", `{"name":"C","code":"contract %d","accountId":"`+account+`","startDate":"2025-01-01","endDate":"2026-01-01"}`).id()
		post("/accountplans", `{"code":"ap%d","accountId":"`+account+`","planId":"`+plan+`","contractId":"`+contract+`","startDate":"2025-01-01T00:00:00Z"}`)
		w.ok("POST", "/commitments", `{"accountId":"`+account+`","amount":100,"currency":"EUR","startDate":"2025-01-01","endDate":"2026-01-01"}`)
		of := post("/balances", `{"name":"B","code":"balance %d","accountId":"`+northwind+`","currency":"EUR","startDate":"`+day(0)+`","endDate":"`+day(30)+`"}`).id()
		if balance == "" {
			balance = of
		}
		post("/picklists/transactiontypes", `{"name":"T","code":"tt%d"}`)
		w.ok("POST", "/balances/"+balance+"/transactions", `{"amount":5}`)
		post("/charges", `{"name":"C","code":"charge %d","accountId":"`+account+`","currency":"EUR","entityType":"AD_HOC","lineItemType":"AD_HOC","amount":3,"servicePeriodStartDate":"2025-05-01T00:00:00Z","servicePeriodEndDate":"2025-05-02T00:00:00Z"}`)
		w.ok("POST", "/billjobs", `{"accountIds":["`+account+`"]}`)
		post("/dataexports/destinations", `{"name":"D","code":"d%d","bucketName":"bucket","iamRoleArn":"arn:aws:iam::1:role/x"}`)
		post("/dataexports/schedules", `{"name":"S","code":"s%d","sourceType":"OPERATIONAL","operationalDataTypes":["METERS"],"scheduleType":"DAY","period":1}`)
		post("/fileuploads/measurements/generateUploadUrl", `{"fileName":"f%d","contentType":"application/json","contentLength":1}`)
	}
	w.advance(time.Second)
	bill = w.ok("GET", "/bills", "").ids()[0]
	return []string{
		"/products", "/meters", "/aggregations", "/compoundaggregations", "/accounts", "/accounts/" + northwind + "/children",
		"/plantemplates", "/plans", "/plangroups", "/plangrouplinks", "/accountplans", "/pricings", "/contracts", "/commitments",
		"/balances", "/balances/" + balance + "/transactions", "/picklists/transactiontypes", "/charges", "/billjobs", "/bills",
		"/bills/" + bill + "/lineitems", "/dataexports/destinations", "/dataexports/schedules", "/dataexports/jobs",
		"/fileuploads/measurements/jobs", "/events", "/accounts/search", "/commitments/search", "/bills/search",
	}
}

func TestEveryListIsWalkedAlikeInPagesOfAnySize(t *testing.T) {
	w := newWorld(t, transfers)
	for _, path := range everyList(w) {
		whole := slices.Concat(w.walk(path, 100)...)
		if len(whole) < 2 {
			t.Errorf("%s: got %v", path, whole)
		}
		for _, size := range []int{1, 2, 7} {
			pages := w.walk(path, size)
			if got := slices.Concat(pages...); !slices.Equal(got, whole) {
				t.Errorf("%s by %d: got %v, want %v", path, size, got, whole)
			}
			if want := (len(whole) + size - 1) / size; len(pages) != want {
				t.Errorf("%s by %d: got %d pages, want %d", path, size, len(pages), want)
			}
		}
	}
}

func TestSearchesFindByTermsAndComeInTens(t *testing.T) {
	w := newWorld(t, "")
	for i := range 12 {
		currency := []string{"EUR", "USD"}[i%2]
		w.ok("POST", "/accounts", fmt.Sprintf(`{"name":"North %d","code":"n%d","emailAddress":"a@b.c","currency":"%s"}`, i, i, currency))
	}
	w.ok("POST", "/accounts", `{"name":"South","code":"s","emailAddress":"a@b.c","currency":"EUR"}`)
	for _, row := range []struct {
		query string
		found int
	}{
		{"name~north", 12}, {"name~North$currency:EUR", 6}, {"name:South", 1}, {"name:sout", 0}, {"code:s$code:n1", 0},
		{"code:s$code:n1&operator=OR", 2}, {"codes:s,n1,n2", 3}, {"dtCreated>2025-05-20T08:00:00Z", 13}, {"dtCreated<2025-05-20", 0},
		{"name>=South", 1}, {"", 13},
	} {
		path := "/accounts/search?pageSize=100&searchQuery=" + strings.NewReplacer("$", "%24", ">", "%3E", "<", "%3C").Replace(row.query)
		if got := w.ok("GET", path, "").data(); len(got) != row.found {
			t.Errorf("%s: found %d, want %d", row.query, len(got), row.found)
		}
	}
	first := w.ok("GET", "/accounts/search", "")
	if len(first.data()) != 10 || first["nextToken"] != "10" || first.data()[0]["name"] != "South" {
		t.Errorf("got %v", first)
	}
	rest := w.ok("GET", "/accounts/search?fromDocument=10", "")
	if _, more := rest["nextToken"]; len(rest.data()) != 3 || more {
		t.Errorf("got %v", rest)
	}
	sorted := w.ok("GET", "/accounts/search?sortBy=code&sortOrder=DESC&pageSize=1", "").data()
	if sorted[0]["code"] != "s" {
		t.Errorf("got %v", sorted)
	}
	w.refused("GET", "/accounts/search?searchQuery=plain", "", 400, "no comparator")
	w.refused("GET", "/accounts/search?searchQuery=nothing:x", "", 400, "nothing")
	w.refused("GET", "/accounts/search?nextToken=x", "", 400, "nextToken")
}
