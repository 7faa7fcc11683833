package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/submeter/submeter/clients/metronome"
)

// Exit codes that pull adds, so that a script can tell what is worth trying again.
const (
	exitRefused   = 3 // the vendor does not accept the credentials
	exitJobFailed = 4 // the vendor took the request, and its job failed
)

const clientGroup = "client"

// codedError is a failure with an exit code of its own.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// pull is one call of a pull command: what it is asked to write, and where.
type pull struct {
	*app
	format choice
	file   string
	told   *progress
}

func (a *app) pullCommand() *cobra.Command {
	p := &pull{app: a, format: newChoice("table", "table", "csv", "jsonl")}
	cmd := &cobra.Command{
		Use:   "pull",
		Short: "Fetch usage from a vendor, or from submeter in its place",
		Long: `Fetch usage from a vendor, or from submeter in its place, as a table, CSV or JSON Lines. Quantities are written
exactly as the vendor sent them.

Credentials come from the environment alone. Without a base URL the vendor itself is asked where it has one address.
The exit code tells what happened: 0 all rows are written, 1 failure, 2 the command line or the environment makes no
sense, 3 the vendor refused the credentials, 4 the vendor's job failed.`,
		Example: `  submeter pull metronome --base-url http://127.0.0.1:4010/metronome --from 2026-03-01 --to 2026-04-01
  submeter pull metronome --from 2026-03-01 --to 2026-04-01 --output csv --out march.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.VarP(&p.format, "output", "o", "how to write")
	flags.StringVar(&p.file, "out", "", "`FILE` to write to, which appears once it is complete (default: standard output)")
	cmd.AddCommand(p.informaticaCommand(), p.m3terCommand(), p.cogniteCommand(), p.metronomeCommand())
	return cmd
}

// job makes the body of a pull command: SIGINT and SIGTERM end it in order, and its failure gets its exit code.
func (p *pull) job(do func(ctx context.Context) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		p.told = newProgress(p.stderr)
		err := do(ctx)
		p.told.clear()
		if errors.Is(err, metronome.ErrSignIn) { // the clients of all vendors share it
			return codedError{err, exitRefused}
		}
		return err
	}
}

// envFlag makes a flag that a variable of the environment, with the name that the vendor's own tools know, can set.
func envFlag(flags *pflag.FlagSet, to *string, name, key, start, usage string) {
	flags.StringVar(to, name, start, usage+" [$"+key+"]")
	flags.Lookup(name).Annotations = map[string][]string{envAnnotation: {key}}
}

// secret reads a credential, which has no flag: command lines can be seen by others.
func (p *pull) secret(key string) string {
	value, _ := p.lookupEnv(key)
	return value
}

func (p *pull) mustSecret(key string) (string, error) {
	if value := p.secret(key); value != "" {
		return value, nil
	}
	return "", usageError{fmt.Errorf("%s is not set in the environment", key)}
}

// span is the range that most of what can be pulled asks for.
type span struct{ from, to time.Time }

func addSpanFlags(cmd *cobra.Command, s *span) {
	cmd.Flags().TimeVar(&s.from, "from", time.Time{}, instantLayouts, "first `instant`, such as 2026-03-01 or 2026-03-01T06:00:00Z")
	cmd.Flags().TimeVar(&s.to, "to", time.Time{}, instantLayouts, "first `instant` after the range")
}

// check is for commands that have children: a required flag of theirs would be required of the children, too.
func (s span) check() error {
	switch {
	case s.from.IsZero() || s.to.IsZero():
		return usageError{errors.New("want both --from and --to")}
	case !s.from.Before(s.to):
		return usageError{errors.New("--to is not after --from")}
	}
	return nil
}

// column is one column of what is written: its name, and its value in an item.
type column[T any] struct {
	name string
	of   func(T) any
}

// record is one row: cells under the names of columns.
type record struct {
	columns []string
	cells   []any
}

// write writes all items as rows.
func write[T any](p *pull, what string, columns []column[T], items iter.Seq2[T, error]) error {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return p.write(what, names, func(yield func(record, error) bool) {
		for item, err := range items {
			r := record{columns: names}
			if err == nil {
				r.cells = make([]any, len(columns))
				for i, c := range columns {
					r.cells[i] = c.of(item)
				}
			}
			if !yield(r, err) {
				return
			}
		}
	})
}

// write writes all rows. All have the columns of the header, except in JSON Lines, where each has its own. None is lost
// when it succeeds; when it fails there is no file.
func (p *pull) write(what string, header []string, rows iter.Seq2[record, error]) (err error) {
	to, err := p.open()
	if err != nil {
		return err
	}
	defer func() { err = to.done(err) }()
	out, n := newSheet(p.format.value, to, header), 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := out.row(row); err != nil {
			return err
		}
		n++
		p.told.say("%d %s", n, what)
	}
	p.told.clear() // before a table is written to the same terminal
	return out.end()
}
