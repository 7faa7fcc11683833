package informatica_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

// consumedInReports is what the project report of the month so far adds up to.
func consumedInReports(w *world, session, project, folder string) decimal.Decimal {
	w.Helper()
	files := w.report(export, session, fields{"startDate": "2025-04-01T00:00:00Z", "endDate": "2025-04-30T23:59:59Z", "jobType": "PROJECT_FOLDER"})
	total := decimal.Zero
	for _, row := range files[0].rows {
		if (project == "" || row["Project"] == project) && (folder == "" || row["Folder"] == folder) {
			total = total.Add(number(w, row["Consumption (IPUs)"]))
		}
	}
	return total
}

func TestAlertsCountWhatTheReportsCount(t *testing.T) {
	w := acme(t)
	w.advance(10 * time.Hour)
	session := w.login(bot)
	all := consumedInReports(w, session, "", "")
	finance := consumedInReports(w, session, "Finance", "")
	nightly := consumedInReports(w, session, "Finance", "Nightly")
	if all.Sign() <= 0 || finance.LessThan(nightly) || nightly.Sign() <= 0 {
		t.Fatalf("got %s, %s and %s IPUs", all, finance, nightly)
	}
	var one struct {
		OrgName, OrgID       string
		ParentOrgID          *string
		ThresholdValue       *int
		IPUConsumed          json.Number
		IPUThresholdPrefType *string
	}
	decode(t, w.call(http.MethodGet, alerts+"/org('"+production+"')", session, nil).is(http.StatusOK).body, &one)
	if one.OrgName != "Acme_Production" || one.ParentOrgID != nil || *one.ThresholdValue != 400 || *one.IPUThresholdPrefType != "ABSOLUTE" ||
		one.IPUConsumed.String() != all.String() {
		t.Errorf("got %+v, want %s IPUs", one, all)
	}
	var tags []struct {
		ProjectName        string
		FolderName         *string
		ThresholdValue     int
		CurrentConsumption json.Number
	}
	decode(t, w.call(http.MethodGet, alerts+"/org('"+production+"')/viewTagsPreference", session, nil).is(http.StatusOK).body, &tags)
	if len(tags) != 2 || *tags[0].FolderName != "Nightly" || tags[0].CurrentConsumption.String() != nightly.String() ||
		tags[1].FolderName != nil || tags[1].CurrentConsumption.String() != finance.String() {
		t.Errorf("got %+v, want %s and %s IPUs", tags, nightly, finance)
	}
}

func TestAlertsHaveTheFormOfTheirNumber(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	get := func(w *world, path string) string {
		return string(w.call(http.MethodGet, alerts+path, session, nil).is(http.StatusOK).body)
	}
	if got := get(w, "/org('"+sub+"')/viewTagsPreference"); !strings.HasPrefix(got, `{"orgId":"`+sub+`","projectName":"Ops","folderName":null,"thresholdValue":80,"currentConsumption":`) ||
		!strings.HasSuffix(got, `,"ipuThresholdPrefType":"PERCENTAGE"}`) {
		t.Errorf("one threshold is %s", got)
	}
	if got := get(w, "/org('"+additional+"')/viewTagsPreference"); got != "[]" {
		t.Errorf("no threshold is %s", got)
	}
	if got := get(w, "/org('"+sub+"')"); !strings.Contains(got, `"parentOrgId":"`+production+`","thresholdValue":null,"ipuConsumed":`) ||
		!strings.HasSuffix(got, `,"ipuThresholdPrefType":null}`) {
		t.Errorf("of a sub-organization: %s", got)
	}
	w = withOptions(t, "tag_alerts: list")
	session = w.login(bot)
	if got := get(w, "/org('"+sub+"')/viewTagsPreference"); !strings.HasPrefix(got, `[{"orgId"`) {
		t.Errorf("by option one threshold is %s", got)
	}
}

func TestAPercentageIsOfTheEntitledIPUs(t *testing.T) {
	w := parsedWorld(t, `version: 1
clock: {at: 2025-04-02T08:00:00Z, mode: frozen}
informatica:
  users: [{username: meter.bot@acme.example, password: right, org: Top}]
  orgs: [{name: Top, id: isAjIhKtJ0RlgLKOmxgJTe, entitled_ipus: 30}]
  rates: [{meter: Sub-organizations, rate: 0.5}]
  runs:
    - {org: Top, meter: Sub-organizations, start: 2025-03-31T10:00:00Z, quantity: 1000}
    - {org: Top, meter: Sub-organizations, start: 2025-04-01T10:00:00Z, quantity: 20}
    - {org: Top, meter: Sub-organizations, start: 2025-04-02T07:00:00Z, quantity: 0.25}
    - {org: Top, meter: Sub-organizations, start: 2025-04-02T07:30:01Z, quantity: 1000}
  alerts: [{org: Top, type: PERCENTAGE, threshold: 60}]
`)
	got := string(w.call(http.MethodGet, alerts+"/org('"+production+"')", w.login(bot), nil).is(http.StatusOK).body)
	if !strings.Contains(got, `"thresholdValue":60,"ipuConsumed":33.75,"ipuThresholdPrefType":"PERCENTAGE"`) {
		t.Errorf("got %s, want 20.25 units at 0.5 IPUs of 30", got)
	}
}

func TestNeighbours(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	get := func(path string) string {
		return string(w.call(http.MethodGet, path, session, nil).is(http.StatusOK).body)
	}
	own := get("/saas/api/v2/org")
	if !strings.Contains(own, `"name":"Acme_Production","createTime":"2024-01-01T00:00:00.000Z"`) || !strings.Contains(own, `"parentOrgId":"0"`) ||
		!strings.HasSuffix(own, `"devOrg":false,"subOrgs":[{"id":"`+sub+`","name":"Acme_Sub1"}]}`) {
		t.Errorf("the own organization is %s", own)
	}
	if byID, byName := get("/saas/api/v2/org/"+sandbox), get("/saas/api/v2/org/name/Acme_Sandbox"); byID != byName ||
		!strings.Contains(byID, `"parentOrgId":"`+production+`"`) || !strings.HasSuffix(byID, `"devOrg":true}`) {
		t.Errorf("a sandbox is %s by id and %s by name", byID, byName)
	}
	want := `{"customLicenses":[{"licenseDef":"IntelligentCloudDataManagement","expirationDate":"2026-04-02T00:00:00Z","licenseType":"SUBSCRIPTION"}],` +
		`"assignedEditions":[{"edition":"Enterprise","expirationDate":"2026-04-02T00:00:00Z"}],"customLimits":[{"limitDefinition":"SubOrganizations","value":-1}]}`
	if got := get(v3 + "/license/org/" + production); got != want {
		t.Errorf("the license is %s", got)
	}
	free := w.login("free@free.example")
	got := string(w.call(http.MethodGet, v3+"/license/org/f0ReEf0ReEf0ReEf0ReEf0", free, nil).is(http.StatusOK).body)
	if !strings.HasPrefix(got, `{"customLicenses":[],`) {
		t.Errorf("without the license it is %s", got)
	}
}
