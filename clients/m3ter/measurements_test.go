package m3ter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/submeter/submeter/clients/m3ter"
)

func many(n int) iter.Seq[m3ter.Measurement] {
	return func(yield func(m3ter.Measurement) bool) {
		for i := range n {
			if !yield(sent("northwind", "eu", "0.1", may1.Add(time.Duration(i)*time.Second))) {
				return
			}
		}
	}
}

// Sending everything again counts nothing twice; the vendor tells what it had already.
func TestSubmittingAgainCountsOnce(t *testing.T) {
	sb := world(t)
	c := connect(t, sb, key)
	ctx := context.Background()
	for range 2 {
		if n, err := c.Submit(ctx, many(2500)); n != 2500 || err != nil {
			t.Fatalf("%d were accepted: %v", n, err)
		}
	}
	rows := all(t, c.Usage(ctx, sums(may1, may21)))
	if len(rows) != 1 || rows[0].Text("data_transfer.gb_out.SUM") != "250" {
		t.Errorf("the usage is %s", lines(t, rows))
	}
	if n := calls(t, sb, "submitMeasurements"); n != 6 {
		t.Errorf("there were %d batches, want six", n)
	}
	failed := all(t, c.FailedMeasurements(ctx))
	if len(failed) != 2500 || !strings.Contains(string(failed[0].Body), "DuplicateUid") {
		t.Errorf("%d measurements failed, the last by %s", len(failed), failed[0].Body)
	}
}

// After a batch that failed, the places of its measurements are known, and sending all again makes good.
func TestABatchThatFailsCanBeSentAgain(t *testing.T) {
	sb := world(t)
	batches := 0
	w := &wire{do: func(req *http.Request, _ []byte) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/measurements") {
			if batches++; batches == 2 {
				return answer(req, 503, `{"message":"away"}`)
			}
		}
		return http.DefaultTransport.RoundTrip(req)
	}}
	c := connect(t, sb, key, w.client(), m3ter.WithAttempts(1))
	ctx := context.Background()
	refused := (*m3ter.Error)(nil)
	n, err := c.Submit(ctx, many(2500))
	if n != 1000 || !errors.As(err, &refused) || refused.Status != 503 || !strings.HasPrefix(err.Error(), "measurements 1001 to 2000: ") {
		t.Errorf("%d were accepted: %v", n, err)
	}
	if n, err := c.Submit(ctx, many(2500)); n != 2500 || err != nil {
		t.Fatalf("%d were accepted: %v", n, err)
	}
	if rows := all(t, c.Usage(ctx, sums(may1, may21))); rows[0].Text("data_transfer.gb_out.SUM") != "250" {
		t.Errorf("the usage is %s", lines(t, rows))
	}
}

// A vendor that is away for a moment is asked again, as it says, and the measurements count once.
func TestTroubleOnTheWayIsOvercome(t *testing.T) {
	sb := world(t)
	tried := 0
	w := &wire{do: func(req *http.Request, _ []byte) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil || !strings.HasSuffix(req.URL.Path, "/measurements") {
			return resp, err
		}
		if tried++; tried > 2 {
			return resp, err
		}
		_ = resp.Body.Close()
		lost, _ := answer(req, 503, ``) // the batch was taken, and nobody knows
		lost.Header.Set("Retry-After", "0")
		return lost, nil
	}}
	c := connect(t, sb, key, w.client())
	submit(t, c, sent("northwind", "eu", "2.5", may1))
	if rows := all(t, c.Usage(context.Background(), sums(may1, may21))); tried != 3 || rows[0].Text("data_transfer.gb_out.SUM") != "2.5" {
		t.Errorf("after %d attempts the usage is %s", tried, lines(t, rows))
	}
}

// Whatever the sizes, batches hold all measurements in order, keep both bounds, and are no smaller than they must be.
func TestBatchesKeepBothBounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		length := rapid.SampledFrom([]int{0, 90, 250, 5_000, 170_000}).Draw(rt, "length")
		n := rapid.IntRange(0, 2500).Draw(rt, "measurements") / (1 + length/1000)
		var list []m3ter.Measurement
		for i := range n {
			m := sent("northwind", "eu", "1", may1)
			m.UID = fmt.Sprint(i)
			m.What = m3ter.Texts{"note": strings.Repeat("x", rapid.IntRange(0, length).Draw(rt, "note"))}
			list = append(list, m)
		}
		var uids []string
		var lengths, firsts []int
		w := &wire{do: func(req *http.Request, body []byte) (*http.Response, error) {
			var sent m3ter.SubmitMeasurementsRequest
			if err := json.Unmarshal(body, &sent); err != nil {
				rt.Fatal(err)
			}
			if len(body) >= m3ter.BatchBytes || len(sent.Measurements) > m3ter.BatchSize || len(sent.Measurements) == 0 {
				rt.Fatalf("a batch has %d measurements in %d bytes", len(sent.Measurements), len(body))
			}
			first, _ := json.Marshal(sent.Measurements[0])
			if k := len(lengths); k > 0 && lengths[k-1]+len(",")+len(first) < m3ter.BatchBytes && firsts[k-1] < m3ter.BatchSize {
				rt.Fatalf("a batch of %d bytes had room for one more of %d", lengths[k-1], len(first))
			}
			lengths, firsts = append(lengths, len(body)), append(firsts, len(sent.Measurements))
			for _, m := range sent.Measurements {
				uids = append(uids, m.UID)
			}
			return answer(req, 200, `{"result":"accepted"}`)
		}}
		c, err := m3ter.New("http://vendor", "o", m3ter.Credentials{Token: "t"}, w.client())
		if err != nil {
			rt.Fatal(err)
		}
		if accepted, err := c.Submit(context.Background(), slices.Values(list)); accepted != n || err != nil {
			rt.Fatalf("%d of %d were accepted: %v", accepted, n, err)
		}
		for i := range n {
			if uids[i] != fmt.Sprint(i) {
				rt.Fatalf("measurement %d came in place of %d", i, i)
			}
		}
	})
}

