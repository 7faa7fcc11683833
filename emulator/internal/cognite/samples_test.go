package cognite_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/cognite"
)

func TestSamplesAfterNowHaveNotHappenedYet(t *testing.T) {
	w := newWorld(t, nil)
	now := noon.UnixMilli()
	w.append("acme", cognite.Sample{MeterID: storage, Timestamp: now, Value: 10}, cognite.Sample{MeterID: storage, Timestamp: now + 1, Value: 20},
		cognite.Sample{MeterID: storage, Timestamp: now + 10, Value: 30})
	path := fmt.Sprintf("%s/files.storage_bytes?start=%d&end=%d&numberOfDatapoints=3", meters, now, now+12)
	averages := func() (got []float64) {
		var m meter
		w.get(path).into(t, &m)
		for _, p := range m.Datapoints {
			got = append(got, p.Average)
		}
		return got
	}
	if got := fmt.Sprint(averages()); got != "[10 10 10]" {
		t.Errorf("at the instant of the first: got %s", got)
	}
	check(t, w.sandbox.SetClock(clock.FrozenAt(noon.Add(2*time.Millisecond))))
	if got := fmt.Sprint(averages()); got != "[15 20 20]" {
		t.Errorf("two milliseconds on: got %s", got)
	}
	check(t, w.sandbox.SetClock(clock.FrozenAt(noon.Add(time.Second))))
	if got := fmt.Sprint(averages()); got != "[15 20 30]" {
		t.Errorf("a second on: got %s", got)
	}
}

func TestSamplesComeInAnyOrderAndTheLastOneCounts(t *testing.T) {
	w := newWorld(t, nil)
	backwards := make([]cognite.Sample, 0, len(example)+1)
	backwards = append(backwards, cognite.Sample{MeterID: storage, Timestamp: dayBegin, Value: -7})
	for i := range example {
		backwards = append(backwards, example[len(example)-1-i])
	}
	if added := w.append("acme", backwards...); added != 8 {
		t.Errorf("8 instants: %d added", added)
	}
	if added := w.append("acme", example[3], cognite.Sample{MeterID: storage, Timestamp: 1, Value: 1}); added != 1 {
		t.Errorf("one instant known and one not: %d added", added)
	}
	w.get(fmt.Sprintf("%s/files.storage_bytes?start=%d&end=%d&numberOfDatapoints=4", meters, dayBegin, dayEnd)).
		wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":`+workedExample[0].points+`}`)
	// Every instant of the day overwritten in a layer of its own, and back again.
	check(t, w.sandbox.Snapshot("before"))
	for _, s := range example[1:] {
		w.append("acme", cognite.Sample{MeterID: storage, Timestamp: s.Timestamp, Value: 1})
	}
	path := fmt.Sprintf("%s/files.storage_bytes?start=%d&end=%d&numberOfDatapoints=1", meters, dayBegin, dayEnd)
	w.get(path).wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":[{"timestamp":1764547200000,"average":1}]}`)
	check(t, w.sandbox.Restore("before"))
	w.get(path).wants(t, 200, `{"meterId":"files.storage_bytes","datapoints":`+workedExample[2].points+`}`)
}

func TestSamplesThatCannotBeAreRefusedTogether(t *testing.T) {
	w := newWorld(t, nil)
	good := cognite.Sample{MeterID: "a.b", Timestamp: 1, Value: 1}
	rows := []struct {
		sentence, project string
		bad               cognite.Sample
	}{
		{"an id without a dot", "acme", cognite.Sample{MeterID: "storage"}},
		{"an id of three parts", "acme", cognite.Sample{MeterID: "nonexistent.meter.id"}},
		{"an id in upper case", "acme", cognite.Sample{MeterID: "Files.storage"}},
		{"no id", "acme", cognite.Sample{}},
		{"a value beyond all sums", "acme", cognite.Sample{MeterID: "a.b", Value: 1.1e300}},
		{"a value that is no number", "acme", cognite.Sample{MeterID: "a.b", Value: math.NaN()}},
		{"a project name of two letters", "ab", good},
		{"a project name of 33 letters", strings.Repeat("a", 33), good},
		{"a project name of digits", "12345", good},
		{"a project name that begins with a hyphen", "-acme", good},
		{"a project name that ends with a hyphen", "acme-", good},
	}
	for _, row := range rows {
		t.Run(row.sentence, func(t *testing.T) {
			if _, err := w.api.AppendSamples(w.sandbox, row.project, []cognite.Sample{good, row.bad}); err == nil {
				t.Error("it was taken")
			} else {
				t.Log(err)
			}
		})
	}
	w.get(meters).wants(t, 200, `{"items":[]}`)
	w.append("3-d-plant", good)
	w.get("/api/v1/projects/3-d-plant/metering/meters").wants(t, 200, `{"items":[{"meterId":"a.b","datapoints":[]}]}`)
}

func TestSamplesComeInWhileOthersAreRead(t *testing.T) {
	w := newWorld(t, nil)
	const writers, each = 4, 250
	path := fmt.Sprintf("%s/files.storage_bytes?start=1&end=%d&numberOfDatapoints=7", meters, writers*each)
	w.append("acme", cognite.Sample{MeterID: storage, Timestamp: 0, Value: 3})
	var done sync.WaitGroup
	for writer := range writers {
		done.Go(func() {
			for i := range each {
				at := int64(1 + i*writers + writer)
				if _, err := w.api.AppendSamples(w.sandbox, "acme", []cognite.Sample{{MeterID: storage, Timestamp: at, Value: 3}}); err != nil {
					t.Error(err)
				}
			}
		})
		done.Go(func() {
			for range 50 {
				got := w.get(path)
				if got.status != 200 || strings.Count(got.body, `"average":3}`) != 7 {
					t.Errorf("got %d %s, want the value 3 everywhere", got.status, got.body)
				}
			}
		})
	}
	done.Wait()
	if added := w.append("acme", cognite.Sample{MeterID: storage, Timestamp: writers * each, Value: 3}); added != 0 {
		t.Error("the last sample was lost")
	}
}
