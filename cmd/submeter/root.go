package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes, as scripts may rely on them.
const (
	exitOK      = 0
	exitFailure = 1 // the command was understood and failed
	exitUsage   = 2 // the command line or the environment makes no sense
)

const (
	serverGroup  = "server"
	controlGroup = "control"
)

// app is one call of the program: where it writes, what environment it sees, and the flags that commands share.
type app struct {
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	running        bool // a command's own code has begun, so a failure is no longer one of usage

	url, sandbox string
	output       choice
}

// usageError is a mistake in the command line that only the command itself could find.
type usageError struct{ error }

// run carries out one command line and returns its exit code. A failure is told on stderr in one line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, lookupEnv func(string) (string, bool)) int {
	a := &app{stdout: stdout, stderr: stderr, lookupEnv: lookupEnv}
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if usage := (usageError{}); !a.running || errors.As(err, &usage) {
		_, _ = fmt.Fprintf(stderr, "submeter: %s (see %q)\n", oneLine(err), cmd.CommandPath()+" --help")
		return exitUsage
	}
	_, _ = fmt.Fprintf(stderr, "submeter: %s\n", oneLine(err))
	if coded := (codedError{}); errors.As(err, &coded) {
		return coded.code
	}
	return exitFailure
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "submeter",
		Short: "A local, stateful emulator of usage-metering APIs",
		Long: `submeter emulates the usage-metering APIs of Informatica IDMC, m3ter, Cognite Data Fusion and Metronome.
Point an unmodified client at it instead of the vendor: what the client ingests is what its queries add up to.

Every test can have a sandbox of its own: put /~name in front of the path, and the name is made on first use.`,
		Example: `  submeter serve
  submeter clock freeze 2026-01-31T23:59:00Z
  submeter clock advance P1M --sandbox checkout-17
  submeter requests list --vendor metronome --status 400`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return applyEnv(cmd, a.lookupEnv) },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.AddGroup(
		&cobra.Group{ID: serverGroup, Title: "Server:"},
		&cobra.Group{ID: controlGroup, Title: "Control of a running server:"},
		&cobra.Group{ID: clientGroup, Title: "Clients of the vendors:"},
	)
	fetch := a.pullCommand()
	fetch.GroupID = clientGroup
	root.AddCommand(fetch)
	for _, cmd := range []*cobra.Command{a.serveCommand(), a.healthcheckCommand(), a.versionCommand()} {
		cmd.GroupID = serverGroup
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{
		a.infoCommand(), a.sandboxesCommand(), a.resetCommand(), a.clockCommand(), a.snapshotCommand(),
		a.requestsCommand(), a.jobsCommand(), a.transitionsCommand(), a.cogniteCommand(), a.rateLimitsCommand(), a.coverageCommand(), a.openAPICommand(),
	} {
		cmd.GroupID = controlGroup
		a.addControlFlags(cmd)
		root.AddCommand(cmd)
	}
	a.markRunning(root)
	return root
}

// markRunning makes every command say when its own code begins: what fails before that (flags, arguments, the
// environment, an unknown command) is a mistake of usage.
func (a *app) markRunning(cmd *cobra.Command) {
	if inner := cmd.RunE; inner != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.running = true
			return inner(cmd, args)
		}
	}
	for _, child := range cmd.Commands() {
		a.markRunning(child)
	}
}

// group makes a command of several: alone it does what the first of them does without flags, which is to show, and an
// unknown word behind it is refused, which cobra does for the root alone.
func group(cmd, shows *cobra.Command, others ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = shows.RunE
	cmd.AddCommand(shows)
	cmd.AddCommand(others...)
	return cmd
}

func oneLine(err error) string {
	text := err.Error()
	if errors.Is(err, syscall.ECONNREFUSED) {
		text += `; is "submeter serve" running there?`
	}
	text = strings.Replace(strings.TrimSpace(text), "\n\nDid you mean this?\n\t", "; did you mean ", 1)
	text = strings.ReplaceAll(text, "\n", "; ") // errors.Join puts each error on its own line
	return strings.Join(strings.Fields(text), " ")
}
