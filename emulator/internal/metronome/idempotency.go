package metronome

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// keptFor is how long an answer is kept under its Idempotency-Key, in sandbox time. // MET-025
const keptFor = 24 * time.Hour

// keptAnswer is the answer to a request that came with an Idempotency-Key.
type keptAnswer struct {
	Request []byte    `json:"request"` // fingerprint
	Status  int       `json:"status"`
	Body    []byte    `json:"body,omitempty"`
	Kept    time.Time `json:"kept"`
}

// claim is the hold of one request on its Idempotency-Key.
type claim struct {
	key     string
	request []byte // fingerprint
}

// holder tells the claims under way apart: keys of two sandboxes or environments have nothing to do with each other.
type holder struct {
	sandbox     *store.Sandbox
	environment string
	key         string
}

const claimKey = "metronome/claim"

func claimOf(c echo.Context) *claim {
	held, _ := c.Get(claimKey).(*claim)
	return held
}

// once has a POST with an Idempotency-Key done once: the same request with the same key within a day gets the same
// answer, another request with that key 409, and so does one that comes while the first is still under way. Answers of
// 4xx are not kept, so that a client can mend its request.
func (a *API) once(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		key := c.Request().Header.Get("Idempotency-Key")
		if key == "" || c.Request().Method != http.MethodPost {
			return next(c)
		}
		sandbox, who := store.SandboxOf(c.Request().Context()), callerOf(c)
		held := holder{sandbox, who.environment, key}
		if _, taken := a.claims.LoadOrStore(held, nil); taken {
			return errKeyInUse()
		}
		defer a.claims.Delete(held)
		request, err := fingerprint(c.Request())
		if err != nil {
			return err
		}
		mine := &claim{key: key, request: request}
		c.Set(claimKey, mine)
		err = next(c)
		// The vendor keeps failures of its own, too. A strict referee has written the error already.
		if r, internal := refusalOf(err); internal && (err != nil || c.Response().Status == r.Status) {
			keeping := sandbox.Update(func(tx *store.Tx) error {
				mine.keep(tx, who, r.Status, encodeJSON(r))
				return nil
			})
			if keeping != nil {
				a.log.Error("metronome: answer not kept", "error", keeping)
			}
		}
		return err
	}
}

// recall returns the answer kept under the key, if there is one. It refuses when that was to another request.
func (k *claim) recall(tx *store.Tx, who caller) (keptAnswer, bool, error) {
	kept, ok := keptAnswers.Get(tx, in(who.environment, k.key))
	if !ok || !tx.Now.Before(kept.Kept.Add(keptFor)) {
		return keptAnswer{}, false, nil
	}
	if !bytes.Equal(kept.Request, k.request) {
		return keptAnswer{}, false, errKeyReused()
	}
	return kept, true, nil
}

func (k *claim) keep(tx *store.Tx, who caller, status int, body []byte) {
	keptAnswers.Put(tx, in(who.environment, k.key), keptAnswer{Request: k.request, Status: status, Body: body, Kept: tx.Now})
}

// fingerprint tells requests apart by method, path, query and meaning of the body.
func fingerprint(r *http.Request) ([]byte, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if meaning, err := canonical(body); err == nil {
		body = meaning
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		query = url.Values{"": {r.URL.RawQuery}}
	}
	sum := sha256.New()
	for _, part := range []string{r.Method, r.URL.Path, query.Encode(), string(body)} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return sum.Sum(nil), nil
}
