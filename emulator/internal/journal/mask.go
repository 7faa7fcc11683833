package journal

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
)

const masked = "***"

// secretHeaders carry credentials with one vendor or another.
var secretHeaders = []string{
	"Authorization", "Cookie", "Set-Cookie", "Infa-Session-Id", "Icsessionid", "Ids-Session-Id", "Api-Key",
}

// secretFields are the names under which bodies and queries carry credentials, in lower case.
var secretFields = []string{
	"password", "client_secret", "access_token", "sessionid", "icsessionid", "ictoken", "webhook_secret", "secretkey",
	"refresh_token", "signature",
}

var (
	secretJSON = regexp.MustCompile(`(?i)("(?:` + strings.Join(secretFields, "|") + `)"\s*:\s*)"(?:[^"\\]|\\.)*"`)
	secretForm = regexp.MustCompile(`(?i)(^|[&;])((?:[\w.-]*)(?:` + strings.Join(secretFields, "|") + `)=)[^&;]*`)
)

func maskHeader(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range secretHeaders {
		if _, ok := h[name]; !ok {
			continue
		}
		value := masked
		if scheme, _, ok := strings.Cut(h.Get(name), " "); ok && name == "Authorization" {
			value = scheme + " " + masked
		}
		h[name] = []string{value}
	}
	return h
}

func maskForm(query string) string {
	if query == "" || !holdsSecret([]byte(query)) {
		return query
	}
	return secretForm.ReplaceAllString(query, "${1}${2}"+masked)
}

// maskBody masks what a JSON or form body says under a secret's name. A copy is made only where there is something to
// mask.
func maskBody(body []byte, contentType string) []byte {
	if len(body) == 0 || !holdsSecret(body) {
		return body
	}
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		return secretForm.ReplaceAll(body, []byte("${1}${2}"+masked))
	}
	return secretJSON.ReplaceAll(body, []byte(`${1}"`+masked+`"`))
}

// holdsSecret is the quick look that most bodies end with.
func holdsSecret(body []byte) bool {
	lower := bytes.ToLower(body)
	for _, name := range secretFields {
		if bytes.Contains(lower, []byte(name)) {
			return true
		}
	}
	return false
}
