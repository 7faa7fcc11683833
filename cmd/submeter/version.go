package main

import (
	"runtime"
	"runtime/debug"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

// version is set by the release build: -ldflags "-X main.version=1.2.3".
var version = ""

// build is what the binary knows about its making.
type build struct {
	Version  string `json:"version"` // dev when neither the release build nor the module system set one
	Commit   string `json:"commit"`  // with -dirty when the tree had changes; unknown outside a repository
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit, Go's version and the platform",
		Example: `  submeter version --output json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			b := describeBuild(version, info)
			return a.show(b, nil, []table.Row{
				{"version", b.Version}, {"commit", b.Commit}, {"go", b.Go}, {"platform", b.Platform},
			})
		},
	}
	a.addOutputFlag(cmd)
	return cmd
}

// describeBuild puts together what the linker set and what the toolchain recorded; info may be nil.
func describeBuild(linked string, info *debug.BuildInfo) build {
	b := build{Version: linked, Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info != nil {
		dirty := ""
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				b.Commit = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				dirty = "-dirty"
			}
		}
		if b.Commit != "unknown" {
			b.Commit += dirty
		}
		if b.Version == "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
	}
	if b.Version == "" {
		b.Version = "dev"
	}
	return b
}
