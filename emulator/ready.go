package emulator

// pending says what a request would have to wait for now: the baseline, until it is seeded, and nothing from then on.
// The vendors' documents are not waited for, because no request waits for them either: the first request of an
// operation compiles what concerns that operation, in about a millisecond.
func (e *Emulator) pending() string {
	select {
	case <-e.seeded:
		if e.seedErr != nil {
			return e.seedErr.Error()
		}
		return ""
	default:
		return "the baseline is being seeded"
	}
}
