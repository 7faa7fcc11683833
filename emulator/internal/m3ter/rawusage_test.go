package m3ter

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMeasurementsAreQueriedAsTheyCame(t *testing.T) {
	w := newWorld(t, transfers)
	w.submit(transfer("u-1", "northwind", "2025-05-18T08:00:00Z", "eu", "t", "1.50"))
	w.at(morning.Add(time.Minute))
	w.submit(
		strings.Replace(transfer("u-2", "northwind", "2025-05-19T08:00:00.0005+02:00", "us", `a \"b\"`, "2"), `"ts"`, `"ets":"2025-05-19T07:00:00Z","ts"`, 1),
		transfer("", "lakeside", "2025-05-17T08:00:00Z", "us", "t", "-1e2"),
	)
	w.ok("PUT", "/accounts/"+northwind, `{"name":"N","code":"renamed","emailAddress":"a@b.c","version":1}`)
	common := `"meterCode":"data_transfer","meterId":"` + theMeter + `",`
	got, more := w.query(`{` + may + `,"limit":2}`)
	want := []string{
		`{"accountCode":"northwind","accountId":"` + northwind + `","endTimestamp":"2025-05-19T07:00:00.000Z","measure.gb_out":2,` + common +
			`"receivedAt":"2025-05-20T09:01:00.000Z","timestamp":"2025-05-19T06:00:00.0005Z","uid":"u-2","where.region":"us","who.tenant":"a \"b\""}`,
		`{"accountCode":"northwind","accountId":"` + northwind + `","measure.gb_out":1.50,` + common +
			`"receivedAt":"2025-05-20T09:00:00.000Z","timestamp":"2025-05-18T08:00:00.000Z","uid":"u-1","where.region":"eu","who.tenant":"t"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || !more {
		t.Errorf("got %t\n%s\nwant\n%s", more, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	one := `{` + may + `,"accountIds":["` + lakeside + `"]}`
	first, _ := w.query(one)
	if again, _ := w.query(one); len(first) != 1 || first[0] != again[0] || !strings.Contains(first[0], `"uid":"`) || !strings.Contains(first[0], `"measure.gb_out":-1e2`) {
		t.Errorf("a uid that is made up stays: got %v and %v", first, again)
	}
	if got, _ := w.query(`{` + may + `,"dimensionFilters":[{"meterId":"` + theMeter + `","fieldCode":"region","values":["eu"]}]}`); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got, _ := w.query(`{` + may + `,"meterIds":["` + nobody + `"]}`); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestAnExportOfMeasurementsIsAsOfItsRun(t *testing.T) {
	w := newWorld(t, transfers)
	w.submit(transfer("u-1", "northwind", "2025-05-18T08:00:00Z", "eu, west", "t", "1.50"))
	body := `{"sourceType":"USAGE","startDate":"2025-05-01T00:00:00Z","endDate":"2025-05-21T00:00:00Z"%s}`
	id, lines := w.export(fmt.Sprintf(body, "")), w.export(fmt.Sprintf(body, `,"exportFileFormat":"JSONL"`))
	w.advance(time.Second)
	w.submit(transfer("u-2", "northwind", "2025-05-18T08:00:00Z", "eu", "t", "9"))
	w.ok("PUT", "/meters/"+theMeter, `{"name":"M","code":"renamed","version":1,"derivedFields":[],"dataFields":[{"category":"MEASURE","code":"gb_out","name":"g","unit":"GB"}]}`)
	want := "uid,meterId,meterCode,accountId,accountCode,timestamp,endTimestamp,receivedAt,where.region,who.tenant,measure.gb_out\n" +
		"u-1," + theMeter + ",data_transfer," + northwind + `,northwind,2025-05-18T08:00:00.000Z,,2025-05-20T09:00:00.000Z,"eu, west",t,1.50` + "\n"
	if got := unzipped(t, w.file(id).body); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = `{"uid":"u-1","meterId":"` + theMeter + `","meterCode":"data_transfer","accountId":"` + northwind + `","accountCode":"northwind",` +
		`"timestamp":"2025-05-18T08:00:00.000Z","receivedAt":"2025-05-20T09:00:00.000Z","where.region":"eu, west","who.tenant":"t","measure.gb_out":1.50}` + "\n"
	if got := unzipped(t, w.file(lines).body); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestManyMeasurementsComeAgainstTheOrderOfTime(t *testing.T) {
	w := newWorld(t, transfers)
	const calls, each = 12, 1000
	for call := range calls {
		batch := make([]string, each)
		for i := range batch {
			ts := "2025-05-18T08:00:00Z" // all of some calls at one instant
			if call%2 == 0 {
				ts = morning.Add(-time.Duration((i*7919+call*31)%50_000) * time.Minute).Format(time.RFC3339)
			}
			batch[i] = transfer("", []string{"northwind", "lakeside"}[i%2], ts, "eu", "t", fmt.Sprint(i))
		}
		w.submit(batch...)
	}
	id := w.export(`{"sourceType":"USAGE","startDate":"2000-01-01T00:00:00Z","endDate":"2025-05-21T00:00:00Z"}`)
	w.advance(time.Second)
	rows := strings.Split(strings.TrimSpace(unzipped(t, w.file(id).body)), "\n")[1:]
	uids, last := map[string]bool{}, "9999"
	for _, row := range rows {
		cells := strings.Split(row, ",")
		if cells[5] > last {
			t.Fatalf("%s comes after %s", cells[5], last)
		}
		uids[cells[0]], last = true, cells[5]
	}
	if len(uids) != calls*each {
		t.Errorf("got %d of %d measurements", len(uids), calls*each)
	}
	got, more := w.query(`{"startDate":"2000-01-01T00:00:00Z","endDate":"2025-05-21T00:00:00Z"}`)
	if len(got) != calls*each || more {
		t.Errorf("got %d rows", len(got))
	}
}
