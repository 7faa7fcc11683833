package cognite

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/submeter/submeter/clients/internal/transport"
)

// Credentials are either a token, or an application's id and secret with the address of the identity provider that
// gives tokens for them. The vendor itself gives none.
type Credentials struct {
	Token string

	ClientID     string
	ClientSecret string
	TokenURL     string   // https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token say
	Scopes       []string // https://{cluster}.cognitedata.com/.default say; providers differ
}

func (c Credentials) check() error {
	application := c.ClientID != "" || c.ClientSecret != "" || c.TokenURL != ""
	switch {
	case c.Token != "" && application:
		return errors.New("both a token and an application's credentials given; want one of them")
	case c.Token == "" && !application:
		return errors.New("no credentials given: want a token, or a client id and secret with a token URL")
	case application && (c.ClientID == "" || c.ClientSecret == "" || c.TokenURL == ""):
		return errors.New("an application's credentials want all of client id, client secret and token URL")
	}
	return nil
}

// sign returns what sends requests with the caller's token.
func (c Credentials) sign(core *transport.Client) transport.Doer {
	if c.Token != "" {
		return bearer{core, c.Token}
	}
	return transport.NewSession(core, func(ctx context.Context) (transport.Ticket, error) {
		token, err := c.fetch(ctx, core)
		if err != nil {
			return nil, err
		}
		return transport.Token(token), nil
	})
}

// bearer signs with a token that nothing can renew.
type bearer struct {
	next  transport.Doer
	token string
}

func (b bearer) Do(req *http.Request) (*http.Response, error) {
	own := req.Clone(req.Context())
	transport.Token(b.token)(own)
	return b.next.Do(own)
}

// fetch asks the identity provider for a token. Id and secret go into the body, as the vendor's own SDKs send them.
func (c Credentials) fetch(ctx context.Context, core *transport.Client) (string, error) {
	config := clientcredentials.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, TokenURL: c.TokenURL, Scopes: c.Scopes,
		AuthStyle: oauth2.AuthStyleInParams,
	}
	ctx = context.WithValue(transport.Idempotent(ctx), oauth2.HTTPClient, core.HTTP())
	token, err := config.Token(ctx)
	if refused := (*oauth2.RetrieveError)(nil); errors.As(err, &refused) {
		return "", cmp.Or(refusal(refused), err)
	}
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// refusal makes an *Error of the library's, nil when the provider's answer was no refusal by its status.
func refusal(e *oauth2.RetrieveError) error {
	e.Response.Body = io.NopCloser(bytes.NewReader(e.Body)) // read already
	return transport.Refusal(e.Response, func(_ []byte, into *Error) bool {
		into.Code, into.Message = e.ErrorCode, e.ErrorDescription
		return e.ErrorCode != ""
	})
}
