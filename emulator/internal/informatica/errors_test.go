package informatica_test

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// With -update the golden bodies are written instead of compared.
var update = flag.Bool("update", false, "write the golden files")

// golden compares a whole body with the file of a name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "errors", name+".json")
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run go test -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %swant %s", got, want)
	}
}

// refusals are requests that are refused, each in a world of its own, so that ids of requests are the same every time.
var refusals = []struct {
	name         string // of the golden file
	method, path string
	user         string // empty: no session
	body         any
	status       int
}{
	{"v3 login with a wrong password", "POST", v3 + "/login", "", fields{"username": bot, "password": "wrong"}, 401},
	{"v3 login of an unknown user", "POST", v3 + "/login", "", fields{"username": "x", "password": "right"}, 401},
	{"v3 login without a password", "POST", v3 + "/login", "", fields{"username": "x"}, 400},
	{"v3 login with a name of 256 characters", "POST", v3 + "/login", "", fields{"username": strings.Repeat("x", 256), "password": "x"}, 400},
	{"v2 login with a wrong password", "POST", "/ma/api/v2/user/login", "", fields{"username": bot, "password": "wrong"}, 403},
	{"v2 login without a body", "POST", "/ma/api/v2/user/login", "", nil, 400},
	{"v3 without a session", "GET", export + "/x", "", nil, 401},
	{"v2 without a session", "GET", "/saas/api/v2/org", "", nil, 401},
	{"download without a session", "GET", export + "/x/download", "", nil, 401},
	{"broken body without a session", "POST", export, "", "{", 401},
	{"export without the role", "POST", export, "designer@acme.example", summary, 403},
	{"license without the role", "GET", v3 + "/license/org/" + production, "designer@acme.example", nil, 403},
	{"export without the license", "POST", export, "free@free.example", summary, 403},
	{"alert without the license", "GET", alerts + "/org('f0ReEf0ReEf0ReEf0ReEf0')", "free@free.example", nil, 403},
	{"broken JSON", "POST", export, bot, "{", 400},
	{"no body", "POST", export, bot, nil, 400},
	{"a list as body", "POST", export, bot, []string{}, 400},
	{"no startDate", "POST", export, bot, fields{"endDate": "2025-03-01T00:00:00Z", "jobType": "SUMMARY"}, 400},
	{"null as endDate", "POST", export, bot, fields{"startDate": "2025-03-01T00:00:00Z", "endDate": nil, "jobType": "SUMMARY"}, 400},
	{"no jobType", "POST", export, bot, march, 400},
	{"a number as startDate", "POST", export, bot, with(summary, fields{"startDate": 5}), 400},
	{"a number as jobType", "POST", export, bot, with(march, fields{"jobType": 5}), 400},
	{"a number as callbackUrl", "POST", export, bot, with(summary, fields{"callbackUrl": 5}), 400},
	{"a day as startDate", "POST", export, bot, with(summary, fields{"startDate": "2025-03-01"}), 400},
	{"no such day", "POST", export, bot, with(summary, fields{"endDate": "2025-02-30T00:00:00Z"}), 400},
	{"start after end", "POST", export, bot, with(summary, fields{"startDate": "2025-04-01T00:00:00Z"}), 400},
	{"range too long", "POST", export, bot, with(march, fields{"jobType": "ASSET", "startDate": "2025-02-01T00:00:00Z"}), 400},
	{"lower case jobType", "POST", export, bot, with(march, fields{"jobType": "summary"}), 400},
	{"jobType of another interface", "POST", export, bot, with(march, fields{"jobType": "PROJECT"}), 400},
	{"a flag that is none", "POST", export, bot, with(summary, fields{"allLinkedOrgs": "yes"}), 400},
	{"a number as flag", "POST", older, bot, with(march, fields{"combinedMeterUsage": 1}), 400},
	{"unknown meter", "POST", export, bot, with(march, fields{"jobType": "ASSET", "meterId": "0000000000000000000000"}), 400},
	{"meter without an asset report", "POST", export, bot, with(march, fields{"jobType": "ASSET", "meterId": "3uIRkIV5Rt9lBbAPzeR5Kj"}), 400},
	{"meter without a job report", "POST", jobs, bot, with(march, fields{"meterId": "cPnPIT3XYAziLqIoXtd0KC"}), 400},
	{"neither meter nor all meters", "POST", jobs, bot, with(march, fields{"allMeters": "FALSE"}), 400},
	{"relative callback", "POST", export, bot, with(summary, fields{"callbackUrl": "/hook"}), 400},
	{"callback to a mailbox", "POST", export, bot, with(summary, fields{"callbackUrl": "mailto:a@acme.example"}), 400},
	{"callback to nowhere", "POST", export, bot, with(summary, fields{"callbackUrl": "http://"}), 400},
	{"unknown job", "GET", export + "/fKtHF4vUCsMehGAkWvj7FA", bot, nil, 404},
	{"download of an unknown job", "GET", export + "/fKtHF4vUCsMehGAkWvj7FA/download", bot, nil, 404},
	{"jobs in the path", "GET", export + "/jobs/fKtHF4vUCsMehGAkWvj7FA", bot, nil, 404},
	{"alert in double quotes", "GET", alerts + `/org(%22` + production + `%22)`, bot, nil, 404},
	{"alert without quotes", "GET", alerts + "/org(" + production + ")", bot, nil, 404},
	{"alert of an unknown organization", "GET", alerts + "/org('0000000000000000000000')", bot, nil, 404},
	{"alert of another organization", "GET", alerts + "/org('" + other + "')", bot, nil, 403},
	{"alert of the parent", "GET", alerts + "/org('" + production + "')", "add@acme.example", nil, 403},
	{"alert without rights on a linked organization", "GET", alerts + "/org('" + sub + "')", "alone@acme.example", nil, 403},
	{"license of another organization", "GET", v3 + "/license/org/" + other, bot, nil, 403},
	{"v2 unknown organization", "GET", "/saas/api/v2/org/0000000000000000000000", bot, nil, 404},
	{"v2 unknown name", "GET", "/saas/api/v2/org/name/Nobody", bot, nil, 404},
	{"v2 another organization by name", "GET", "/saas/api/v2/org/name/Other", bot, nil, 403},
	{"wrong method", "DELETE", export + "/fKtHF4vUCsMehGAkWvj7FA", bot, nil, 405},
	{"v2 wrong method", "PUT", "/saas/api/v2/org", bot, nil, 405},
	{"unknown path", "GET", v3 + "/users", bot, nil, 404},
	{"v2 unknown path", "GET", "/saas/api/v2/activity", bot, nil, 404},
	{"alerts under license", "GET", v3 + "/license/metering/ipuAlert/org('" + production + "')", bot, nil, 404},
}

