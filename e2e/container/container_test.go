//go:build e2e

// Package container builds the shipped Dockerfile with a real engine and runs what comes out, as users would. It wants
// what setup.sh beside it installs, and fails where that is missing.
package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/submeter/submeter/clients/control"
)

const (
	root  = "../.."
	image = "submeter:e2e"
)

// docker is the client that all tests use.
var docker string

// figures are printed when all tests are through, for people.
var figures []string

func record(format string, args ...any) { figures = append(figures, fmt.Sprintf(format, args...)) }

func TestMain(m *testing.M) {
	if err := prepare(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\ne2e/container/setup.sh installs and starts what these tests want\n", err)
		os.Exit(1)
	}
	code := m.Run()
	for _, f := range figures {
		fmt.Println("container:", f)
	}
	os.Exit(code)
}

// prepare finds a client and an engine and builds the image that the tests run.
func prepare() error {
	var err error
	if docker, err = findDocker(); err != nil {
		return err
	}
	if _, err := run("version", "--format", "{{.Server.Version}}"); err != nil {
		return fmt.Errorf("no container engine answers: %w", err)
	}
	began := time.Now()
	if err := build(image); err != nil {
		return err
	}
	record("image built in %s", time.Since(began).Round(100*time.Millisecond))
	return nil
}

// findDocker returns the first client on the path that builds with BuildKit: one of version 23 or newer needs a plugin
// for that, which not every machine has; an older one brings it along.
func findDocker() (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		candidate := filepath.Join(dir, "docker")
		help := exec.Command(candidate, "build", "--help")
		help.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
		if help.Run() == nil {
			return candidate, nil
		}
	}
	return "", errors.New("no docker client on the path that builds with BuildKit")
}

func build(tag string, args ...string) error {
	args = append(append([]string{"build", "--tag", tag}, args...), root)
	if _, err := run(args...); err != nil {
		return fmt.Errorf("the Dockerfile does not build: %w", err)
	}
	return nil
}

// run runs one command of the client and returns what it says, trimmed; the error holds what it complains of.
func run(args ...string) (string, error) {
	cmd := exec.Command(docker, args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var counted atomic.Int64

// uniqueName names a container, a volume or a network so that runs side by side do not meet.
func uniqueName() string { return fmt.Sprintf("submeter-e2e-%d-%d", os.Getpid(), counted.Add(1)) }

// launch starts a container of the image under test, gone with the test, and returns its name.
func launch(t *testing.T, engineArgs []string, programArgs ...string) string {
	t.Helper()
	name := uniqueName()
	t.Cleanup(func() { remove(t, name) })
	args := append([]string{"run", "--detach", "--name", name}, engineArgs...)
	must(t, append(append(args, image), programArgs...)...)
	return name
}

func remove(t *testing.T, name string) {
	if t.Failed() {
		logs, _ := exec.Command(docker, "logs", name).CombinedOutput()
		t.Logf("%s said:\n%s", name, logs)
	}
	_, _ = run("rm", "--force", "--volumes", name)
}

// serve launches a server with its port published on this machine, and waits until it is ready.
func serve(t *testing.T, engineArgs []string, programArgs ...string) (name, url string) {
	t.Helper()
	name = launch(t, append([]string{"--publish", "127.0.0.1::4010"}, engineArgs...), programArgs...)
	return name, ready(t, name)
}

// ready waits until a container's server is ready and returns its base URL, which a restart may change.
func ready(t *testing.T, name string) (url string) {
	t.Helper()
	url = "http://" + must(t, "port", name, "4010/tcp")
	client, err := control.New(url)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return client.Ready(ctx)
	})
	return url
}

// eventually asks again until there is no error, for as long as a loaded machine may reasonably take.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("not %s within 30 s: %v", what, err)
}
