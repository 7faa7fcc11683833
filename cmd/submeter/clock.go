package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) clockCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "clock",
		Short: "Read, freeze and move the sandbox's clock",
		Long: `Read, freeze and move the sandbox's clock. Jobs, sessions, tokens, download links and windows of every
vendor hang on it, so a test can live through a month without waiting.`,
		Example: `  submeter clock
  submeter clock freeze 2026-01-31T23:59:00Z
  submeter clock advance P1M`,
	}, a.clockGetCommand(), a.clockFreezeCommand(), a.clockResumeCommand(), a.clockAdvanceCommand())
}

func (a *app) showClock(clock control.Clock, err error) error {
	if err != nil {
		return err
	}
	return a.show(clock, table.Row{"now", "mode"}, []table.Row{{instant(clock.Now), clock.Mode}})
}

func (a *app) clockGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "get",
		Short:   "Read the clock",
		Example: `  submeter clock get`,
		Args:    cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			return a.showClock(client.Clock(cmd.Context()))
		}),
	}
}

func (a *app) clockFreezeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "freeze [INSTANT]",
		Short: "Stop the clock, where it is or at an instant",
		Example: `  submeter clock freeze
  submeter clock freeze 2026-01-31T23:59:00Z
  submeter clock freeze 2026-02-01`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			var at time.Time
			if len(args) > 0 {
				var err error
				if at, err = parseInstant(args[0]); err != nil {
					return usageError{err}
				}
			}
			return a.showClock(client.Freeze(cmd.Context(), at))
		}),
	}
}

func (a *app) clockResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "resume",
		Short:   "Let the clock run on from where it stands",
		Example: `  submeter clock resume`,
		Args:    cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			return a.showClock(client.Resume(cmd.Context()))
		}),
	}
}

func (a *app) clockAdvanceCommand() *cobra.Command {
	var to time.Time
	cmd := &cobra.Command{
		Use:   "advance [DURATION]",
		Short: "Move the clock forward and print what came due",
		Long: `Move the clock forward, settle what is due by then, and print it in the order of its instants.

A duration is written as 90s, 36h or 1h30m, with days and weeks as 2d and 1w, or in ISO 8601 as P1M or PT15M.`,
		Example: `  submeter clock advance 36h
  submeter clock advance P1M
  submeter clock advance --to 2026-03-01T00:00:00Z`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			switch toInstant := cmd.Flags().Changed("to"); {
			case toInstant == (len(args) > 0):
				return usageError{errors.New("want either a duration or --to")}
			case toInstant:
				return a.showAdvanced(client.AdvanceTo(cmd.Context(), to))
			default:
				return a.showAdvanced(client.Advance(cmd.Context(), args[0]))
			}
		}),
	}
	cmd.Flags().TimeVar(&to, "to", time.Time{}, instantLayouts, "`instant` to move to")
	return cmd
}

func (a *app) showAdvanced(advanced control.Advanced, err error) error {
	if err != nil {
		return err
	}
	if a.output.value == "json" {
		return a.showJSON(advanced)
	}
	if _, err := fmt.Fprintf(a.stdout, "now %s, %d came due\n", instant(advanced.Now), len(advanced.Fired)); err != nil {
		return err
	}
	if len(advanced.Fired) == 0 {
		return nil
	}
	rows := make([]table.Row, len(advanced.Fired))
	for i, f := range advanced.Fired {
		rows[i] = table.Row{instant(f.At), f.Vendor, f.Kind, f.ID, f.From, f.To}
	}
	return a.showTable(table.Row{"at", "vendor", "kind", "id", "from", "to"}, rows)
}
