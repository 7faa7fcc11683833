package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// call runs one command line against an environment and returns everything it says.
func call(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	lookup := func(key string) (string, bool) { value, ok := env[key]; return value, ok }
	code = run(context.Background(), args, &out, &errs, lookup)
	return code, out.String(), errs.String()
}

// answer is what the server in these tests says to everything.
type answer struct {
	status int
	body   string
}

// serveAnswer starts that server; sent is the last request it had, as one line.
func serveAnswer(t *testing.T, a answer) (baseURL string, sent *string) {
	t.Helper()
	sent = new(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request body: %v", err)
		}
		*sent = strings.TrimSpace(r.Method + " " + r.URL.RequestURI() + " " + string(body))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		if a.status != http.StatusNoContent {
			_, _ = io.WriteString(w, a.body)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, sent
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", path, got, want)
	}
}

const (
	infoAnswer = `{"name":"submeter","version":"1.2.3","commit":"abc123","vendors":[{"name":"cognite","mount":"/cognite"},
		{"name":"m3ter","mount":"/m3ter"}],"scenario":"default","seed":42,"sandbox":"t1","started_at":"2026-01-15T12:00:00Z",
		"uptime_seconds":3725.4,"data":"","strict":true}`
	sandboxesAnswer = `{"items":[
		{"name":"default","created_at":"2026-01-15T12:00:00Z","last_used_at":"2026-01-15T12:00:01.5Z","requests":12,"layers":1,"now":"2026-01-15T12:00:02Z","clock_mode":"running"},
		{"name":"t1","created_at":"2026-01-15T12:00:00Z","last_used_at":"2026-01-15T12:00:00Z","requests":0,"layers":3,"now":"2026-03-01T00:00:00Z","clock_mode":"frozen"}]}`
	clockAnswer    = `{"now":"2026-01-31T23:59:00Z","mode":"frozen"}`
	advancedAnswer = `{"now":"2026-02-28T23:59:00Z","fired":[
		{"at":"2026-01-31T23:59:40Z","vendor":"informatica","kind":"export","id":"j1","from":"RUNNING","to":"SUCCESS"},
		{"at":"2026-02-01T00:29:00.125Z","vendor":"informatica","kind":"session","id":"s1","from":"open","to":"expired"}]}`
	jobAnswer      = `{"vendor":"informatica","kind":"export","id":"j1","state":"FAILED","created_at":"2026-01-31T23:58:00Z","since":"2026-01-31T23:59:00Z","done":true,"error":"full"}`
	rulesAnswer    = `{"error":"full","legs":[{"polls":2,"state":"CREATED"},{"for":"40s","state":"PROCESSING"}],"outcome":"FAILED"}`
	snapshotAnswer = `{"name":"before-invoicing","taken_at":"2026-01-31T23:59:00Z","layers":2}`
	exchangeAnswer = `{"id":17,"sandbox":"t1","at":"2026-01-31T23:59:00.25Z","vendor":"metronome","operation":"ingest-v1","method":"POST",
		"path":"/metronome/v1/ingest","query":"dry=1","status":400,"duration_ms":0.537,
		"request":{"headers":{"Content-Type":["application/json"],"Accept":["*/*","text/plain"],"Authorization":["Bearer ***"]},
			"body":"[{\"a\":\"<b>\"}]","body_bytes":13,"truncated":false,"encoding":"text"},
		"response":{"headers":{"Content-Type":["application/zip"]},"body":"UEsDBA==","body_bytes":2048,"truncated":true,"encoding":"base64"},
		"violations":[{"in":"body","field":"/0/timestamp","rule":"required","message":"timestamp is missing"},{"in":"body","rule":"json","message":"not JSON"}],
		"error":"client went away"}`
	quietAnswer = `{"id":18,"sandbox":"t1","at":"2026-01-31T23:59:01Z","vendor":"m3ter","operation":"","method":"GET",
		"path":"/m3ter/nowhere","query":"","status":404,"duration_ms":12,
		"request":{"headers":{},"body":"","body_bytes":0,"truncated":false,"encoding":"text"},
		"response":{"headers":{},"body":"not here","body_bytes":8,"truncated":false,"encoding":"text"},"violations":[]}`
	coverageAnswer = `{"vendors":[
		{"name":"cognite","operations":[],"emulated":0,"known":0},
		{"name":"m3ter","operations":[
			{"id":"SubmitMeasurements","method":"POST","path":"/organizations/{orgId}/measurements","summary":"Submit","emulated":true,"tier":1,"evidence":"documented","assumptions":["M3T-001","M3T-004"]},
			{"id":"ListPlans","method":"GET","path":"/organizations/{orgId}/plans","summary":"List plans","emulated":false,"tier":2,"evidence":"documented","assumptions":[]}],
		 "emulated":1,"known":2}]}`
)

