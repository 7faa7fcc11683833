package main

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestEveryCommandHelps(t *testing.T) {
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: want a short text without a full stop, got %q", cmd.CommandPath(), cmd.Short)
		}
		for _, line := range strings.Split(cmd.Example, "\n") {
			if !strings.Contains(line, cmd.CommandPath()) {
				t.Errorf("%s: example %q is of something else", cmd.CommandPath(), line)
			}
		}
		if cmd.Args == nil && cmd.HasParent() {
			t.Errorf("%s takes any arguments", cmd.CommandPath())
		}
		for _, child := range cmd.Commands() {
			check(child)
		}
	}
	check((&app{}).rootCommand())
}

func TestHelpIsNoFailure(t *testing.T) {
	for _, args := range []string{"", "--help", "help serve", "serve --help", "clock --help", "help clock advance"} {
		code, stdout, stderr := call(t, nil, strings.Fields(args)...)
		if code != exitOK || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("submeter %s: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestDescribeBuild(t *testing.T) {
	settings := func(pairs ...string) []debug.BuildSetting {
		var s []debug.BuildSetting
		for i := 0; i < len(pairs); i += 2 {
			s = append(s, debug.BuildSetting{Key: pairs[i], Value: pairs[i+1]})
		}
		return s
	}
	cases := []struct {
		name                    string
		linked                  string
		info                    *debug.BuildInfo
		wantVersion, wantCommit string
	}{
		{"a release says what was linked in", "1.2.3",
			&debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-2026"}, Settings: settings("vcs.revision", "abc", "vcs.modified", "false")}, "1.2.3", "abc"},
		{"go install says the module's version", "", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "v1.2.3", "unknown"},
		{"a build in a changed tree is dirty", "",
			&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings("vcs.modified", "true", "vcs.revision", "abc")}, "dev", "abc-dirty"},
		{"a build outside a repository knows nothing", "", &debug.BuildInfo{}, "dev", "unknown"},
		{"a binary without build information knows nothing", "", nil, "dev", "unknown"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			b := describeBuild(tc.linked, tc.info)
			if b.Version != tc.wantVersion || b.Commit != tc.wantCommit {
				t.Errorf("got %s at %s, want %s at %s", b.Version, b.Commit, tc.wantVersion, tc.wantCommit)
			}
		})
	}
}

func TestVersionPrintsBothWays(t *testing.T) {
	for output, want := range map[string]string{"table": "│ platform │", "json": `"platform": "`} {
		code, stdout, stderr := call(t, nil, "version", "--output", output)
		if code != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("exit %d, stdout %q, stderr %q; want %s in it", code, stdout, stderr, want)
		}
	}
}

func TestBanner(t *testing.T) {
	var out bytes.Buffer
	b := banner{
		version: "1.2.3", scenario: "default", baseURL: "http://127.0.0.1:4010",
		vendors: []string{"cognite", "informatica", "m3ter"},
		credentials: map[string][]string{
			"informatica": {"user      dev@example.com", "password  secret"},
			"m3ter":       {"client id  abc"},
		},
	}
	if err := b.write(&out); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "banner.golden", out.String())
}
