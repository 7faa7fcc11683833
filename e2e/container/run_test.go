//go:build e2e

package container

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/clients/control"
)

func TestRunsWithoutRightsOnAReadOnlyRoot(t *testing.T) {
	me := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	durable := []string{"serve", "--data", "/data/world.db"}
	for _, c := range []struct {
		name   string
		engine []string
		args   []string
		uid    string
	}{
		{"as the user that the image names", nil, nil, "65532"},
		{"as any other user", []string{"--user", "1234:4321"}, nil, "1234"},
		{"with its temporary world in memory", []string{"--tmpfs", "/tmp"}, nil, "65532"},
		{"with a volume nobody named", nil, durable, "65532"},
		{"with a folder of the host's, as its owner", []string{"--user", me, "--volume", t.TempDir() + ":/data"}, durable,
			strconv.Itoa(os.Getuid())},
	} {
		t.Run(c.name, func(t *testing.T) {
			locked := []string{"--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"}
			name, url := serve(t, append(locked, c.engine...), c.args...)
			calls := createMetered(t, url)
			ingest(t, url, 0, 7)
			if n := usage(t, url, calls); n != 7 {
				t.Errorf("7 events count %d", n)
			}
			lines := strings.Split(must(t, "top", name, "-eo", "pid,uid,args"), "\n")
			if len(lines) != 2 || strings.Fields(lines[1])[1] != c.uid {
				t.Errorf("want one process of user %s, the engine sees\n%s", c.uid, strings.Join(lines, "\n"))
			}
			_, err := run("exec", name, "/submeter", "serve", "--port", "0", "--port-file", "/port")
			if err == nil || !strings.Contains(err.Error(), "read-only file system") {
				t.Errorf("writing to the root folder: %v", err)
			}
		})
	}
}

func TestTheHealthCheckTellsHowTheServerIs(t *testing.T) {
	impatient := []string{"--health-interval", "100ms", "--health-start-period", "1ms", "--health-retries", "2"}
	for _, c := range []struct {
		name   string
		engine []string
		args   []string
		want   string
	}{
		{"healthy as the image asks", nil, nil, "healthy"},
		{"healthy on another port", []string{"--env", "SUBMETER_PORT=8080"}, nil, "healthy"},
		{"unhealthy when nobody answers", impatient, []string{"serve", "--port", "5000"}, "unhealthy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			name := launch(t, c.engine, c.args...)
			eventually(t, c.want, func() error {
				status := must(t, "inspect", "--format", "{{.State.Health.Status}}", name)
				if status != c.want {
					return fmt.Errorf("it is %s", status)
				}
				return nil
			})
			if c.engine == nil {
				record("healthy %s after docker run", time.Since(began).Round(100*time.Millisecond))
			}
		})
	}
}

func TestASignalEndsItWithinASecond(t *testing.T) {
	for _, c := range []struct{ name, signal string }{
		{"SIGTERM, as engines and Kubernetes send it", "TERM"},
		{"SIGINT, as Ctrl+C sends it", "INT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, url := serve(t, nil)
			keptAlive(t, url)
			began := time.Now()
			must(t, "kill", "--signal", c.signal, name)
			code := must(t, "wait", name)
			took := time.Since(began)
			if code != "0" || took >= time.Second {
				t.Errorf("ended with code %s after %s", code, took)
			}
			record("SIG%s ended it after %s", c.signal, took.Round(time.Millisecond))
		})
	}
}

// keptAlive leaves a connection open, as clients with a pool do.
func keptAlive(t *testing.T, url string) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := (&http.Client{Transport: transport}).Get(url + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestItIsReadySoonAfterDockerRun(t *testing.T) {
	var times []time.Duration
	for range 5 {
		began := time.Now()
		name, _ := serve(t, nil)
		times = append(times, time.Since(began))
		remove(t, name)
	}
	slices.Sort(times)
	record("ready %s after docker run (median of %d, from %s to %s)", times[len(times)/2].Round(time.Millisecond),
		len(times), times[0].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond))
	if times[len(times)/2] > 5*time.Second {
		t.Errorf("ready only after %v", times)
	}
}

// serveOutside runs a program without an engine until it is ready, and returns its base URL.
func serveOutside(t *testing.T, program []string) (url string) {
	t.Helper()
	portFile := filepath.Join(t.TempDir(), "port")
	var said bytes.Buffer
	args := slices.Concat(program[1:], []string{"serve", "--port", "0", "--port-file", portFile})
	server := exec.Command(program[0], args...)
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended with %v and said\n%s", err, said.String())
		}
	})
	eventually(t, "ready", func() error {
		port, err := os.ReadFile(portFile)
		if err != nil {
			return err
		}
		url = "http://127.0.0.1:" + strings.TrimSpace(string(port))
		client, err := control.New(url)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return client.Ready(ctx)
	})
	return url
}
