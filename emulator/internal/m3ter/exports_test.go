package m3ter

import (
	"archive/zip"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
)

// export starts an ad-hoc export and returns its job's id.
func (w *world) export(body string) string {
	w.t.Helper()
	return w.ok("POST", "/dataexports/adhoc", body)["jobId"].(string)
}

func (w *world) job(id string) fields {
	w.t.Helper()
	return w.ok("GET", "/dataexports/jobs/"+id, "")
}

// file downloads what a finished job made.
func (w *world) file(id string) exchange {
	w.t.Helper()
	return w.download(w.ok("GET", "/dataexports/jobs/"+id+"/getdownloadurl", "")["url"].(string))
}

func unzipped(t tester, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

const adHocUsage = `{"sourceType":"USAGE",%s,"aggregations":[{"meterId":"` + theMeter + `","fieldCode":"gb_out","fieldType":"MEASURE","function":"SUM"}],"groups":[{"groupType":"ACCOUNT"},{"groupType":"TIME","frequency":"DAY"}]}`

func TestAUsageExportEndsAtTheNextMidnight(t *testing.T) {
	w := newWorld(t, transfers)
	for _, row := range []struct{ when, dates, refused string }{
		{"the next midnight", `"startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-21T00:00:00Z"`, ""},
		{"the next midnight, seen from elsewhere", `"startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-21T02:00:00+02:00"`, ""},
		{"a second later", `"startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-21T00:00:01Z"`, "next midnight"},
		{"the start", `"startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-01T00:00:00Z"`, "after startDate"},
		{"no start", `"endDate":"2025-05-21T00:00:00Z"`, "startDate is required"},
		{"no end", `"startDate":"2025-05-01T00:00:00Z"`, "endDate is required"},
	} {
		t.Run(row.when, func(t *testing.T) {
			w.t = t
			body := fmt.Sprintf(adHocUsage, row.dates)
			if row.refused == "" {
				w.export(body)
				return
			}
			w.refused("POST", "/dataexports/adhoc", body, 400, row.refused)
		})
	}
	w.t = t
	w.refused("POST", "/dataexports/adhoc", `{"sourceType":"OPERATIONAL"}`, 400, "operationalDataTypes")
	w.refused("POST", "/dataexports/adhoc", `{"sourceType":"OPERATIONAL","operationalDataTypes":[]}`, 400, "operationalDataTypes")
	w.refused("POST", "/dataexports/adhoc", `{"sourceType":"OPERATIONAL","operationalDataTypes":["COUNTERS"]}`, 400, "operationalDataTypes")
	w.refused("POST", "/dataexports/adhoc", `{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS"],"destinationIds":["`+nobody+`"]}`, 400, "destinationIds")
	w.refused("POST", "/dataexports/adhoc", `{"sourceType":"USAGE","startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-02T00:00:00Z","groups":[{"groupType":"ACCOUNT"}]}`, 400, "groups need aggregations")
	w.refused("POST", "/dataexports/adhoc", `{}`, 400, "sourceType")
}

func TestAnExportRunsThroughItsStates(t *testing.T) {
	w := newWorld(t, transfers)
	id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["ACCOUNTS","METERS","ACCOUNTS"],"endDate":"2020-01-01T00:00:00Z"}`)
	pending := w.job(id)
	if _, started := pending["startedAt"]; pending["status"] != "PENDING" || pending["version"] != json.Number("1") || started ||
		pending["dateCreated"] != "2025-05-20T09:00:00.000Z" || pending["scheduleId"] != nil {
		t.Errorf("got %v", pending)
	}
	w.refused("GET", "/dataexports/jobs/"+id+"/getdownloadurl", "", 400, "PENDING")
	w.ok("POST", "/accounts", `{"name":"Made before the run","code":"late","emailAddress":"a@b.c"}`)
	fired := w.advance(200 * time.Millisecond)
	if running := w.job(id); running["status"] != "RUNNING" || running["version"] != json.Number("2") || running["startedAt"] != "2025-05-20T09:00:00.200Z" {
		t.Errorf("got %v", running)
	}
	w.ok("POST", "/accounts", `{"name":"Made after it began","code":"later","emailAddress":"a@b.c"}`)
	fired = append(fired, w.advance(200*time.Millisecond)...)
	if done := w.job(id); done["status"] != "SUCCEEDED" || done["version"] != json.Number("3") {
		t.Errorf("got %v", done)
	}
	if len(fired) != 2 || fired[0].To != "RUNNING" || fired[1].From != "RUNNING" || fired[1].To != "SUCCEEDED" || fired[1].ID != id ||
		!fired[1].At.Equal(morning.Add(400*time.Millisecond)) || fired[0].Kind != "export" || fired[0].Vendor != "m3ter" {
		t.Errorf("got %+v", fired)
	}
	link := w.ok("GET", "/dataexports/jobs/"+id+"/getdownloadurl", "")
	if link["expirationTime"] != "2025-05-20T09:15:00.400Z" {
		t.Errorf("got %v", link)
	}
	if again := w.ok("GET", "/dataexports/jobs/"+id+"/getdownloadurl", ""); again["url"] == link["url"] {
		t.Error("two calls made one URL")
	}
	got := w.download(link["url"].(string))
	archive, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
	if err != nil || got.header.Get("Content-Type") != "application/zip" || len(archive.File) != 2 ||
		archive.File[0].Name != id+"_account.csv.gz" || archive.File[1].Name != id+"_meter.csv.gz" {
		t.Fatalf("got %v, %v", got.header, err)
	}
	part, err := archive.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	zipped, _ := io.ReadAll(part)
	lines := strings.Split(unzipped(t, string(zipped)), "\n")
	want := "id,version,address,autoGenerateStatementMode,billEpoch,code,createdBy,creditApplicationOrder,currency,customFields,daysBeforeBillDue," +
		"dtCreated,dtLastModified,emailAddress,lastModifiedBy,name,parentAccountId,purchaseOrderNumber,statementDefinitionId"
	if lines[0] != want || len(lines) != 5 || lines[4] != "" || !strings.HasPrefix(lines[1], northwind+",1,,NONE,,northwind,") || !strings.Contains(lines[3], "Made before the run") {
		t.Errorf("got\n%s", strings.Join(lines, "\n"))
	}
	w.at(morning.Add(400*time.Millisecond + 15*time.Minute - time.Millisecond))
	if got := w.download(link["url"].(string)); got.status != 200 {
		t.Errorf("just before its end: got %d", got.status)
	}
	w.at(morning.Add(400*time.Millisecond + 15*time.Minute))
	if got := w.download(link["url"].(string)); got.status != 403 {
		t.Errorf("at its end: got %d", got.status)
	}
	w.at(morning.Add(24*time.Hour)).login("key", "secret")
	w.file(id)
	w.at(morning.Add(24*time.Hour + 400*time.Millisecond))
	w.refused("GET", "/dataexports/jobs/"+id+"/getdownloadurl", "", 400, "24 hours")
	if left := countRows(w, "m3ter/filechunks"); left != 0 {
		t.Errorf("%d pieces of files are left", left)
	}
	if done := w.job(id); done["status"] != "SUCCEEDED" {
		t.Errorf("got %v", done)
	}
	w.refused("GET", "/dataexports/jobs/"+nobody, "", 404, nobody)
	w.refused("GET", "/dataexports/jobs/"+nobody+"/getdownloadurl", "", 404, nobody)
}

func countRows(w *world, table string) (n int) {
	if err := w.sandbox.View(func(tx *store.Tx) error {
		for range store.NewTable[json.RawMessage](table).Prefix(tx, "") {
			n++
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestAnExportOfAggregatedUsageIsOneFile(t *testing.T) {
	w := newWorld(t, transfers)
	w.submit(transfer("", "northwind", "2025-05-18T08:00:00Z", "eu", "t", "1.25"), transfer("", "lakeside", "2025-05-18T09:00:00Z", "eu", "t", "2"))
	dates := `"startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-20T00:00:00Z"`
	asCSV, asLines := w.export(fmt.Sprintf(adHocUsage, dates)), w.export(fmt.Sprintf(adHocUsage, dates+`,"exportFileFormat":"JSONL"`))
	w.submit(transfer("", "northwind", "2025-05-19T10:00:00Z", "eu", "t", "4"))
	w.advance(time.Second)
	w.submit(transfer("", "northwind", "2025-05-19T11:00:00Z", "eu", "t", "100")) // after the run
	got := w.file(asCSV)
	if name := got.header.Get("Content-Disposition"); !strings.Contains(name, asCSV+"_measurements.csv.gz") {
		t.Errorf("got %v", got.header)
	}
	want := "accountId,accountCode,timestamp,data_transfer.gb_out.SUM\n" + northwind + ",northwind,2025-05-19T00:00:00.000Z,4\n" +
		northwind + ",northwind,2025-05-18T00:00:00.000Z,1.25\n" + lakeside + ",lakeside,2025-05-18T00:00:00.000Z,2\n"
	if text := unzipped(t, got.body); text != want {
		t.Errorf("got\n%s", text)
	}
	lines := unzipped(t, w.file(asLines).body)
	want = `{"accountId":"` + northwind + `","accountCode":"northwind","timestamp":"2025-05-19T00:00:00.000Z","data_transfer.gb_out.SUM":4}` + "\n"
	if !strings.HasPrefix(lines, want) || strings.Count(lines, "\n") != 3 {
		t.Errorf("got\n%s", lines)
	}
}

func TestOperationalExportsTakeWhatChangedSince(t *testing.T) {
	w := newWorld(t, transfers)
	w.at(morning.Add(time.Hour))
	w.ok("PUT", "/accounts/"+lakeside, `{"name":"Changed, \"again\"","code":"lakeside","emailAddress":"a@b.c","version":1}`)
	id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["ACCOUNTS"],"startDate":"2025-05-20T09:30:00Z"}`)
	none := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["ACCOUNTS"],"startDate":"2025-05-20T11:00:00Z","exportFileFormat":"JSONL"}`)
	w.advance(time.Second)
	text := unzipped(t, w.file(id).body)
	if strings.Count(text, "\n") != 2 || !strings.Contains(text, lakeside+",2,") || !strings.Contains(text, `"Changed, ""again"""`) {
		t.Errorf("got\n%s", text)
	}
	if text := unzipped(t, w.file(none).body); text != "" {
		t.Errorf("an empty file of JSON Lines: got %q", text)
	}
}

func TestEveryTypeOfOperationalDataIsExported(t *testing.T) {
	w := newWorld(t, transfers)
	everyList(w)
	for name := range operationalTypes {
		id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["` + name + `"]}`)
		w.advance(time.Second)
		lines := strings.Split(strings.TrimSuffix(unzipped(t, w.file(id).body), "\n"), "\n")
		if len(lines) < 6 || !strings.HasPrefix(lines[0], "id,version,") {
			t.Errorf("%s: got %v", name, lines)
		}
		for _, line := range lines[1:] {
			if len(line) < 36 || line[36] != ',' {
				t.Errorf("%s: got %s", name, line)
			}
		}
	}
	if len(operationalTypes) != 20 {
		t.Errorf("got %d types", len(operationalTypes))
	}
}

