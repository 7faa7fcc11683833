package informatica

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	callbackTimeout = 5 * time.Second
	callbacksAtOnce = 16
)

// callbacks posts the status of finished jobs to whom they concern: once each, with no retry and no credentials, and
// unless a scenario allows more to the loopback interface alone (INF-032).
type callbacks struct {
	log      *slog.Logger
	near     http.Client // reaches the loopback interface only
	anywhere http.Client
	slots    chan struct{}
}

var errNotLoopback = errors.New("callbacks go to the loopback interface only; the option callbacks_anywhere allows more")

func newCallbacks(log *slog.Logger) *callbacks {
	// A redirect is an answer like any other: it must not lead a callback to where it may not go.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	near := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		if host, _, err := net.SplitHostPort(address); err != nil || !net.ParseIP(host).IsLoopback() {
			return errNotLoopback
		}
		return nil
	}}
	return &callbacks{
		log:   log,
		slots: make(chan struct{}, callbacksAtOnce),
		near: http.Client{
			Timeout: callbackTimeout, CheckRedirect: stay,
			Transport: &http.Transport{DialContext: near.DialContext, DisableKeepAlives: true},
		},
		anywhere: http.Client{
			Timeout: callbackTimeout, CheckRedirect: stay, Transport: &http.Transport{DisableKeepAlives: true},
		},
	}
}

// send posts a body and returns at once.
func (k *callbacks) send(target string, body []byte, anywhere bool) {
	client := &k.near
	if anywhere {
		client = &k.anywhere
	} else if !isNear(target) { // not even the name of the host is looked up
		k.log.Info("a callback was not sent", "url", target, "reason", errNotLoopback)
		return
	}
	go func() {
		k.slots <- struct{}{}
		defer func() { <-k.slots }()
		answer, err := client.Post(target, echo.MIMEApplicationJSON, bytes.NewReader(body))
		if err != nil {
			k.log.Warn("a callback failed", "url", target, "error", err)
			return
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16))
		_ = answer.Body.Close()
		k.log.Info("a callback was sent", "url", target, "status", answer.StatusCode)
	}()
}

// isNear tells by its name whether a host is the machine itself.
func isNear(target string) bool {
	u, err := url.Parse(target)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}
