package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

// addControlFlags gives a command, and those below it, the flags that every control command has.
func (a *app) addControlFlags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.url, "url", "http://127.0.0.1:4010", "base `URL` of the server, with or without a sandbox")
	flags.StringVar(&a.sandbox, "sandbox", "default", "`sandbox` to speak to; wins over one in the URL")
	fromEnv(flags, "url", "sandbox")
	a.addOutputFlag(cmd)
}

// ask makes the body of a control command, with a client for the sandbox that the flags and the environment name. A
// sandbox named by itself wins over one that the URL carries.
func (a *app) ask(do func(*cobra.Command, *control.Client, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		client, err := control.New(a.url)
		if err != nil {
			return usageError{fmt.Errorf("--url: %w", err)}
		}
		if cmd.Flags().Changed("sandbox") {
			client = client.Sandbox(a.sandbox)
		}
		return do(cmd, client, args)
	}
}
