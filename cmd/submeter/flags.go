package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const envAnnotation = "submeter_env"

// fromEnv lets the environment set the named flags: --max-body is SUBMETER_MAX_BODY. Only flags named here can be,
// so that SUBMETER_SEED, meant for the server, does not change what `submeter reset` does.
func fromEnv(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		f := flags.Lookup(name)
		if f == nil {
			panic("no flag " + name)
		}
		key := "SUBMETER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		f.Annotations = map[string][]string{envAnnotation: {key}}
		f.Usage += " [$" + key + "]"
	}
}

// applyEnv sets from the environment what the command line left open. An empty variable counts as unset, since
// container files pass variables on that way.
func applyEnv(cmd *cobra.Command, lookup func(string) (string, bool)) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		key := f.Annotations[envAnnotation]
		if len(key) == 0 || f.Changed || failed != nil {
			return
		}
		value, _ := lookup(key[0])
		if value == "" {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failed = fmt.Errorf("%s: %w", key[0], err)
		}
	})
	return failed
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

// newChoice returns a choice among words that starts out as one of them.
func newChoice(start string, words ...string) choice { return choice{start, words} }

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.allowed, "|") }

func (c *choice) Set(text string) error {
	if !slices.Contains(c.allowed, text) {
		return fmt.Errorf("want %s", strings.Join(c.allowed, " or "))
	}
	c.value = text
	return nil
}

// byteSize is a flag that takes a size as people write it: 10MiB, 512kB, 1000.
type byteSize struct {
	text  string
	bytes int64
}

// newByteSize returns a size with a default, which must be well formed.
func newByteSize(text string) byteSize {
	var s byteSize
	if err := s.Set(text); err != nil {
		panic(err)
	}
	return s
}

func (s *byteSize) String() string { return s.text }
func (s *byteSize) Type() string   { return "size" }

func (s *byteSize) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return fmt.Errorf("want a size of at least one byte, such as 512kB or 10MiB")
	}
	s.text, s.bytes = text, int64(n)
	return nil
}
