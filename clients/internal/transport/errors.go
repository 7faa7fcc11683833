package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// An error needs no more of a body than this, and what answers in a vendor's place may send anything.
const maxRefusalBytes = 64 << 10

// ErrSignIn is what an error is, by errors.Is, when the vendor did not accept who the caller is: an *Error with status
// 401 or 403, or a sign-in that failed for what was sent.
var ErrSignIn = errors.New("authentication refused")

// ErrNotFound is what an *Error with status 404 is, by errors.Is.
var ErrNotFound = errors.New("not found")

// Error is a vendor's refusal: any answer beyond 2xx.
type Error struct {
	Method    string
	Path      string // of the request's URL, without the query
	Status    int    // HTTP status
	Code      string // the vendor's code; empty where it sends none
	Message   string // the vendor's words; the start of the body where it is none of the vendor's errors
	RequestID string // the vendor's number for the exchange; empty where it sends none
}

// Error says the refusal in one line.
func (e *Error) Error() string {
	line := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		line += " (" + e.Code + ")"
	}
	if message := strings.Join(strings.Fields(e.Message), " "); message != "" {
		line += ": " + message
	}
	if e.RequestID != "" {
		line += " [request " + e.RequestID + "]"
	}
	return line
}

// Is makes a 401 or 403 an ErrSignIn, and a 404 an ErrNotFound.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return target == ErrSignIn
	case http.StatusNotFound:
		return target == ErrNotFound
	}
	return false
}

// ReadRefusal reads the vendor's own error from the body of a refusal. It returns false when the body is not one.
type ReadRefusal func(body []byte, into *Error) bool

// Refusal returns nil for an answer of 2xx, and otherwise the *Error it is. It reads the body of a refusal and leaves
// that of a success; the caller closes either.
func Refusal(resp *http.Response, read ReadRefusal) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	refused := Error{Method: resp.Request.Method, Path: resp.Request.URL.Path, Status: resp.StatusCode}
	refused.RequestID = resp.Header.Get("X-Request-Id")
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusalBytes))
	if err != nil {
		refused.Message = err.Error()
		return &refused
	}
	if own := refused; read(body, &own) {
		return &own
	}
	const enough = 300
	refused.Message = strings.ToValidUTF8(string(body[:min(len(body), enough)]), "")
	return &refused
}

// Value reads the JSON of an operation that answers with some: it takes what a generated method returns. Numbers whose
// type is any stay as written, a json.Number.
func Value[T any](read ReadRefusal) func(*http.Response, error) (T, error) {
	return func(resp *http.Response, err error) (T, error) {
		var v T
		if err != nil {
			return v, err
		}
		defer func() { _ = resp.Body.Close() }()
		if err := Refusal(resp, read); err != nil {
			return v, err
		}
		decoder := json.NewDecoder(resp.Body)
		decoder.UseNumber()
		if err := decoder.Decode(&v); err != nil {
			return v, fmt.Errorf("answer of %s %s: %w", resp.Request.Method, resp.Request.URL.Path, err)
		}
		return v, nil
	}
}

// Done reads the answer of an operation that has no value: it takes what a generated method returns.
func Done(read ReadRefusal) func(*http.Response, error) error {
	return func(resp *http.Response, err error) error {
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		return Refusal(resp, read)
	}
}
