package main

import (
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) resetCommand() *cobra.Command {
	var scenario string
	var seed uint64
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Bring the sandbox back to its baseline",
		Long: `Bring the sandbox back to its baseline: afterwards it cannot be told from a new one. With --scenario or
--seed it goes onto another baseline instead.`,
		Example: `  submeter reset
  submeter reset --sandbox checkout-17 --seed 42`,
		Args: cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			var to control.Reset
			if cmd.Flags().Changed("scenario") {
				to.Scenario = &scenario
			}
			if cmd.Flags().Changed("seed") {
				to.Seed = &seed
			}
			if err := client.Reset(cmd.Context(), to); err != nil {
				return err
			}
			return a.confirm("sandbox %s stands at its baseline", client.Name())
		}),
	}
	cmd.Flags().StringVar(&scenario, "scenario", "", "built-in `scenario` to go onto (default: the one it came from)")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "`seed` to build the scenario with (default: the one it came from)")
	return cmd
}
