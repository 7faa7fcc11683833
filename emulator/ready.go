package emulator

import "sync"

// pending returns what has to be in place before the first request finds everything at hand: nothing once it is. The
// first call begins to load the documents, which an emulator inside a test would rather load as needed.
func (e *Emulator) pending() []string {
	e.warming.Do(func() {
		e.warmed = make(chan struct{})
		go func() {
			defer close(e.warmed)
			e.loadDocuments()
		}()
	})
	var pending []string
	select {
	case <-e.seeded:
		if e.seedErr != nil {
			pending = append(pending, e.seedErr.Error())
		}
	default:
		pending = append(pending, "the baseline is being seeded")
	}
	select {
	case <-e.warmed:
	default:
		pending = append(pending, "the vendors' documents are being loaded")
	}
	return pending
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