func TestControlCommands(t *testing.T) {
	done := answer{status: http.StatusNoContent}
	cases := []struct {
		name   string // also the golden file's name
		args   string
		answer answer
		sent   string
	}{
		{"info", "info", answer{200, infoAnswer}, "GET /~t1/_submeter/info"},
		{"sandboxes", "sandboxes", answer{200, sandboxesAnswer}, "GET /~t1/_submeter/sandboxes"},
		{"sandboxes-delete", "sandboxes delete t2", done, "DELETE /~t2/_submeter/sandbox"},
		{"reset", "reset", done, "POST /~t1/_submeter/reset {}"},
		{"reset-onto", "reset --scenario busy --seed 0", done, `POST /~t1/_submeter/reset {"scenario":"busy","seed":0}`},
		{"clock", "clock", answer{200, clockAnswer}, "GET /~t1/_submeter/clock"},
		{"clock-get", "clock get", answer{200, clockAnswer}, "GET /~t1/_submeter/clock"},
		{"clock-freeze", "clock freeze", answer{200, clockAnswer}, "POST /~t1/_submeter/clock/freeze {}"},
		{"clock-freeze-at", "clock freeze 2026-01-31T23:59:00.5+01:00", answer{200, clockAnswer},
			`POST /~t1/_submeter/clock/freeze {"at":"2026-01-31T23:59:00.5+01:00"}`},
		{"clock-resume", "clock resume", answer{200, clockAnswer}, "POST /~t1/_submeter/clock/resume"},
		{"clock-advance-by", "clock advance P1M", answer{200, advancedAnswer}, `POST /~t1/_submeter/clock/advance {"by":"P1M"}`},
		{"clock-advance-to", "clock advance --to 2026-02-01", answer{200, `{"now":"2026-02-01T00:00:00Z","fired":[]}`},
			`POST /~t1/_submeter/clock/advance {"to":"2026-02-01T00:00:00Z"}`},
		{"snapshot", "snapshot", answer{200, `{"items":[` + snapshotAnswer + `]}`}, "GET /~t1/_submeter/snapshots"},
		{"snapshot-list", "snapshot list", answer{200, `{"items":[` + snapshotAnswer + `]}`}, "GET /~t1/_submeter/snapshots"},
		{"snapshot-take", "snapshot take before-invoicing", answer{200, snapshotAnswer}, "PUT /~t1/_submeter/snapshots/before-invoicing"},
		{"snapshot-restore", "snapshot restore before-invoicing", done, "POST /~t1/_submeter/snapshots/before-invoicing/restore"},
		{"snapshot-delete", "snapshot delete before-invoicing", done, "DELETE /~t1/_submeter/snapshots/before-invoicing"},
		{"requests-list", "requests list --vendor metronome --operation o --method POST --status 400 --path /v1 --since 2026-01-01 --limit 2",
			answer{200, `{"items":[` + exchangeAnswer + `,` + quietAnswer + `]}`},
			"GET /~t1/_submeter/requests?vendor=metronome&operation=o&method=POST&status=400&path=%2Fv1&since=2026-01-01T00%3A00%3A00Z&limit=2"},
		{"requests", "requests", answer{200, `{"items":[` + quietAnswer + `]}`}, "GET /~t1/_submeter/requests"},
		{"requests-list-empty", "requests list", answer{200, `{"items":[]}`}, "GET /~t1/_submeter/requests"},
		{"requests-show", "requests show 17", answer{200, exchangeAnswer}, "GET /~t1/_submeter/requests/17"},
		{"requests-show-quiet", "requests show 18", answer{200, quietAnswer}, "GET /~t1/_submeter/requests/18"},
		{"requests-count", "requests count --status 400", answer{200, `{"count":3}`}, "GET /~t1/_submeter/requests/count?status=400"},
		{"requests-clear", "requests clear", done, "DELETE /~t1/_submeter/requests"},
		{"jobs", "jobs", answer{200, `{"items":[` + jobAnswer + `]}`}, "GET /~t1/_submeter/jobs"},
		{"jobs-force", "jobs force j1 FAILED --error full", answer{200, jobAnswer}, `POST /~t1/_submeter/jobs/j1 {"error":"full","state":"FAILED"}`},
		{"transitions", "transitions informatica/export", answer{200, rulesAnswer}, "GET /~t1/_submeter/transitions/informatica/export"},
		{"transitions-set", "transitions set informatica/export CREATED=2polls PROCESSING=40s FAILED --error full", answer{200, rulesAnswer},
			`PUT /~t1/_submeter/transitions/informatica/export ` + rulesAnswer},
		{"transitions-clear", "transitions clear informatica/export", answer{204, ""}, "DELETE /~t1/_submeter/transitions/informatica/export"},
		{"cognite-samples", "cognite samples testdata/samples.json --project plant", answer{200, `{"added":1}`},
			`POST /~t1/_submeter/cognite/samples {"items":[{"meterId":"files.storage_bytes","timestamp":1764547200000,"value":1000}],"project":"plant"}`},
		{"rate-limits", "rate-limits", answer{200, `{"mode":"off"}`}, "GET /~t1/_submeter/rate-limits"},
		{"rate-limits-set", "rate-limits vendor", answer{200, `{"mode":"vendor"}`}, `PUT /~t1/_submeter/rate-limits {"mode":"vendor"}`},
		{"coverage", "coverage", answer{200, coverageAnswer}, "GET /~t1/_submeter/coverage"},
		{"coverage-vendor", "coverage m3ter", answer{200, coverageAnswer}, "GET /~t1/_submeter/coverage"},
		{"openapi", "openapi m3ter", answer{200, "openapi: 3.0.3\ninfo: {title: m3ter}\n"}, "GET /~t1/_submeter/openapi/m3ter.yaml"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var screen strings.Builder
			for _, args := range []string{tc.args, tc.args + " --output json"} {
				base, sent := serveAnswer(t, tc.answer)
				env := map[string]string{"SUBMETER_URL": base, "SUBMETER_SANDBOX": "t1"}
				code, stdout, stderr := call(t, env, strings.Fields(args)...)
				if code != exitOK || stderr != "" {
					t.Fatalf("exit %d, stderr %q", code, stderr)
				}
				if *sent != tc.sent {
					t.Errorf("sent %s\nwant %s", *sent, tc.sent)
				}
				screen.WriteString("$ submeter " + args + "\n" + strings.ReplaceAll(stdout, base, "http://127.0.0.1:44010"))
			}
			compareGolden(t, tc.name+".golden", screen.String())
		})
	}
}

