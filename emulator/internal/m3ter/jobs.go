package m3ter

import (
	"fmt"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/emulator/internal/wire"
)

// JobKinds returns the kinds of jobs there are.
func (a *API) JobKinds() map[string]job.Kind {
	return map[string]job.Kind{
		exportKind: {
			Standing: exportRule,
			Active:   []string{"PENDING", "RUNNING"}, Final: []string{"SUCCEEDED", "FAILED"},
		},
		billJobKind: {
			Standing: billJobRule,
			Active:   []string{"PENDING", "INITIALIZING", "RUNNING"}, Final: []string{"COMPLETE", "CANCELLED"},
		},
	}
}

// Jobs returns the jobs of all organizations, by id.
func (a *API) Jobs(tx *store.Tx) []wire.Job {
	var all []wire.Job
	for id, owner := range jobOwners.Prefix(tx, "") {
		if j, ok := showJob(tx, id, owner); ok {
			all = append(all, j)
		}
	}
	return all
}

func showJob(tx *store.Tx, id string, owner jobOwner) (wire.Job, bool) {
	shown := wire.Job{Vendor: vendor, Kind: owner.Kind, ID: id}
	var status job.Status
	switch owner.Kind {
	case exportKind:
		j, ok := exportJobs.Get(tx, owner.Org, id)
		if !ok {
			return shown, false
		}
		status, shown.Created = j.status(tx.Now), j.Created
	default:
		p, ok := billJobPlans.Get(tx, owner.Org+nul+id)
		if !ok {
			return shown, false
		}
		status, shown.Created = p.At(tx.Now), p.Turns[0].At
	}
	shown.State, shown.Since, shown.Done, shown.Error = status.State, status.Since, status.Done, status.Error
	return shown, true
}

// ForceJob puts a job into a state for good, now, with all that the state brings with it but deliveries, which the next
// Settle makes.
func (a *API) ForceJob(tx *store.Tx, id, state, cause string) (wire.Job, error) {
	owner, ok := jobOwners.Get(tx, id)
	if !ok {
		return wire.Job{}, fmt.Errorf("there is no job %s", id)
	}
	c := callAs(tx, owner.Org, systemUser, tx.Now)
	var err error
	switch owner.Kind {
	case exportKind:
		j, _ := exportJobs.Get(tx, owner.Org, id)
		j.Plan, j.Delivering, j.Ended = j.Plan.Force(tx.Now, state, cause), false, false
		deliveries.Delete(tx, owner.Org+nul+id)
		exportJobs.Put(tx, owner.Org, id, j)
		err = a.turnExport(c, id)
	default:
		p, _ := billJobPlans.Get(tx, owner.Org+nul+id)
		billJobPlans.Put(tx, owner.Org+nul+id, p.Force(tx.Now, state, cause))
		err = c.turnBillJob(id)
	}
	shown, _ := showJob(tx, id, owner)
	return shown, err
}
