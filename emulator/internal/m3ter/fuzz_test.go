package m3ter

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// documentRefuses says whether the document refuses the body of a submit call.
func documentRefuses(t *testing.T, body string) *wire.Violation {
	t.Helper()
	op := ingestOperations()[0]
	op.TypedBody = false
	c := echo.New().NewContext(httptest.NewRequest(op.Method, "/", strings.NewReader(body)), httptest.NewRecorder())
	c.Request().Header.Set("Content-Type", "application/json")
	err := document.Referee(spec.Options{})(op)(func(echo.Context) error { return nil })(c)
	var violation *wire.Violation
	if err != nil && !errors.As(err, &violation) {
		t.Fatal(err)
	}
	return violation
}

func FuzzMeasurementsAreRefusedAsTheDocumentWould(f *testing.F) {
	good := transfer("u", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "1.5")
	for _, seed := range []string{
		`{"measurements":[{"meter":"0","account":"0","ts":"0000-01-01T0:00:00Z"}]}`, ``, ` `, `null`, `[]`, `{}`, `{"measurements":null}`, `{"measurements":{}}`, `{"measurements":[]}`, `{"measurements":[null]}`,
		`{"measurements":[` + good + `]}`, `{"measurements":[` + good + `],"measurements":[]}`, `{"measurements":[` + good + `]} x`,
		`{"measurements":[{"meter":"m","account":"a"}]}`, `{"measurements":[{"meter":"m","account":"a","ts":"2025-05-19"}]}`,
		`{"measurements":[{"meter":"m","account":"a ","ts":"2025-05-19T08:00:00+02:00"}]}`,
		`{"measurements":[{"meter":"m","account":"a","ts":"2025-05-19T08:00:00Z","ets":"x","ets":null}]}`,
		`{"measurements":[{"meter":"m","account":"a","ts":"2025-05-19T08:00:00Z","measure":{"a":"1","a":1e400}}]}`,
		`{"measurements":[{"meter":"m","account":"a","ts":"2025-05-19T08:00:00Z","measure":null,"who":{"a":null}}]}`,
		`{"measurements":[{"meter":"m","account":"a","ts":"2025-05-19T08:00:00Z","metadata":{"a":"` + strings.Repeat("ü", 257) + `"}}]}`,
		`{"measurements":[{"meter":"\u00a0m","account":"a\u007f","ts":"2025-05-19T08:00:00Z","uid":1}]}`,
		`{"measurements":[{"meter":"` + strings.Repeat("ü", 81) + `","account":"a","ts":"2025-05-19T08:00:00Z"}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		batch, err := decodeMeasurements(body)
		refused := documentRefuses(t, body)
		if (err == nil) != (refused == nil) {
			t.Fatalf("decoder: %v, document: %+v", err, refused)
		}
		if err != nil {
			return
		}
		var plain struct {
			Measurements []struct {
				UID     *string            `json:"uid"`
				Meter   string             `json:"meter"`
				Account string             `json:"account"`
				Measure map[string]float64 `json:"measure"`
				Who     map[string]string  `json:"who"`
			} `json:"measurements"`
		}
		if json.Unmarshal([]byte(body), &plain) != nil || len(plain.Measurements) != len(batch) {
			return // keys that differ in case alone, which that decoder takes for the same
		}
		for i, m := range batch {
			p := plain.Measurements[i]
			if strings.Contains(strings.ToLower(body), `"me`) && (m.meter != p.Meter || m.account != p.Account) && !oddKeys(body) {
				t.Fatalf("got %+v, want %+v", m, p)
			}
		}
	})
}

// oddKeys says whether a body may hold keys or texts that encoding/json reads in its own way.
func oddKeys(body string) bool {
	return strings.ContainsFunc(body, func(r rune) bool { return r >= 'A' && r <= 'Z' || r > 126 || r == '\\' })
}

func FuzzCalculationsEndOrSayWhy(f *testing.F) {
	for _, seed := range []string{"a + b", "-(a*b)/2", `s + "x"`, "((", "1..2", "a b", "1/0", `"`, "--1", "a*a*a*a*a"} {
		f.Add(seed)
	}
	known := map[string]operand{
		"a": {isNumber: true, number: decimal.RequireFromString("3.5")}, "b": {isNumber: true, number: decimal.Zero}, "s": {text: "blue"},
	}
	f.Fuzz(func(t *testing.T, text string) {
		calculate, err := parseCalculation(text)
		if err != nil {
			return
		}
		result, err := calculate(known)
		if err == nil && len(result.String()) > maxNumberText+maxNumberExponent+len(text)*2+16 && result.isNumber {
			t.Fatalf("%q gives a number of %d characters", text, len(result.String()))
		}
	})
}

func FuzzSearchesAreReadOrRefused(f *testing.F) {
	for _, seed := range []string{"name~North$currency:EUR", "a>=b", "a<", "$", ":x", "name"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := parseSearch(text)
		for _, term := range terms {
			if term.field == "" || !slices.Contains(comparators, term.comparator) {
				t.Fatalf("%q: got %+v", text, terms)
			}
		}
		if err != nil && terms != nil {
			t.Fatalf("%q: both %v and %v", text, terms, err)
		}
	})
}

func FuzzCellsComeBackFromCSV(f *testing.F) {
	f.Add("plain", `quoted "here", and there`)
	f.Add("", "line\nbreak")
	f.Add("\r", "ü")
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		var text bytes.Buffer
		table := newTableWriter(&text, formatCSV, []string{"x", "y"})
		if err := errors.Join(table.write([]string{quote(a), quote(b)}), table.close()); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&text).ReadAll()
		unix := strings.NewReplacer("\r\n", "\n") // a reader of CSV takes it so
		if err != nil || len(rows) != 2 || rows[1][0] != unix.Replace(a) || rows[1][1] != unix.Replace(b) {
			t.Fatalf("got %q, %v, want %q and %q", rows, err, a, b)
		}
	})
}

func FuzzTokensAndLinksAreNotForged(f *testing.F) {
	w := newWorld(f, transfers)
	f.Add(w.token, "/_files/exports/a/b/c?expires=1&signature=00")
	f.Add("a.b.c", "/_files/failures//?signature=zz")
	good := w.token
	f.Fuzz(func(t *testing.T, token, path string) {
		w.t = t
		if strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > 126 }) {
			return
		}
		if got := w.send("GET", w.in("/products"), "", "Authorization", "Bearer "+token); got.status == 200 && strings.TrimSpace(token) != good {
			t.Errorf("the token %q was taken", token)
		}
		if u, err := url.Parse(path); err != nil || u.Host != "" || !strings.HasPrefix(path, "/_files/") || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > 126 }) {
			return
		}
		if got := w.send("GET", path, "", "Authorization", ""); got.status == 200 {
			t.Errorf("the link %q was taken", path)
		}
	})
}
