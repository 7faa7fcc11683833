//go:build e2e

package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const githubExample = "examples/ci/github-actions.yaml"

// githubJob is a job of a workflow, as far as the example goes.
type githubJob struct {
	Services map[string]struct {
		Image string
		Ports []string
		Env   map[string]string
	}
	Env   map[string]string
	Steps []struct{ Name, Uses, Run, If string }
}

func TestTheGitHubExampleIsWellFormed(t *testing.T) {
	checkSchema(t, "vendor.github-workflows", githubExample)
	lint := exec.Command("go", "run", "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12", githubExample)
	lint.Dir = root
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("actionlint: %v\n%s", err, out)
	}
}

func TestTheGitHubExampleWorks(t *testing.T) {
	var workflow struct{ Jobs map[string]githubJob }
	readExample(t, githubExample, &workflow)
	job := workflow.Jobs["test"]
	for _, c := range jobOutcomes {
		t.Run(c.name, func(t *testing.T) {
			dir := copyProject(t)
			passed := job.run(t, dir, c.env)
			c.check(t, passed, dir)
		})
	}
}

// run does what a runner does with the job: it starts the service, waits for its health, and runs the steps that are
// commands, those for a failure only after one. The machine's port 4010 may be taken, so any other stands for it.
func (j githubJob) run(t *testing.T, dir string, env []string) (passed bool) {
	t.Helper()
	service := j.Services["submeter"]
	if service.Image != "${{ vars.SUBMETER_IMAGE }}" || !slices.Equal(service.Ports, []string{"4010:4010"}) {
		t.Fatalf("the example runs %q on %q", service.Image, service.Ports)
	}
	_, url := serve(t, environment(service.Env))
	translate := strings.NewReplacer("http://127.0.0.1:4010", url)
	for key, value := range j.Env {
		env = append(env, key+"="+translate.Replace(value))
	}
	passed = true
	for _, step := range j.Steps {
		if step.Run == "" || (step.If == "failure()") == passed {
			continue
		}
		cmd := exec.Command("bash", "-e", "-o", "pipefail", "-c", translate.Replace(step.Run))
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		explain(t, "%s: %v\n%s", step.Name, err, out)
		passed = passed && err == nil
	}
	return passed
}

// explain logs what a job said, but only where the test fails: the output of a job that was meant to fail reads like the
// test's own.
func explain(t *testing.T, format string, args ...any) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf(format, args...)
		}
	})
}

// environment turns variables into arguments of docker run.
func environment(variables map[string]string) []string {
	var args []string
	for key, value := range variables {
		args = append(args, "--env", key+"="+value)
	}
	return args
}

func readExample(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// copyProject lays out a user's repository in a folder of its own.
func copyProject(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/project")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// jobOutcomes are what the examples promise of a job that passes and of one that fails.
var jobOutcomes = []struct {
	name  string
	env   []string
	check func(t *testing.T, passed bool, dir string)
}{
	{"a job that passes leaves nothing behind", nil, func(t *testing.T, passed bool, dir string) {
		_, err := os.Stat(filepath.Join(dir, "requests.json"))
		if !passed || !os.IsNotExist(err) {
			t.Errorf("passed: %t; requests.json: %v", passed, err)
		}
	}},
	{"a job that fails keeps what was called", []string{"WANT_EVENT=never-sent"}, func(t *testing.T, passed bool, dir string) {
		kept, err := os.ReadFile(filepath.Join(dir, "requests.json"))
		if passed || err != nil || !strings.Contains(string(kept), "/v1/ingest") || !strings.Contains(string(kept), "never-sent") {
			t.Errorf("passed: %t; requests.json: %s %v", passed, kept, err)
		}
	}},
}
