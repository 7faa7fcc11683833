// Package binary tests the built program: its start, its signals, its durable file.
package binary

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// program is the built binary, the same for all tests.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "submeter-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "submeter")
	build := exec.Command("go", "build", "-o", program, "../../cmd/submeter")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the program does not build:", err)
		return 1
	}
	return m.Run()
}

// server is a running program.
type server struct {
	*exec.Cmd
	url    string
	stdout *output
	stderr *output
}

// output is what a running program has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// serve starts the program on a free port and waits until it is ready.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	portFile := filepath.Join(t.TempDir(), "port")
	s := &server{stdout: &output{}, stderr: &output{}}
	s.Cmd = exec.Command(program, append([]string{"serve", "--port", "0", "--port-file", portFile}, args...)...)
	s.Stdout, s.Stderr = s.stdout, s.stderr
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.ProcessState == nil {
			_ = s.Process.Kill()
			_ = s.Wait()
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if port, err := os.ReadFile(portFile); err == nil && len(port) > 0 {
			s.url = "http://127.0.0.1:" + strings.TrimSpace(string(port))
			if resp, err := http.Get(s.url + "/readyz"); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return s
				}
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatalf("not ready in time; stderr:\n%s", s.stderr)
	return nil
}

func post(url, body string) (int, string, error) {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer any")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

func mustPost(t *testing.T, url, body string) string {
	t.Helper()
	status, data, err := post(url, body)
	if err != nil || status >= 300 {
		t.Fatalf("POST %s: %d %s %v", url, status, data, err)
	}
	return data
}

// TestWhatWasAcknowledgedSurvivesAKill ingests from several clients, kills the process in the middle, starts it again
// on its file and counts: every acknowledged event is there, once.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	data := filepath.Join(t.TempDir(), "world.db")
	s := serve(t, "--scenario", "empty", "--data", data)
	customer := createCounted(t, s.url)

	const clients, perBatch, least = 4, 50, 40
	var acknowledged sync.Map // transaction id of a batch's first event
	var batches atomic.Int64
	var ingesting sync.WaitGroup
	for c := range clients {
		ingesting.Go(func() {
			for b := 0; ; b++ {
				status, _, err := post(s.url+"/metronome/v1/ingest", eventsBody(c, b, perBatch))
				if err != nil {
					return // the process is gone
				}
				if status == http.StatusOK {
					acknowledged.Store([2]int{c, b}, true)
					batches.Add(1)
				}
			}
		})
	}
	for batches.Load() < least {
		time.Sleep(time.Millisecond)
	}
	if err := s.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait()
	ingesting.Wait()

	again := serve(t, "--scenario", "empty", "--data", data)
	found := usageCount(t, again.url, customer)
	sent := int(batches.Load()) * perBatch
	if found < sent || found > sent+clients*perBatch {
		t.Fatalf("%d events after the kill, %d were acknowledged and at most %d more under way", found, sent, clients*perBatch)
	}
	acknowledged.Range(func(key, _ any) bool { // all acknowledged ones are known: sending them again adds nothing
		batch := key.([2]int)
		mustPost(t, again.url+"/metronome/v1/ingest", eventsBody(batch[0], batch[1], perBatch))
		return true
	})
	if n := usageCount(t, again.url, customer); n != found {
		t.Errorf("%d events after sending the acknowledged ones again, %d before", n, found)
	}
}

// createCounted makes a customer called by the alias "killed" and a metric that counts all events; it answers the
// customer's id.
func createCounted(t *testing.T, url string) string {
	t.Helper()
	var customer struct {
		Data struct{ ID string }
	}
	body := mustPost(t, url+"/metronome/v1/customers", `{"name":"Killed","ingest_aliases":["killed"]}`)
	if err := json.Unmarshal([]byte(body), &customer); err != nil {
		t.Fatal(err)
	}
	mustPost(t, url+"/metronome/v1/billable-metrics/create", `{"name":"Events","aggregation_type":"COUNT"}`)
	return customer.Data.ID
}

func eventsBody(client, batch, n int) string {
	events := make([]string, n)
	now := time.Now().UTC().Format(time.RFC3339)
	for i := range events {
		events[i] = fmt.Sprintf(`{"transaction_id":"c%d-b%d-%d","customer_id":"killed","event_type":"x","timestamp":%q}`, client, batch, i, now)
	}
	return "[" + strings.Join(events, ",") + "]"
}

