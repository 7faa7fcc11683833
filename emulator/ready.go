package emulator

import "sync"

// Warm begins to load the vendors' documents ahead of their first use; GET /readyz then waits for them as well. A
// server is warmed when it starts. An emulator inside a test would rather load only the documents it meets.
func (e *Emulator) Warm() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.warmed != nil {
		return
	}
	warmed := make(chan struct{})
	e.warmed = warmed
	go func() {
		defer close(warmed)
		e.loadDocuments()
	}()
}

func (e *Emulator) loadDocuments() {
	var all sync.WaitGroup
	for _, v := range e.vendors {
		all.Go(func() {
			if err := v.document.Load(); err != nil {
				e.log.Error("a document cannot be loaded", "vendor", v.name, "error", err)
			}
		})
	}
	all.Wait()
}

// pending returns what has to be in place before the first request finds everything at hand: nothing once it is.
func (e *Emulator) pending() []string {
	e.mu.Lock()
	warmed := e.warmed
	e.mu.Unlock()
	var pending []string
	select {
	case <-e.seeded:
		if e.seedErr != nil {
			pending = append(pending, e.seedErr.Error())
		}
	default:
		pending = append(pending, "the baseline is being seeded")
	}
	if warmed == nil {
		return pending
	}
	select {
	case <-warmed:
	default:
		pending = append(pending, "the vendors' documents are being loaded")
	}
	return pending
}
