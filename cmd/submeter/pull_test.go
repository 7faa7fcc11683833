package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator"
)

// pullWorld starts an emulator of testdata/pull-world.yaml, and returns with it an environment that reaches it.
func pullWorld(t *testing.T) (*emulator.Emulator, map[string]string) {
	t.Helper()
	e := emulator.Start(t, emulator.WithScenario("testdata/pull-world.yaml"))
	done := emulator.Rule{Outcome: "SUCCEEDED"} // when first asked for, so that no test waits
	if _, err := e.Sandbox(emulator.DefaultSandbox).SetTransitions("m3ter", "export", done); err != nil {
		t.Fatal(err)
	}
	return e, map[string]string{
		"METRONOME_BASE_URL": e.URL("metronome"), "METRONOME_BEARER_TOKEN": "good",
		"INFORMATICA_BASE_URL": e.URL("informatica"), "INFORMATICA_USERNAME": "head@acme.example", "INFORMATICA_PASSWORD": "good",
		"M3TER_BASE_URL": e.URL("m3ter"), "M3TER_ORG_ID": "5e0c1f3a-7b1d-4c52-9a55-0d2f6b9c8e71", "M3TER_API_KEY": "key", "M3TER_API_SECRET": "good",
		"COGNITE_BASE_URL": e.URL("cognite"), "COGNITE_PROJECT": "plant", "COGNITE_TOKEN": "good",
	}
}

func TestPullScreens(t *testing.T) {
	_, env := pullWorld(t)
	cases := []struct{ name, args string }{
		{"pull-metronome", "pull metronome --from 2026-03-01 --to 2026-03-04"},
		{"pull-metronome-none", "pull metronome --from 2026-03-01 --to 2026-03-04 --window none --customer contoso --customer 6513270e-269e-4d37-b2a7-4de452e6b438 --metric Tokens"},
		{"pull-metronome-group", "pull metronome --from 2026-03-01T00:00:00Z --to 2026-03-04 --window none --group-by model --metric 9531985D-5D9D-49F8-9818-E811892F902B"},
		{"pull-metronome-groups", "pull metronome --from 2026-03-01T01:00:00+01:00 --to 2026-03-04 --group-by region,model --metric Tokens --customer nw-eu,contoso"},
		{"pull-metronome-customers", "pull metronome customers"},
		{"pull-metronome-metrics", "pull metronome metrics"},
		{"pull-informatica", "pull informatica --from 2026-03-01 --to 2026-03-04 --linked-orgs"},
		{"pull-informatica-project", "pull informatica --report project --from 2026-01-01 --to 2026-03-04"},
		{"pull-informatica-asset", "pull informatica --report asset --from 2026-03-01 --to 2026-03-04"},
		{"pull-informatica-task", "pull informatica --report task --from 2026-01-01 --to 2026-03-04"},
		{"pull-informatica-process", "pull informatica --report process --from 2026-03-01 --to 2026-03-04"},
		{"pull-m3ter", "pull m3ter --from 2026-03-01 --to 2026-03-03"},
		{"pull-m3ter-account", "pull m3ter --from 2026-03-01 --to 2026-03-03 --meter stored --account lakeside"},
		{"pull-m3ter-aggregate", "pull m3ter --from 2026-03-01 --to 2026-03-03 --aggregate sum:data.transfer.gb_out --aggregate MAX:data.transfer.gb_twice --aggregate UNIQUE:0d8c2f3a-3b1e-4f6f-8a77-0b9b6a1e2c01.region --group-by account,day"},
		{"pull-m3ter-dimension", "pull m3ter --from 2026-03-01 --to 2026-03-03 --aggregate SUM:data.transfer.gb_out --group-by data.transfer.region"},
		{"pull-m3ter-export", "pull m3ter --from 2026-03-01 --to 2026-03-03 --export --account 8d2f5b1c-6a3e-4c7d-9e0f-1a2b3c4d5e05 --meter data.transfer"},
		{"pull-m3ter-export-aggregate", "pull m3ter --from 2026-03-01 --to 2026-03-03 --export --aggregate SUM:data.transfer.gb_out --group-by month"},
		{"pull-m3ter-operational", "pull m3ter operational accounts"},
		{"pull-m3ter-operational-none", "pull m3ter operational plan-group-links"},
		{"pull-cognite", "pull cognite --from 2026-03-01 --to 2026-03-02 --every 6h"},
		{"pull-cognite-meter", "pull cognite --from 2026-03-01 --to 2026-03-03 --every 1d --meter files.storage_bytes"},
		{"pull-cognite-prefix", "pull cognite --from 2026-03-01 --to 2026-03-02 --every 1d --prefix atlas."},
		{"pull-cognite-meters", "pull cognite meters --prefix files."},
		{"pull-cognite-limits", "pull cognite limits"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var screen strings.Builder
			for _, format := range []string{"", " --output csv", " -o jsonl"} {
				code, stdout, stderr := call(t, env, strings.Fields(tc.args+format)...)
				if code != exitOK || stderr != "" {
					t.Fatalf("exit %d, stderr %q", code, stderr)
				}
				screen.WriteString("$ submeter " + tc.args + format + "\n" + stdout)
			}
			compareGolden(t, tc.name+".golden", screen.String())
		})
	}
}

