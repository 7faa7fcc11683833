package m3ter

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

const (
	tokenLife   = 5 * time.Hour
	tokenIssuer = "https://m3ter.com/oauth2"
)

type tokenHeader struct {
	Type      string `json:"typ"`
	Principal string `json:"pt"`
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

type claims struct {
	Subject      string          `json:"sub"`
	Organization string          `json:"orgId"`
	Issuer       string          `json:"iss"`
	IssuedAt     int64           `json:"iat"`
	Expires      int64           `json:"exp"`
	Permissions  map[string]bool `json:"permissions"`
}

type getBearerTokenResponse struct {
	TokenType   string  `json:"token_type"`
	AccessToken string  `json:"access_token"`
	ExpiresIn   int64   `json:"expires_in"`
	Scope       *string `json:"scope"`
}

// getBearerToken gives a token for the key and secret of a service user. They count only in the Basic header (M3T-001);
// a new token leaves the older ones valid (M3T-002).
func getBearerToken(c echo.Context) error {
	var grant string
	if kind, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType)); kind == echo.MIMEApplicationForm {
		grant = c.Request().PostFormValue("grant_type")
	} else {
		var body struct {
			GrantType string `json:"grant_type"`
		}
		if err := bind(c, &body); err != nil {
			return err
		}
		grant = body.GrantType
	}
	sb := store.SandboxOf(c.Request().Context())
	var answer getBearerTokenResponse
	err := sb.View(func(tx *store.Tx) error {
		user, ok := clientOf(tx, c.Request())
		if !ok {
			return errBadCredentials()
		}
		if grant != "client_credentials" {
			return errInvalid("grant_type must be client_credentials")
		}
		answer = getBearerTokenResponse{
			TokenType: "Bearer", AccessToken: issueToken(tx, user), ExpiresIn: int64(tokenLife / time.Second),
		}
		return nil
	})
	if err != nil {
		return err
	}
	return respondOK(c, answer)
}

// clientOf finds the service user of a token call. While no service users are listed, any key and secret will do and
// the user's id follows from the key (M3T-004).
func clientOf(tx *store.Tx, r *http.Request) (serviceUser, bool) {
	key, secret, basic := r.BasicAuth()
	if !basic {
		// The SDKs' own tests send the token call with a bearer token.
		if strings.HasPrefix(r.Header.Get(echo.HeaderAuthorization), "Bearer ") && anyConformance(tx) {
			return openUser(tx, "conformance"), true
		}
		return serviceUser{}, false
	}
	if s, _ := settingsTable.Get(tx, ""); !s.Closed {
		return openUser(tx, key), key != "" && secret != ""
	}
	user, ok := serviceUsers.Get(tx, key)
	return user, ok && subtle.ConstantTimeCompare([]byte(user.Secret), []byte(secret)) == 1
}

func openUser(tx *store.Tx, key string) serviceUser {
	return serviceUser{ID: store.UUID(store.Entropy(store.Seed(tx), "m3ter/serviceuser/"+key, 0)), Organization: openOrganization}
}

func anyConformance(tx *store.Tx) bool {
	for _, o := range organizations.Prefix(tx, "") {
		if o.Options.Conformance {
			return true
		}
	}
	return false
}

// issueToken makes a token that tells by itself whom it belongs to and how long it lasts: nothing is stored (M3T-003).
func issueToken(tx *store.Tx, user serviceUser) string {
	issued := tx.Now.Unix()
	head := tokenPart(tokenHeader{Type: "JWT", Principal: "service", Algorithm: "HS256", KeyID: "serviceUser_" + user.Organization})
	body := tokenPart(claims{
		Subject: user.ID, Organization: user.Organization, Issuer: tokenIssuer,
		IssuedAt: issued, Expires: issued + int64(tokenLife/time.Second), Permissions: map[string]bool{"*": true},
	})
	signed := head + "." + body
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign(tx, "token", signed))
}