const toBucket = `{"name":"D","code":"%s","bucketName":"%s","iamRoleArn":"arn:aws:iam::1:role/x","prefix":"%s","partitionOrder":%s}`

func TestFilesAreDeliveredUnderTheDocumentedKeys(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, transfers, func(c *Config) { c.Deliver = dir })
	byType := w.ok("POST", "/dataexports/destinations", fmt.Sprintf(toBucket, "a", "bucket-a", "m3ter/out/", `"TYPE_FIRST"`)).id()
	byTime := w.ok("POST", "/dataexports/destinations", fmt.Sprintf(toBucket, "b", "bucket-b", "", "null")).id()
	id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS","PRODUCTS"],"destinationIds":["` + byType + `","` + byTime + `"]}`)
	w.at(w.sandbox.Now().Add(time.Second))
	if got := w.job(id); got["status"] != "RUNNING" || got["version"] != json.Number("2") {
		t.Errorf("before its delivery: got %v", got)
	}
	fired := w.advance(0)
	if got := w.job(id); got["status"] != "SUCCEEDED" || got["version"] != json.Number("3") {
		t.Errorf("got %v", got)
	}
	if last := fired[len(fired)-1]; last.From != "RUNNING" || last.To != "SUCCEEDED" || !last.At.Equal(morning.Add(400*time.Millisecond)) {
		t.Errorf("got %+v", fired)
	}
	for _, key := range []string{
		"bucket-a/m3ter/out/orgId=" + w.org + "/type=meter/date=2025-05-20/hour=09/" + id + "_meter.csv.gz",
		"bucket-a/m3ter/out/orgId=" + w.org + "/type=product/date=2025-05-20/hour=09/" + id + "_product.csv.gz",
		"bucket-b/orgId=" + w.org + "/date=2025-05-20/hour=09/type=product/" + id + "_product.csv.gz",
	} {
		text, err := os.ReadFile(filepath.Join(dir, "~test", key)) // the sandbox of these tests is not the default one
		if err != nil {
			t.Error(err)
		} else if plain := unzipped(t, string(text)); !strings.HasPrefix(plain, "id,version,") {
			t.Errorf("%s: got %s", key, plain)
		}
	}
	w.file(id) // there, too
	w.ok("DELETE", "/dataexports/destinations/"+byTime, "")
}