func TestPullWithAnApplication(t *testing.T) {
	e, env := pullWorld(t)
	delete(env, "COGNITE_TOKEN")
	maps.Copy(env, map[string]string{
		"COGNITE_CLIENT_ID": "app", "COGNITE_CLIENT_SECRET": "hush", "COGNITE_TOKEN_URL": e.URL("cognite") + "/oauth2/token",
	})
	code, stdout, stderr := call(t, env, "pull", "cognite", "meters", "-o", "csv")
	if code != exitOK || stderr != "" || stdout != "meter_id\natlas.monthly_ai_tokens\nfiles.storage_bytes\n" {
		t.Errorf("exit %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
}

func TestPullFailuresAreOneLineAndAnExitCode(t *testing.T) {
	e, good := pullWorld(t)
	cognite := e.URL("cognite")
	cases := []struct {
		name   string
		env    map[string]string // beside what reaches the emulator; empty means unset
		args   string
		code   int
		stderr string // up to the wording of the vendor's
	}{
		{"a refused token", map[string]string{"METRONOME_BEARER_TOKEN": "bad"}, "metronome customers", exitRefused,
			"GET /metronome/v1/customers: 401 Unauthorized: Unauthorized"},
		{"a token that does not reach the project", nil, "cognite meters --project elsewhere", exitRefused,
			"POST /cognite/api/v1/projects/elsewhere/metering/meters/list: 401 Unauthorized: Unauthorized [request "},
		{"an application with a wrong secret", map[string]string{"COGNITE_TOKEN": "", "COGNITE_CLIENT_ID": "app", "COGNITE_CLIENT_SECRET": "x", "COGNITE_TOKEN_URL": cognite + "/oauth2/token"},
			"cognite meters", exitRefused, "sign in: POST /cognite/oauth2/token: 401 Unauthorized (invalid_client): "},
		{"a wrong password", map[string]string{"INFORMATICA_PASSWORD": "bad"}, "informatica --from 2026-03-01 --to 2026-03-02", exitRefused,
			"sign in: POST /informatica/saas/public/core/v3/login: 401 Unauthorized ("},
		{"a wrong key", map[string]string{"M3TER_API_KEY": "bad"}, "m3ter operational accounts", exitRefused, "token: POST /m3ter/oauth/token: 401 Unauthorized: "},
		{"an organization of somebody else's", nil, "m3ter --org 6f1d2a4b-8c2e-4d63-8b66-1e3a7cad9f82 --from 2026-03-01 --to 2026-03-02", exitRefused,
			"POST /m3ter/organizations/6f1d2a4b-8c2e-4d63-8b66-1e3a7cad9f82/usage/query: 403 Forbidden: "},
		{"an account that is none", nil, "m3ter --from 2026-03-01 --to 2026-03-02 --account nobody", exitFailure, `no account has the code "nobody"`},
		{"a meter without that code", nil, "m3ter --from 2026-03-01 --to 2026-03-02 --aggregate SUM:data.gb_out", exitFailure, `no meter has the code "data"`},
		{"a field that is none", nil, "m3ter --from 2026-03-01 --to 2026-03-02 --aggregate SUM:stored.tb", exitFailure, "POST /m3ter/organizations/5e0c1f3a-7b1d-4c52-9a55-0d2f6b9c8e71/usage/query: 400 Bad Request: "},
		{"a range that the vendor refuses", nil, "metronome --from 2026-03-01T06:00:00Z --to 2026-03-02", exitFailure,
			"POST /metronome/v1/usage: 400 Bad Request: starting_on and ending_before must be at midnight UTC"},
		{"a meter that is none", nil, "cognite --from 2026-03-01 --to 2026-03-02 --meter a.b", exitFailure,
			"POST /cognite/api/v1/projects/plant/metering/meters/byids: 404 Not Found: Meters not found [request "},
		{"a customer that is none", nil, "metronome --from 2026-03-01 --to 2026-03-02 --customer nobody", exitFailure, `no customer has the ingest alias "nobody"`},
		{"a metric that is none", nil, "metronome --from 2026-03-01 --to 2026-03-02 --metric Nothing", exitFailure, `no billable metric has the id or name "Nothing"`},
		{"a folder that is none", nil, "metronome customers --out nowhere/x.csv", exitFailure, "open nowhere/x.csv."},

		{"no token", map[string]string{"METRONOME_BEARER_TOKEN": ""}, "metronome customers", exitUsage, `METRONOME_BEARER_TOKEN is not set in the environment (see "submeter pull metronome customers --help")`},
		{"no credentials", map[string]string{"COGNITE_TOKEN": ""}, "cognite meters", exitUsage,
			`set either COGNITE_TOKEN, or COGNITE_CLIENT_ID, COGNITE_CLIENT_SECRET and COGNITE_TOKEN_URL (see "submeter pull cognite meters --help")`},
		{"an application without a secret", map[string]string{"COGNITE_TOKEN": "", "COGNITE_CLIENT_ID": "app"}, "cognite meters", exitUsage, "an application's credentials want all of client id, client secret and token URL (see "},
		{"no base URL", map[string]string{"COGNITE_BASE_URL": ""}, "cognite meters", exitUsage, "no base URL: set COGNITE_BASE_URL or --base-url (see "},
		{"no project", map[string]string{"COGNITE_PROJECT": ""}, "cognite meters", exitUsage, "no project: set COGNITE_PROJECT or --project (see "},
		{"no password", map[string]string{"INFORMATICA_PASSWORD": ""}, "informatica --from 2026-03-01 --to 2026-03-02", exitUsage, "INFORMATICA_PASSWORD is not set in the environment (see "},
		{"no host to log in at", map[string]string{"INFORMATICA_BASE_URL": ""}, "informatica --from 2026-03-01 --to 2026-03-02", exitUsage, "no base URL: set INFORMATICA_BASE_URL or --base-url (see "},
		{"a report with no linked organizations", nil, "informatica --report asset --linked-orgs --from 2026-03-01 --to 2026-03-02", exitUsage, "--linked-orgs goes with the reports summary and project (see "},
		{"a report by no meter", nil, "informatica --meter x --from 2026-03-01 --to 2026-03-02", exitUsage, "--meter goes with the reports asset, task and process (see "},
		{"no key", map[string]string{"M3TER_API_SECRET": ""}, "m3ter operational accounts", exitUsage, "set either M3TER_API_KEY and M3TER_API_SECRET, or M3TER_API_TOKEN (see "},
		{"no organization", map[string]string{"M3TER_ORG_ID": ""}, "m3ter operational accounts", exitUsage, "no organization: set M3TER_ORG_ID or --org (see "},
		{"a type that is none", nil, "m3ter operational shoes", exitUsage, `"shoes" is no type of operational data, such as accounts, meters or bill-line-items (see `},
		{"groups of nothing", nil, "m3ter --from 2026-03-01 --to 2026-03-02 --group-by day", exitUsage, "--group-by goes with --aggregate (see "},
		{"a function that is none", nil, "m3ter --from 2026-03-01 --to 2026-03-02 --aggregate stored.gb", exitUsage, `"stored.gb" is not a function and a field, such as SUM:data_transfer.gb_out (see `},
		{"a function of no field", nil, "m3ter --from 2026-03-01 --to 2026-03-02 --aggregate SUM:stored", exitUsage, `"stored" is not a meter and its field, such as data_transfer.gb_out (see `},
		{"a base URL that is none", nil, "metronome customers --base-url localhost", exitUsage, `base URL "localhost": want one such as https://api.metronome.com or `},
		{"no range", nil, "metronome --from 2026-03-01", exitUsage, "want both --from and --to (see "},
		{"a range backwards", nil, "cognite --from 2026-03-02 --to 2026-03-01", exitUsage, "--to is not after --from (see "},
		{"an instant that is none", nil, "metronome --from yesterday --to 2026-03-01", exitUsage, `invalid argument "yesterday" for "--from" flag: `},
		{"a window that is none", nil, "metronome --window week", exitUsage, `invalid argument "week" for "--window" flag: want hour or day or none (see `},
		{"a period that is none", nil, "cognite --from 2026-03-01 --to 2026-03-02 --every 10us", exitUsage, "--every is no duration of whole milliseconds, such as 15m, 6h or 1d (see "},
		{"meters named twice over", nil, "cognite --from 2026-03-01 --to 2026-03-02 --meter a.b --prefix a.", exitUsage, "want either --meter or --prefix (see "},
		{"a format that is none", nil, "metronome customers -o xml", exitUsage, `invalid argument "xml" for "-o, --output" flag: want table or csv or jsonl (see `},
		{"a vendor that is none", nil, "acme", exitUsage, `unknown command "acme" for "submeter pull" (see `},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			env := maps.Clone(good)
			maps.Copy(env, tc.env)
			code, stdout, stderr := call(t, env, append([]string{"pull"}, strings.Fields(tc.args)...)...)
			if code != tc.code || !strings.HasPrefix(stderr, "submeter: "+tc.stderr) || strings.Count(stderr, "\n") != 1 || stdout != "" {
				t.Errorf("exit %d, stdout %q, stderr\n%swant %d\nsubmeter: %s", code, stdout, stderr, tc.code, tc.stderr)
			}
		})
	}
}

