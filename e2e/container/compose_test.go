//go:build e2e

package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// compose runs compose.yaml as a project of its own, on any free port.
type compose struct {
	command []string
	project string
}

// findCompose prefers the engine's plugin to the older program of the same name.
func findCompose(t *testing.T) compose {
	t.Helper()
	project := uniqueName()
	if _, err := run("compose", "version"); err == nil {
		return compose{[]string{docker, "compose"}, project}
	}
	if _, err := exec.LookPath("docker-compose"); err != nil {
		t.Fatal("neither docker compose nor docker-compose is here; setup.sh installs one")
	}
	return compose{[]string{"docker-compose"}, project}
}

func (c compose) run(t *testing.T, args ...string) string {
	t.Helper()
	args = append(append(c.command[1:], "--file", filepath.Join(root, "compose.yaml"), "--project-name", c.project), args...)
	cmd := exec.Command(c.command[0], args...)
	// The older program runs the client, too, and is to find the one that these tests found.
	path := filepath.Dir(docker) + string(filepath.ListSeparator) + os.Getenv("PATH")
	cmd.Env = append(os.Environ(), "PATH="+path, "SUBMETER_IMAGE="+image, "SUBMETER_PORT=0", "DOCKER_BUILDKIT=1")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		t.Fatalf("compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// state is what the engine tells of a container.
type state struct {
	Status    string
	ExitCode  int
	StartedAt time.Time
	Health    struct {
		Log []struct {
			End      time.Time
			ExitCode int
		}
	}
}

// healthySince returns when the first good check ended, as far back as the engine remembers, or never.
func (s state) healthySince() time.Time {
	for _, check := range s.Health.Log {
		if check.ExitCode == 0 {
			return check.End
		}
	}
	return time.Time{}
}

// state asks for a service's container, which may have ended.
func (c compose) state(t *testing.T, service string) (id string, s state) {
	t.Helper()
	id = must(t, "ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project="+c.project,
		"--filter", "label=com.docker.compose.service="+service)
	if err := json.Unmarshal([]byte(must(t, "inspect", "--format", "{{json .State}}", id)), &s); err != nil {
		t.Fatal(err)
	}
	return id, s
}

// TestComposeStartsTheAppWhenTheEmulatorIsHealthy brings compose.yaml up as it is, twice on one volume.
func TestComposeStartsTheAppWhenTheEmulatorIsHealthy(t *testing.T) {
	c := findCompose(t)
	t.Cleanup(func() { c.run(t, "down", "--volumes") })
	for _, sent := range []int{1, 2} {
		c.run(t, "up", "--detach")
		var app state
		var appID string
		eventually(t, "through with its calls", func() error {
			appID, app = c.state(t, "app")
			if app.Status != "exited" {
				return fmt.Errorf("the app is %s", app.Status)
			}
			return nil
		})
		said := must(t, "logs", appID)
		if app.ExitCode != 0 || strings.Count(said, `"transaction_id":"compose-1"`) != sent {
			t.Errorf("the app ended with code %d and saw its event other than %d times:\n%s", app.ExitCode, sent, said)
		}
		emulatorID, emulator := c.state(t, "submeter")
		if since := emulator.healthySince(); since.IsZero() || app.StartedAt.Before(since) {
			t.Errorf("the app started at %s, the emulator was healthy since %s", app.StartedAt, since)
		}
		if url := ready(t, emulatorID); copies(t, url, "compose-1") != sent {
			t.Errorf("the emulator does not know %d copies of the event", sent)
		}
		c.run(t, "down")
	}
}

// TestComposeFileIsWellFormed holds compose.yaml against the schema of the Compose specification, which newer engines
// read it by.
func TestComposeFileIsWellFormed(t *testing.T) { checkSchema(t, "vendor.compose-spec", "compose.yaml") }

// checkSchema holds a file of the repository against one of the schemas that check-jsonschema brings along.
func checkSchema(t *testing.T, schema, file string) {
	t.Helper()
	checker := filepath.Join(".venv", "bin", "check-jsonschema")
	if _, err := os.Stat(checker); err != nil {
		t.Fatalf("check-jsonschema is not here, setup.sh installs it: %v", err)
	}
	out, err := exec.Command(checker, "--builtin-schema", schema, filepath.Join(root, file)).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", file, err, out)
	}
}
