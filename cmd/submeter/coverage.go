package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) coverageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "coverage [VENDOR]",
		Short: "Tell what is emulated and on what evidence",
		Long: `Tell how much of each vendor's API is emulated or, with a vendor, list its operations: what is emulated,
on what evidence, and which numbered assumptions it relies on. What is not emulated answers 501.`,
		Example: `  submeter coverage
  submeter coverage metronome`,
		Args: cobra.MaximumNArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			vendors, err := client.Coverage(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.showCoverage(vendors)
			}
			names := make([]string, len(vendors))
			for i, vendor := range vendors {
				if vendor.Name == args[0] {
					return a.showOperations(vendor)
				}
				names[i] = vendor.Name
			}
			return fmt.Errorf("no vendor %q; there are %s", args[0], strings.Join(names, ", "))
		}),
	}
}

func (a *app) showCoverage(vendors []control.VendorCoverage) error {
	rows := make([]table.Row, len(vendors))
	for i, v := range vendors {
		rows[i] = table.Row{v.Name, v.Emulated, v.Known}
	}
	return a.show(vendors, table.Row{"vendor", "emulated", "known"}, rows)
}

func (a *app) showOperations(vendor control.VendorCoverage) error {
	rows := make([]table.Row, len(vendor.Operations))
	for i, o := range vendor.Operations {
		rows[i] = table.Row{
			o.ID, o.Method, o.Path, yesNo(o.Emulated), o.Tier, orDash(o.Evidence), strings.Join(o.Assumptions, " "),
		}
	}
	return a.show(vendor, table.Row{"operation", "method", "path", "emulated", "tier", "evidence", "assumptions"}, rows)
}
