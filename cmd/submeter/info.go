package main

import (
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) infoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Describe the server and the sandbox's world",
		Example: `  submeter info
  submeter info --url http://127.0.0.1:4010/~checkout-17 --output json`,
		Args: cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			info, err := client.Info(cmd.Context())
			if err != nil {
				return err
			}
			mounts := make([]string, len(info.Vendors))
			for i, vendor := range info.Vendors {
				mounts[i] = client.URL() + vendor.Mount
			}
			uptime := time.Duration(info.UptimeSeconds * float64(time.Second)).Round(time.Second)
			return a.show(info, nil, []table.Row{
				{"version", info.Version},
				{"commit", orDash(info.Commit)},
				{"sandbox", info.Sandbox},
				{"scenario", info.Scenario},
				{"seed", info.Seed},
				{"vendors", strings.Join(mounts, "\n")},
				{"data", orDash(info.Data)},
				{"strict", yesNo(info.Strict)},
				{"started", instant(info.StartedAt)},
				{"uptime", uptime},
			})
		}),
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
