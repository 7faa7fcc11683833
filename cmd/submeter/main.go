// Command submeter serves the emulated usage-metering APIs of Informatica IDMC, m3ter, Cognite Data Fusion and
// Metronome, and steers a running server through its control plane.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, os.LookupEnv))
}