func usageCount(t *testing.T, url, customer string) int {
	t.Helper()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	var page struct {
		Data []struct{ Value *int }
	}
	body := mustPost(t, url+"/metronome/v1/usage", fmt.Sprintf(
		`{"window_size":"NONE","starting_on":%q,"ending_before":%q,"customer_ids":[%q]}`,
		today.AddDate(0, 0, -1).Format(time.RFC3339), today.AddDate(0, 0, 1).Format(time.RFC3339), customer))
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Data) != 1 || page.Data[0].Value == nil {
		return 0
	}
	return *page.Data[0].Value
}

// TestATerminatedServerFinishesWhatItBegan sends SIGTERM with a request half sent: it is answered, then the process ends
// well.
func TestATerminatedServerFinishesWhatItBegan(t *testing.T) {
	s := serve(t, "--scenario", "empty")
	reader, writer := io.Pipe()
	answered := make(chan int, 1)
	req, err := http.NewRequest(http.MethodPost, s.url+"/metronome/v1/customers", reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer any")
	req.Header.Set("Expect", "100-continue") // the body is sent once the server asks for it: it has begun by then
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 10 * time.Second}}
	go func() {
		resp, err := client.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	if _, err := io.WriteString(writer, `{"name":`); err != nil {
		t.Fatal(err)
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitUntilClosed(t, s.url)
	if _, err := io.WriteString(writer, `"Late"}`); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the request under way was answered %d", status)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("the process ended with %v; stderr:\n%s", err, s.stderr)
	}
}

func waitUntilClosed(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		resp, err := client.Get(url + "/livez")
		if err != nil {
			return
		}
		_ = resp.Body.Close()
	}
	t.Fatal("the server still takes connections")
}

// TestAHeldOrForeignDataFileIsRefused starts a second process on a file in use, and one on a file of another kind.
func TestAHeldOrForeignDataFileIsRefused(t *testing.T) {
	data := filepath.Join(t.TempDir(), "world.db")
	serve(t, "--scenario", "empty", "--data", data)
	foreign := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(foreign, bytes.Repeat([]byte("not a world\n"), 4000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ when, file, want string }{
		{"a file that another process holds", data, "held by another process"},
		{"a file of another kind", foreign, "no data file"},
	} {
		out, err := exec.Command(program, "serve", "--port", "0", "--data", c.file).CombinedOutput()
		var exit *exec.ExitError
		if !asExit(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v, said %q, want %q", c.when, err, out, c.want)
		}
	}
}

func asExit(err error, into **exec.ExitError) bool {
	exit, ok := err.(*exec.ExitError)
	*into = exit
	return ok
}

// TestTheCommandsSteerARunningServer walks the control commands as a user would.
func TestTheCommandsSteerARunningServer(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"healthcheck"}, ""},
		{[]string{"clock", "freeze", "2026-03-01T00:00:00Z", "--sandbox", "t1"}, "2026-03-01T00:00:00Z"},
		{[]string{"clock", "advance", "36h", "--sandbox", "t1"}, "2026-03-02T12:00:00Z"},
		{[]string{"snapshot", "take", "before", "--sandbox", "t1"}, "before"},
		{[]string{"clock", "advance", "P1M", "--sandbox", "t1"}, "2026-04-02T12:00:00Z"},
		{[]string{"snapshot", "restore", "before", "--sandbox", "t1"}, ""},
		{[]string{"clock", "--sandbox", "t1"}, "2026-03-02T12:00:00Z"},
		{[]string{"sandboxes"}, "t1"},
		{[]string{"reset", "--sandbox", "t1"}, ""},
		{[]string{"coverage"}, "metronome"},
		{[]string{"openapi", "metronome"}, "openapi: 3.0"},
		{[]string{"info", "--output", "json"}, `"scenario": "default"`},
	} {
		out, err := exec.Command(program, append(c.args, "--url", s.url)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("submeter %s: %v\n%s", strings.Join(c.args, " "), err, out)
		}
	}
	if !strings.Contains(s.stdout.String(), "/metronome") {
		t.Errorf("the banner names no mount:\n%s", s.stdout)
	}
}
