package emulator

import (
	"fmt"

	"github.com/submeter/submeter/emulator/internal/journal"
)

// Exchange is one recorded request to a vendor and its answer, secrets masked.
type Exchange = journal.Exchange

// Filter chooses exchanges; a zero field chooses all.
type Filter = journal.Filter

// Requests returns the exchanges that the sandbox's journal still holds and the filter chooses, oldest first.
func (s *Sandbox) Requests(f Filter) ([]Exchange, error) {
	var list []Exchange
	err := s.use(func(b *box) error { list = b.journal.List(f); return nil })
	return list, err
}

// Request returns one exchange by its id.
func (s *Sandbox) Request(id int64) (Exchange, error) {
	var found Exchange
	err := s.use(func(b *box) error {
		var ok bool
		if found, ok = b.journal.Get(id); !ok {
			return fmt.Errorf("%w: the journal holds no exchange %d", ErrNotFound, id)
		}
		return nil
	})
	return found, err
}

// CountRequests returns how many exchanges the journal holds that the filter chooses.
func (s *Sandbox) CountRequests(f Filter) (int, error) {
	var n int
	err := s.use(func(b *box) error { n = b.journal.Count(f); return nil })
	return n, err
}

// ClearRequests empties the journal.
func (s *Sandbox) ClearRequests() error {
	return s.use(func(b *box) error { b.journal.Clear(); return nil })
}