func TestNoBucketLeadsOutOfItsFolder(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, transfers, func(c *Config) { c.Deliver = filepath.Join(dir, "inner") })
	to := w.ok("POST", "/dataexports/destinations", fmt.Sprintf(toBucket, "a", "../../..", "../../x", "null")).id()
	id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS"],"destinationIds":["` + to + `"]}`)
	w.advance(time.Second)
	if got := w.job(id); got["status"] != "FAILED" {
		t.Errorf("got %v", got)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("got %v", left)
	}
}

func TestADestinationThatCannotBeWrittenFailsTheJob(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, transfers, func(c *Config) { c.Deliver = dir })
	to := w.ok("POST", "/dataexports/destinations", fmt.Sprintf(toBucket, "cellar", "bucket", "", "null")).id()
	id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS"],"destinationIds":["` + to + `"]}`)
	fired := w.advance(time.Second)
	if got := w.job(id); got["status"] != "FAILED" || fired[len(fired)-1].To != "FAILED" {
		t.Errorf("got %v, %+v", got, fired)
	}
	w.refused("GET", "/dataexports/jobs/"+id+"/getdownloadurl", "", 400, "FAILED")
	failures := w.eventsOf(exportFailure)
	if len(failures) != 1 {
		t.Fatalf("got %v", failures)
	}
	details := failures[0]["m3terEvent"].(map[string]any)
	if details["jobId"] != id || details["scheduleId"] != nil || details["sourceType"] != "OPERATIONAL" ||
		!strings.HasPrefix(details["message"].(string), "destination cellar is not writable") || failures[0]["eventTime"] != "2025-05-20T09:00:00.400Z" {
		t.Errorf("got %v", failures[0])
	}
}

