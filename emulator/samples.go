package emulator

import (
	"errors"
	"fmt"

	"github.com/submeter/submeter/emulator/internal/cognite"
)

// CogniteSample is the number that a meter of Cognite Data Fusion shows at an instant.
type CogniteSample = cognite.Sample

// AppendCogniteSamples gives meters of a project samples, all of them or none, in any order; the last one at an instant
// counts. A project or a meter not seen before is created. It returns how many instants had no sample before.
func (s *Sandbox) AppendCogniteSamples(project string, samples []CogniteSample) (added int, err error) {
	err = s.use(func(b *box) error {
		for _, v := range s.emulator.vendors {
			if api, ok := v.api.(*cognite.API); ok {
				added, err = api.AppendSamples(b.Sandbox, project, samples)
			}
		}
		if errors.Is(err, cognite.ErrSample) {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		return err
	})
	return added, err
}
