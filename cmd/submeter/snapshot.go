package main

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/submeter/submeter/clients/control"
)

func (a *app) snapshotCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "snapshot",
		Short: "Remember moments of the sandbox and go back to them",
		Long: `Remember moments of the sandbox and go back to them, the clock included. Both cost the same however much
data the sandbox holds.`,
		Example: `  submeter snapshot take before-invoicing
  submeter snapshot restore before-invoicing`,
	}, a.snapshotListCommand(), a.snapshotTakeCommand(), a.snapshotRestoreCommand(), a.snapshotDeleteCommand())
}

func (a *app) showSnapshots(value any, snapshots ...control.Snapshot) error {
	rows := make([]table.Row, len(snapshots))
	for i, s := range snapshots {
		rows[i] = table.Row{s.Name, instant(s.TakenAt), s.Layers}
	}
	return a.show(value, table.Row{"name", "taken at", "layers"}, rows)
}

func (a *app) snapshotListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the sandbox's snapshots",
		Example: `  submeter snapshot list --output json`,
		Args:    cobra.NoArgs,
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, _ []string) error {
			snapshots, err := client.Snapshots(cmd.Context())
			if err != nil {
				return err
			}
			return a.showSnapshots(snapshots, snapshots...)
		}),
	}
}

func (a *app) snapshotTakeCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "take NAME",
		Short:   "Remember the sandbox as it is now",
		Long:    `Remember the sandbox as it is now. A snapshot of the same name is replaced.`,
		Example: `  submeter snapshot take before-invoicing`,
		Args:    cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			snapshot, err := client.TakeSnapshot(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.showSnapshots(snapshot, snapshot)
		}),
	}
}

func (a *app) snapshotRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "restore NAME",
		Short:   "Bring the sandbox back to a snapshot",
		Long:    `Bring the sandbox, its clock included, back to a snapshot. The snapshot stays.`,
		Example: `  submeter snapshot restore before-invoicing`,
		Args:    cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			if err := client.Restore(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.confirm("sandbox %s stands at snapshot %s", client.Name(), args[0])
		}),
	}
}

func (a *app) snapshotDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME",
		Short:   "Forget a snapshot",
		Example: `  submeter snapshot delete before-invoicing`,
		Args:    cobra.ExactArgs(1),
		RunE: a.ask(func(cmd *cobra.Command, client *control.Client, args []string) error {
			if err := client.DeleteSnapshot(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.confirm("snapshot %s is forgotten", args[0])
		}),
	}
}
