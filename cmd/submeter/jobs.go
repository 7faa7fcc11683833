package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) jobsCommand() *cobra.Command {
	list := &cobra.Command{
		Use:     "jobs",
		Short:   "List the vendors' jobs, or force one",
		Long:    `List the asynchronous jobs of all vendors, such as exports, as they stand now.`,
		Example: `  submeter jobs --sandbox checkout-17`,
		Args:    cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			jobs, err := client.Jobs(cmd.Context())
			if err != nil {
				return err
			}
			return a.showJobs(jobs, jobs...)
		}),
	}
	list.AddCommand(a.jobsForceCommand())
	return list
}

func (a *app) jobsForceCommand() *cobra.Command {
	var cause string
	cmd := &cobra.Command{
		Use:     "force ID STATE",
		Short:   "Put a job into a state for good",
		Example: `  submeter jobs force fKtHF4vUCsMehGAkWvj7FA FAILED --error "disk full"`,
		Args:    cobra.ExactArgs(2),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			job, err := client.ForceJob(cmd.Context(), args[0], args[1], cause)
			if err != nil {
				return err
			}
			return a.showJobs(job, job)
		}),
	}
	cmd.Flags().StringVar(&cause, "error", "", "what the job says went wrong")
	return cmd
}

func (a *app) showJobs(value any, jobs ...control.Job) error {
	rows := make([]table.Row, len(jobs))
	for i, j := range jobs {
		rows[i] = table.Row{j.Vendor, j.Kind, j.ID, j.State, instant(j.Since), instant(j.CreatedAt), orDash(j.Error)}
	}
	return a.show(value, table.Row{"vendor", "kind", "id", "state", "since", "created at", "error"}, rows)
}

func (a *app) transitionsCommand() *cobra.Command {
	show := &cobra.Command{
		Use:   "transitions VENDOR/KIND",
		Short: "Tell or set how jobs made from now on live",
		Long: `Tell how jobs of a vendor's kind made from now on live: for how long, or for how many polls, they stay in each
state, and how they end.`,
		Example: `  submeter transitions informatica/export
  submeter transitions set informatica/export CREATED=2polls PROCESSING=40s FAILED --error "disk full"
  submeter transitions clear informatica/export`,
		Args: cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			vendor, kind, err := splitKind(args[0])
			if err != nil {
				return err
			}
			rule, err := client.Transitions(cmd.Context(), vendor, kind)
			return a.showTransitions(rule, err)
		}),
	}
	show.AddCommand(a.transitionsSetCommand(), a.transitionsClearCommand())
	return show
}

func (a *app) transitionsSetCommand() *cobra.Command {
	var cause string
	cmd := &cobra.Command{
		Use:     "set VENDOR/KIND [STATE=DURATION|STATE=Npolls]... OUTCOME",
		Short:   "Set the states of jobs made from now on, and their outcome",
		Example: `  submeter transitions set informatica/export CREATED=1s PROCESSING=3polls SUCCESS`,
		Args:    cobra.MinimumNArgs(2),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			vendor, kind, err := splitKind(args[0])
			if err != nil {
				return err
			}
			rule := control.Transitions{Legs: []control.Leg{}, Outcome: args[len(args)-1], Error: cause}
			for _, text := range args[1 : len(args)-1] {
				leg, err := parseLeg(text)
				if err != nil {
					return err
				}
				rule.Legs = append(rule.Legs, leg)
			}
			rule, err = client.SetTransitions(cmd.Context(), vendor, kind, rule)
			return a.showTransitions(rule, err)
		}),
	}
	cmd.Flags().StringVar(&cause, "error", "", "what the jobs say went wrong")
	return cmd
}

func (a *app) transitionsClearCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "clear VENDOR/KIND",
		Short:   "Let jobs live as the vendor's do again",
		Example: `  submeter transitions clear informatica/export`,
		Args:    cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			vendor, kind, err := splitKind(args[0])
			if err != nil {
				return err
			}
			return client.ClearTransitions(cmd.Context(), vendor, kind)
		}),
	}
}

func (a *app) showTransitions(rule control.Transitions, err error) error {
	if err != nil {
		return err
	}
	var rows []table.Row
	for _, leg := range rule.Legs {
		until := leg.For
		if leg.Polls > 0 {
			until = strconv.Itoa(leg.Polls) + " polls"
		}
		rows = append(rows, table.Row{leg.State, until, "-"})
	}
	rows = append(rows, table.Row{rule.Outcome, "for good", orDash(rule.Error)})
	return a.show(rule, table.Row{"state", "for", "error"}, rows)
}

func splitKind(text string) (vendor, kind string, err error) {
	vendor, kind, ok := strings.Cut(text, "/")
	if !ok || vendor == "" || kind == "" {
		return "", "", usageError{fmt.Errorf("%q is not a vendor and a kind of job, such as informatica/export", text)}
	}
	return vendor, kind, nil
}

// parseLeg reads STATE=2s or STATE=3polls.
func parseLeg(text string) (control.Leg, error) {
	state, until, ok := strings.Cut(text, "=")
	if !ok || state == "" || until == "" {
		return control.Leg{}, usageError{fmt.Errorf("%q is not a state and how long it lasts, such as CREATED=2s or CREATED=3polls", text)}
	}
	if n, ok := strings.CutSuffix(until, "polls"); ok {
		polls, err := strconv.Atoi(n)
		if err != nil || polls < 1 {
			return control.Leg{}, usageError{fmt.Errorf("%q is not a number of polls", n)}
		}
		return control.Leg{State: state, Polls: polls}, nil
	}
	return control.Leg{State: state, For: until}, nil
}
