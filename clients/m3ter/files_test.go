package m3ter_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/submeter/submeter/clients/m3ter"
)

func zipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.String()
}

func saved(t testing.TB, name, content string) *m3ter.Export {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := m3ter.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestFilesAreToldByHowTheyBegin(t *testing.T) {
	const csv = "id,name,note\n1,\"a \"\"b\"\", c\",\n2,,\"two\nlines\"\n"
	const jsonl = `{"id":"1","name":"a \"b\", c"}` + "\n" + `{"id":"2","note":"two\nlines"}` + "\n"
	const want = `{"id":"1","name":"a \"b\", c","note":null}` + "\n" + `{"id":"2","name":null,"note":"two\nlines"}` + "\n"
	cases := []struct{ name, content, want string }{
		{"CSV", csv, want},
		{"CSV with carriage returns and a byte-order mark", "\ufeff" + strings.ReplaceAll(strings.ReplaceAll(csv, "two\nlines", "two"), "\n", "\r\n"), strings.ReplaceAll(want, `two\nlines`, "two")},
		{"CSV, compressed", zipped(csv), want},
		{"CSV in two compressed members", zipped(csv[:20]) + zipped(csv[20:]), want},
		{"JSON Lines", jsonl, jsonl},
		{"JSON Lines, compressed, without a last line end", zipped(strings.TrimSuffix(jsonl, "\n")), jsonl},
		{"JSON Lines with blank lines", strings.ReplaceAll(jsonl, "\n", "\n\n"), jsonl},
		{"numbers, lists and all else of JSON as they are", `{"a":1.50,"b":[1,{"c":2.0}],"d":true,"e":null,"f":{"g":"<"}}`, `{"a":1.50,"b":[1,{"c":2.0}],"d":true,"e":null,"f":{"g":"\u003c"}}` + "\n"},
		{"a header alone", "id,name\n", ""},
		{"nothing", "", ""},
		{"nothing, compressed", zipped(""), ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got := lines(t, all(t, saved(t, "x_type.any", tc.content).Rows())); got != tc.want {
				t.Errorf("got\n%swant\n%s", got, tc.want)
			}
		})
	}
}

func TestFilesOfAnArchiveAreNamedByTheirType(t *testing.T) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range map[string]string{"j_account.csv.gz": zipped("id\n1\n"), "folder/j_balance.transactions.jsonl": `{"id":2}`, "plain.csv": "id\n3\n"} {
		entry, _ := w.Create(name)
		_, _ = io.WriteString(entry, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	e := saved(t, "all.zip", out.String())
	for kind, id := range map[string]string{"account": "1", "balance": "2", "": "3"} {
		f, ok := e.File(kind)
		if rows := all(t, f.Rows()); !ok || len(rows) != 1 || rows[0].Text("id") != id {
			t.Errorf("of type %q: %v %t", kind, rows, ok)
		}
	}
	f, _ := e.File("account")
	text, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	if got, err := io.ReadAll(text); err != nil || string(got) != "id\n1\n" {
		t.Errorf("the text is %q (%v)", got, err)
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	cases := []struct{ name, content, want string }{
		{"a row that is too short", "a,b\n1,2\n3\n", "f.csv: record on line 3: wrong number of fields"},
		{"a quote that does not end", "a,b\n1,\"2\n", `f.csv: parse error`},
		{"a row that is no object", "{\"a\":1}\n[1]\n", "f.csv:2: a row is no object"},
		{"a row that is no JSON", "{\"a\":1}\n{\"a\":\n", "f.csv:2: unexpected end of JSON input"},
		{"a file that breaks off", zipped(strings.Repeat("a\n", 5000))[:30], "f.csv: unexpected EOF"},
		{"a file that was damaged", zipped("a\n1\n")[:10] + "xxxxxxxxxxxx", "f.csv: flate: corrupt input"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			last := error(nil)
			for _, err := range saved(t, "f.csv", tc.content).Rows() {
				if last != nil {
					t.Error("the iteration goes on behind an error")
				}
				last = err
			}
			format := (*m3ter.FormatError)(nil)
			if last == nil || !errors.As(last, &format) || !strings.HasPrefix(last.Error(), tc.want) {
				t.Errorf("got %v, want %s", last, tc.want)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "x.zip")
	if err := os.WriteFile(path, []byte("PK"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m3ter.OpenFile(path); !errors.Is(err, zip.ErrFormat) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if _, err := m3ter.OpenFile(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzRows(f *testing.F) {
	f.Add(`{"a":1,"b":"x","c":[1],"a":null}`)
	f.Add("a,b\n1,2\n")
	f.Add(zipped("a\n1\n"))
	f.Fuzz(func(t *testing.T, content string) {
		for row, err := range saved(t, "f", content).Rows() {
			if err != nil {
				continue
			}
			var texts [3][]byte // the first may hold what is not UTF-8, which is replaced
			for i := range texts {
				if texts[i], err = json.Marshal(row); err != nil {
					t.Fatalf("a row cannot be written: %v", err)
				}
				if err := json.Unmarshal(texts[i], &row); err != nil {
					t.Fatalf("%s cannot be read again: %v", texts[i], err)
				}
			}
			if !bytes.Equal(texts[1], texts[2]) {
				t.Fatalf("%s became %s", texts[1], texts[2])
			}
		}
	})
}

func BenchmarkRows(b *testing.B) {
	for name, row := range map[string]func(i string) string{
		"CSV": func(i string) string { return i + ",northwind,eu,2025-05-01T00:00:00.000Z,0.1\n" },
		"JSONL": func(i string) string {
			return `{"uid":"` + i + `","accountCode":"northwind","measure.gb_out":0.1}` + "\n"
		},
	} {
		b.Run(name, func(b *testing.B) {
			const count = 100_000
			var text strings.Builder
			if name == "CSV" {
				text.WriteString("uid,accountCode,where.region,timestamp,measure.gb_out\n")
			}
			for i := range count {
				text.WriteString(row(strconv.Itoa(i)))
			}
			e := saved(b, "f", zipped(text.String()))
			for b.Loop() {
				for _, err := range e.Rows() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(count*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