func TestPullOfAJobThatFails(t *testing.T) {
	e, env := pullWorld(t)
	box := e.Sandbox(emulator.DefaultSandbox)
	spanned := strings.Fields("-o csv --from 2026-03-01 --to 2026-03-02")
	informatica, m3ter := append([]string{"pull", "informatica"}, spanned...), append([]string{"pull", "m3ter", "--export"}, spanned...)
	cases := []struct {
		vendor, outcome string
		args            []string
		code            int
		stdout, stderr  string // how they begin and end
	}{
		{"informatica", "FAILED", informatica, exitJobFailed, "", ": FAILED: disk full\n"},
		{"informatica", "PARTIAL_SUCCESS", informatica, exitJobFailed, "", ": PARTIAL_SUCCESS: disk full\n"},
		{"informatica", "PARTIAL_SUCCESS", append(informatica, "--partial"), exitOK, "org_id,", ""},
		{"m3ter", "FAILED", m3ter, exitJobFailed, "", ": FAILED\n"},
		{"m3ter", "SUCCEEDED", m3ter, exitOK, "uid,", ""},
	}
	for _, tc := range cases {
		rule := emulator.Rule{Outcome: tc.outcome, Error: "disk full"}
		if _, err := box.SetTransitions(tc.vendor, "export", rule); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := call(t, env, tc.args...)
		if code != tc.code || !strings.HasPrefix(stdout, tc.stdout) || !strings.HasSuffix(stderr, tc.stderr) || (stderr == "") != (code == exitOK) {
			t.Errorf("%v, %s: exit %d, stdout %q, stderr %q", tc.args, tc.outcome, code, stdout, stderr)
		}
	}
}

