package cognite_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/cognite"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

func parsed(t testing.TB, text string) *fixtures.Scenario {
	t.Helper()
	s, err := fixtures.Parse("test.yaml", []byte("version: 1\n"+text))
	check(t, err)
	return s
}

const scenario = `
cognite:
  clients:
    - {id: billing, secret: s}
  projects:
    - name: demo-plant
      groups:
        - {name: billers, members: [billing], capabilities: [{acl: projectsAcl, actions: [LIST]}]}
      meters:
        - id: files.storage_bytes
          samples:
            - {at: 2025-12-01T00:00:00Z, value: 1000}
            - {at: 2025-11-30T18:00:00Z, value: 900}
            - {at: 2025-12-01T03:00:00Z, value: 7}
            - {at: 2025-12-01T03:00:00Z, value: 1200.5}
            - {at: -1d, value: 3e3}
      limits:
        - {id: files.storage_bytes, value: 5e3}
`

func TestAScenarioBecomesAWorld(t *testing.T) {
	w := newWorld(t, parsed(t, scenario))
	var token struct {
		AccessToken string `json:"access_token"`
	}
	w.do(call{method: "POST", path: "/oauth2/token", body: "grant_type=client_credentials&client_id=billing&client_secret=s",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}).into(t, &token)
	get := func(path string) answer {
		return w.do(call{method: "GET", path: "/api/v1/projects/demo-plant" + path, header: as(token.AccessToken)})
	}
	get("/metering/meters?start=1764525600000&end=1764676800000&numberOfDatapoints=7").wants(t, 200,
		`{"items":[{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764525600000,"average":900},`+
			`{"timestamp":1764547200000,"average":1100.25},{"timestamp":1764568800000,"average":1200.5},{"timestamp":1764590400000,"average":1200.5},`+
			`{"timestamp":1764612000000,"average":1200.5},{"timestamp":1764633600000,"average":1200.5},{"timestamp":1764655200000,"average":3000}]}]}`)
	get("/limits/values").wants(t, 200, `{"items":[{"limitId":"files.storage_bytes","value":5000}]}`)
	w.get(meters).wants(t, 401, "")

	lines := strings.Join(w.api.Credentials(parsed(t, scenario)), "\n")
	if lines != "client billing / s (at /oauth2/token)" {
		t.Errorf("credentials: got %s", lines)
	}
	lines = strings.Join(w.api.Credentials(fixtures.New()), "\n")
	if lines != "Authorization: Bearer <any token> (project acme)\nclient <any id> / <any secret> (at /oauth2/token)" {
		t.Errorf("credentials of the shortest scenario: got %s", lines)
	}
}

func TestAScenarioCanBeLaidOnAWorld(t *testing.T) {
	w := newWorld(t, catalogue())
	w.append("acme", example...)
	check(t, w.api.Seed(w.sandbox, parsed(t, `
cognite:
  options: {max_ids: 1}
  projects:
    - name: acme
      meters:
        - {id: files.storage_bytes, samples: [{at: 2025-12-01T00:00:00Z, value: 1}]}
        - {id: streams.streams}
      limits: [{id: streams.streams, value: 3}]
    - {name: second}
`)))
	w.get(meters+"/files.storage_bytes?start=1764547200000&end=1764547200000&numberOfDatapoints=1").
		wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764547200000,"average":1}]}`)
	w.get(meters+"/files.storage_bytes?start=1764525600000&end=1764525600000&numberOfDatapoints=1").
		wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764525600000,"average":900}]}`)
	w.get(meters+"/streams.streams").wants(t, 200, "")
	w.get(limits+"/files.storage_bytes").wants(t, 200, "")
	w.get("/api/v1/projects/second/limits/values").wants(t, 200, `{"items":[]}`)
	w.post(meters+"/byids", `{"items":[{"meterId":"streams.streams"},{"meterId":"streams.streams"}]}`).wants(t, 400, "")
	var own struct{ Items []any }
	if w.get(inAcme+"/groups").into(t, &own); len(own.Items) != 1 {
		t.Errorf("the project has %d groups for everyone, want the one it had", len(own.Items))
	}
}

func TestSamplesOutliveTheProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "world.db")
	day := meters + "/files.storage_bytes?start=1764547200000&end=1764633600000&numberOfDatapoints="
	t.Run("write", func(t *testing.T) {
		w := openWorld(t, generated(), store.Options{Path: file})
		w.append("acme", example[:4]...)
		check(t, w.sandbox.Snapshot("half"))
		w.append("acme", example[4:]...)
		w.append("acme", cognite.Sample{MeterID: "new.meter", Timestamp: 1, Value: 1})
	})
	w := openWorld(t, generated(), store.Options{Path: file})
	w.get(day+"4").wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":`+workedExample[0].points+`}`)
	w.get(meters+"/new.meter").wants(t, 200, "")
	check(t, w.sandbox.Restore("half"))
	w.get(day+"1").wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764547200000,"average":1233.3333333333333}]}`)
	w.get(meters+"/new.meter").wants(t, 404, "")
}

// The default world is seeded by every start: its history must cost nothing then, and be there when asked for.
func TestTheDefaultWorldHas90DaysOfHistory(t *testing.T) {
	s, err := fixtures.Load("default")
	check(t, err)
	w := newWorld(t, s)
	begin, day := noon.UnixMilli()-12*3600*1000, int64(24*3600*1000)
	for _, m := range s.Cognite.Projects[0].Meters {
		var empty int
		for i, p := range history(w, m.ID, begin-95*day, begin, 95) {
			if p.Average == 0 {
				empty++
			}
			if p.Average == 0 && i > 5 {
				t.Errorf("%s shows nothing %d days ago", m.ID, 95-i)
			}
		}
		if empty != 5 {
			t.Errorf("%s has %d empty days in 95, want 5", m.ID, empty)
		}
	}
	w.get(limits).wants(t, 200, "")
}
