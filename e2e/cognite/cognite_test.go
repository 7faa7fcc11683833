//go:build e2e

// Package cognite drives the emulator with Cognite's own SDKs for Python and JavaScript, unmodified. ./setup.sh installs
// them.
package cognite

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/submeter/submeter/emulator"
	"github.com/submeter/submeter/fixtures"
)

// world has a day of samples whose averages are known, a catalogue with history, more meters than a page holds, and
// principals with more and less access.
const world = `
version: 1
name: sdks
cognite:
  tokens:
    - {token: ada-token, subject: ada, groups: [idp-admins]}
    - {token: bea-token, subject: bea, groups: [idp-readers]}
  clients:
    - {id: billing, secret: "s3cr+t", groups: [idp-admins]}
  options: {max_ids: 1000, requests_per_second: 2}
  projects:
    - name: acme
      groups:
        - name: admins
          source_id: idp-admins
          capabilities:
            - {acl: projectsAcl, actions: [LIST, READ]}
            - {acl: groupsAcl, actions: [LIST, READ, CREATE, DELETE]}
        - {name: readers, source_id: idp-readers, capabilities: [{acl: projectsAcl, actions: [READ]}]}
      meters:
        - {id: atlas.monthly_ai_prompts, generator: {kind: monthly_counter, from: today-90d, per_day: 640}}
        - {id: atlas.monthly_ai_tokens, generator: {kind: monthly_counter, from: today-90d, per_day: 910000}}
        - id: files.storage_bytes
          samples:
            - {at: 2025-11-30T18:00:00Z, value: 900}
            - {at: 2025-12-01T00:00:00Z, value: 1000}
            - {at: 2025-12-01T03:00:00Z, value: 1200}
            - {at: 2025-12-01T06:00:00Z, value: 1500}
            - {at: 2025-12-01T09:00:00Z, value: 1700}
            - {at: 2025-12-01T10:00:00Z, value: 1900}
            - {at: 2025-12-01T18:00:00Z, value: 1400}
            - {at: 2025-12-02T00:00:00Z, value: 2000}
        - {id: functions.concurrent_executions, generator: {kind: gauge, from: today-90d, level: 16, swing: 14}}
      limits:
        - {id: files.storage_bytes, value: 5000}
    - name: many-meters
      groups:
        - {name: admins, source_id: idp-admins, capabilities: [{acl: projectsAcl, actions: [LIST]}]}
`

func start(t *testing.T) *emulator.Emulator {
	t.Helper()
	s, err := fixtures.Parse("world.yaml", []byte(world))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1100 {
		many := &s.Cognite.Projects[1]
		many.Meters = append(many.Meters, fixtures.CogniteMeter{ID: fmt.Sprintf("many.meter_%04d", i)})
	}
	return emulator.Start(t, emulator.WithWorld(s))
}

// run starts a script with two base URLs: of a sandbox without rate limits, and of one that allows two requests a second.
func run(t *testing.T, e *emulator.Emulator, program, script string) {
	t.Helper()
	if _, err := e.Sandbox("busy").SetRateLimits(emulator.RateLimits{Mode: emulator.RateLimitsVendor}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, script, e.Sandbox("calm").URL("cognite"), e.Sandbox("busy").URL("cognite"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%s %s: %v; has ./setup.sh run?", program, script, err)
	}
}

// exchanges returns what a sandbox was asked of one operation; none is a failure.
func exchanges(t *testing.T, e *emulator.Emulator, sandbox, operation string) []emulator.Exchange {
	t.Helper()
	all, err := e.Sandbox(sandbox).Requests(emulator.Filter{Vendor: "cognite", Operation: operation})
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: got %d exchanges with the error %v", operation, len(all), err)
	}
	return all
}

func TestPythonSDK(t *testing.T) {
	e := start(t)
	run(t, e, ".venv/bin/python", "metering.py")

	first := exchanges(t, e, "calm", "listConsumptionDataAdvanced")[0]
	if got := first.Request.Headers["Content-Encoding"]; len(got) != 1 || got[0] != "gzip" {
		t.Errorf("the first body was not zipped: %v", first.Request.Headers)
	}
	if logins := exchanges(t, e, "calm", "issueToken"); len(logins) != 2 || logins[0].Status != 200 || logins[1].Status != 401 {
		t.Errorf("got %d logins, want one that succeeds and one that is refused", len(logins))
	}
	wantThrottled(t, e)
	wantSound(t, e)
}

func TestJavaScriptSDK(t *testing.T) {
	e := start(t)
	run(t, e, "node", "metering.mjs")

	lists := exchanges(t, e, "calm", "listConsumptionDataAdvanced")
	if got := lists[0]; got.Status != 401 || len(got.Request.Headers["Authorization"]) != 0 {
		t.Errorf("the first request: got %d with the headers %v, want 401 without a token", got.Status, got.Request.Headers)
	}
	if got := lists[1]; got.Status != 200 || len(got.Request.Headers["Authorization"]) != 1 || got.Request.Body != lists[0].Request.Body {
		t.Errorf("the second request: got %d with %v, want the first one again, with a token", got.Status, got.Request.Headers)
	}
	wantThrottled(t, e)
	wantSound(t, e)
}

// wantThrottled holds that the busy sandbox did refuse a request, which the SDK then sent again.
func wantThrottled(t *testing.T, e *emulator.Emulator) {
	t.Helper()
	statuses := map[int]int{}
	for _, x := range exchanges(t, e, "busy", "listConsumptionDataAdvanced") {
		statuses[x.Status]++
	}
	if statuses[429] == 0 || statuses[200] != 3 {
		t.Errorf("got the statuses %v, want three of 200 and some of 429", statuses)
	}
}

// wantSound holds that the emulator answered everything by its document, and that no request was one it does not know.
func wantSound(t *testing.T, e *emulator.Emulator) {
	t.Helper()
	for _, sandbox := range []string{"calm", "busy"} {
		all, err := e.Sandbox(sandbox).Requests(emulator.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			if x.Status >= 500 || x.Operation == "" {
				t.Errorf("%s %s: %d %s", x.Method, x.Path, x.Status, x.Response.Body)
			}
		}
	}
}
