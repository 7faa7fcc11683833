package informatica

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/submeter/submeter/emulator/internal/store"
)

// newJWT makes a token in three parts for an organization that has switched to them. Its signature is none: clients
// must take tokens as they are (INF-005).
func newJWT(tx *store.Tx, s session) string {
	entropy := store.NewEntropy(tx, "informatica/jwt")
	header := map[string]any{"alg": "RS256", "typ": "JWT", "kid": "submeter"}
	claims := map[string]any{
		"iss": "submeter", "sub": s.User, "org_id": s.Org, "jti": store.Base62(entropy, idLength),
		"iat": s.Created.Unix(), "exp": s.Created.Add(sessionLife).Unix(), "created": s.Created.Format(time.RFC3339Nano),
	}
	var signature []byte
	for block := entropy; len(signature) < 256; {
		block = sha256.Sum256(block[:])
		signature = append(signature, block[:]...)
	}
	return segment(header) + "." + segment(claims) + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func segment(value map[string]any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts and numbers only
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// newID draws an id of the vendor's form.
func newID(tx *store.Tx, kind string) string {
	return store.Base62(store.NewEntropy(tx, vendor+"/"+kind), idLength)
}
