package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/submeter/submeter/clients/control"
)

// writeExchange prints an exchange much as it went over the wire, with what was wrong with it at the end.
func writeExchange(w io.Writer, x control.Exchange) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "exchange %d of sandbox %s at %s, %s\n", x.ID, x.Sandbox, instant(x.At), milliseconds(x))
	fmt.Fprintf(&b, "%s %s\n\n", x.Vendor, orDash(x.Operation))
	fmt.Fprintf(&b, "%s %s\n", x.Method, target(x))
	writeMessage(&b, x.Request)
	fmt.Fprintf(&b, "\n%d %s\n", x.Status, http.StatusText(x.Status))
	writeMessage(&b, x.Response)
	if len(x.Violations) > 0 || x.Error != "" {
		b.WriteByte('\n')
	}
	for _, v := range x.Violations {
		fmt.Fprintf(&b, "violation in %s", v.In)
		if v.Field != "" {
			fmt.Fprintf(&b, " %s", v.Field)
		}
		fmt.Fprintf(&b, " (%s): %s\n", v.Rule, v.Message)
	}
	if x.Error != "" {
		fmt.Fprintf(&b, "error: %s\n", x.Error)
	}
	_, err := b.WriteTo(w)
	return err
}

func writeMessage(b *bytes.Buffer, m control.Message) {
	for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
		for _, value := range m.Headers[name] {
			fmt.Fprintf(b, "%s: %s\n", name, value)
		}
	}
	if m.Body == "" {
		return
	}
	b.WriteByte('\n')
	if json.Indent(b, []byte(m.Body), "", "  ") != nil { // on failure Indent leaves b as it was
		b.WriteString(m.Body)
	}
	b.WriteByte('\n')
	if m.Encoding == control.MessageEncodingBase64 {
		b.WriteString("(base64)\n")
	}
	if m.Truncated {
		fmt.Fprintf(b, "(cut short; the whole body has %d bytes)\n", m.BodyBytes)
	}
}

func target(x control.Exchange) string {
	if x.Query == "" {
		return x.Path
	}
	return x.Path + "?" + x.Query
}

func milliseconds(x control.Exchange) string {
	return strconv.FormatFloat(x.DurationMs, 'f', 1, 64) + " ms"
}
