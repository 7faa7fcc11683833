package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
)

// A client that sends or reads nothing for so long is cut off.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 60 * time.Second
	idleTimeout   = 120 * time.Second
	// settleEvery is how often sandboxes whose time runs are looked after: callbacks sent, schedules fired.
	settleEvery = 200 * time.Millisecond
)

// Listen binds an address such as 127.0.0.1:4010, port 0 for any free one, and serves in the background.
func (e *Emulator) Listen(addr string) error {
	s := &e.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return errors.New("the emulator listens already")
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	s.listener, s.done = listener, make(chan struct{})
	s.http = &http.Server{
		Handler: e, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
	}
	s.ticker = clock.Every(settleEvery, e.settleRunning)
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.err = err
		}
	}()
	return nil
}

// Addr returns the address that is listened on; empty before Listen.
func (e *Emulator) Addr() string {
	e.server.mu.Lock()
	defer e.server.mu.Unlock()
	if e.server.listener == nil {
		return ""
	}
	return e.server.listener.Addr().String()
}

// Wait returns when serving has ended: nil after Close or Shutdown, else why.
func (e *Emulator) Wait() error {
	e.server.mu.Lock()
	done := e.server.done
	e.server.mu.Unlock()
	if done == nil {
		return errors.New("the emulator does not listen")
	}
	<-done
	return e.server.err
}

func (s *serving) stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return nil
	}
	s.ticker.Stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}