func TestDestinationsAreOfTheirType(t *testing.T) {
	w := newWorld(t, "")
	s3 := w.ok("POST", "/dataexports/destinations", fmt.Sprintf(toBucket, "a", "bucket", "", "null"))
	if s3["destinationType"] != "S3" || s3["partitionOrder"] != "TIME_FIRST" {
		t.Errorf("got %v", s3)
	}
	gcs := w.ok("POST", "/dataexports/destinations", `{"name":"G","code":"g","bucketName":"bucket","projectNumber":"1","poolId":"p","providerId":"q"}`)
	if gcs["destinationType"] != "GCS" || gcs["iamRoleArn"] != nil || gcs["poolId"] != "p" {
		t.Errorf("got %v", gcs)
	}
	listed := w.ok("GET", "/dataexports/destinations", "").data()
	if len(listed) != 2 || listed[0]["poolId"] != nil || listed[0]["code"] != "g" {
		t.Errorf("got %v", listed)
	}
	for _, row := range [][2]string{
		{`{"name":"G","bucketName":"bucket","iamRoleArn":"arn:aws:iam::1:role/x"}`, "code is required"},
		{`{"code":"x","bucketName":"bucket","iamRoleArn":"arn:aws:iam::1:role/x"}`, "name is required"},
		{`{"name":"G","code":"x","bucketName":"ab","iamRoleArn":"arn:aws:iam::1:role/x"}`, "bucketName"},
		{`{"name":"G","code":"x","bucketName":"bucket","iamRoleArn":"arn:aws:s3:::x"}`, "iamRoleArn"},
		{`{"name":"G","code":"x","bucketName":"bucket","destinationType":"GCS","poolId":"p"}`, "projectNumber is required"},
		{`{"name":"G","code":"g","bucketName":"bucket","iamRoleArn":"arn:aws:iam::1:role/x"}`, "another destination"},
	} {
		w.refused("POST", "/dataexports/destinations", row[0], 400, row[1])
	}
	w.refused("PUT", "/dataexports/destinations/"+gcs.id(), `{"name":"G","code":"g","version":1,"bucketName":"bucket","iamRoleArn":"arn:aws:iam::1:role/x"}`, 400, "cannot change")
	w.ok("POST", "/dataexports/schedules", `{"name":"S","code":"s","sourceType":"OPERATIONAL","operationalDataTypes":["METERS"],"scheduleType":"DAY","period":1,"destinationIds":["`+gcs.id()+`"]}`)
	w.refused("DELETE", "/dataexports/destinations/"+gcs.id(), "", 400, "schedule")
}

