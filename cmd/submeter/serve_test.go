package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// configure resolves a serve command line as the command does, without serving.
func configure(env map[string]string, args ...string) (serveConfig, error) {
	var cfg serveConfig
	cmd := &cobra.Command{Use: "serve"}
	cfg.bind(cmd.Flags())
	if err := cmd.ParseFlags(args); err != nil {
		return cfg, err
	}
	err := applyEnv(cmd, func(key string) (string, bool) { value, ok := env[key]; return value, ok })
	cfg.seedGiven = cmd.Flags().Changed("seed")
	return cfg, err
}

// lines tells a config as the settings that differ from the defaults.
func (c serveConfig) lines() string {
	var b strings.Builder
	say := func(name, value, unset string) {
		if value != unset {
			b.WriteString(name + "=" + value + " ")
		}
	}
	say("host", c.host, "127.0.0.1")
	say("port", strconv.Itoa(int(c.port)), "4010")
	say("port-file", c.portFile, "")
	say("data", c.data, "")
	say("scenario", c.scenario, "default")
	if c.seedGiven {
		say("seed", strconv.FormatUint(c.seed, 10), "")
	}
	say("strict", strconv.FormatBool(c.strict), "false")
	say("max-sandboxes", strconv.Itoa(c.maxSandboxes), "1000")
	say("max-body", strconv.FormatInt(c.maxBody.bytes, 10), "10485760")
	say("rate-limits", c.rateLimits.value, "off")
	say("journal-entries", strconv.Itoa(c.journalEntries), "1000")
	say("journal-bytes", strconv.FormatInt(c.journalBytes.bytes, 10), "8388608")
	say("log-format", c.logFormat.value, "text")
	say("log-level", c.logLevel.value, "info")
	return strings.TrimSpace(b.String())
}

func TestFlagWinsOverEnvironmentOverDefault(t *testing.T) {
	type env = map[string]string
	cases := []struct {
		name string
		env  env
		args string
		want string // what differs from the defaults
	}{
		{"nothing said means the defaults", nil, "", ""},
		{"every flag is heard", nil,
			"--host 0.0.0.0 --port 0 --port-file p --data d --scenario s --seed 0 --strict --max-sandboxes 5 --max-body 1kB --rate-limits vendor --journal-entries 7 --journal-bytes 1MiB --log-format json --log-level debug",
			"host=0.0.0.0 port=0 port-file=p data=d scenario=s seed=0 strict=true max-sandboxes=5 max-body=1000 rate-limits=vendor journal-entries=7 journal-bytes=1048576 log-format=json log-level=debug"},
		{"every variable is heard", env{
			"SUBMETER_HOST": "0.0.0.0", "SUBMETER_PORT": "0", "SUBMETER_PORT_FILE": "p", "SUBMETER_DATA": "d", "SUBMETER_SCENARIO": "s",
			"SUBMETER_SEED": "18446744073709551615", "SUBMETER_STRICT": "true", "SUBMETER_MAX_SANDBOXES": "5", "SUBMETER_MAX_BODY": "64 KiB",
			"SUBMETER_RATE_LIMITS": "vendor", "SUBMETER_JOURNAL_ENTRIES": "7", "SUBMETER_JOURNAL_BYTES": "1000000",
			"SUBMETER_LOG_FORMAT": "json", "SUBMETER_LOG_LEVEL": "error"}, "",
			"host=0.0.0.0 port=0 port-file=p data=d scenario=s seed=18446744073709551615 strict=true max-sandboxes=5 max-body=65536 rate-limits=vendor journal-entries=7 journal-bytes=1000000 log-format=json log-level=error"},
		{"a flag wins over its variable", env{"SUBMETER_PORT": "5000", "SUBMETER_SCENARIO": "s"}, "--port 6000", "port=6000 scenario=s"},
		{"a flag wins even when it repeats the default", env{"SUBMETER_PORT": "5000", "SUBMETER_STRICT": "true"}, "--port 4010 --strict=false", ""},
		{"a broken variable is not read when its flag is given", env{"SUBMETER_PORT": "http"}, "--port 6000", "port=6000"},
		{"an empty variable counts as unset", env{"SUBMETER_PORT": "", "SUBMETER_SEED": "", "SUBMETER_MAX_BODY": ""}, "", ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := configure(tc.env, strings.Fields(tc.args)...)
			if err != nil {
				t.Fatal(err)
			}
			if got := cfg.lines(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	cases := []struct {
		name, key, value string // set once by the flag and once by the variable
		want             string
	}{
		{"a port beyond the last", "port", "65536", "value out of range"},
		{"a port that is a word", "port", "http", "invalid syntax"},
		{"a negative seed", "seed", "-1", "invalid syntax"},
		{"a truth that is none", "strict", "maybe", "invalid syntax"},
		{"a size without a number", "max-body", "big", "want a size of at least one byte"},
		{"a size of nothing", "journal-bytes", "0", "want a size of at least one byte"},
		{"a size beyond counting", "max-body", "9EiB", "want a size of at least one byte"},
		{"a negative size", "max-body", "-1MiB", "want a size of at least one byte"},
		{"limits of somebody", "rate-limits", "on", "want off or vendor"},
		{"a log nobody reads", "log-format", "xml", "want text or json"},
		{"a level slog does not know", "log-level", "loud", "want debug or info or warn or error"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			variable := "SUBMETER_" + strings.ToUpper(strings.ReplaceAll(tc.key, "-", "_"))
			code, _, stderr := call(t, nil, "serve", "--"+tc.key+"="+tc.value)
			if code != exitUsage || !strings.Contains(stderr, tc.want) || !strings.Contains(stderr, "--"+tc.key) {
				t.Errorf("flag: exit %d, stderr %s", code, stderr)
			}
			code, _, stderr = call(t, map[string]string{variable: tc.value}, "serve")
			if code != exitUsage || !strings.Contains(stderr, tc.want) || !strings.HasPrefix(stderr, "submeter: "+variable+": ") {
				t.Errorf("variable: exit %d, stderr %s", code, stderr)
			}
		})
	}
}

// startServe runs the serve command until the test stops it, and returns once its banner is out.
func startServe(t *testing.T, args ...string) (stop context.CancelFunc, banner string, code <-chan int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	codes := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code := run(ctx, append([]string{"serve"}, args...), in, &stderr, func(string) (string, bool) { return "", false })
		_ = in.CloseWithError(io.EOF)
		codes <- code
	}()
	t.Cleanup(cancel)
	var text strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ctrl+C") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return cancel, text.String(), codes
		}
	}
	t.Fatalf("no banner: exit %d, stderr %s", <-codes, stderr.String())
	return nil, "", nil
}

