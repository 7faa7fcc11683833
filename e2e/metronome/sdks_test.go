//go:build e2e

package metronome

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator"
)

// venv holds the Python SDK and, beside it, the SDK's own test suite.
const venv = "../.venv/metronome"

// scripts drive the vendor's SDKs for other languages through one and the same flow: 1,000 events, half of them sent
// twice, and every figure that follows from them worked out anew in the language of the SDK.
var scripts = []struct {
	name     string
	installs []string // what setup.sh has to have put in place
	command  []string // the base URL is its last argument
	language string   // as the SDK names it to the server
	lacks    []string // emulated operations that this SDK has no call for
}{
	{
		name: "Python", installs: []string{venv + "/mark"}, command: []string{venv + "/bin/python", "python/flow.py"},
		language: "python", lacks: []string{"setCustomerBillableStatus"},
	},
	{
		name: "Node", installs: []string{"node/node_modules/mark"}, command: []string{"node", "node/flow.mjs"},
		language: "js", lacks: []string{"setCustomerBillableStatus", "renameBillableMetric"},
	},
}

// proof is a line that a script prints for an operation whose answers were all as expected.
type proof struct {
	Operation string `json:"operation"`
	SDK       string `json:"sdk"` // name and version
}

func TestSDKsReadBackWhatTheyIngested(t *testing.T) {
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			needSetup(t, s.installs...)
			e := startAt(t, march.AddDate(0, 0, 5))
			out := run(t, nil, append(s.command, e.URL("metronome"))...)
			proofs := decodeLines[proof](t, out)

			missing := without(emulated(t, e), s.lacks)
			for _, p := range proofs {
				missing = without(missing, []string{p.Operation})
				if n := count(t, e, emulator.Filter{Operation: p.Operation, Status: http.StatusOK}); n == 0 {
					t.Errorf("%s is called proved, and was never answered", p.Operation)
				}
			}
			if len(missing) > 0 {
				t.Errorf("emulated, and proved by nothing here: %v", missing)
			}
			checkRefusals(t, e)
			checkSpeaker(t, e, s.language)
			keepProofs(t, out)
		})
	}
}

// checkRefusals counts what the SDK was refused. By itself it tries again after a 409, twice, and after no other 4xx.
func checkRefusals(t *testing.T, e *emulator.Emulator) {
	t.Helper()
	for status, want := range map[int]int{
		http.StatusUnauthorized: 1, http.StatusNotFound: 2, http.StatusBadRequest: 4, http.StatusConflict: 2 * 3,
	} {
		if n := count(t, e, emulator.Filter{Status: status}); n != want {
			t.Errorf("%d answers of status %d, want %d", n, status, want)
		}
	}
}

// checkSpeaker wants every request to have come from the vendor's SDK itself.
func checkSpeaker(t *testing.T, e *emulator.Emulator, language string) {
	t.Helper()
	for _, exchange := range must(e.Sandbox(emulator.DefaultSandbox).Requests(emulator.Filter{}))(t) {
		if got := http.Header(exchange.Request.Headers).Get("X-Stainless-Lang"); got != language {
			t.Fatalf("%s %s was sent by an SDK for %q, want %q", exchange.Method, exchange.Path, got, language)
		}
	}
}

// keepProofs appends the proofs to the file that E2E_PROOFS names, for the table in e2e/README.md.
func keepProofs(t *testing.T, lines []byte) {
	t.Helper()
	name := os.Getenv("E2E_PROOFS")
	if name == "" || t.Failed() {
		return
	}
	file := must(os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644))(t)
	must(file.Write(lines))(t)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func emulated(t *testing.T, e *emulator.Emulator) []string {
	t.Helper()
	var ids []string
	for _, vendor := range must(e.Coverage())(t).Vendors {
		for _, op := range vendor.Operations {
			if vendor.Name == "metronome" && op.Emulated {
				ids = append(ids, op.ID)
			}
		}
	}
	return ids
}

func without(ids, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(gone, id) })
}

func count(t *testing.T, e *emulator.Emulator, f emulator.Filter) int {
	t.Helper()
	return must(e.Sandbox(emulator.DefaultSandbox).CountRequests(f))(t)
}

// needSetup fails the test, with the command that helps, unless all of it is installed.
func needSetup(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%v: run e2e/metronome/setup.sh first", err)
		}
	}
}

// run runs a command and returns what it wrote to its standard output; the test fails with all output unless it ends well.
func run(t *testing.T, env []string, command ...string) []byte {
	t.Helper()
	stdout, stderr, err := try(t, env, command...)
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", command, err, stdout, stderr)
	}
	return stdout
}

// try runs a command that may fail.
func try(t *testing.T, env []string, command ...string) (stdout, stderr []byte, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1"), env...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err = cmd.Run()
	return out.Bytes(), problems.Bytes(), err
}

// decodeLines reads JSON values, one a line.
func decodeLines[T any](t *testing.T, lines []byte) []T {
	t.Helper()
	var values []T
	for decoder := json.NewDecoder(bytes.NewReader(lines)); decoder.More(); {
		var v T
		if err := decoder.Decode(&v); err != nil {
			t.Fatalf("%v in\n%s", err, lines)
		}
		values = append(values, v)
	}
	return values
}
