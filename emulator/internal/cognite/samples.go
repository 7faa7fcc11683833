package cognite

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/submeter/submeter/emulator/internal/series"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// ErrSample says that samples were refused; the text of the error that wraps it says which and why.
var ErrSample = errors.New("invalid sample")

// Sample is the number that a meter shows at an instant.
type Sample struct {
	MeterID   string  `json:"meterId"`
	Timestamp int64   `json:"timestamp"` // Unix milliseconds
	Value     float64 `json:"value"`
}

// AppendSamples gives meters of a project samples, all of them or none, in any order; of several at one instant the
// last one counts. A project or a meter not seen before is created. It returns how many instants had no sample
// before: the others were overwritten. The error wraps ErrSample when a sample cannot be taken.
func (a *API) AppendSamples(sb *store.Sandbox, project string, items []Sample) (added int, err error) {
	byMeter, err := sortSamples(project, items)
	if err != nil {
		return 0, err
	}
	err = sb.Update(func(tx *store.Tx) error {
		added = 0
		openProject(tx, project)
		for _, of := range byMeter {
			added += appendSamples(tx, project, of.meterID, of.samples)
		}
		return nil
	})
	return added, err
}

type meterSamples struct {
	meterID string
	samples []series.Sample
}

// sortSamples puts samples together by meter, in the order in which the meters come, and refuses what cannot be.
func sortSamples(project string, items []Sample) (byMeter []meterSamples, err error) {
	if !fixtures.IsCogniteProject(project) {
		return nil, fmt.Errorf("%w: %q is no project name: 3 to 32 letters, digits and hyphens, a letter among them, and no hyphen at the ends", ErrSample, project)
	}
	places := map[string]int{}
	for i, item := range items {
		switch {
		case !fixtures.IsCogniteMeterID(item.MeterID): // COG-048
			return nil, fmt.Errorf("%w: items[%d].meterId %q is not a service and a name in lower snake case, joined by a dot", ErrSample, i, item.MeterID)
		case math.IsNaN(item.Value) || math.Abs(item.Value) > series.Limit:
			return nil, fmt.Errorf("%w: items[%d].value must be a number of at most %g", ErrSample, i, series.Limit)
		}
		place, seen := places[item.MeterID]
		if !seen {
			place = len(byMeter)
			places[item.MeterID] = place
			byMeter = append(byMeter, meterSamples{meterID: item.MeterID})
		}
		sample := series.Sample{At: item.Timestamp, Value: item.Value + 0} // -0 is 0
		byMeter[place].samples = append(byMeter[place].samples, sample)
	}
	return byMeter, nil
}

func appendSamples(tx *store.Tx, project, meterID string, given []series.Sample) (added int) {
	key := inProject(project, meterID)
	if !meters.Has(tx, key) {
		meters.Put(tx, key, meter{})
	}
	return samples.Append(tx, key, slices.Clip(given))
}
