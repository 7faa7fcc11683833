package cognite_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/clients/cognite"
	"github.com/submeter/submeter/clients/internal/transport"
	"github.com/submeter/submeter/emulator"
	"github.com/submeter/submeter/fixtures"
)

var december = time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)

const project = "demo-plant"

// start starts an emulator in which it is new year for good. Its one project has the meters and limits given.
func start(t *testing.T, change func(*fixtures.Cognite, *fixtures.CogniteProject)) *emulator.Emulator {
	t.Helper()
	world := fixtures.New()
	world.Clock = fixtures.Clock{At: fixtures.Instant(december.AddDate(0, 1, 0)), Mode: fixtures.ClockFrozen}
	plant := fixtures.CogniteProject{Name: project}
	change(&world.Cognite, &plant)
	world.Cognite.Projects = []fixtures.CogniteProject{plant}
	return emulator.Start(t, emulator.WithWorld(world))
}

func connect(t *testing.T, e *emulator.Emulator) *cognite.Client {
	t.Helper()
	return must(cognite.New(e.URL("cognite"), project, cognite.Credentials{Token: "any"}))(t)
}

// must is must(call())(t): the result of a call that has to succeed.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestListsAndLookups(t *testing.T) {
	var ids []string
	e := start(t, func(_ *fixtures.Cognite, plant *fixtures.CogniteProject) {
		for i := range 2300 {
			ids = append(ids, fmt.Sprintf("a%d.m%03d", i/1000, i%1000))
			plant.Meters = append(plant.Meters, fixtures.CogniteMeter{ID: ids[i]})
			plant.Limits = append(plant.Limits, fixtures.CogniteLimit{ID: ids[i], Value: json.Number(fmt.Sprint(i, ".5"))})
		}
		plant.Limits = append(plant.Limits, fixtures.CogniteLimit{ID: "with/slash and ü", Value: "7"})
	})
	client := connect(t, e)

	list := func(prefix string) (got []string) {
		for meter, err := range client.Meters(t.Context(), prefix) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, meter.MeterID)
		}
		return got
	}
	if got := list(""); !slices.Equal(got, ids) {
		t.Errorf("all meters, on three pages: %d of %d", len(got), len(ids))
	}
	if got := list("a1.m99"); !slices.Equal(got, ids[1990:2000]) {
		t.Errorf("meters with a prefix: %q", got)
	}
	if got := list("none"); got != nil {
		t.Errorf("meters with a prefix that none has: %q", got)
	}

	some := append(slices.Clone(ids[100:350]), ids[0], ids[100]) // more than fit a request, neither sorted nor unique
	var got []string
	for _, meter := range must(client.Retrieve(t.Context(), some...))(t) {
		got = append(got, meter.MeterID)
	}
	if !slices.Equal(got, some) {
		t.Errorf("meters by id: %q", got)
	}
	if meter := must(client.Meter(t.Context(), ids[7]))(t); meter.MeterID != ids[7] || len(meter.Datapoints) != 0 {
		t.Errorf("one meter: %+v", meter)
	}
	if _, err := client.Meter(t.Context(), "nonexistent.meter.id"); !errors.Is(err, cognite.ErrNotFound) {
		t.Errorf("a meter that is none: %v", err)
	}
	if _, err := client.Retrieve(t.Context(), ids[0], "nonexistent.meter.id"); !errors.Is(err, cognite.ErrNotFound) {
		t.Errorf("meters, one of which is none: %v", err)
	}

	limits := must(transport.Collect(client.Limits(t.Context(), "")))(t)
	if len(limits) != 2301 || limits[1234].Value != 1234.5 || limits[1234].LimitID != ids[1234] {
		t.Errorf("%d limits, one of them %+v", len(limits), limits[1234])
	}
	if limits := must(transport.Collect(client.Limits(t.Context(), "a2.m29")))(t); len(limits) != 10 || limits[9].Value != 2299.5 {
		t.Errorf("limits with a prefix: %+v", limits)
	}
	if limit := must(client.Limit(t.Context(), "with/slash and ü"))(t); limit.Value != 7 {
		t.Errorf("a limit whose id needs escaping: %+v", limit)
	}
	if _, err := client.Limit(t.Context(), "nonexistent.limit.id"); !errors.Is(err, cognite.ErrNotFound) {
		t.Errorf("a limit that is none: %v", err)
	}
}

