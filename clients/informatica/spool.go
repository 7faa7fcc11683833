package informatica

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// spool keeps an archive where it can be read at any place: in memory, or beyond a bound in a temporary file.
type spool struct {
	bound  int64
	memory []byte
	file   *os.File
	size   int64
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.size+int64(len(p)) <= s.bound {
		s.memory = append(s.memory, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	if s.file == nil {
		var err error
		if s.file, err = os.CreateTemp("", "metering-*.zip"); err != nil {
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

// reader reads what was written; it is safe for concurrent use.
func (s *spool) reader() io.ReaderAt {
	if s.file != nil {
		return s.file
	}
	return bytes.NewReader(s.memory)
}

// Close removes the temporary file. It may be called twice.
func (s *spool) Close() error {
	s.memory = nil
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
