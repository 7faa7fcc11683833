package informatica_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/submeter/submeter/fixtures"
)

// mostGrowth is how much memory a report of any size may take.
const mostGrowth = 64 << 20

// largeWorld has so many organizations under one, each with usage on 28 meters every day.
func largeWorld(orgs int) *fixtures.Scenario {
	s := fixtures.New()
	s.Clock = fixtures.Clock{At: fixtures.Instant(time.Date(2025, 7, 1, 12, 0, 0, 0, time.UTC)), Mode: fixtures.ClockFrozen}
	m := &s.Informatica
	m.Users = []fixtures.InformaticaUser{{Username: bot, Password: "right", Org: "Org 0"}}
	meters := []string{
		"3TaYTMo6BFYeNIABfVmH0n", "8tXWie0ZQLWlG1cyxxLwQM", "3qh0uqEkx2KjCOnnPoB786", "gzNg8hRHqusd8TkG3qOpws",
		"dMN0VeTW4cThHyPovp4GEX", "3uIRkIV5Rt9lBbAPzeR5Kj", "4610adb7f5e945e98da246", "bN6mes5n4GGciiMkuoDlCz",
		"4c6fec02782546879713aa", "4136oNHy3dPeKfhCDzv9sl", "68c4cbf9f1d84b6fb52e9f", "eNYBoIrr3KDgtDN9E6lXid",
		"5rtHwmyoQ6HjmJt8mqXTwc", "8y72urWKS85gGBRVi6tJGA", "8tJNWEJFAhojeO8ZAx6ZGT", "a2nB20h1o0lc7k3P9xtWS8",
		"35m9fB23Tykj4Fb3rN5q2J", "0sDTANKFZBSbqjzKaXKlmB", "aBNLpHvKynqb33VYVDl3y2", "1gUb7oRmAAXbpqeR8uRyye",
		"cPnPIT3XYAziLqIoXtd0KC", "kFBW9yYl4QHfru384cRMmp", "2qJ9COoAhfMrsH7mCyh86M", "7a2Fd4622Da044a38b7EB1",
		"fqttkiGnSaHeXW255z4IcD", "i3H6LcmMIYjhUKa9VCi7CI", "24WXkCWzeSHjFlQvLPDegF", "hr7GsCwFFmyfvfZQFn8v81",
	}
	for i := range orgs {
		o := fixtures.InformaticaOrg{Name: fmt.Sprint("Org ", i), Kind: fixtures.InformaticaSubOrganization, Parent: "Org 0"}
		if i == 0 {
			o.Kind, o.Parent = fixtures.InformaticaProduction, ""
		}
		m.Orgs = append(m.Orgs, o)
		m.Environments = append(m.Environments, fixtures.InformaticaEnvironment{Org: o.Name, Name: "agent"})
		m.Assets = append(m.Assets, fixtures.InformaticaAsset{Org: o.Name, Path: "Project/Folder/asset", Environment: "agent"})
		for _, meter := range meters {
			m.Usage = append(m.Usage, fixtures.InformaticaUsage{
				Org: o.Name, Meter: meter, Asset: "Project/Folder/asset", From: fixtures.Instant(s.Clock.At.At(time.Time{}).AddDate(-1, 0, 0)),
				Runs: 2, Weekend: 100, Minutes: 30, Spread: 25, Cores: 2, Quantity: "120.5", Executions: 1,
			})
		}
	}
	return s
}

// sink takes an answer, keeps nothing, and notes the most memory in use meanwhile.
type sink struct {
	header http.Header
	bytes  int64
	peak   uint64
	sample []metrics.Sample
}

func newSink() *sink {
	return &sink{header: http.Header{}, sample: []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}}
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}

func (s *sink) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	s.peak = max(s.peak, s.inUse())
	return len(p), nil
}

func (s *sink) inUse() (total uint64) {
	metrics.Read(s.sample)
	for i := range s.sample {
		total += s.sample[i].Value.Uint64()
	}
	return total
}

func (s *sink) download(w *world, id, session string) (growth uint64) {
	runtime.GC()
	before := s.inUse()
	s.peak = before
	r := httptest.NewRequest(http.MethodGet, export+"/"+id+"/download", nil)
	r.Header = http.Header{"Infa-Session-Id": {session}}
	w.ServeHTTP(s, r)
	return s.peak - before
}

var halfYear = fields{
	"startDate": "2025-01-01T00:00:00Z", "endDate": "2025-06-30T23:59:59Z",
	"jobType": "SUMMARY", "allLinkedOrgs": true, "combinedMeterUsage": true,
}

// A report of a quarter of a million rows grows the memory by less than the bound, which does not depend on the rows.
func TestALargeReportIsNotHeldInMemory(t *testing.T) {
	w := seeded(t, largeWorld(50))
	session := w.login(bot)
	id := w.start(export, session, halfYear)
	w.advance(5 * time.Second)
	s := newSink()
	growth := s.download(w, id, session)
	if s.header.Get("Content-Length") != "" || s.bytes < 2<<20 {
		t.Errorf("%d bytes came with the length %q: too small a report to try this with", s.bytes, s.header.Get("Content-Length"))
	}
	if growth > mostGrowth {
		t.Errorf("memory grew by %d MiB, want %d at most", growth>>20, mostGrowth>>20)
	}
}

// BenchmarkSummaryOfAMillionRows streams the largest report that the API can be asked for, times the organizations.
func BenchmarkSummaryOfAMillionRows(b *testing.B) {
	const orgs, meters, days = 200, 28, 181
	w := seeded(b, largeWorld(orgs))
	session := w.login(bot)
	id := w.start(export, session, halfYear)
	w.advance(5 * time.Second)
	s := newSink()
	var growth uint64
	for b.Loop() {
		growth = max(growth, s.download(w, id, session))
	}
	b.ReportMetric(float64(orgs*meters*days)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(growth)/(1<<20), "MiB-growth")
	b.ReportMetric(float64(s.bytes)/float64(b.N)/(1<<20), "MiB-zip")
	if growth > mostGrowth {
		b.Errorf("memory grew by %d MiB, want %d at most", growth>>20, mostGrowth>>20)
	}
	b.StopTimer()
	checkRows(b, w.call(http.MethodGet, export+"/"+id+"/download", session, nil), orgs*meters*days)
}

// checkRows counts the rows that the figures are about.
func checkRows(t tester, a answer, want int) {
	archive, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := archive.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	lines, buffer := 0, make([]byte, 1<<16)
	for {
		n, err := r.Read(buffer)
		lines += bytes.Count(buffer[:n], []byte("\n"))
		if err != nil {
			break
		}
	}
	if lines != want+1 {
		t.Errorf("got %d lines, want %d rows and the header", lines, want)
	}
}