// averages works out what a history should say: the mean of each period's samples, or else the sample before it.
func averages(samples map[int64]float64, span cognite.Span) []cognite.Datapoint {
	var points []cognite.Datapoint
	instants, last := slices.Sorted(maps.Keys(samples)), 0.0
	for from := span.From; from.Before(span.To); from = from.Add(span.Every) {
		until := from.Add(span.Every)
		if until.After(span.To) {
			until = span.To
		}
		sum, n := 0.0, 0
		for _, at := range instants {
			switch {
			case at < from.UnixMilli():
				last = samples[at]
			case at < until.UnixMilli():
				sum, n = sum+samples[at], n+1
			}
		}
		point := cognite.Datapoint{Timestamp: from.UnixMilli(), Average: last}
		if n > 0 {
			point.Average = sum / float64(n)
		}
		points = append(points, point)
	}
	return points
}

func TestHistoriesOfAnyLengthAreExact(t *testing.T) {
	// Samples lie on the bounds of periods, where the cuts between requests are, a millisecond beside them, and between.
	samples := map[string]map[int64]float64{"files.storage_bytes": {}, "functions.concurrent_executions": {}, "atlas.idle": {}}
	minute := time.Minute.Milliseconds()
	for i := range int64(3000) {
		at := december.UnixMilli() + i*minute
		samples["files.storage_bytes"][at-30*minute] = float64(i * 8)
		samples["functions.concurrent_executions"][at+(i%3-1)] = float64(i % 64)
		samples["functions.concurrent_executions"][at+minute/2] = float64(i % 32)
	}
	e := start(t, func(_ *fixtures.Cognite, plant *fixtures.CogniteProject) {
		for id, of := range samples {
			meter := fixtures.CogniteMeter{ID: id}
			for at, value := range of {
				meter.Samples = append(meter.Samples, fixtures.CogniteSample{
					At: fixtures.Instant(time.UnixMilli(at).UTC()), Value: json.Number(fmt.Sprint(value)),
				})
			}
			plant.Meters = append(plant.Meters, meter)
		}
	})
	client := connect(t, e)
	ids := []string{"functions.concurrent_executions", "files.storage_bytes", "atlas.idle"}

	cases := []struct {
		name     string
		span     cognite.Span
		requests int
	}{
		{"a few periods", cognite.Span{From: december, To: december.Add(4 * time.Hour), Every: time.Hour}, 1},
		{"one period", cognite.Span{From: december, To: december.Add(time.Hour), Every: time.Hour}, 1},
		{"as many as fit", cognite.Span{From: december, To: december.Add(599 * time.Minute), Every: time.Minute}, 1},
		{"one more", cognite.Span{From: december, To: december.Add(600 * time.Minute), Every: time.Minute}, 2},
		{"two days by the minute", cognite.Span{From: december, To: december.Add(2880 * time.Minute), Every: time.Minute}, 5},
		{"a length that is no multiple", cognite.Span{From: december, To: december.Add(150*time.Minute + 1), Every: time.Hour}, 2},
		{"a span shorter than its period", cognite.Span{From: december, To: december.Add(90 * time.Second), Every: time.Hour}, 1},
		{"periods of an odd length", cognite.Span{From: december.Add(7 * time.Millisecond), To: december.Add(26 * time.Hour), Every: 77_777 * time.Millisecond}, 4},
		{"periods of a millisecond", cognite.Span{From: december.Add(-2 * time.Millisecond), To: december.Add(5 * time.Millisecond), Every: time.Millisecond}, 1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if err := e.Sandbox(emulator.DefaultSandbox).ClearRequests(); err != nil {
				t.Fatal(err)
			}
			meters := must(transport.Collect(client.History(t.Context(), tc.span, ids...)))(t)
			for i, meter := range meters {
				if want := averages(samples[ids[i]], tc.span); meter.MeterID != ids[i] || !slices.Equal(meter.Datapoints, want) {
					t.Errorf("%s: %d points %v\nwant %d of %s %v", meter.MeterID, len(meter.Datapoints), head(meter.Datapoints), len(want), ids[i], head(want))
				}
			}
			if n := must(e.Sandbox(emulator.DefaultSandbox).CountRequests(emulator.Filter{}))(t); len(meters) != len(ids) || n != tc.requests {
				t.Errorf("%d meters in %d requests, want %d in %d", len(meters), n, len(ids), tc.requests)
			}
		})
	}
}

