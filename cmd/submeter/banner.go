package main

import (
	"fmt"
	"io"
	"strings"
)

// banner is what a server says about itself when it starts.
type banner struct {
	version, scenario, baseURL string
	vendors                    []string
	credentials                map[string][]string // by vendor, a line each
}

func (b banner) write(w io.Writer) error {
	width := len("control")
	for _, vendor := range b.vendors {
		width = max(width, len(vendor))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "\n  submeter %s, scenario %s\n\n", b.version, b.scenario)
	for _, vendor := range b.vendors {
		fmt.Fprintf(&text, "  %-*s  %s/%s\n", width, vendor, b.baseURL, vendor)
		for _, line := range b.credentials[vendor] {
			fmt.Fprintf(&text, "  %*s  %s\n", width, "", line)
		}
		text.WriteByte('\n')
	}
	fmt.Fprintf(&text, "  %-*s  %s/_submeter\n\n", width, "control", b.baseURL)
	fmt.Fprintf(&text, "  A sandbox of its own for every test: %s/~NAME\n", b.baseURL)
	text.WriteString("  Ctrl+C stops.\n\n")
	_, err := io.WriteString(w, text.String())
	return err
}
