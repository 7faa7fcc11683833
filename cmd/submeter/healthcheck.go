package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) healthcheckCommand() *cobra.Command {
	var baseURL string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Exit 0 when the server is ready, 1 when it is not",
		Long: `Ask the server once whether it is ready. Without --url and SUBMETER_URL the server on this machine is
asked, at the port that SUBMETER_PORT names, which suits the health check of a container.`,
		Example: `  submeter healthcheck
  submeter healthcheck --url http://submeter:4010`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if baseURL == "" {
				baseURL = "http://127.0.0.1:" + a.portOfEnv()
			}
			client, err := control.New(baseURL)
			if err != nil {
				return usageError{err}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if err := client.Ready(ctx); err != nil {
				return fmt.Errorf("not ready: %w", err)
			}
			_, err = fmt.Fprintln(a.stdout, "ready")
			return err
		},
	}
	cmd.Flags().StringVar(&baseURL, "url", "", "base `URL` of the server")
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait for the answer")
	fromEnv(cmd.Flags(), "url")
	return cmd
}

func (a *app) portOfEnv() string {
	if port, _ := a.lookupEnv("SUBMETER_PORT"); port != "" {
		return port
	}
	return strconv.Itoa(defaultPort)
}
