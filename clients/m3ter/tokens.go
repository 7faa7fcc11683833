package m3ter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/submeter/submeter/clients/internal/transport"
)

// longestMargin is how long before its end a token is replaced; one of a short life, after nine tenths of it.
const longestMargin = 5 * time.Minute

// token is a token and the machine's time from which on it is to be replaced.
type token struct {
	text  string
	until time.Time
}

// token returns what gets a token for the key.
func (c Credentials) token(door *RawClient) func(context.Context) (token, error) {
	return func(ctx context.Context) (token, error) {
		asked := time.Now().Round(0) // a machine that slept has a token that did not
		answer, err := value[TokenResponse](door.GetBearerToken(transport.Idempotent(ctx), TokenRequest{GrantType: "client_credentials"},
			func(_ context.Context, req *http.Request) error {
				req.SetBasicAuth(c.AccessKeyID, c.APISecret)
				return nil
			}))
		if err != nil {
			return token{}, fmt.Errorf("token: %w", err)
		}
		if answer.AccessToken == "" {
			return token{}, errors.New("token: the answer has none")
		}
		life := time.Duration(answer.ExpiresIn) * time.Second
		return token{answer.AccessToken, asked.Add(life - min(life/10, longestMargin))}, nil
	}
}

// signer signs requests with a token that it gets on first use and replaces before its end. Where time is not the
// machine's a token may end earlier: the vendor then answers 403, as it does for what is not the caller's, and the request
// is sent once more with a new token, unless it had a new one already.
type signer struct {
	next   transport.Doer
	renew  func(context.Context) (token, error)
	static string // instead of renewing; empty: renew

	mu      sync.Mutex // held while getting a token
	current token
}

// Do sends a signed request.
func (s *signer) Do(req *http.Request) (*http.Response, error) {
	if s.static != "" {
		return s.send(req, s.static)
	}
	used, fresh, err := s.token(req.Context(), "")
	if err != nil {
		return nil, err
	}
	resp, err := s.send(req, used)
	if err != nil || fresh || (resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusUnauthorized) {
		return resp, err
	}
	if req.Body != nil && req.GetBody == nil {
		return resp, nil // the body is gone, so the answer has to stand
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // lets the connection be used again
	_ = resp.Body.Close()
	if used, _, err = s.token(req.Context(), used); err != nil {
		return nil, err
	}
	return s.send(req, used)
}

func (s *signer) send(req *http.Request, text string) (*http.Response, error) {
	own := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("body of %s %s: %w", req.Method, req.URL.Redacted(), err)
		}
		own.Body = body
	}
	transport.Token(text)(own)
	return s.next.Do(own)
}

// token returns the current token, or a fresh one when there is none, when it is about to end, or when it was refused.
func (s *signer) token(ctx context.Context, refused string) (text string, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.text != "" && s.current.text != refused && time.Now().Before(s.current.until) {
		return s.current.text, false, nil
	}
	s.current = token{}
	got, err := s.renew(ctx)
	if err != nil {
		return "", false, err
	}
	s.current = got
	return got.text, true, nil
}
