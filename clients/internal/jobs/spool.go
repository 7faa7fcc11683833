package jobs

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// Spool keeps what is written to it where it can be read at any place: in memory, or beyond a bound in a temporary file.
// It is closed once nothing reads from it any more.
type Spool struct {
	bound  int64
	memory []byte
	file   *os.File
	size   int64
}

// NewSpool returns an empty spool that keeps up to so many bytes in memory.
func NewSpool(bound int64) *Spool { return &Spool{bound: bound} }

// Write appends.
func (s *Spool) Write(p []byte) (int, error) {
	if s.file == nil && s.size+int64(len(p)) <= s.bound {
		s.memory = append(s.memory, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	if s.file == nil {
		var err error
		if s.file, err = os.CreateTemp("", "submeter-export-*"); err != nil {
			return 0, err
		}
		if _, err := s.file.Write(s.memory); err != nil {
			return 0, err
		}
		s.memory = nil
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

// Size is how many bytes were written.
func (s *Spool) Size() int64 { return s.size }

// Reader reads what was written so far, at any place; it is safe for concurrent use.
func (s *Spool) Reader() io.ReaderAt {
	if s.file != nil {
		return s.file
	}
	return bytes.NewReader(s.memory)
}

// Close removes the temporary file. It may be called twice.
func (s *Spool) Close() error {
	s.memory = nil
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
