package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/submeter/submeter/clients/internal/jobs"
)

func TestWaitsGrowByHalfUpToTheLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := jobs.Pace{Next: 4 * time.Second, Longest: 10 * time.Second}
		for _, want := range []time.Duration{4, 6, 9, 10, 10} {
			start := time.Now()
			if err := pace.Pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != want*time.Second {
				t.Errorf("waited %s, want %s", got, want*time.Second)
			}
		}
	})
}

func TestAWaitEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		pace := jobs.Pace{Next: time.Hour, Longest: time.Hour}
		start := time.Now()
		if err := pace.Pause(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
	})
}

func TestASpoolHoldsWhatWasWrittenOnEitherSideOfItsBound(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	text := bytes.Repeat([]byte("0123456789"), 10)
	for _, bound := range []int64{0, 1, 50, 99, 100, 101} {
		spool := jobs.NewSpool(bound)
		for part := range 10 {
			if n, err := spool.Write(text[part*10 : part*10+10]); n != 10 || err != nil {
				t.Fatalf("bound %d: wrote %d (%v)", bound, n, err)
			}
		}
		got, err := io.ReadAll(io.NewSectionReader(spool.Reader(), 5, 90))
		if err != nil || !bytes.Equal(got, text[5:95]) || spool.Size() != 100 {
			t.Errorf("bound %d: read %q of %d bytes (%v)", bound, got, spool.Size(), err)
		}
		files, _ := os.ReadDir(temporary)
		if onDisk := len(files) == 1; onDisk != (bound < 100) {
			t.Errorf("bound %d: there are %d files", bound, len(files))
		}
		if err := errors.Join(spool.Close(), spool.Close()); err != nil {
			t.Error(err)
		}
		if files, _ := os.ReadDir(temporary); len(files) != 0 {
			t.Errorf("bound %d: a file is left", bound)
		}
	}
}
