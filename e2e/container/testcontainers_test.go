//go:build e2e

package container

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestTheTestcontainersExampleWorks runs the example with the image under test.
func TestTheTestcontainersExampleWorks(t *testing.T) {
	example := exec.Command("go", "test", "-count=1", "-v", "./...")
	example.Dir = "testcontainers"
	example.Env = append(os.Environ(),
		"SUBMETER_IMAGE="+image,
		// The library's reaper is an image of its own, which not every machine can pull; the example cleans up itself.
		"TESTCONTAINERS_RYUK_DISABLED=true",
		// On a machine that looks like a container itself the library asks the gateway for published ports.
		"TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1")
	out, err := example.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestTwoCustomersOfOneServer") {
		t.Errorf("%v\n%s", err, out)
	}
}