func TestWhereControlCommandsGo(t *testing.T) {
	cases := []struct {
		name string
		env  map[string]string // SERVER stands for the server's base URL, here and in args
		args string
		sent string
	}{
		{"a flag names the server, and the sandbox is default", nil, "--url SERVER", "GET /_submeter/clock"},
		{"the environment names the server", map[string]string{"SUBMETER_URL": "SERVER"}, "", "GET /_submeter/clock"},
		{"the environment names server and sandbox", map[string]string{"SUBMETER_URL": "SERVER", "SUBMETER_SANDBOX": "t1"}, "", "GET /~t1/_submeter/clock"},
		{"a flag wins over the environment", map[string]string{"SUBMETER_URL": "http://127.0.0.1:1", "SUBMETER_SANDBOX": "t1"}, "--url SERVER --sandbox t2", "GET /~t2/_submeter/clock"},
		{"the URL may carry the sandbox", nil, "--url SERVER/~t1", "GET /~t1/_submeter/clock"},
		{"a sandbox named by itself wins over the URL's", nil, "--url SERVER/~t1 --sandbox t2", "GET /~t2/_submeter/clock"},
		{"so does one of the environment", map[string]string{"SUBMETER_SANDBOX": "t2"}, "--url SERVER/~t1", "GET /~t2/_submeter/clock"},
		{"default, named by itself, wins too", nil, "--url SERVER/~t1 --sandbox default", "GET /_submeter/clock"},
		{"an empty variable counts as unset", map[string]string{"SUBMETER_SANDBOX": ""}, "--url SERVER/~t1", "GET /~t1/_submeter/clock"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			base, sent := serveAnswer(t, answer{200, clockAnswer})
			env := map[string]string{}
			for key, value := range tc.env {
				env[key] = strings.ReplaceAll(value, "SERVER", base)
			}
			args := strings.Fields("clock get " + strings.ReplaceAll(tc.args, "SERVER", base))
			if code, _, stderr := call(t, env, args...); code != exitOK {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			if *sent != tc.sent {
				t.Errorf("sent %s, want %s", *sent, tc.sent)
			}
		})
	}
}

