package main

import (
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) openAPICommand() *cobra.Command {
	return &cobra.Command{
		Use:   "openapi VENDOR",
		Short: "Print a vendor's OpenAPI document, or the control plane's",
		Long: `Print, in YAML, the OpenAPI document that a vendor's requests are held against. The name control stands for
the control plane's own.`,
		Example: `  submeter openapi metronome > metronome.yaml
  submeter openapi control`,
		Args: cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			document, err := client.OpenAPI(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(document)
			return err
		}),
	}
}