func TestRefusalsHaveTheirBodies(t *testing.T) {
	for _, row := range refusals {
		t.Run(row.name, func(t *testing.T) {
			w := acme(t)
			session := ""
			if row.user != "" {
				session = w.login(row.user)
			}
			res := w.call(row.method, row.path, session, row.body).is(row.status)
			if kind := res.header.Get("Content-Type"); kind != "application/json" {
				t.Errorf("the Content-Type is %q", kind)
			}
			golden(t, strings.ReplaceAll(row.name, " ", "_"), res.body)
		})
	}
}

func TestJobsThatAreNotReadyHaveTheirBodies(t *testing.T) {
	w := acme(t)
	session := w.login(bot)
	id := w.start(export, session, summary)
	golden(t, "download_too_early", w.call(http.MethodGet, export+"/"+id+"/download", session, nil).is(400).body)
	for range 4 {
		w.start(export, session, summary)
	}
	golden(t, "sixth_job", w.call(http.MethodPost, export, session, summary).is(400).body)
	w.advance(73 * time.Hour)
	golden(t, "download_too_late", w.call(http.MethodGet, export+"/"+id+"/download", w.login(bot), nil).is(404).body)
}

func TestEveryGoldenBodyIsStillCompared(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.json")
	if err != nil || len(files) != len(refusals)+3 {
		t.Errorf("got %d files (%v), want one for each of %d refusals", len(files), err, len(refusals)+3)
	}
}

// Whatever goes wrong has one of the two shapes, and a message that can be shown.
func TestEveryRefusalHasAShapeOfItsVersion(t *testing.T) {
	shape3 := regexp.MustCompile(`^\{"error":\{"code":"[A-Z]+_[0-9]+","message":"[^"]+.*","requestId":"[0-9A-Za-z]{22}","details":null\}\}$`)
	shape2 := regexp.MustCompile(`^\{"code":"[A-Z]+_[0-9]+","description":"[^"]+.*","statusCode":[0-9]{3},"@type":"error"\}$`)
	files, err := filepath.Glob("testdata/errors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		shape := shape3
		if strings.HasPrefix(filepath.Base(file), "v2_") {
			shape = shape2
		}
		if !shape.Match(bytes.TrimSpace(text)) {
			t.Errorf("%s: %s", file, text)
		}
	}
}

func TestStatusesThatAreOptions(t *testing.T) {
	w := withOptions(t, "bad_login: bad_request, forbidden: empty_not_found, early_download: not_found, expired_download: bad_request")
	w.call(http.MethodPost, v3+"/login", "", fields{"username": bot, "password": "wrong"}).refused(400, "IDS_085")
	w.call(http.MethodPost, "/ma/api/v2/user/login", "", fields{"username": bot, "password": "wrong"}).refused(400, "UI_10000")
	for _, user := range []string{"designer@acme.example", "free@free.example"} {
		if res := w.call(http.MethodPost, export, w.login(user), summary).is(404); len(res.body) > 0 {
			t.Errorf("%s: got the body %s", user, res.body)
		}
	}
	session := w.login(bot)
	id := w.start(export, session, summary)
	w.call(http.MethodGet, export+"/"+id+"/download", session, nil).refused(404, "METERING_11")
	w.advance(73 * time.Hour)
	w.call(http.MethodGet, export+"/"+id+"/download", w.login(bot), nil).refused(400, "METERING_12")
	w = withOptions(t, "range_grace_days: 0")
	month := fields{"jobType": "ASSET", "startDate": "2025-03-01T00:00:00Z", "endDate": "2025-03-31T00:00:00Z"}
	session = w.login(bot)
	w.start(export, session, month)
	w.call(http.MethodPost, export, session, with(month, fields{"endDate": "2025-03-31T00:00:01Z"})).refused(400, "METERING_05")
}

// A broken body that was found before the request came here is told in the vendor's shape, after the session.
func TestABodyThatCouldNotBeReadIsTold(t *testing.T) {
	w := acme(t)
	w.brokenBody = true
	w.call(http.MethodPost, export, "", "x").refused(401, "AUTH_01")
	session := func() string { w.brokenBody = false; defer func() { w.brokenBody = true }(); return w.login(bot) }()
	w.call(http.MethodPost, export, session, "x").refused(413, "REST_413")
}

func TestAPanicIsAnErrorOfTheVendor(t *testing.T) {
	w := acme(t)
	w.noSandbox = true
	w.call(http.MethodPost, v3+"/login", "", fields{"username": bot, "password": "right"}).refused(500, "REST_500")
	w.call(http.MethodPost, "/ma/api/v2/user/login", "", fields{"username": bot, "password": "right"}).refused(500, "REST_500")
}