func TestServerSettingsDoNotReachReset(t *testing.T) {
	base, sent := serveAnswer(t, answer{status: http.StatusNoContent})
	env := map[string]string{"SUBMETER_SEED": "42", "SUBMETER_SCENARIO": "busy"}
	if code, _, stderr := call(t, env, "reset", "--url", base); code != exitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if *sent != "POST /_submeter/reset {}" {
		t.Errorf("sent %s", *sent)
	}
}

func TestFailuresAreOneLineAndAnExitCode(t *testing.T) {
	problem := answer{404, `{"type":"about:blank","title":"Not Found","status":404,"detail":"no snapshot \"x\"\nin sandbox t1"}`}
	cases := []struct {
		name   string
		args   string // SERVER stands for a server that answers with answer
		answer answer
		code   int
		stderr string
	}{
		{"a refusal of the server", "snapshot restore x --url SERVER", problem, exitFailure, `submeter: 404 Not Found: no snapshot "x" in sandbox t1`},
		{"a vendor that is not there", "coverage acme --url SERVER", answer{200, coverageAnswer}, exitFailure, `submeter: no vendor "acme"; there are cognite, m3ter`},
		{"a server that is not there", "clock get --url http://127.0.0.1:1", answer{}, exitFailure,
			`submeter: Get "http://127.0.0.1:1/_submeter/clock": dial tcp 127.0.0.1:1: connect: connection refused; is "submeter serve" running there?`},
		{"a base URL that is none", "clock get --url localhost", answer{}, exitUsage,
			`submeter: --url: base URL "localhost": want http://host:port or http://host:port/~sandbox (see "submeter clock get --help")`},
		{"an unknown command", "clok", answer{}, exitUsage, `submeter: unknown command "clok" for "submeter"; did you mean clock (see "submeter --help")`},
		{"an unknown command of a group", "clock stop", answer{}, exitUsage, `submeter: unknown command "stop" for "submeter clock" (see "submeter clock --help")`},
		{"an unknown flag", "info --sandpit x", answer{}, exitUsage, `submeter: unknown flag: --sandpit (see "submeter info --help")`},
		{"an output nobody writes", "info -o yaml", answer{}, exitUsage,
			`submeter: invalid argument "yaml" for "-o, --output" flag: want table or json (see "submeter info --help")`},
		{"a missing argument", "snapshot take", answer{}, exitUsage, `submeter: accepts 1 arg(s), received 0 (see "submeter snapshot take --help")`},
		{"an argument too many", "info more", answer{}, exitUsage, `submeter: unknown command "more" for "submeter info" (see "submeter info --help")`},
		{"a leg with no length", "transitions set informatica/export CREATED SUCCESS", answer{}, exitUsage, `submeter: "CREATED" is not a state and how long it lasts, such as CREATED=2s or CREATED=3polls (see "submeter transitions set --help")`},
		{"jobs of no vendor", "transitions export", answer{}, exitUsage, `submeter: "export" is not a vendor and a kind of job, such as informatica/export (see "submeter transitions --help")`},
		{"a mode that is none", "rate-limits some", answer{}, exitUsage, `submeter: invalid argument "some" for "submeter rate-limits" (see "submeter rate-limits --help")`},
		{"an advance by nothing", "clock advance", answer{}, exitUsage, `submeter: want either a duration or --to (see "submeter clock advance --help")`},
		{"an advance both ways", "clock advance 1h --to 2026-01-01", answer{}, exitUsage, `submeter: want either a duration or --to (see "submeter clock advance --help")`},
		{"an instant that is none", "clock freeze soon", answer{}, exitUsage,
			`submeter: "soon" is no instant such as 2026-01-31T23:59:00Z or 2026-02-01 (see "submeter clock freeze --help")`},
		{"an exchange without a number", "requests show last", answer{}, exitUsage, `submeter: "last" is no exchange's number (see "submeter requests show --help")`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			base, _ := serveAnswer(t, tc.answer)
			code, stdout, stderr := call(t, nil, strings.Fields(strings.ReplaceAll(tc.args, "SERVER", base))...)
			if code != tc.code || stderr != tc.stderr+"\n" || stdout != "" {
				t.Errorf("exit %d, stdout %q, stderr\n%swant %d\n%s", code, stdout, stderr, tc.code, tc.stderr)
			}
		})
	}
}
