//go:build e2e

package container

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// post sends a body to a vendor's path with a token that any built-in world takes, and reads the answer.
func post(t *testing.T, url, body string, answer any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer any")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %d %s %v", url, resp.StatusCode, data, err)
	}
	if len(bytes.TrimSpace(data)) == 0 || answer == nil {
		return
	}
	if err := json.Unmarshal(data, answer); err != nil {
		t.Fatalf("POST %s answers %s: %v", url, data, err)
	}
}

// metered is a customer with the alias "metered" and a metric that counts its events.
type metered struct{ customer, metric string }

func createMetered(t *testing.T, url string) metered {
	t.Helper()
	var customer, metric struct{ Data struct{ ID string } }
	post(t, url+"/metronome/v1/customers", `{"name":"Metered","ingest_aliases":["metered"]}`, &customer)
	post(t, url+"/metronome/v1/billable-metrics/create", `{"name":"Events","aggregation_type":"COUNT"}`, &metric)
	return metered{customer.Data.ID, metric.Data.ID}
}

// ingest sends the events from first up to, without, end.
func ingest(t *testing.T, url string, first, end int) {
	t.Helper()
	var events []string
	now := time.Now().UTC().Format(time.RFC3339)
	for i := first; i < end; i++ {
		events = append(events, fmt.Sprintf(
			`{"transaction_id":"event-%d","customer_id":"metered","event_type":"call","timestamp":%q}`, i, now))
	}
	post(t, url+"/metronome/v1/ingest", "["+strings.Join(events, ",")+"]", nil)
}

// usage returns what the events of yesterday and today add up to.
func usage(t *testing.T, url string, of metered) int {
	t.Helper()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	var page struct {
		Data []struct{ Value *int }
	}
	post(t, url+"/metronome/v1/usage", fmt.Sprintf(
		`{"window_size":"NONE","starting_on":%q,"ending_before":%q,"customer_ids":[%q],"billable_metrics":[{"id":%q}]}`,
		today.AddDate(0, 0, -1).Format(time.RFC3339), today.AddDate(0, 0, 1).Format(time.RFC3339),
		of.customer, of.metric), &page)
	if len(page.Data) != 1 {
		t.Fatalf("usage of one customer and metric has %d rows", len(page.Data))
	}
	if page.Data[0].Value == nil {
		return 0
	}
	return *page.Data[0].Value
}

// copies returns how many copies of an event arrived.
func copies(t *testing.T, url, event string) int {
	t.Helper()
	var found []any
	post(t, url+"/metronome/v1/events/search", fmt.Sprintf(`{"transactionIds":[%q]}`, event), &found)
	return len(found)
}
