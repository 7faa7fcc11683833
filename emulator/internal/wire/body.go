package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// BodyError says why a request's body could not be read. The vendor's error writer puts it into the vendor's shape.
type BodyError struct {
	Status  int // 400 broken compression or transfer, 413 too large, 415 unknown encoding
	Message string
}

func (e *BodyError) Error() string { return e.Message }

// ReadBody reads a request's body whole, decompressed, up to limit bytes of what comes out. It replaces r.Body: by the
// bytes read, or by a body whose first Read gives the *BodyError, so that a vendor checks the caller's credentials
// before it complains about the body.
func ReadBody(r *http.Request, limit int64) []byte {
	data, err := readBody(r, limit)
	if err != nil {
		r.Body = io.NopCloser(brokenBody{err})
		return nil
	}
	r.ContentLength = int64(len(data))
	r.Header.Del("Content-Encoding")
	r.Body = io.NopCloser(bytes.NewReader(data))
	if len(data) == 0 {
		r.Body = http.NoBody
	}
	return data
}

type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }

func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	defer func() { _ = r.Body.Close() }()
	var body io.Reader = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, brokenGzip(err)
		}
		body = unzipped
	default:
		return nil, &BodyError{http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Encoding %q is not supported; send gzip or none", encoding)}
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF) && body != r.Body:
		return nil, brokenGzip(err)
	case err != nil:
		return nil, &BodyError{http.StatusBadRequest, "the request body ended early: " + err.Error()}
	case int64(len(data)) > limit:
		return nil, &BodyError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request body is larger than %d bytes", limit)}
	}
	return data, nil
}

func brokenGzip(err error) *BodyError {
	return &BodyError{http.StatusBadRequest, "the request body is not the gzip that Content-Encoding says: " + err.Error()}
}
