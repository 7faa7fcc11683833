package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

func (a *app) addOutputFlag(cmd *cobra.Command) {
	a.output = newChoice("table", "table", "json")
	cmd.PersistentFlags().VarP(&a.output, "output", "o", "how to print")
}

// show prints a value: as JSON whole, or as the table of what people look for in it.
func (a *app) show(value any, header table.Row, rows []table.Row) error {
	if a.output.value == "json" {
		return a.showJSON(value)
	}
	return a.showTable(header, rows)
}

// showTable prints a table; one of names and values has no header.
func (a *app) showTable(header table.Row, rows []table.Row) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	if header != nil {
		t.AppendHeader(header)
	}
	t.AppendRows(rows)
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}

func (a *app) showJSON(value any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// confirm says that something without a value was done. A reader of JSON has the exit code.
func (a *app) confirm(format string, args ...any) error {
	if a.output.value == "json" {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, format+"\n", args...)
	return err
}

// instant prints a time for people, to the millisecond. JSON has it in full.
func instant(t time.Time) string { return t.Format("2006-01-02T15:04:05.999Z07:00") }

// instantLayouts are what the command line accepts as an instant. A date alone is its midnight in UTC.
var instantLayouts = []string{time.RFC3339Nano, time.DateOnly}

func parseInstant(text string) (time.Time, error) {
	for _, layout := range instantLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no instant such as 2026-01-31T23:59:00Z or 2026-02-01", text)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
