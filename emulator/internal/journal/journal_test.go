package journal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/journal"
)

func record(path, body string) journal.Record {
	return journal.Record{
		Exchange: journal.Exchange{Path: path, Method: "POST", Status: 200}, RequestBody: []byte(body), RequestBytes: int64(len(body)),
	}
}

func TestTheRingForgetsTheOldestByCountAndByBytes(t *testing.T) {
	for _, c := range []struct {
		when     string
		maxCount int
		maxBytes int64
		want     int
	}{
		{"by count", 3, 1 << 20, 3},
		{"by bytes: 1 KiB and the bodies count for each", 100, 5 << 10, 2},
		{"with room for none", 0, 1 << 20, 0},
		{"with no bytes", 100, 0, 0},
	} {
		j := journal.New(c.maxCount, c.maxBytes)
		for i := range 300 {
			j.Add(record(fmt.Sprintf("/%d", i), strings.Repeat("x", 1<<10)))
		}
		kept := j.List(journal.Filter{})
		if len(kept) != c.want || j.Total() != 300 {
			t.Errorf("%s: kept %d of %d", c.when, len(kept), j.Total())
		}
		for i, e := range kept {
			if want := 300 - len(kept) + i; e.ID != int64(want+1) || e.Path != fmt.Sprintf("/%d", want) {
				t.Errorf("%s: exchange %d is %d %s", c.when, i, e.ID, e.Path)
			}
		}
	}
}

func TestALongBodyIsCutAndABinaryOneEncoded(t *testing.T) {
	j := journal.New(10, 1<<20)
	j.Add(record("/long", strings.Repeat("x", journal.MaxMessage+1)))
	j.Add(record("/binary", "\xff\x00"))
	long, _ := j.Get(1)
	if len(long.Request.Body) != journal.MaxMessage || !long.Request.Truncated || long.Request.BodyBytes != journal.MaxMessage+1 {
		t.Errorf("the long one: %d bytes, %+v", len(long.Request.Body), long.Request.Truncated)
	}
	binary, _ := j.Get(2)
	if binary.Request.Encoding != "base64" || binary.Request.Body != "/wA=" || binary.Request.Truncated {
		t.Errorf("the binary one: %+v", binary.Request)
	}
}

func TestSecretsAreMaskedBeforeTheyAreKept(t *testing.T) {
	const secret = "s3cr3t-value"
	for _, c := range []struct {
		when   string
		header http.Header
		query  string
		body   string
	}{
		{"a bearer token", http.Header{"Authorization": {"Bearer " + secret}}, "", ""},
		{"a session", http.Header{"Infa-Session-Id": {secret}}, "", ""},
		{"a password in JSON", nil, "", `{"username":"u", "password" : "` + secret + `"}`},
		{"a password with a quote in it", nil, "", `{"password":"x\"` + secret + `"}`},
		{"a session in an answer's form", nil, "", `{"userInfo":{"sessionId":"` + secret + `"}}`},
		{"a client's secret in a form", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "", "grant_type=x&client_secret=" + secret + "&scope=y"},
		{"a signature in a query", nil, "a=b&X-Signature=" + secret, ""},
		{"a token in a query", nil, "access_token=" + secret, ""},
	} {
		j := journal.New(1, 1<<20)
		r := record("/", c.body)
		r.Query, r.RequestHeader, r.ResponseBody = c.query, c.header, []byte(c.body)
		r.ResponseHeader = c.header
		j.Add(r)
		e, ok := j.Get(1)
		if text := fmt.Sprintf("%+v", e); !ok || strings.Contains(text, secret) || !strings.Contains(text, "***") {
			t.Errorf("%s: %s", c.when, text)
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	j := journal.New(1, 1<<20)
	r := record("/", `{"note":"the password is asked for elsewhere","count":3}`)
	r.Query = "limit=5&next_page=abc"
	j.Add(r)
	e, _ := j.Get(1)
	if e.Request.Body != `{"note":"the password is asked for elsewhere","count":3}` || e.Query != "limit=5&next_page=abc" {
		t.Errorf("%+v", e)
	}
}
