package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) requestsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "requests",
		Short: "Read the journal of what clients sent and were answered",
		Long: `Read the journal: what clients sent to the sandbox's vendors, what they were answered, and in what they
broke the vendor's document. Secrets are masked when an exchange is recorded. The oldest exchanges make room.`,
		Example: `  submeter requests list --vendor metronome --status 400
  submeter requests show 17`,
	}, a.requestsListCommand(), a.requestsShowCommand(), a.requestsCountCommand(), a.requestsClearCommand())
}

func addFilterFlags(flags *pflag.FlagSet, f *control.Filter) {
	flags.StringVar(&f.Vendor, "vendor", "", "only this `vendor`")
	flags.StringVar(&f.Operation, "operation", "", "only this `operationId`")
	flags.StringVar(&f.Method, "method", "", "only this HTTP `method`")
	flags.IntVar(&f.Status, "status", 0, "only this HTTP `status`")
	flags.StringVar(&f.Path, "path", "", "only paths that contain this `text`")
	flags.TimeVar(&f.Since, "since", time.Time{}, instantLayouts, "only from this `instant` of the sandbox's clock on")
}

func (a *app) requestsListCommand() *cobra.Command {
	var filter control.Filter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List recorded exchanges, oldest first",
		Example: `  submeter requests list --limit 20
  submeter requests list --vendor m3ter --method POST --path /measurements
  submeter requests list --since 2026-02-01 --output json`,
		Args: cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			exchanges, err := client.Requests(cmd.Context(), filter)
			if err != nil {
				return err
			}
			rows := make([]table.Row, len(exchanges))
			for i, x := range exchanges {
				rows[i] = table.Row{
					x.ID, instant(x.At), x.Method, target(x), x.Status, orDash(x.Operation), milliseconds(x), len(x.Violations),
				}
			}
			header := table.Row{"id", "at", "method", "path", "status", "operation", "took", "violations"}
			return a.show(exchanges, header, rows)
		}),
	}
	addFilterFlags(cmd.Flags(), &filter)
	cmd.Flags().IntVar(&filter.Limit, "limit", 0, "at most so many, the newest (default: all)")
	return cmd
}

func (a *app) requestsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Print one exchange with its headers and bodies",
		Example: `  submeter requests show 17`,
		Args:    cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usageError{fmt.Errorf("%q is no exchange's number", args[0])}
			}
			exchange, err := client.Request(cmd.Context(), id)
			if err != nil {
				return err
			}
			if a.output.value == "json" {
				return a.showJSON(exchange)
			}
			return writeExchange(a.stdout, exchange)
		}),
	}
}

func (a *app) requestsCountCommand() *cobra.Command {
	var filter control.Filter
	cmd := &cobra.Command{
		Use:     "count",
		Short:   "Count recorded exchanges",
		Example: `  submeter requests count --vendor cognite --status 200`,
		Args:    cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			count, err := client.CountRequests(cmd.Context(), filter)
			if err != nil {
				return err
			}
			if a.output.value == "json" {
				return a.showJSON(control.Count{Count: count})
			}
			_, err = fmt.Fprintln(a.stdout, count)
			return err
		}),
	}
	addFilterFlags(cmd.Flags(), &filter)
	return cmd
}

func (a *app) requestsClearCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "clear",
		Short:   "Empty the sandbox's journal",
		Example: `  submeter requests clear --sandbox checkout-17`,
		Args:    cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			if err := client.ClearRequests(cmd.Context()); err != nil {
				return err
			}
			return a.confirm("the journal of sandbox %s is empty", client.Name())
		}),
	}
}
