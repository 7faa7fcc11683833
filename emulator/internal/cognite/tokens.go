package cognite

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

type issueTokenResponse struct {
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	AccessToken string `json:"access_token"`
}

// issueToken stands in for the identity provider, on any of its paths: a token for client credentials, which come in
// the form, as the Python SDK sends them, or in a Basic header. Scopes and other fields are not looked at. // COG-045
func issueToken(c echo.Context) error {
	id, secret, err := clientCredentials(c.Request())
	if err != nil {
		return err
	}
	rules := settingsFor(c)
	answer := issueTokenResponse{TokenType: "Bearer", ExpiresIn: rules.Options.TokenLifetimeSeconds}
	err = store.SandboxOf(c.Request().Context()).Update(func(tx *store.Tx) error {
		application, ok := clientOf(tx, rules, id, secret)
		if !ok {
			return errBadClient()
		}
		// Earlier tokens stay good until they expire. // COG-046
		answer.AccessToken = "emu-" + store.Base62(store.NewEntropy(tx, "cognite/token"), 32)
		tokens.Put(tx, answer.AccessToken, token{
			Subject: application.Subject, Client: id, Groups: application.Groups,
			Expires: tx.Now.Unix() + int64(answer.ExpiresIn),
		})
		return nil
	})
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return respond(c, http.StatusOK, answer)
}

func clientCredentials(r *http.Request) (id, secret string, err error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); kind != echo.MIMEApplicationForm {
		return "", "", errTokenRequest(http.StatusBadRequest, "The request must be "+echo.MIMEApplicationForm)
	}
	if err := r.ParseForm(); err != nil {
		var broken *wire.BodyError
		if errors.As(err, &broken) {
			return "", "", errTokenRequest(broken.Status, broken.Message)
		}
		return "", "", errTokenRequest(http.StatusBadRequest, "The form is malformed")
	}
	if r.PostForm.Get("grant_type") != "client_credentials" {
		return "", "", errGrantType()
	}
	if id, secret, basic := r.BasicAuth(); basic {
		return unescaped(id), unescaped(secret), nil
	}
	return r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"), nil
}

// unescaped undoes the form encoding that OAuth 2.0 asks for inside a Basic header; a client that leaves it out sends
// what cannot be unescaped, or comes out the same.
func unescaped(part string) string {
	if plain, err := url.QueryUnescape(part); err == nil {
		return plain
	}
	return part
}

// clientOf finds an application by its credentials. While the scenario lists neither clients nor tokens, any will do.
// COG-051
func clientOf(tx *store.Tx, rules settings, id, secret string) (client, bool) {
	if id == "" || secret == "" {
		return client{}, false
	}
	if !rules.Closed {
		return client{Subject: id}, true
	}
	c, ok := clients.Get(tx, id)
	return c, ok && subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) == 1
}

type inspectTokenResponse struct {
	Subject      string             `json:"subject"`
	Projects     []inspectedProject `json:"projects"`
	Capabilities []map[string]any   `json:"capabilities"`
}

type inspectedProject struct {
	ProjectURLName string  `json:"projectUrlName"`
	Groups         []int64 `json:"groups"`
}

type projectScope struct {
	Projects []string `json:"projects"`
}

// acl is a capability on the wire, under its ACL's name.
type acl struct {
	Actions []string        `json:"actions"`
	Scope   json.RawMessage `json:"scope"`
}

// inspectToken tells what a valid token reaches, even when that is nothing: the Python SDK asks just then. // COG-047
func inspectToken(c echo.Context) error {
	who := callerOf(c)
	answer := inspectTokenResponse{Subject: who.Subject, Projects: []inspectedProject{}, Capabilities: []map[string]any{}}
	err := store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
		for name := range projects.Prefix(tx, "") {
			of := memberships(tx, name, who.token)
			if len(of) == 0 {
				continue
			}
			seen := inspectedProject{ProjectURLName: name}
			for _, row := range of {
				seen.Groups = append(seen.Groups, groupID(row.ID))
				for _, held := range row.Value.Capabilities {
					answer.Capabilities = append(answer.Capabilities, map[string]any{
						held.ACL: acl{held.Actions, held.Scope}, "projectScope": projectScope{[]string{name}},
					})
				}
			}
			answer.Projects = append(answer.Projects, seen)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return respond(c, http.StatusOK, answer)
}
