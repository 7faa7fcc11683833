//go:build e2e

// Package m3ter drives the emulator with m3ter's own SDK for Python, unmodified. ./setup.sh installs it.
package m3ter

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/submeter/submeter/emulator"
)

const organization = "5e0c1f3a-7b1d-4c52-9a55-0d2f6b9c8e71" // of the built-in worlds

func TestThePythonSDKMetersAndExports(t *testing.T) {
	python := filepath.Join(".venv", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("the vendor's SDK is not installed: run e2e/m3ter/setup.sh (%v)", err)
	}
	e := emulator.Start(t)
	cmd := exec.Command(python, "flow.py", e.Sandbox("python").URL("m3ter"), organization)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
