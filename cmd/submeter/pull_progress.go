package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// How often a person wants to see a number change.
const progressEvery = 100 * time.Millisecond

// progress keeps one line of a terminal up to date. Where there is no terminal it says nothing.
type progress struct {
	to    io.Writer // nil: no terminal
	now   func() time.Time
	last  time.Time
	shown bool
}

func newProgress(stderr io.Writer) *progress {
	if f, ok := stderr.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return &progress{to: f, now: time.Now}
	}
	return &progress{}
}

func (p *progress) say(format string, args ...any) {
	if p.to == nil || (p.shown && p.now().Sub(p.last) < progressEvery) {
		return
	}
	p.last, p.shown = p.now(), true
	_, _ = fmt.Fprintf(p.to, "\r"+format+"\x1b[K", args...) // to the line's start; then what is left of the last text goes
}

// clear leaves the line to what is written next, the rows or an error.
func (p *progress) clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.to, "\r\x1b[K")
		p.shown = false
	}
}
