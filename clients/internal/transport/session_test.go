package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
)

func TestASessionSignsInAgainWhenItIsForgotten(t *testing.T) {
	w := &wire{replies: []reply{{status: 401}, fine, fine, {status: 401}, {status: 401}}}
	logins := 0
	session := NewSession(New(WithHTTPClient(&http.Client{Transport: w})), func(context.Context) (Ticket, error) {
		logins++
		return Token(fmt.Sprint("t", logins)), nil
	})
	for _, want := range []int{200, 200, 401} {
		resp, err := session.Do(request(t, t.Context(), "POST"))
		if err != nil || resp.StatusCode != want {
			t.Fatalf("answer %+v, error %v; want %d", resp, err, want)
		}
	}
	want := []string{"t1", "t2", "t2", "t2", "t3"} // a 401 that stays is the answer
	for i, token := range want {
		want[i] = "POST /v1/things {} Bearer " + token
	}
	if !slices.Equal(w.seen, want) {
		t.Errorf("sent %q\nwant %q", w.seen, want)
	}
}

func TestRequestsThatMeetOne401SignInOnce(t *testing.T) {
	const callers = 8
	valid, logins := "t2", 0
	met := sync.WaitGroup{}
	met.Add(callers)
	vendor := roundTrip(func(req *http.Request) (*http.Response, error) {
		status := http.StatusOK
		if req.Header.Get("Authorization") != "Bearer "+valid {
			met.Done()
			met.Wait() // every caller has been refused before one of them can sign in
			status = http.StatusUnauthorized
		}
		return &http.Response{StatusCode: status, Body: http.NoBody, Request: req}, nil
	})
	session := NewSession(New(WithHTTPClient(&http.Client{Transport: vendor})), func(context.Context) (Ticket, error) {
		logins++ // one at a time, says Login
		return Token(fmt.Sprint("t", logins)), nil
	})
	var group sync.WaitGroup
	for range callers {
		req := request(t, t.Context(), "GET")
		group.Go(func() {
			if resp, err := session.Do(req); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("answer %+v, error %v", resp, err)
			}
		})
	}
	group.Wait()
	if logins != 2 {
		t.Errorf("%d sign-ins, want 2", logins)
	}
}

func TestWhatCountsAsARefusedSignIn(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want bool
	}{
		{"a wrong secret, as OAuth says it", &Error{Status: 400, Code: "invalid_client"}, true},
		{"a wrong password", &Error{Status: 401}, true},
		{"a user without the right", &Error{Status: 403}, true},
		{"a vendor that is down", &Error{Status: 503}, false},
		{"a network that is down", errors.New("no route to host"), false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			w := &wire{replies: []reply{fine}}
			session := NewSession(New(WithHTTPClient(&http.Client{Transport: w})), func(context.Context) (Ticket, error) {
				return nil, tc.err
			})
			_, err := session.Do(request(t, t.Context(), "GET"))
			if !errors.Is(err, tc.err) || errors.Is(err, ErrSignIn) != tc.want || len(w.seen) != 0 {
				t.Errorf("error %v after %d requests", err, len(w.seen))
			}
		})
	}
	if err := error(&Error{Status: 400}); errors.Is(err, ErrSignIn) || errors.Is(err, ErrNotFound) {
		t.Error("a 400 outside of a sign-in is none")
	}
	if err := error(&Error{Status: 404}); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrSignIn) {
		t.Error("a 404 is ErrNotFound alone")
	}
}

func TestRefusalsAreErrorsOfOneLine(t *testing.T) {
	read := func(body []byte, into *Error) bool {
		var own struct{ Code, Message string }
		if json.Unmarshal(body, &own) != nil || own.Message == "" {
			return false
		}
		into.Code, into.Message = own.Code, own.Message
		return true
	}
	cases := []struct {
		name  string
		reply reply
		want  string
	}{
		{"the vendor's error", reply{status: 404, body: `{"code":"E7","message":"no such\n thing"}`}, "GET /v1/things: 404 Not Found (E7): no such thing [request r-7]"},
		{"somebody else's", reply{status: 502, body: "<h1>Bad gateway</h1>"}, "GET /v1/things: 502 Bad Gateway: <h1>Bad gateway</h1> [request r-7]"},
		{"none at all", reply{status: 403}, "GET /v1/things: 403 Forbidden [request r-7]"},
		{"JSON that is no error of the vendor's", reply{status: 400, body: `{"detail":"x"}`}, `GET /v1/things: 400 Bad Request: {"detail":"x"} [request r-7]`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			client := New(WithHTTPClient(&http.Client{Transport: &wire{replies: []reply{tc.reply}}}), WithAttempts(1))
			for name, err := range map[string]error{
				"Value": second(Value[any](read)(client.Do(request(t, t.Context(), "GET")))),
				"Done":  Done(read)(client.Do(request(t, t.Context(), "GET"))),
			} {
				refused := (*Error)(nil)
				if !errors.As(err, &refused) || refused.Status != tc.reply.status || err.Error() != tc.want {
					t.Errorf("%s: %v\nwant %s", name, err, tc.want)
				}
			}
		})
	}
}

func TestValueReadsTheAnswer(t *testing.T) {
	client := New(WithHTTPClient(&http.Client{Transport: &wire{replies: []reply{
		{status: 200, body: `{"n":0.1000000000000000000001}`}, {status: 200, body: "<html>"},
	}}}))
	got, err := Value[map[string]any](nil)(client.HTTP().Do(request(t, t.Context(), "GET")))
	if got["n"] != json.Number("0.1000000000000000000001") || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Value[any](nil)(client.Do(request(t, t.Context(), "GET"))); err == nil {
		t.Error("an answer that is no JSON passed")
	}
}

func second[T any](_ T, err error) error { return err }
