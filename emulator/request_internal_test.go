package emulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestAPathNamesItsSandbox(t *testing.T) {
	for _, c := range []struct{ when, path, name, rest string }{
		{"no prefix is the default", "/metronome/v1/usage", "default", "/metronome/v1/usage"},
		{"a prefix names another", "/~t1/metronome/v1/usage", "t1", "/metronome/v1/usage"},
		{"the rest stays escaped", "/~t1/m/a%2Fb", "t1", "/m/a%2Fb"},
		{"a name may be escaped", "/~t%31/m", "t1", "/m"},
		{"a prefix alone", "/~t1", "t1", "/"},
		{"a tilde further on is none", "/m/~t1", "default", "/m/~t1"},
		{"no name", "/~/m", "", "/m"},
		{"doubled slashes stay", "/~t1//m", "t1", "//m"},
	} {
		if name, rest := splitSandbox(c.path); name != c.name || rest != c.rest {
			t.Errorf("%s: %q and %q", c.when, name, rest)
		}
	}
}

// FuzzPath: whatever the path, a sandbox's name that would be used is a legal one, and nothing of the path is lost.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/", "/~a/metronome/v1", "/~%2e/x", "//", "/~a%2Fb/c", "/metronome/~a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || !strings.HasPrefix(u.EscapedPath(), "/") {
			return
		}
		path := u.EscapedPath()
		name, rest := splitSandbox(path)
		if names.MatchString(name) && (strings.ContainsAny(name, "/~%") || len(name) > 63) {
			t.Fatalf("%q would be a sandbox", name)
		}
		if !strings.HasPrefix(rest, "/") || !strings.HasSuffix(path, strings.TrimPrefix(rest, "/")) {
			t.Fatalf("%q became %q", path, rest)
		}
		mount, inner := splitMount(rest)
		if strings.Contains(mount, "/") || !strings.HasPrefix(inner, "/") {
			t.Fatalf("%q became %q and %q", rest, mount, inner)
		}
		if r := withPath(&http.Request{URL: u}, rest); r.URL.EscapedPath() != rest && url.PathEscape(r.URL.Path) == "" {
			t.Fatalf("%q is sent on as %q", rest, r.URL.EscapedPath())
		}
	})
}
