package informatica

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// What is taken for a date is one to every strict reader, and is answered in the one form that clients parse.
func FuzzParseDate(f *testing.F) {
	for _, text := range []string{
		"2025-03-01T00:00:00Z", "2025-03-31T23:59:59Z", "2025-03-01T01:00:00.999+05:30", "2025-03-01", "2025-3-1T0:0:0Z",
		"2025-03-01T00:00:00", "2025-03-01T00:00:00,5Z", "2025-02-30T00:00:00Z", "0001-01-01T00:00:00+23:59",
		"9999-12-31T23:59:59-23:59", "2025-03-01t00:00:00z", "2025-03-01T24:00:00Z", "20250301T000000Z", "", "null",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseDate(text)
		if !ok {
			return
		}
		want, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatalf("%q is taken and is no RFC 3339: %v", text, err)
		}
		if !got.Equal(want.Truncate(time.Second)) || got.Location() != time.UTC {
			t.Fatalf("%q is read as %v", text, got)
		}
		shown := formatDate(got)
		if len(shown) != len("2025-03-01T00:00:00Z") {
			t.Fatalf("%q is shown as %s", text, shown)
		}
		again, ok := parseDate(shown)
		if !ok || !again.Equal(got) {
			t.Fatalf("%q is shown as %s, which reads as %v", text, shown, again)
		}
		first, after := daysOf(got, got.Add(36*time.Hour))
		if first.After(got) || !after.After(first) || after.Sub(first)%day != 0 {
			t.Fatalf("%q: the days are %v to %v", text, first, after)
		}
	})
}

// The key of an organization is read alike however it is escaped, and nothing else is read as one.
func FuzzParseOrgKey(f *testing.F) {
	for _, text := range []string{
		"org('isAjIhKtJ0RlgLKOmxgJTe')", "org(%27isAjIhKtJ0RlgLKOmxgJTe%27)", "org('')", "org(\"x\")", "org(x)", "org('x'",
		"org(''x'')", "ORG('x')", "org('x') ", "org('a')('b')", "%6frg('x')", "org('%2e%2e')",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		segment, err := url.PathUnescape(text)
		if err != nil {
			return
		}
		id, ok := parseOrgKey(segment)
		if !ok {
			if inner, had := strings.CutPrefix(segment, "org('"); had && len(inner) > 2 && strings.Index(inner, "'") == len(inner)-2 && strings.HasSuffix(inner, "')") {
				t.Fatalf("%q is refused", segment)
			}
			return
		}
		if segment != "org('"+id+"')" || id == "" || strings.Contains(id, "'") {
			t.Fatalf("%q is read as %q", segment, id)
		}
		for _, escaped := range []string{url.PathEscape(segment), "org(%27" + url.PathEscape(id) + "%27)", "org%28'" + url.PathEscape(id) + "'%29"} {
			plain, err := url.PathUnescape(escaped)
			if again, ok := parseOrgKey(plain); err != nil || !ok || again != id {
				t.Fatalf("%q escaped as %q reads as %q", segment, escaped, again)
			}
		}
	})
}