func tokenPart(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and booleans alone
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// sign makes a signature that follows from the world's seed; purposes keep a link from passing for a token.
func sign(tx *store.Tx, purpose, text string) []byte {
	key := store.Entropy(store.Seed(tx), "m3ter/key/"+purpose, 0)
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// readToken returns the claims of a token that this world signed and that is not expired.
func readToken(tx *store.Tx, token string) (claims, bool) {
	var read claims
	signed, signature, ok := cutLast(token, ".")
	if !ok {
		return read, false
	}
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, sign(tx, "token", signed)) {
		return read, false
	}
	_, body, _ := strings.Cut(signed, ".")
	data, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(data, &read) != nil {
		return read, false
	}
	return read, tx.Now.Unix() < read.Expires
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// caller is who makes a request, and in which organization.
type caller struct {
	org   string
	rules options
	user  string // id of the service user
}

const callerKey = "m3ter.caller"

// authenticate lets those pass whose token is good and belongs to the organization in the path.
func (a *API) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		org, err := pathParam(c, "orgId")
		if err != nil {
			return err
		}
		var who caller
		err = store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
			who, err = identify(tx, c.Request(), org)
			return err
		})
		if err != nil {
			return err
		}
		c.Set(callerKey, who)
		return next(c)
	}
}

func identify(tx *store.Tx, r *http.Request, org string) (caller, error) {
	bearer, ok := strings.CutPrefix(r.Header.Get(echo.HeaderAuthorization), "Bearer ")
	if !ok || bearer == "" {
		return caller{}, errUnauthorized()
	}
	row, listed := organizations.Get(tx, org)
	who := caller{org: org, rules: row.Options}
	read, valid := readToken(tx, bearer)
	if row.Options.Conformance && !valid { // the SDKs' tests have a made-up token
		who.user = openUser(tx, "conformance").ID
		return who, nil
	}
	if !valid {
		return caller{}, errUnauthorized()
	}
	who.user = read.Subject
	if s, _ := settingsTable.Get(tx, ""); s.Closed {
		if !serviceUserIDs.Has(tx, read.Subject) {
			return caller{}, errUnauthorized()
		}
		if read.Organization != org && !row.Options.Conformance {
			return caller{}, errForbidden()
		}
		return who, nil
	}
	if !listed && !wellFormed(org) {
		return caller{}, errForbidden()
	}
	return who, nil
}

// wellFormed says whether an id is a UUID as the service writes it (M3T-010).
func wellFormed(id string) bool {
	_, err := uuid.Parse(id)
	return err == nil && len(id) == 36
}

// pathParam returns a path parameter unescaped: echo leaves it as it was sent when the path had escapes of its own.
func pathParam(c echo.Context, name string) (string, error) {
	value := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return value, nil
	}
	plain, err := url.PathUnescape(value)
	if err != nil {
		return "", errNoRoute()
	}
	return plain, nil
}

// limit holds requests to the vendor's documented rates while the sandbox has rate limits on (M3T-020).
func limitBy(rates ...rate) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			limiter := traceOf(c).Limiter
			if limiter == nil {
				return next(c)
			}
			now := store.SandboxOf(c.Request().Context()).Now()
			for _, r := range rates {
				who := c.RealIP()
				if !r.perAddress {
					who, _ = pathParam(c, "orgId")
				}
				if ok, _ := limiter.Allow(now, "m3ter/"+r.name+"/"+who, r.requests, r.per); !ok {
					return errTooManyRequests()
				}
			}
			return next(c)
		}
	}
}

// rate is a documented limit; those by address count before those by organization.
type rate struct {
	name       string
	perAddress bool
	requests   int
	per        time.Duration
}

var (
	configRates = []rate{
		{"config/address", true, 20_000, 5 * time.Minute},
		{"config/organization", false, 50, time.Second},
	}
	ingestRates = []rate{
		{"ingest/address", true, 5_000, 5 * time.Minute},
		{"ingest/organization", false, 50, time.Second},
	}
	// Two a second in the long run, bursts of twenty.
	explorerRate = rate{"explorer/organization", false, 20, 10 * time.Second}
)
