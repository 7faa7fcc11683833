package emulator

import (
	"net/http"
	"sync"

	"github.com/submeter/submeter/emulator/internal/cognite"
	"github.com/submeter/submeter/emulator/internal/informatica"
	"github.com/submeter/submeter/emulator/internal/m3ter"
	"github.com/submeter/submeter/emulator/internal/metronome"
	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
	"github.com/submeter/submeter/fixtures"
	"github.com/submeter/submeter/openapi"
)

// vendor is what the emulator asks of a vendor's API.
type vendor interface {
	http.Handler // paths as in the vendor's reference, the mount stripped
	Operations() []wire.Operation
	NotEmulated() []wire.Operation
	Seed(*store.Sandbox, *fixtures.Scenario) error
	Credentials(*fixtures.Scenario) []string
}

// mounted is a vendor under its name, which is its mount and its document's name, too.
type mounted struct {
	name     string
	api      vendor
	document *spec.Document
}

// mountVendors makes the vendors, in alphabetical order: one line each.
func mountVendors(cfg config) []mounted {
	return []mounted{
		mount("cognite", cfg, func(r wire.Referee) vendor {
			return cognite.New(cognite.Config{Referee: r, Logger: cfg.logger})
		}),
		mount("informatica", cfg, func(r wire.Referee) vendor {
			return informatica.New(informatica.Config{Referee: r, Logger: cfg.logger})
		}),
		mount("m3ter", cfg, func(r wire.Referee) vendor {
			return m3ter.New(m3ter.Config{Referee: r, Logger: cfg.logger, Deliver: cfg.deliver, Bucket: cfg.bucket})
		}),
		mount("metronome", cfg, func(r wire.Referee) vendor {
			return metronome.New(metronome.Config{Referee: r, Logger: cfg.logger})
		}),
	}
}

func mount(name string, cfg config, create func(wire.Referee) vendor) mounted {
	document := documentOf(name)
	return mounted{name: name, document: document, api: create(document.Referee(spec.Options{Strict: cfg.strict}))}
}

var (
	documentsMu sync.Mutex
	documents   = map[string]*spec.Document{}
)

// documentOf returns a document that all emulators of the process share: what one of them has compiled of it serves
// the others.
func documentOf(name string) *spec.Document {
	documentsMu.Lock()
	defer documentsMu.Unlock()
	d, ok := documents[name]
	if !ok {
		d = spec.New(name, func() ([]byte, error) { return openapi.Document(name) })
		documents[name] = d
	}
	return d
}
