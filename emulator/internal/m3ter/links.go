package m3ter

import (
	"crypto/hmac"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// How long presigned URLs live. That of the original of an upload is not documented (M3T-045).
const (
	exportLinkLife   = 15 * time.Minute
	failureLinkLife  = 5 * time.Minute
	uploadLinkLife   = time.Minute
	originalLinkLife = 5 * time.Minute
)

// registerLinks adds what presigned URLs lead to. It is storage, not part of the vendor's API: no token, no document.
func (a *API) registerLinks() {
	a.echo.GET("/_files/exports/:org/:id/:name", a.serveLink(a.serveExport))
	a.echo.HEAD("/_files/exports/:org/:id/:name", a.serveLink(a.serveExport))
	a.echo.GET("/_files/failures/:org/:id", a.serveLink(serveFailedIngest))
	a.echo.GET("/_files/originals/:org/:id", a.serveLink(serveOriginal))
	a.echo.PUT("/_files/uploads/:org/:id", a.serveLink(receiveUpload))
}

// link is a presigned URL of a path below the mount. It tells by itself how long it lasts: nothing is stored.
func (c *call) link(life time.Duration, parts ...string) (address string, expires time.Time) {
	path := "/_files"
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	expires = c.now.Add(life)
	deadline := strconv.FormatInt(expires.UnixMilli(), 10)
	// Every call makes another URL, also where the clock stands still (M3T-028).
	serial := strconv.FormatUint(store.Next(c.tx, "m3ter/links"), 10)
	query := url.Values{
		"expires": {deadline}, "serial": {serial},
		"signature": {hex.EncodeToString(sign(c.tx, "link", linkText(path, deadline, serial)))},
	}
	return c.base + path + "?" + query.Encode(), expires
}

func linkText(path, deadline, serial string) string {
	return strings.Join([]string{path, deadline, serial}, "\n")
}

// serveLink lets those pass whose URL is signed and has not expired (M3T-028).
func (a *API) serveLink(serve echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		query := c.QueryParams()
		signature, err := hex.DecodeString(query.Get("signature"))
		if err != nil {
			return errLinkForged()
		}
		org, err := pathParam(c, "org")
		if err != nil {
			return err
		}
		err = store.SandboxOf(c.Request().Context()).View(func(tx *store.Tx) error {
			text := linkText(c.Request().URL.EscapedPath(), query.Get("expires"), query.Get("serial"))
			if !hmac.Equal(signature, sign(tx, "link", text)) {
				return errLinkForged()
			}
			deadline, err := strconv.ParseInt(query.Get("expires"), 10, 64)
			if err != nil || !tx.Now.Before(time.UnixMilli(deadline)) {
				return errLinkExpired()
			}
			row, _ := organizations.Get(tx, org)
			c.Set(callerKey, caller{org: org, rules: row.Options})
			return nil
		})
		if err != nil {
			return err
		}
		return a.catchUp(serve)(c)
	}
}
