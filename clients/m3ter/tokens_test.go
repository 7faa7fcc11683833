package m3ter_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/submeter/submeter/clients/m3ter"
)

func TestATokenServesManyCalls(t *testing.T) {
	sb := world(t)
	c := connect(t, sb, key)
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() {
			if _, err := c.Account(context.Background(), northwind); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	if n := calls(t, sb, "getBearerToken"); n != 1 {
		t.Errorf("eight calls got %d tokens, want one", n)
	}
	// Where time is not the machine's, the vendor says when a token is over; whoever meets that gets a new one for all.
	if _, err := sb.Advance("6h"); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		together.Go(func() {
			if _, err := c.Account(context.Background(), northwind); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	if n := calls(t, sb, "getBearerToken"); n != 2 {
		t.Errorf("there were %d tokens after five hours, want two", n)
	}
	if _, err := sb.Advance("6h"); err != nil {
		t.Fatal(err)
	}
	submit(t, c, sent("northwind", "eu", "1", may1)) // a call with a body
	if n := calls(t, sb, "getBearerToken"); n != 3 {
		t.Errorf("there were %d tokens after ten hours, want three", n)
	}
}

// A token is replaced five minutes before its end, one of a short life after nine tenths of it.
func TestATokenIsReplacedBeforeItsEnd(t *testing.T) {
	for _, tc := range []struct{ life, good time.Duration }{
		{5 * time.Hour, 5*time.Hour - 5*time.Minute}, {100 * time.Second, 90 * time.Second}, {0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			tokens := 0
			w := &wire{do: func(req *http.Request, _ []byte) (*http.Response, error) {
				if strings.HasSuffix(req.URL.Path, "/oauth/token") {
					tokens++
					if user, secret, _ := req.BasicAuth(); user != "key" || secret != "open sesame" {
						t.Errorf("the token was asked for by %q", user)
					}
					return answer(req, 200, fmt.Sprintf(`{"access_token":"t%d","expires_in":%d}`, tokens, int(tc.life.Seconds())))
				}
				if got := req.Header.Get("Authorization"); got != fmt.Sprintf("Bearer t%d", tokens) {
					t.Errorf("a call was signed with %q, want token %d", got, tokens)
				}
				return answer(req, 200, `{}`)
			}}
			c, err := m3ter.New("http://vendor", "o", key, w.client())
			if err != nil {
				t.Fatal(err)
			}
			ask := func(want int) {
				t.Helper()
				if _, err := c.Account(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
				if tokens != want {
					t.Errorf("%s: there were %d tokens, want %d", tc.life, tokens, want)
				}
			}
			ask(1)
			if tc.good > 0 {
				time.Sleep(tc.good - time.Millisecond)
				ask(1)
				time.Sleep(time.Millisecond)
			}
			ask(2)
		})
	}
}

func TestWhoIsNotAcceptedIsTold(t *testing.T) {
	sb := world(t)
	ctx := context.Background()
	refused := (*m3ter.Error)(nil)
	wrong := connect(t, sb, m3ter.Credentials{AccessKeyID: "key", APISecret: "wrong"})
	if _, err := wrong.Account(ctx, northwind); !errors.Is(err, m3ter.ErrSignIn) || !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("a wrong secret: %v", err)
	}
	foreign := connect(t, sb, m3ter.Credentials{AccessKeyID: "stranger", APISecret: "open sesame"})
	for range 2 {
		if _, err := foreign.Account(ctx, northwind); !errors.Is(err, m3ter.ErrSignIn) || !errors.As(err, &refused) || refused.Message != "Forbidden" {
			t.Errorf("another organization: %v", err)
		}
	}
	before := calls(t, sb, "getBearerToken")
	static := connect(t, sb, m3ter.Credentials{Token: "nobody's"})
	if _, err := static.Account(ctx, northwind); !errors.Is(err, m3ter.ErrSignIn) {
		t.Errorf("an unknown token: %v", err)
	}
	if n := calls(t, sb, "getBearerToken") - before; n != 0 {
		t.Errorf("a token that was given was replaced %d times", n)
	}
	if n := calls(t, sb, "getAccount"); n != 4 { // once; then once, and again with a new token; once
		t.Errorf("the account was asked for %d times, want 4", n)
	}
}