func TestServeTellsWhereItListensAndStopsWhenAsked(t *testing.T) {
	portFile := filepath.Join(t.TempDir(), "port")
	stop, banner, code := startServe(t, "--port", "0", "--port-file", portFile)
	content, err := os.ReadFile(portFile)
	if err != nil {
		t.Fatal(err)
	}
	base := "http://127.0.0.1:" + strings.TrimSuffix(string(content), "\n")
	if !strings.Contains(banner, base+"/_submeter\n") {
		t.Errorf("banner does not name %s:\n%s", base, banner)
	}
	if code, stdout, stderr := call(t, nil, "clock", "get", "--url", base); code != exitOK || !strings.Contains(stdout, "running") {
		t.Errorf("clock get: exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	stop()
	if got := <-code; got != exitOK {
		t.Errorf("exit %d, want 0", got)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(base, "http://")); err == nil {
		t.Error("something still listens")
	}
	entries, err := os.ReadDir(filepath.Dir(portFile))
	if err != nil || len(entries) != 1 {
		t.Errorf("the port file left company: %v, %v", entries, err)
	}
}

func TestReachable(t *testing.T) {
	for host, want := range map[string]string{
		"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1", "10.0.0.7": "10.0.0.7",
	} {
		if got := reachable(host); got != want {
			t.Errorf("a server that listens on %s is reached at %s, want %s", host, got, want)
		}
	}
}

func TestServeLetsRequestsInFlightFinish(t *testing.T) {
	portFile := filepath.Join(t.TempDir(), "port")
	stop, _, code := startServe(t, "--port", "0", "--port-file", portFile)
	port, err := os.ReadFile(portFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+strings.TrimSpace(string(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "POST /_submeter/clock/freeze HTTP/1.1\r\nHost: submeter\r\nContent-Type: application/json\r\n"+
		"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// The server says 100 when it starts to read the body: from here on the request is in flight.
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := io.WriteString(conn, "{}"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"frozen"`) {
		t.Errorf("got %s %s %v", resp.Status, body, err)
	}
	if got := <-code; got != exitOK {
		t.Errorf("exit %d, want 0", got)
	}
}

func TestServeFailsWithoutAPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	portFile := filepath.Join(t.TempDir(), "port")
	if err := os.WriteFile(portFile, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	code, stdout, stderr := call(t, nil, "serve", "--port", port, "--port-file", portFile)
	if code != exitFailure || stdout != "" || !strings.Contains(stderr, "address already in use") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if _, err := os.Stat(portFile); !os.IsNotExist(err) {
		t.Errorf("the port file of an earlier run is still there: %v", err)
	}
}

func TestHealthcheck(t *testing.T) {
	ready, sent := serveAnswer(t, answer{200, `{"status":"ok"}`})
	pending, _ := serveAnswer(t, answer{503, `{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"baseline pending"}`})
	cases := []struct {
		name           string
		env            map[string]string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"a ready server by its flag", nil, []string{"--url", ready}, exitOK, "ready\n", ""},
		{"a ready server by SUBMETER_URL", map[string]string{"SUBMETER_URL": ready + "/~t1", "SUBMETER_PORT": "1"}, nil, exitOK, "ready\n", ""},
		{"a ready server by SUBMETER_PORT", map[string]string{"SUBMETER_PORT": ready[strings.LastIndex(ready, ":")+1:]}, nil, exitOK, "ready\n", ""},
		{"a server whose baseline is pending", nil, []string{"--url", pending}, exitFailure, "", "submeter: not ready: 503 Service Unavailable: baseline pending\n"},
		{"no server", map[string]string{"SUBMETER_PORT": "1"}, nil, exitFailure, "",
			`submeter: not ready: Get "http://127.0.0.1:1/readyz": dial tcp 127.0.0.1:1: connect: connection refused; is "submeter serve" running there?` + "\n"},
		{"no patience", nil, []string{"--url", ready, "--timeout", "0s"}, exitFailure, "",
			`submeter: not ready: Get "` + ready + `/readyz": context deadline exceeded` + "\n"},
		{"no base URL", nil, []string{"--url", "here"}, exitUsage, "",
			`submeter: base URL "here": want http://host:port or http://host:port/~sandbox (see "submeter healthcheck --help")` + "\n"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			code, stdout, stderr := call(t, tc.env, append([]string{"healthcheck"}, tc.args...)...)
			if code != tc.code || stdout != tc.stdout || stderr != tc.stderr {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
	if *sent != "GET /readyz" {
		t.Errorf("sent %s", *sent)
	}
}
