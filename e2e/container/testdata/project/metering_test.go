// Package project stands for a user's repository, whose tests call a vendor's API where the environment says it is.
package project

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestWhatWasIngestedIsFound(t *testing.T) {
	found := os.Getenv("WANT_EVENT") // the test of a failing job asks for an event that nobody sent
	if found == "" {
		found = "ci-1"
	}
	post(t, "/v1/ingest", fmt.Sprintf(`[{"transaction_id":"ci-1","customer_id":"quillworks","event_type":"completion","timestamp":%q}]`,
		time.Now().UTC().Format(time.RFC3339)))
	if answer := post(t, "/v1/events/search", fmt.Sprintf(`{"transactionIds":[%q]}`, found)); !strings.Contains(answer, `"Quillworks"`) {
		t.Errorf("event %s is not found: %s", found, answer)
	}
}

func post(t *testing.T, path, body string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, os.Getenv("METRONOME_BASE_URL")+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("METRONOME_BEARER_TOKEN"))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", path, resp.Status, answer, err)
	}
	return string(answer)
}
