package m3ter

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

func TestFilesAreDeliveredToABucketService(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket-a"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	w := newWorld(t, transfers, func(c *Config) {
		c.Bucket = &BucketService{Endpoint: server.URL, AccessKey: "key", SecretKey: "secret"}
	})
	w.submit(transfer("u-1", "northwind", "2025-05-18T08:00:00Z", "eu", "t", "1.50"))
	there := w.ok("POST", "/dataexports/destinations", fmt.Sprintf(toBucket, "a", "bucket-a", "m3ter", "null")).id()
	missing := w.ok("POST", "/dataexports/destinations", fmt.Sprintf(toBucket, "b", "bucket-b", "", "null")).id()
	body := `{"sourceType":"USAGE","startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-20T00:00:00Z","destinationIds":["%s"]}`
	delivered, lost := w.export(fmt.Sprintf(body, there)), w.export(fmt.Sprintf(body, missing))
	w.advance(time.Second)
	if got := w.job(delivered); got["status"] != "SUCCEEDED" {
		t.Errorf("got %v %v", got, w.eventsOf(exportFailure))
	}
	key := "m3ter/orgId=" + w.org + "/date=2025-05-20/hour=09/type=measurements/" + delivered + "_measurements.csv.gz"
	object, err := backend.GetObject("bucket-a", key, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(object.Contents)
	if err != nil {
		t.Fatal(err)
	}
	if plain := unzipped(t, string(text)); !strings.Contains(plain, "u-1,"+theMeter) || plain != unzipped(t, w.file(delivered).body) {
		t.Errorf("got %s", plain)
	}
	failures := w.eventsOf(exportFailure)
	if got := w.job(lost); got["status"] != "FAILED" || len(failures) != 1 ||
		!strings.Contains(failures[0]["m3terEvent"].(map[string]any)["message"].(string), "destination b is not writable") {
		t.Errorf("a bucket that does not exist: got %v, %v", got, failures)
	}
}

func TestABucketServiceThatIsNotThereFailsTheJob(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	for _, endpoint := range []string{server.URL, "no address"} {
		w := newWorld(t, transfers, func(c *Config) { c.Bucket = &BucketService{Endpoint: endpoint} })
		to := w.ok("POST", "/dataexports/destinations", fmt.Sprintf(toBucket, "a", "bucket-a", "", "null")).id()
		id := w.export(`{"sourceType":"OPERATIONAL","operationalDataTypes":["METERS"],"destinationIds":["` + to + `"]}`)
		w.advance(time.Second)
		if got := w.job(id); got["status"] != "FAILED" {
			t.Errorf("%s: got %v", endpoint, got)
		}
	}
}
