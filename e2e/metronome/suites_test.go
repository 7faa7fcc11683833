//go:build e2e

package metronome

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator"
)

// tally counts the tests of an SDK's own suite. They were written for a mock that knows all of the API and no state;
// those that call what the emulator answers with 501 fail, and are counted.
type tally struct {
	passed      int
	notEmulated int
	skipped     int // by the suite itself
	broken      []string
}

// add counts one failed test by what it reported.
func (c *tally) add(test, report string) {
	if strings.Contains(report, "501") && strings.Contains(report, "does not emulate") {
		c.notEmulated++
		return
	}
	c.broken = append(c.broken, test+"\n"+report)
}

// check prints the tally; it wants at least so many tests to pass, and no failure but for what is not emulated.
func (c *tally) check(t *testing.T, suite string, atLeast int) {
	t.Helper()
	t.Logf("%s, its own tests: %d pass, %d need what is not emulated, %d it skips itself, %d fail",
		suite, c.passed, c.notEmulated, c.skipped, len(c.broken))
	if c.passed < atLeast {
		t.Errorf("%d tests passed, %d did before", c.passed, atLeast)
	}
	for _, b := range c.broken[:min(len(c.broken), 5)] {
		t.Error(b)
	}
}

// suiteEnv is how the SDKs' own tests find the server.
func suiteEnv(t *testing.T) []string {
	e := emulator.Start(t, emulator.WithScenario("testdata/conformance.yaml"))
	return []string{"TEST_API_BASE_URL=" + e.URL("metronome")}
}

// TestPythonSDKsOwnTests runs the suite of the SDK's source archive but for its tests that need no server.
func TestPythonSDKsOwnTests(t *testing.T) {
	needSetup(t, venv+"/mark")
	report := filepath.Join(t.TempDir(), "report.xml")
	_, problems, err := try(t, suiteEnv(t), venv+"/bin/python", "-m", "pytest", "-q", "-c", venv+"/suite/pyproject.toml",
		"-o", "addopts=", "-p", "no:cacheprovider", "--tb=line", "--junitxml", report, venv+"/suite/tests/api_resources")
	data, missing := os.ReadFile(report)
	if missing != nil {
		t.Fatalf("the suite did not run: %v\n%s", err, problems)
	}
	var suites struct {
		Tests []struct {
			Class   string  `xml:"classname,attr"`
			Name    string  `xml:"name,attr"`
			Skipped *string `xml:"skipped"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	var counted tally
	for _, test := range suites.Tests {
		switch name := test.Class + "." + test.Name; {
		case test.Skipped != nil:
			counted.skipped++
		case test.Error != nil:
			counted.add(name, *test.Error)
		case test.Failure != nil:
			counted.add(name, *test.Failure)
		default:
			counted.passed++
		}
	}
	counted.check(t, "metronome-sdk for Python", 555)
}

// TestGoSDKsOwnTests runs the suite that the SDK's module carries but for its tests that need no server.
func TestGoSDKsOwnTests(t *testing.T) {
	const module = "github.com/Metronome-Industries/metronome-go/v2"
	out, problems, err := try(t, suiteEnv(t), "go", "test", "-count=1", "-json", "-skip",
		"^Test(UserAgentHeader|RetryAfter|RetryAfterMs|DeleteRetryCountHeader|OverwriteRetryCountHeader|Context.*)$", module)
	var counted tally
	reports := map[string]string{}
	for _, event := range decodeLines[struct{ Action, Test, Output string }](t, out) {
		switch {
		case event.Test == "":
		case event.Action == "output":
			reports[event.Test] += event.Output
		case event.Action == "pass":
			counted.passed++
		case event.Action == "skip":
			counted.skipped++
		case event.Action == "fail":
			counted.add(event.Test, reports[event.Test])
		}
	}
	if len(reports) == 0 {
		t.Fatalf("the suite did not run: %v\n%s%s", err, out, problems)
	}
	counted.check(t, "metronome-go v2", 25)
}