// The largest batch that the client makes is one that is taken.
func TestTheLargestBatchIsTaken(t *testing.T) {
	c := connect(t, world(t), key)
	at := func(length int) m3ter.Measurement {
		m := sent("northwind", "eu", "1", may1)
		m.UID, m.What = "u", m3ter.Texts{"note": strings.Repeat("x", length)}
		return m
	}
	empty, err := json.Marshal(m3ter.SubmitMeasurementsRequest{Measurements: []m3ter.Measurement{at(0)}})
	if err != nil {
		t.Fatal(err)
	}
	most := m3ter.BatchBytes - 1 - len(empty)
	submit(t, c, at(most))
	n, err := c.Submit(context.Background(), slices.Values([]m3ter.Measurement{sent("northwind", "eu", "1", may1), at(most + 1)}))
	if n != 1 || err == nil || !strings.HasPrefix(err.Error(), "measurement 2: its ") {
		t.Errorf("%d of two were accepted: %v", n, err)
	}
}

func TestUIDsFollowFromWhatIsSaid(t *testing.T) {
	base := sent("northwind", "eu", "1", may1)
	end := may1.Add(time.Hour)
	other := map[string]func(*m3ter.Measurement){
		"meter":   func(m *m3ter.Measurement) { m.Meter = "stored_data" },
		"account": func(m *m3ter.Measurement) { m.Account = "lakeside" },
		"instant": func(m *m3ter.Measurement) { m.TS = m.TS.Add(time.Nanosecond) },
		"end":     func(m *m3ter.Measurement) { m.Ets = &end },
		"where":   func(m *m3ter.Measurement) { m.Where = m3ter.Texts{"region": "us"} },
		"what":    func(m *m3ter.Measurement) { m.What = m3ter.Texts{"region": "eu"} },
		"measure": func(m *m3ter.Measurement) { m.Measure = m3ter.Numbers{"gb_out": "2"} },
		"cost":    func(m *m3ter.Measurement) { m.Cost = m3ter.Numbers{"gb_out": "1"} },
	}
	uid := func(m m3ter.Measurement) string {
		t.Helper()
		text, err := m3ter.UID(m)
		if err != nil || len(text) > 50 {
			t.Fatalf("got %q and %v", text, err)
		}
		return text
	}
	seen := map[string]string{uid(base): "nothing"}
	for name, change := range other {
		m := base
		change(&m)
		if before, taken := seen[uid(m)]; taken {
			t.Errorf("another %s has the uid of another %s", name, before)
		}
		seen[uid(m)] = name
	}
	same := base
	same.UID, same.TS = "any", base.TS.In(time.FixedZone("", 7200))
	if uid(same) != uid(base) {
		t.Error("the same measurement in another zone has another uid")
	}
	base.Measure = m3ter.Numbers{"gb_out": "one"}
	if _, err := m3ter.UID(base); err == nil {
		t.Error("a number that is none has a uid")
	}
	n, err := connect(t, world(t), key).Submit(context.Background(), slices.Values([]m3ter.Measurement{same, base}))
	if n != 0 || err == nil || !strings.HasPrefix(err.Error(), "measurement 2: ") {
		t.Errorf("%d were accepted: %v", n, err)
	}
}

// What is wrong with a measurement beyond its form is found after it was accepted.
func TestMeasurementsThatDoNotFitAreTold(t *testing.T) {
	c := connect(t, world(t), key)
	stray := sent("northwind", "eu", "1", may1)
	stray.Meter = "no_such_meter"
	submit(t, c, stray)
	failed := all(t, c.FailedMeasurements(context.Background()))
	if len(failed) != 1 || !strings.Contains(string(failed[0].Body), "UndefinedMeter") {
		t.Errorf("got %+v", failed)
	}
	refused := (*m3ter.Error)(nil)
	n, err := c.Submit(context.Background(), slices.Values([]m3ter.Measurement{sent("northwind", "eu", "1", morning.Add(time.Hour))}))
	if n != 0 || !errors.As(err, &refused) || refused.Status != 400 || !strings.Contains(refused.Message, "future") {
		t.Errorf("of tomorrow: %d were accepted: %v", n, err)
	}
}