func head(points []cognite.Datapoint) []cognite.Datapoint { return points[:min(len(points), 5)] }

func TestHistoriesOfManyMetersStayModerate(t *testing.T) {
	var ids []string
	e := start(t, func(_ *fixtures.Cognite, plant *fixtures.CogniteProject) {
		for i := range 40 {
			ids = append(ids, fmt.Sprintf("a.m%02d", i))
			plant.Meters = append(plant.Meters, fixtures.CogniteMeter{ID: ids[i], Samples: []fixtures.CogniteSample{
				{At: fixtures.Instant(december), Value: json.Number(fmt.Sprint(i))},
			}})
		}
	})
	span := cognite.Span{From: december, To: december.AddDate(0, 0, 1), Every: 6 * time.Minute}
	n := 0
	for meter, err := range connect(t, e).History(t.Context(), span, ids...) {
		if err != nil {
			t.Fatal(err)
		}
		if len(meter.Datapoints) != 240 || meter.MeterID != ids[n] || meter.Datapoints[239].Average != float64(n) {
			t.Errorf("%s: %d points", meter.MeterID, len(meter.Datapoints))
		}
		n++
	}
	if n != 40 {
		t.Errorf("%d meters", n)
	}
}

func TestHistoriesThatCannotBe(t *testing.T) {
	client := connect(t, start(t, func(*fixtures.Cognite, *fixtures.CogniteProject) {}))
	for name, span := range map[string]cognite.Span{
		"periods of no length":       {From: december, To: december.Add(time.Hour)},
		"periods of microseconds":    {From: december, To: december.Add(time.Hour), Every: 1500 * time.Microsecond},
		"a span that ends too early": {From: december, To: december, Every: time.Hour},
	} {
		if meters, err := transport.Collect(client.History(t.Context(), span, "a.b")); err == nil || errors.As(err, new(*cognite.Error)) {
			t.Errorf("%s: %v, %v", name, meters, err)
		}
	}
	span := cognite.Span{From: december, To: december.Add(time.Hour), Every: time.Hour}
	if _, err := transport.Collect(client.History(t.Context(), span, "nonexistent.meter.id")); !errors.Is(err, cognite.ErrNotFound) {
		t.Errorf("a meter that is none: %v", err)
	}
}

// clients is a world with one application, whose tokens work for an hour of the sandbox's time.
func clients(world *fixtures.Cognite, plant *fixtures.CogniteProject) {
	world.Clients = []fixtures.CogniteClient{{ID: "app", Secret: "s3cret/+", Subject: "svc-billing"}}
	plant.Meters = []fixtures.CogniteMeter{{ID: "files.storage_bytes"}}
}

func TestTokensAreFetchedAndRenewed(t *testing.T) {
	e := start(t, clients)
	client := must(cognite.New(e.URL("cognite"), project, cognite.Credentials{
		ClientID: "app", ClientSecret: "s3cret/+", TokenURL: e.URL("cognite") + "/oauth2/token", Scopes: []string{"https://x/.default", "y"},
	}))(t)
	box := e.Sandbox(emulator.DefaultSandbox)
	for _, wait := range []string{"1s", "1h", "1s"} {
		if meters := must(transport.Collect(client.Meters(t.Context(), "")))(t); len(meters) != 1 {
			t.Errorf("meters %+v", meters)
		}
		if _, err := box.Advance(wait); err != nil {
			t.Fatal(err)
		}
	}
	if said := must(client.InspectToken(t.Context()))(t); said.Subject != "svc-billing" || said.Projects[0].ProjectURLName != project {
		t.Errorf("token of %+v", said)
	}
	var seen []string
	for _, x := range must(box.Requests(emulator.Filter{}))(t) {
		seen = append(seen, fmt.Sprint(x.Operation, " ", x.Status))
	}
	want := []string{
		"issueToken 200", "listConsumptionDataAdvanced 200", "listConsumptionDataAdvanced 200",
		"listConsumptionDataAdvanced 401", "issueToken 200", "listConsumptionDataAdvanced 200", "inspectToken 200",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("requests %q\nwant %q", seen, want)
	}
}