func TestPullEndsItsSession(t *testing.T) {
	e, env := pullWorld(t)
	if code, _, stderr := call(t, env, strings.Fields("pull informatica --from 2025-08-01 --to 2026-03-01")...); code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	exchanges, err := e.Sandbox(emulator.DefaultSandbox).Requests(emulator.Filter{Vendor: "informatica"})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, x := range exchanges {
		seen = append(seen, x.Operation)
	}
	want := []string{"login", "createExport", "getExport", "downloadExport", "createExport", "getExport", "downloadExport", "logout"}
	if !slices.Equal(seen, want) {
		t.Errorf("requests %q\nwant %q", seen, want)
	}
}

func TestPullIntoAFile(t *testing.T) {
	_, env := pullWorld(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "usage.jsonl")
	names := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	args := strings.Fields("pull metronome --window none --from 2026-03-01 -o jsonl --out " + file)
	if code, stdout, stderr := call(t, env, append(args, "--to", "2026-03-04")...); code != exitOK || stdout+stderr != "" {
		t.Fatalf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]json.Number{}
	for line := range strings.Lines(string(written)) {
		var row struct {
			Customer string      `json:"customer_id"`
			Metric   string      `json:"billable_metric_name"`
			Value    json.Number `json:"value"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		values[row.Customer[:4]+" "+row.Metric] = row.Value
	}
	want := map[string]json.Number{
		"6513 Tokens": "1250.60000000000000000000000000000000000001", "6513 Requests": "3", "d23f Tokens": "0", "d23f Requests": "1",
	}
	if !maps.Equal(values, want) {
		t.Errorf("values %v\nwant %v", values, want)
	}

	if code, _, _ := call(t, env, append(args, "--to", "2026-03-04T01:00:00Z")...); code != exitFailure {
		t.Errorf("exit %d", code)
	}
	if again, err := os.ReadFile(file); err != nil || string(again) != string(written) {
		t.Errorf("a pull that failed left %q, %v", again, err)
	}
	if got := names(); len(got) != 1 {
		t.Errorf("files %q", got)
	}
}

func TestProgressKeepsOneLine(t *testing.T) {
	var screen strings.Builder
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	p := &progress{to: &screen, now: func() time.Time { return now }}
	for i := range 5 {
		p.say("%d rows", i)
		now = now.Add(60 * time.Millisecond)
	}
	p.clear()
	p.clear()
	if want := "\r0 rows\x1b[K\r2 rows\x1b[K\r4 rows\x1b[K\r\x1b[K"; screen.String() != want {
		t.Errorf("wrote %q, want %q", screen.String(), want)
	}
	quiet := newProgress(&screen)
	quiet.say("nothing")
	quiet.clear()
	if strings.Contains(screen.String(), "nothing") {
		t.Error("what is no terminal was told")
	}
}
