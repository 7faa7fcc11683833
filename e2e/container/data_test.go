//go:build e2e

package container

import "testing"

// TestAWorldOnAVolumeOutlivesItsContainer ingests a few more events after each way in which a server can come back, and
// sends all earlier ones again: each is counted, once.
func TestAWorldOnAVolumeOutlivesItsContainer(t *testing.T) {
	volume := uniqueName()
	t.Cleanup(func() { must(t, "volume", "rm", volume) })
	engine := []string{"--read-only", "--volume", volume + ":/data"}
	args := []string{"serve", "--data", "/data/world.db"}

	name, url := serve(t, engine, args...)
	calls := createMetered(t, url)
	ingest(t, url, 0, 10)
	sent := 10

	for _, c := range []struct {
		name string
		back func() string // brings the server back and returns its base URL
	}{
		{"docker restart", func() string {
			must(t, "restart", name)
			return ready(t, name)
		}},
		{"killed and started again", func() string {
			must(t, "kill", name)
			must(t, "start", name)
			return ready(t, name)
		}},
		{"another container on the volume", func() string {
			must(t, "rm", "--force", "--volumes", name)
			name, url = serve(t, engine, args...)
			return url
		}},
	} {
		url = c.back()
		if n := usage(t, url, calls); n != sent {
			t.Fatalf("%s: %d events of %d are there", c.name, n, sent)
		}
		ingest(t, url, 0, sent+5)
		sent += 5
		if n := usage(t, url, calls); n != sent {
			t.Fatalf("%s: %d events after sending %d, all but 5 of them for the second time", c.name, n, sent)
		}
	}
	must(t, "rm", "--force", "--volumes", name) // so that the volume can go
}

// TestAWorldWithoutDataEndsWithItsContainer holds the other half of the promise, which tests rely on.
func TestAWorldWithoutDataEndsWithItsContainer(t *testing.T) {
	name, url := serve(t, nil)
	createMetered(t, url)
	ingest(t, url, 0, 3)
	if n := copies(t, url, "event-2"); n != 1 {
		t.Errorf("before the restart the event is there %d times", n)
	}
	must(t, "restart", name)
	if n := copies(t, ready(t, name), "event-2"); n != 0 {
		t.Errorf("after the restart the event is there %d times", n)
	}
}
