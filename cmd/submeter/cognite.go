package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) cogniteCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "cognite",
		Short:   "Write what Cognite's metering API only lets one read",
		Example: `  submeter cognite samples samples.json --project acme`,
	}, a.cogniteSamplesCommand())
}

func (a *app) cogniteSamplesCommand() *cobra.Command {
	var project string
	cmd := &cobra.Command{
		Use:   "samples FILE",
		Short: "Give meters samples",
		Long: `Give meters of a project samples from a JSON file, or from standard input for the file "-". All are taken or
none, in any order; the last one at an instant counts.`,
		Example: `  echo '[{"meterId":"files.storage_bytes","timestamp":1764547200000,"value":1000}]' | submeter cognite samples -`,
		Args:    cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			samples, err := readSamples(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			added, err := client.AppendCogniteSamples(cmd.Context(), project, samples)
			if err != nil {
				return err
			}
			return a.show(control.Added{Added: added}, table.Row{"project", "sent", "added"}, []table.Row{{project, len(samples), added}})
		}),
	}
	cmd.Flags().StringVar(&project, "project", "acme", "the project whose meters they are")
	return cmd
}

func readSamples(file string, stdin io.Reader) ([]control.CogniteSample, error) {
	data, err := []byte(nil), error(nil)
	if file == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err
	}
	var samples []control.CogniteSample
	if err := json.Unmarshal(data, &samples); err != nil {
		return nil, fmt.Errorf("%s is not a JSON list of samples: %w", file, err)
	}
	return samples, nil
}