func TestATestDecidesHowExportsEnd(t *testing.T) {
	w := newWorld(t, transfers)
	rule := job.Rule{
		Legs: []job.Leg{{State: "PENDING", Polls: 2}, {State: "RUNNING", For: time.Minute}}, Outcome: "FAILED", Error: "the disk is full",
	}
	if err := w.sandbox.Update(func(tx *store.Tx) error { job.SetRule(tx, vendor, exportKind, rule); return nil }); err != nil {
		t.Fatal(err)
	}
	id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS"]}`)
	w.advance(time.Hour)
	for i, want := range []string{"PENDING", "PENDING", "RUNNING", "RUNNING"} {
		if got := w.job(id); got["status"] != want {
			t.Errorf("poll %d: got %v, want %s", i+1, got, want)
		}
	}
	w.advance(time.Minute)
	if got := w.job(id); got["status"] != "FAILED" || got["version"] != json.Number("3") {
		t.Errorf("got %v", got)
	}
	failures := w.eventsOf(exportFailure)
	if len(failures) != 1 || failures[0]["m3terEvent"].(map[string]any)["message"] != "the disk is full" {
		t.Errorf("got %v", failures)
	}
	if got := w.ok("GET", "/dataexports/jobs?status=FAILED", "").ids(); len(got) != 1 || got[0] != id {
		t.Errorf("got %v", got)
	}
}

func TestForcedJobsBringWhatTheirStateBrings(t *testing.T) {
	w := newWorld(t, transfers)
	failed, done := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS"]}`), w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS"]}`)
	force := func(id, state, cause string) {
		if err := w.sandbox.Update(func(tx *store.Tx) error {
			shown, err := w.api.ForceJob(tx, id, state, cause)
			if shown.State != state || shown.Error != cause || !shown.Done {
				t.Errorf("got %+v", shown)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	force(failed, "FAILED", "pulled the plug")
	force(done, "SUCCEEDED", "")
	w.file(done)
	w.advance(time.Minute)
	if got := w.job(failed); got["status"] != "FAILED" || len(w.eventsOf(exportFailure)) != 1 {
		t.Errorf("got %v and %v", got, w.eventsOf(exportFailure))
	}
	if err := w.sandbox.View(func(tx *store.Tx) error {
		if jobs := w.api.Jobs(tx); len(jobs) != 2 || jobs[0].Kind != "export" {
			t.Errorf("got %+v", jobs)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.sandbox.Update(func(tx *store.Tx) error {
		_, err := w.api.ForceJob(tx, nobody, "FAILED", "")
		return err
	}); err == nil {
		t.Error("a job of nobody was forced")
	}
}

func TestADownloadIsOfItsWorldAlone(t *testing.T) {
	w := newWorld(t, transfers)
	id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS"]}`)
	w.advance(time.Second)
	address := w.ok("GET", "/dataexports/jobs/"+id+"/getdownloadurl", "")["url"].(string)
	if err := w.sandbox.Reset(w.base); err != nil {
		t.Fatal(err)
	}
	if got := w.download(address); got.status != 404 {
		t.Errorf("got %d", got.status)
	}
}
