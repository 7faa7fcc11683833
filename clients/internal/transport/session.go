package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Doer sends a request: a Client, a Session, or what lies below them.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Ticket puts what signing in gave onto a request: a header, or another address. The request is the session's own copy.
type Ticket func(*http.Request)

// Login signs in. Its calls must not go through the session it serves.
type Login func(context.Context) (Ticket, error)

// Session signs in on first use, and once more for a request that is answered 401: the vendor, not a clock, says when
// a sign-in is over, which also holds where time is not the machine's. It is safe for concurrent use; requests that
// meet the same 401 sign in once between them.
type Session struct {
	next  Doer
	login Login

	mu      sync.Mutex // held while signing in
	current *Ticket
}

// NewSession returns a session that sends through next. It sends nothing.
func NewSession(next Doer, login Login) *Session { return &Session{next: next, login: login} }

// Do sends a request with the ticket. A refused sign-in is an ErrSignIn around the *Error that refused it.
func (s *Session) Do(req *http.Request) (*http.Response, error) {
	used, err := s.ticket(req.Context(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.send(req, used)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if req.Body != nil && req.GetBody == nil {
		return resp, nil // the body is gone, so the answer has to stand
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusalBytes)) // lets the connection be used again
	_ = resp.Body.Close()
	if used, err = s.ticket(req.Context(), used); err != nil {
		return nil, err
	}
	return s.send(req, used)
}

func (s *Session) send(req *http.Request, t *Ticket) (*http.Response, error) {
	own := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("body of %s %s: %w", req.Method, req.URL.Redacted(), err)
		}
		own.Body = body
	}
	(*t)(own)
	return s.next.Do(own)
}

// ticket returns the current ticket, signing in when there is none or when it is the one that was refused.
func (s *Session) ticket(ctx context.Context, refused *Ticket) (*Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current != refused {
		return s.current, nil
	}
	s.current = nil
	t, err := s.login(ctx)
	if err != nil {
		if e := (*Error)(nil); errors.As(err, &e) && e.Status == http.StatusBadRequest {
			return nil, fmt.Errorf("sign in: %w: %w", ErrSignIn, err) // OAuth's and some vendors' answer to a wrong secret
		}
		return nil, fmt.Errorf("sign in: %w", err)
	}
	s.current = &t
	return s.current, nil
}

// Token is the ticket of a bearer token.
func Token(token string) Ticket {
	return func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+token) }
}
