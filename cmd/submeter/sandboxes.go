package main

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) sandboxesCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "sandboxes",
		Short: "List the host's sandboxes, or drop one",
		Example: `  submeter sandboxes
  submeter sandboxes delete checkout-17`,
		Args: cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			sandboxes, err := client.Sandboxes(cmd.Context())
			if err != nil {
				return err
			}
			rows := make([]table.Row, len(sandboxes))
			for i, s := range sandboxes {
				rows[i] = table.Row{
					s.Name, s.Requests, s.Layers, instant(s.Now), s.ClockMode, instant(s.CreatedAt), instant(s.LastUsedAt),
				}
			}
			header := table.Row{"name", "requests", "layers", "now", "clock", "created", "last used"}
			return a.show(sandboxes, header, rows)
		}),
	}
	list.AddCommand(&cobra.Command{
		Use:   "delete NAME",
		Short: "Drop a sandbox and everything in it",
		Long: `Drop a sandbox and everything in it. The name may be used again: it then stands for a fresh fork of the
baseline. The sandbox is named here and not by --sandbox, so that none is dropped by oversight.`,
		Example: `  submeter sandboxes delete checkout-17`,
		Args:    cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			if err := client.Sandbox(args[0]).Delete(cmd.Context()); err != nil {
				return err
			}
			return a.confirm("sandbox %s is gone", args[0])
		}),
	})
	return list
}
