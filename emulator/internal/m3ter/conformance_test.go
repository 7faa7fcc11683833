package m3ter

import (
	"strings"
	"testing"
)

const mock = `
m3ter:
  organizations:
    - {id: My Org ID, options: {conformance: true}}
    - {id: 00000000-0000-4000-8000-00000000000b}
`

// What the vendor's own test suites send was made for a mock without state. All 297 tests of the Go SDK 0.12.0 pass
// against an organization under conformance; these are the requests that need to be let through.
func TestAnOrganizationUnderConformanceTakesWhatTheSDKsTestsSend(t *testing.T) {
	for _, row := range []struct{ what, method, path, body string }{
		{"an id that nobody has", "GET", "/products/id", ""},
		{"an update of nothing", "PUT", "/products/id", `{"name":"x","code":"x","version":0}`},
		{"a deletion of nothing", "DELETE", "/products/id", ""},
		{"a job that nobody started", "GET", "/dataexports/jobs/id", ""},
		{"a file of no job", "GET", "/dataexports/jobs/jobId/getdownloadurl", ""},
		{"filters that are no dates", "GET", "/dataexports/jobs?dateCreatedStart=dateCreatedStart&dateCreatedEnd=x&nextToken=nextToken&ids=string&status=PENDING", ""},
		{"an event of nobody", "GET", "/events/id", ""},
		{"all filters at once", "GET", "/events?accountId=a&eventName=b&eventType=c&ids=string&includeActioned=true&nextToken=d&notificationCode=e&pageSize=1&resourceId=f", ""},
		{"a term without a comparator", "GET", "/accounts/search?searchQuery=searchQuery&operator=AND&sortBy=x&sortOrder=ASC&fromDocument=0&pageSize=1", ""},
		{"references to nothing", "POST", "/aggregations", `{"aggregation":"SUM","meterId":"` + strings.Repeat("x", 36) + `","name":"x","quantityPerUnit":1,"rounding":"UP","targetField":"x","unit":"x"}`},
		{"odd and repeated field codes", "POST", "/meters", `{"name":"x","code":"S?oC\"$]C] ]]]]]5]","dataFields":[{"category":"WHO","code":"{1{}}_","name":"x"}],"derivedFields":[{"category":"WHO","code":"{1{}}_","name":"x","calculation":"x"}]}`},
		{"a destination without a name", "POST", "/dataexports/destinations", `{"bucketName":"xxx","iamRoleArn":"arn:aws:iam::321669910225:role/\"","destinationType":"S3"}`},
		{"a schedule without a name", "POST", "/dataexports/schedules", `{"sourceType":"OPERATIONAL","operationalDataTypes":["BILLS"],"version":0}`},
		{"a usage export without dates", "POST", "/dataexports/adhoc", `{"sourceType":"USAGE","aggregations":[{"fieldCode":"x","fieldType":"DIMENSION","function":"SUM","meterId":"x"}]}`},
		{"a query for nothing", "POST", "/usage/query", `{}`},
		{"a sum of a dimension over no time", "POST", "/usage/query", `{"startDate":"2019-12-27T18:11:19Z","endDate":"2019-12-27T18:11:19Z","aggregations":[{"fieldCode":"x","fieldType":"DIMENSION","function":"SUM","meterId":"x"}],"groups":[{"groupType":"ACCOUNT"}]}`},
		{"a log that nobody wrote", "GET", "/measurements/failedIngest/getDownloadUrl?file=file", ""},
		{"an upload that nobody made", "GET", "/fileuploads/measurements/jobs/id/original", ""},
		{"lines of no bill", "GET", "/bills/billId/lineitems/id", ""},
		{"the newest bill of nobody", "GET", "/bills/latest/accountId", ""},
		{"a job to cancel that nobody started", "POST", "/billjobs/id/cancel", ""},
		{"a balance of nobody", "POST", "/balances/balanceId/transactions", `{"amount":0,"transactionTypeId":"x"}`},
		{"what is not emulated", "GET", "/counters", ""},
	} {
		t.Run(row.what, func(t *testing.T) {
			w := newWorld(t, mock)
			w.org, w.token = "My Org ID", "My Token"
			w.ok(row.method, row.path, row.body)
		})
	}
}

func TestConformanceIsNobodyElses(t *testing.T) {
	w := newWorld(t, mock)
	w.org, w.token = "My Org ID", "My Token"
	same := `{"name":"P","code":"p"}`
	w.ok("POST", "/products", same)
	w.ok("POST", "/products", same)
	if got := w.send("POST", w.in("/statementjobs/batch"), `{"billIds":["x"]}`); got.status != 200 || got.body != "[]" {
		t.Errorf("the batch answers a list: got %d %s", got.status, got.body)
	}
	if got := w.send("POST", "/oauth/token", `{"grant_type":"client_credentials","scope":"x"}`); got.status != 200 {
		t.Errorf("a token call with a bearer token: got %d %s", got.status, got.body)
	}
	w.org = tenantB
	w.refused("GET", "/products", "", 403, "Unauthorized")
	w.login("key", "secret")
	w.ok("POST", "/products", same)
	w.refused("POST", "/products", same, 400, "another product")
	w.refused("GET", "/products/id", "", 404, "id")
	w.refused("GET", "/counters", "", 501, "listCounters")
}