func TestRefusals(t *testing.T) {
	e := start(t, func(world *fixtures.Cognite, plant *fixtures.CogniteProject) {
		clients(world, plant)
		world.Tokens = []fixtures.CogniteToken{{Token: "guest", Subject: "guest"}}
		plant.Groups = []fixtures.CogniteGroup{{Name: "guests", Members: []string{"guest"}}}
	})
	tokenURL := e.URL("cognite") + "/tenant/oauth2/v2.0/token"
	cases := []struct {
		name        string
		project     string
		credentials cognite.Credentials
		text        string
	}{
		{"an unknown token", project, cognite.Credentials{Token: "bad"}, "POST /cognite/api/v1/projects/demo-plant/metering/meters/list: 401 Unauthorized: Unauthorized [request "},
		{"an unknown project", "elsewhere", cognite.Credentials{Token: "guest"}, "POST /cognite/api/v1/projects/elsewhere/metering/meters/list: 401 Unauthorized: Unauthorized [request "},
		{"a caller without the capability", project, cognite.Credentials{Token: "guest"}, "POST /cognite/api/v1/projects/demo-plant/metering/meters/list: 403 Forbidden: "},
		{"a wrong secret", project, cognite.Credentials{ClientID: "app", ClientSecret: "wrong", TokenURL: tokenURL},
			"POST /cognite/tenant/oauth2/v2.0/token: 401 Unauthorized (invalid_client): "},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			client := must(cognite.New(e.URL("cognite"), tc.project, tc.credentials))(t)
			_, err := transport.Collect(client.Meters(t.Context(), ""))
			refused := (*cognite.Error)(nil)
			if !errors.Is(err, cognite.ErrSignIn) || !errors.As(err, &refused) || !strings.HasPrefix(refused.Error(), tc.text) || refused.RequestID == "" {
				t.Errorf("error %v\nwant %s", err, tc.text)
			}
		})
	}
	nowhere := must(cognite.New(e.URL("cognite"), project, cognite.Credentials{
		ClientID: "app", ClientSecret: "s3cret/+", TokenURL: e.URL("cognite") + "/nowhere",
	}, cognite.WithAttempts(1), cognite.WithMaxWait(time.Second), cognite.WithHTTP(http.DefaultClient)))(t)
	if _, err := transport.Collect(nowhere.Meters(t.Context(), "")); !errors.Is(err, cognite.ErrNotFound) || errors.Is(err, cognite.ErrSignIn) {
		t.Errorf("a token URL that is none: %v", err)
	}
}

func TestWhatCannotBeAClient(t *testing.T) {
	good := cognite.Credentials{Token: "any"}
	cases := []struct {
		name, baseURL, project string
		credentials            cognite.Credentials
	}{
		{"a base URL without a scheme", "localhost:4010", project, good},
		{"a base URL of another kind", "ftp://host", project, good},
		{"no project", "http://host", "", good},
		{"no credentials", "http://host", project, cognite.Credentials{}},
		{"an application without a secret", "http://host", project, cognite.Credentials{ClientID: "app", TokenURL: "http://host/token"}},
		{"an application that also has a token", "http://host", project, cognite.Credentials{Token: "t", ClientID: "app", ClientSecret: "s", TokenURL: "http://host/token"}},
	}
	for _, tc := range cases {
		if _, err := cognite.New(tc.baseURL, tc.project, tc.credentials); err == nil {
			t.Errorf("%s passed", tc.name)
		}
	}
	if client := must(cognite.New("https://westeurope-1.cognitedata.com/", project, good))(t); client.Project() != project {
		t.Errorf("project %s", client.Project())
	}
}
