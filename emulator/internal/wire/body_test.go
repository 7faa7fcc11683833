package wire_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/wire"
)

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func TestABodyIsReadWholeOrRefusedWithItsReason(t *testing.T) {
	const limit = 100
	bomb := zipped(strings.Repeat("0", limit+1))
	for _, c := range []struct {
		when, body, encoding string
		want                 string
		status               int
	}{
		{"none", "", "", "", 0},
		{"plain", "hello", "", "hello", 0},
		{"said to be plain", "hello", "identity", "hello", 0},
		{"zipped", zipped("hello"), "gzip", "hello", 0},
		{"as long as may be", strings.Repeat("a", limit), "", strings.Repeat("a", limit), 0},
		{"one byte longer", strings.Repeat("a", limit+1), "", "", http.StatusRequestEntityTooLarge},
		{"small, but large once unzipped", bomb, "gzip", "", http.StatusRequestEntityTooLarge},
		{"said to be zipped, and is not", "hello", "gzip", "", http.StatusBadRequest},
		{"zipped and cut short", zipped("hello")[:12], "gzip", "", http.StatusBadRequest},
		{"zipped and damaged", zipped("hello")[:20] + "xxxxxxxx", "gzip", "", http.StatusBadRequest},
		{"packed in another way", "hello", "br", "", http.StatusUnsupportedMediaType},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
		if c.encoding != "" {
			r.Header.Set("Content-Encoding", c.encoding)
		}
		kept := wire.ReadBody(r, limit)
		read, err := io.ReadAll(r.Body)
		var refused *wire.BodyError
		switch {
		case c.status == 0 && (err != nil || string(read) != c.want || string(kept) != c.want || r.ContentLength != int64(len(c.want))):
			t.Errorf("%s: read %q, kept %q, length %d, %v", c.when, read, kept, r.ContentLength, err)
		case c.status != 0 && (!errors.As(err, &refused) || refused.Status != c.status || len(read) != 0):
			t.Errorf("%s: read %q, %v, want status %d", c.when, read, err, c.status)
		}
	}
}
