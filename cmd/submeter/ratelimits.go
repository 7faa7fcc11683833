package main

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) rateLimitsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rate-limits [off|vendor]",
		Short: "Tell or switch whether the vendors' rate limits apply",
		Long: `Tell whether the vendors' rate limits apply in the sandbox, or switch them. With vendor, each vendor's
documented limits apply, counted on the sandbox's clock; with off, everything passes.`,
		Example: `  submeter rate-limits
  submeter rate-limits vendor --sandbox checkout-17`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{string(control.RateLimitModeOff), string(control.RateLimitModeVendor)},
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			show := func(mode control.RateLimitMode, err error) error {
				if err != nil {
					return err
				}
				return a.show(control.RateLimits{Mode: mode}, table.Row{"sandbox", "mode"}, []table.Row{{client.Name(), mode}})
			}
			if len(args) == 0 {
				return show(client.RateLimits(cmd.Context()))
			}
			return show(client.SetRateLimits(cmd.Context(), control.RateLimitMode(args[0])))
		}),
	}
}
