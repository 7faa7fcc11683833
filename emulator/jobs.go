package emulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// jobber is a vendor with asynchronous jobs.
type jobber interface {
	JobKinds() map[string]job.Kind
	Jobs(*store.Tx) []wire.Job
	// ForceJob puts one of these jobs into a state that its kind has, for good.
	ForceJob(tx *store.Tx, id, state, cause string) (wire.Job, error)
}

// Job is an asynchronous job of any vendor.
type Job = wire.Job

// Rule is how jobs of a kind live: the legs, then the outcome for good.
type Rule = job.Rule

// Leg is a stretch of a job's life in one state: for a time, or until it was polled a number of times.
type Leg = job.Leg

// Jobs returns the jobs of all vendors, by vendor.
func (s *Sandbox) Jobs() ([]Job, error) {
	all := []Job{}
	err := s.use(func(b *box) error {
		return b.View(func(tx *store.Tx) error {
			for _, v := range s.emulator.vendors {
				if j, ok := v.api.(jobber); ok {
					all = append(all, j.Jobs(tx)...)
				}
			}
			return nil
		})
	})
	return all, err
}

// ForceJob puts a job into a state for good, from now on, whatever its plan was; cause is what the job then says went
// wrong.
func (s *Sandbox) ForceJob(id, state, cause string) (Job, error) {
	var forced Job
	err := s.use(func(b *box) error {
		return b.Update(func(tx *store.Tx) (err error) {
			owner, kind, ok := s.emulator.ownerOf(tx, id)
			if !ok {
				return fmt.Errorf("%w: no vendor has a job %s", ErrNotFound, id)
			}
			if states := slices.Concat(kind.Active, kind.Final); !slices.Contains(states, state) {
				return fmt.Errorf("%w: the state of such a job is one of %s, not %q", ErrInvalid, strings.Join(states, ", "), state)
			}
			forced, err = owner.ForceJob(tx, id, state, cause)
			return err
		})
	})
	return forced, err
}

// ownerOf finds the vendor and the kind of a job.
func (e *Emulator) ownerOf(tx *store.Tx, id string) (jobber, job.Kind, bool) {
	for _, v := range e.vendors {
		owner, ok := v.api.(jobber)
		if !ok {
			continue
		}
		for _, j := range owner.Jobs(tx) {
			if j.ID == id {
				return owner, owner.JobKinds()[j.Kind], true
			}
		}
	}
	return nil, job.Kind{}, false
}

// Transitions returns how jobs of a vendor's kind made from now on live.
func (s *Sandbox) Transitions(vendor, kind string) (Rule, error) {
	var rule Rule
	k, err := s.emulator.jobKind(vendor, kind)
	if err != nil {
		return rule, err
	}
	err = s.use(func(b *box) error {
		return b.View(func(tx *store.Tx) error {
			rule = job.RuleOf(tx, vendor, kind, k.Standing)
			return nil
		})
	})
	return rule, err
}

// SetTransitions sets how jobs of a vendor's kind made from now on live.
func (s *Sandbox) SetTransitions(vendor, kind string, to Rule) (Rule, error) {
	k, err := s.emulator.jobKind(vendor, kind)
	if err != nil {
		return to, err
	}
	if err := k.Check(to); err != nil {
		return to, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return to, s.use(func(b *box) error {
		return b.Update(func(tx *store.Tx) error { job.SetRule(tx, vendor, kind, to); return nil })
	})
}

// ClearTransitions lets jobs of a vendor's kind made from now on live as the vendor's do.
func (s *Sandbox) ClearTransitions(vendor, kind string) error {
	if _, err := s.emulator.jobKind(vendor, kind); err != nil {
		return err
	}
	return s.use(func(b *box) error {
		return b.Update(func(tx *store.Tx) error { job.ClearRule(tx, vendor, kind); return nil })
	})
}

func (e *Emulator) jobKind(vendor, kind string) (job.Kind, error) {
	var known []string
	for _, v := range e.vendors {
		j, ok := v.api.(jobber)
		if !ok {
			continue
		}
		kinds := j.JobKinds()
		if k, ok := kinds[kind]; ok && v.name == vendor {
			return k, nil
		}
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			known = append(known, v.name+"/"+name)
		}
	}
	return job.Kind{}, fmt.Errorf("%w: no jobs %s/%s; there are %s", ErrNotFound, vendor, kind, strings.Join(known, ", "))
}
