// Package job lays the life of an asynchronous job on the clock, once, when the job is created. A job is a stored plan,
// not a process: its state at any instant is read off the plan, and nothing runs between two requests.
package job

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Leg is a stretch of a job's life in one state: for a time, or until it has been polled a number of times. One of For and
// Polls is set.
type Leg struct {
	State string
	For   time.Duration
	Polls int
}

type legJSON struct {
	State string `json:"state"`
	For   string `json:"for,omitempty"`
	Polls int    `json:"polls,omitempty"`
}

// MarshalJSON writes {"state": …, "for": "2s"} or {"state": …, "polls": 2}.
func (l Leg) MarshalJSON() ([]byte, error) {
	j := legJSON{State: l.State, Polls: l.Polls}
	if l.Polls == 0 {
		j.For = l.For.String()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *Leg) UnmarshalJSON(data []byte) error {
	var j legJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*l = Leg{State: j.State, Polls: j.Polls}
	switch {
	case j.State == "":
		return fmt.Errorf("a leg needs a state")
	case j.Polls < 0 || j.Polls > 0 && j.For != "":
		return fmt.Errorf("leg %s: one of for and polls, neither negative", j.State)
	case j.Polls > 0:
		return nil
	}
	d, err := time.ParseDuration(j.For)
	if err != nil || d < 0 {
		return fmt.Errorf("leg %s: %q is not a duration such as 2s or 500ms", j.State, j.For)
	}
	l.For = d
	return nil
}

// Rule is how jobs of a kind live: the legs, then the outcome for good.
type Rule struct {
	Legs    []Leg  `json:"legs"`
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"` // what the job says went wrong, with an outcome that is not plain success
}

// Kind is what there is to know of a vendor's kind of job.
type Kind struct {
	Standing Rule     // how its jobs live unless a test has set a rule
	Active   []string // the states a leg may have
	Final    []string // the states that may be an outcome
}

// Check says what is wrong with a rule for jobs of this kind: a state that they do not have.
func (k Kind) Check(r Rule) error {
	for _, l := range r.Legs {
		if !slices.Contains(k.Active, l.State) {
			return fmt.Errorf("a leg's state is one of %s, not %q", strings.Join(k.Active, ", "), l.State)
		}
	}
	if !slices.Contains(k.Final, r.Outcome) {
		return fmt.Errorf("an outcome is one of %s, not %q", strings.Join(k.Final, ", "), r.Outcome)
	}
	return nil
}

// Turn is the instant at which a job enters a state.
type Turn struct {
	At    time.Time `json:"at"`
	State string    `json:"state"`
}

// Plan is the life of one job: the turns that are fixed, and the legs still to be laid because they wait for polls.
type Plan struct {
	Turns   []Turn `json:"turns"`
	Waiting []Leg  `json:"waiting,omitempty"` // the first counts polls
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
}

// Lay makes the plan of a job created at an instant.
func Lay(r Rule, created time.Time) Plan {
	p := Plan{Outcome: r.Outcome, Error: r.Error}
	return p.lay(r.Legs, created)
}

func (p Plan) lay(legs []Leg, at time.Time) Plan {
	p.Turns = append([]Turn(nil), p.Turns...)
	p.Waiting = nil
	for i, l := range legs {
		p.Turns = append(p.Turns, Turn{At: at, State: l.State})
		if l.Polls > 0 {
			p.Waiting = append(p.Waiting, legs[i:]...)
			return p
		}
		at = at.Add(l.For)
	}
	p.Turns = append(p.Turns, Turn{At: at, State: p.Outcome})
	return p
}

// Status is a job at an instant.
type Status struct {
	State string
	Since time.Time // when it entered the state
	Done  bool      // the state is the outcome
	Error string    // set once Done
}

// At returns the job's status at an instant; before its creation that of its first state.
func (p Plan) At(now time.Time) Status {
	i := len(p.Turns) - 1
	for i > 0 && p.Turns[i].At.After(now) {
		i--
	}
	s := Status{State: p.Turns[i].State, Since: p.Turns[i].At}
	if i == len(p.Turns)-1 && len(p.Waiting) == 0 {
		s.Done, s.Error = true, p.Error
	}
	return s
}

// Poll returns the plan after the job's status was asked for at an instant: a leg that counts polls comes one
// nearer to its end. The answer to that poll is p.At(now) of the plan before.
func (p Plan) Poll(now time.Time) Plan {
	if len(p.Waiting) == 0 || p.Turns[len(p.Turns)-1].At.After(now) {
		return p
	}
	waiting := append([]Leg(nil), p.Waiting...)
	if waiting[0].Polls--; waiting[0].Polls > 0 {
		p.Waiting = waiting
		return p
	}
	return p.lay(waiting[1:], now)
}

// Force returns the plan with a state entered at now for good, whatever was to come.
func (p Plan) Force(now time.Time, state, cause string) Plan {
	kept := p.Turns[:0:0]
	for _, t := range p.Turns {
		if !t.At.After(now) {
			kept = append(kept, t)
		}
	}
	return Plan{Turns: append(kept, Turn{At: now, State: state}), Outcome: state, Error: cause}
}

// Change is a turn with the state before it.
type Change struct {
	At       time.Time
	From, To string
}

// Between returns the changes of state after from, up to and including to, in order.
func (p Plan) Between(from, to time.Time) []Change {
	var changes []Change
	for i := 1; i < len(p.Turns); i++ {
		if t := p.Turns[i]; t.At.After(from) && !t.At.After(to) {
			changes = append(changes, Change{At: t.At, From: p.Turns[i-1].State, To: t.State})
		}
	}
	return changes
}
