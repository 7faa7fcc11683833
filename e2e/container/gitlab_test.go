//go:build e2e

package container

import (
	"slices"
	"strings"
	"testing"
)

const gitlabExample = "examples/ci/gitlab-ci.yaml"

// gitlabJob is a job of a pipeline, as far as the example goes.
type gitlabJob struct {
	Image    string
	Services []struct {
		Name, Alias string
		Variables   map[string]string
	}
	Variables    map[string]string
	BeforeScript []string `yaml:"before_script"`
	Script       []string
	AfterScript  []string `yaml:"after_script"`
}

func TestTheGitLabExampleIsWellFormed(t *testing.T) {
	checkSchema(t, "vendor.gitlab-ci", gitlabExample)
}

func TestTheGitLabExampleWorks(t *testing.T) {
	var pipeline struct{ Test gitlabJob }
	readExample(t, gitlabExample, &pipeline)
	cache := uniqueName() // as a runner would keep it from job to job; a compiler starts from nothing otherwise
	t.Cleanup(func() { must(t, "volume", "rm", cache) })
	for _, c := range jobOutcomes {
		t.Run(c.name, func(t *testing.T) {
			dir := copyProject(t)
			passed := pipeline.Test.run(t, dir, cache, c.env)
			c.check(t, passed, dir)
		})
	}
}

// run does what a runner does with the job: a network, the service under its alias, the job's image beside it, the
// script, and then the script for afterwards, which is told how the first one ended.
func (j gitlabJob) run(t *testing.T, dir, cache string, env []string) (passed bool) {
	t.Helper()
	if len(j.Services) != 1 || j.Services[0].Name != "$SUBMETER_IMAGE" {
		t.Fatalf("the example's services are %v", j.Services)
	}
	service := j.Services[0]
	network := uniqueName()
	must(t, "network", "create", network)
	t.Cleanup(func() { must(t, "network", "rm", network) })
	launch(t, append(environment(service.Variables), "--network", network, "--network-alias", service.Alias))

	script := func(env []string, lines ...string) error {
		args := append([]string{"run", "--rm", "--network", network, "--volume", cache + ":/root/.cache",
			"--volume", dir + ":/builds", "--workdir", "/builds"}, environment(j.Variables)...)
		for _, variable := range env {
			args = append(args, "--env", variable)
		}
		out, err := run(append(args, j.Image, "sh", "-ec", strings.Join(lines, "\n"))...)
		explain(t, "%s\n%s\n%v", strings.Join(lines, "\n"), out, err)
		return err
	}
	err := script(env, slices.Concat(j.BeforeScript, j.Script)...)
	status := "success"
	if err != nil {
		status = "failed"
	}
	if err := script(append(env, "CI_JOB_STATUS="+status), j.AfterScript...); err != nil {
		t.Error(err)
	}
	return err == nil
}
