package emulator

import (
	"fmt"
	"time"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/openapi"
)

// Info describes the emulator and the world of one of its sandboxes.
type Info struct {
	Name          string       `json:"name"`
	Version       string       `json:"version"`
	Commit        string       `json:"commit,omitempty"`
	Vendors       []VendorInfo `json:"vendors"`
	Scenario      string       `json:"scenario"`
	Seed          uint64       `json:"seed"`
	Sandbox       string       `json:"sandbox"`
	StartedAt     time.Time    `json:"started_at"` // machine time
	UptimeSeconds float64      `json:"uptime_seconds"`
	Data          string       `json:"data"` // durable file; empty: none
	Strict        bool         `json:"strict"`
}

// VendorInfo is an emulated vendor.
type VendorInfo struct {
	Name  string `json:"name"`
	Mount string `json:"mount"` // below a sandbox's base URL
}

// Info describes the emulator and the sandbox's world.
func (s *Sandbox) Info() (Info, error) {
	e := s.emulator
	info := Info{
		Name: "submeter", Version: e.cfg.version, Vendors: []VendorInfo{}, Sandbox: s.name, StartedAt: e.started,
		UptimeSeconds: e.uptime().Seconds(), Data: e.cfg.data, Strict: e.cfg.strict,
	}
	for _, v := range e.vendors {
		info.Vendors = append(info.Vendors, VendorInfo{Name: v.name, Mount: "/" + v.name})
	}
	err := s.use(func(b *box) error {
		w := b.world.Load()
		info.Scenario, info.Seed = w.scenario.Name, w.seed
		return nil
	})
	return info, err
}

// Coverage tells of every operation of every vendor whether it is emulated, and on what evidence.
type Coverage struct {
	Vendors []VendorCoverage `json:"vendors"`
}

// VendorCoverage is the coverage of one vendor.
type VendorCoverage struct {
	Name       string              `json:"name"`
	Operations []OperationCoverage `json:"operations"`
	Emulated   int                 `json:"emulated"`
	Known      int                 `json:"known"` // emulated or answered 501
}

// OperationCoverage is one operation of a vendor.
type OperationCoverage struct {
	ID          string   `json:"id"`
	Method      string   `json:"method"`
	Path        string   `json:"path"`
	Summary     string   `json:"summary"`
	Emulated    bool     `json:"emulated"` // false: answered 501
	Tier        int      `json:"tier"`
	Evidence    string   `json:"evidence"`    // documented, observed or assumed
	Assumptions []string `json:"assumptions"` // numbers in the vendor's assumptions.md
}

// Coverage returns what is emulated, as the vendors' documents state it.
func (e *Emulator) Coverage() (Coverage, error) {
	c := Coverage{Vendors: []VendorCoverage{}}
	for _, v := range e.vendors {
		operations, err := v.document.Operations()
		if err != nil {
			return c, err
		}
		c.Vendors = append(c.Vendors, coverageOf(v.name, operations))
	}
	return c, nil
}

func coverageOf(name string, operations []spec.Operation) VendorCoverage {
	c := VendorCoverage{Name: name, Known: len(operations)}
	for _, op := range operations {
		if op.Emulated {
			c.Emulated++
		}
		c.Operations = append(c.Operations, OperationCoverage{
			ID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Emulated: op.Emulated, Tier: op.Tier,
			Evidence: op.Evidence, Assumptions: append([]string{}, op.Assumptions...),
		})
	}
	return c
}

// OpenAPI returns the OpenAPI document, YAML, of a vendor or of "control".
func (e *Emulator) OpenAPI(name string) ([]byte, error) {
	document, err := openapi.Source(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return document, nil
}
