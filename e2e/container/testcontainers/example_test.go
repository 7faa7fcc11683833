// Package testcontainers shows submeter in a test by way of testcontainers-go. It is a module of its own, so that who
// imports submeter does not get a container engine's client along with it.
//
// Nothing here is submeter's but the image: build it with `make image`, or say in SUBMETER_IMAGE where yours is.
package testcontainers

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

// startSubmeter starts a server that ends with the test, and returns its base URL.
func startSubmeter(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	server, err := testcontainers.Run(ctx, cmp.Or(os.Getenv("SUBMETER_IMAGE"), "submeter"),
		testcontainers.WithExposedPorts("4010/tcp"),
		testcontainers.WithEnv(map[string]string{"SUBMETER_STRICT": "true"}), // every flag has its variable
		testcontainers.WithWaitStrategy(wait.ForHTTP("/readyz").WithPort("4010/tcp")))
	testcontainers.CleanupContainer(t, server)
	if err != nil {
		t.Fatal(err)
	}
	baseURL, err := server.PortEndpoint(ctx, "4010/tcp", "http")
	if err != nil {
		t.Fatal(err)
	}
	return baseURL
}

// TestTwoCustomersOfOneServer starts one server for two tests side by side; a sandbox for each keeps them apart.
func TestTwoCustomersOfOneServer(t *testing.T) {
	baseURL := startSubmeter(t)
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			metronome := baseURL + "/~" + name + "/metronome"
			// The alias belongs to one customer alone: in one world the second would be refused it.
			created := call(t, metronome+"/v1/customers", `{"name":"Acme","ingest_aliases":["acme"]}`)
			if !strings.Contains(created, `"Acme"`) {
				t.Errorf("created %s", created)
			}
			// A month passes without a sleep.
			call(t, baseURL+"/~"+name+"/_submeter/clock/advance", `{"by":"P1M"}`)
		})
	}
}

// call posts a body and returns the answer, which must be a good one.
func call(t *testing.T, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer any")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", url, resp.Status, answer, err)
	}
	return string(answer)
}
