package m3ter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/clients/m3ter"
	"github.com/submeter/submeter/emulator"
)

const (
	organization = "5e0c1f3a-7b1d-4c52-9a55-0d2f6b9c8e71"
	transfer     = "0d8c2f3a-3b1e-4f6f-8a77-0b9b6a1e2c01"
	northwind    = "8d2f5b1c-6a3e-4c7d-9e0f-1a2b3c4d5e05"
	lakeside     = "3e6a9c0d-7b4f-4d8e-8f1a-2b3c4d5e6f06"
)

var (
	morning = time.Date(2025, 5, 20, 9, 0, 0, 0, time.UTC)
	may1    = time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)
	may21   = time.Date(2025, 5, 21, 0, 0, 0, 0, time.UTC)
	key     = m3ter.Credentials{AccessKeyID: "key", APISecret: "open sesame"}
)

// world starts an emulator of testdata/metering.yaml with its clock frozen in the morning of 20 May 2025. Export jobs come
// to their end by being asked for, so that no test waits.
func world(t *testing.T) *emulator.Sandbox {
	t.Helper()
	sb := emulator.Start(t, emulator.WithScenario("testdata/metering.yaml")).Sandbox("clients")
	if _, err := sb.Freeze(morning); err != nil {
		t.Fatal(err)
	}
	live(t, sb, emulator.Rule{Outcome: "SUCCEEDED"})
	return sb
}

func live(t *testing.T, sb *emulator.Sandbox, rule emulator.Rule) {
	t.Helper()
	rule.Legs = []emulator.Leg{{State: "PENDING", Polls: 1}, {State: "RUNNING", Polls: 1}}
	if _, err := sb.SetTransitions("m3ter", "export", rule); err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, sb *emulator.Sandbox, credentials m3ter.Credentials, opts ...m3ter.Option) *m3ter.Client {
	t.Helper()
	quick := []m3ter.Option{m3ter.WithPolling(time.Millisecond, 5*time.Millisecond)}
	c, err := m3ter.New(sb.URL("m3ter"), organization, credentials, append(quick, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sent is a measurement of transfer.
func sent(account, region, gb string, at time.Time) m3ter.Measurement {
	return m3ter.Measurement{
		Meter: "data_transfer", Account: account, TS: at,
		Where: m3ter.Texts{"region": region}, Measure: m3ter.Numbers{"gb_out": json.Number(gb)},
	}
}

func submit(t *testing.T, c *m3ter.Client, list ...m3ter.Measurement) {
	t.Helper()
	if n, err := c.Submit(context.Background(), slices.Values(list)); err != nil || n != len(list) {
		t.Fatalf("%d of %d were accepted: %v", n, len(list), err)
	}
}

func all[T any](t *testing.T, items iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for item, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, item)
	}
	return list
}

// lines are rows as JSON, in which numbers are exact and columns in order.
func lines(t *testing.T, rows []m3ter.Row) string {
	t.Helper()
	var out strings.Builder
	for _, row := range rows {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(text, '\n'))
	}
	return out.String()
}

func calls(t *testing.T, sb *emulator.Sandbox, operation string) int {
	t.Helper()
	n, err := sb.CountRequests(emulator.Filter{Operation: operation})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sums asks for the transfer of each account by region and day.
func sums(from, to time.Time) m3ter.UsageQuery {
	return m3ter.UsageQuery{
		StartDate: from, EndDate: to,
		Aggregations: []m3ter.Aggregation{{MeterID: transfer, FieldCode: "gb_out", FieldType: m3ter.FieldTypeMEASURE, Function: m3ter.FunctionSUM}},
		Groups: []m3ter.Group{
			{GroupType: m3ter.GroupTypeACCOUNT},
			{GroupType: m3ter.GroupTypeDIMENSION, MeterID: transfer, FieldCode: "region"},
			{GroupType: m3ter.GroupTypeTIME, Frequency: m3ter.FrequencyDAY},
		},
	}
}

// wire stands in for the network: it sees every request before do answers it.
type wire struct {
	mu   sync.Mutex
	do   func(*http.Request, []byte) (*http.Response, error)
	seen []string
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	w.mu.Lock()
	w.seen = append(w.seen, req.Method+" "+req.URL.String())
	w.mu.Unlock()
	return w.do(req, body)
}

func (w *wire) client() m3ter.Option { return m3ter.WithHTTP(&http.Client{Transport: w}) }

func answer(req *http.Request, status int, body string) (*http.Response, error) {
	return &http.Response{
		StatusCode: status, Request: req, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}, nil
}

func TestWhatGoesInComesOutExact(t *testing.T) {
	c := connect(t, world(t), key)
	submit(t, c,
		sent("northwind", "eu", "0.1", may1),
		sent("northwind", "eu", "0.2", may1.Add(time.Hour)), // 0.1 + 0.2 is 0.3
		sent("northwind", "us", "9007199254740993", may1.Add(2*time.Hour)),
		sent("northwind", "us", "-0.000000000000000001", may1.Add(23*time.Hour)),
		sent("lakeside", "eu", "12345678901234567890.123456789", may1.Add(26*time.Hour)),
		sent("lakeside", "eu", "1.50", morning.In(time.FixedZone("", 3600))),
	)
	want := `{"accountId":"` + lakeside + `","accountCode":"lakeside","where.region":"eu","timestamp":"2025-05-20T00:00:00.000Z","data_transfer.gb_out.SUM":1.5}
{"accountId":"` + lakeside + `","accountCode":"lakeside","where.region":"eu","timestamp":"2025-05-02T00:00:00.000Z","data_transfer.gb_out.SUM":12345678901234567890.123456789}
{"accountId":"` + northwind + `","accountCode":"northwind","where.region":"eu","timestamp":"2025-05-01T00:00:00.000Z","data_transfer.gb_out.SUM":0.3}
{"accountId":"` + northwind + `","accountCode":"northwind","where.region":"us","timestamp":"2025-05-01T00:00:00.000Z","data_transfer.gb_out.SUM":9007199254740992.999999999999999999}
`
	rows := all(t, c.Usage(context.Background(), sums(may1, may21)))
	if got := lines(t, rows); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if n, ok := rows[3].Number("data_transfer.gb_out.SUM"); !ok || n.String() != "9007199254740992.999999999999999999" {
		t.Errorf("the number is %s (%t)", n, ok)
	}
	if at, ok := rows[1].Time("timestamp"); !ok || !at.Equal(may1.AddDate(0, 0, 1)) {
		t.Errorf("the time is %s (%t)", at, ok)
	}
	if _, ok := rows[0].Number("accountCode"); ok || rows[0].Text("accountCode") != "lakeside" || rows[0].Value("nothing") != nil {
		t.Errorf("the row is %v", rows[0])
	}
	raw := all(t, c.Usage(context.Background(), m3ter.UsageQuery{StartDate: may1, EndDate: may21, AccountIds: []string{northwind}}))
	var values []string
	for _, row := range raw {
		values = append(values, row.Text("timestamp")+" "+row.Text("measure.gb_out"))
	}
	if got := fmt.Sprint(values); got != "[2025-05-01T23:00:00.000Z -0.000000000000000001 2025-05-01T02:00:00.000Z 9007199254740993 2025-05-01T01:00:00.000Z 0.2 2025-05-01T00:00:00.000Z 0.1]" {
		t.Errorf("the measurements are %s", got)
	}
}

// A query has no next page, so whoever reads all rows has to know that they are not all.
func TestRowsLeftOutAreTold(t *testing.T) {
	c := connect(t, world(t), key)
	const more = 20_001
	n, err := c.Submit(context.Background(), func(yield func(m3ter.Measurement) bool) {
		for i := range more {
			if !yield(sent("northwind", "eu", "1", may1.Add(time.Duration(i)*time.Second))) {
				return
			}
		}
	})
	if err != nil || n != more {
		t.Fatalf("%d were accepted: %v", n, err)
	}
	query := m3ter.UsageQuery{StartDate: may1, EndDate: may21}
	rows, last := 0, error(nil)
	for _, err := range c.Usage(context.Background(), query) {
		if err == nil {
			rows++
		}
		last = err
	}
	if rows != 20_000 || !errors.Is(last, m3ter.ErrTruncated) {
		t.Errorf("got %d rows and %v", rows, last)
	}
	query.Limit = new(int32(3))
	if few := all(t, c.Usage(context.Background(), query)); len(few) != 3 {
		t.Errorf("got %d rows, want the three that were asked for", len(few))
	}
	total := decimal.Zero
	for _, row := range all(t, c.Usage(context.Background(), sums(may1, may21))) {
		n, _ := row.Number("data_transfer.gb_out.SUM")
		total = total.Add(n)
	}
	if total.String() != "20001" {
		t.Errorf("all of them add up to %s", total)
	}
}

func TestEntitiesAreListedOverPages(t *testing.T) {
	sb := world(t)
	c := connect(t, sb, key)
	ctx := context.Background()
	var want []string
	for i := range 205 {
		made, err := c.CreateAccount(ctx, m3ter.AccountRequest{
			Code: fmt.Sprintf("a-%03d", i), Name: "A", EmailAddress: "a@example.com", CustomFields: m3ter.CustomFieldValues{"tier": "gold"},
		})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, made.Code)
	}
	slices.Reverse(want)
	var got []string
	for _, a := range all(t, c.Accounts(ctx, m3ter.ListAccountsParams{})) {
		got = append(got, a.Code)
	}
	if !slices.Equal(got, append(want, "lakeside", "northwind")) || calls(t, sb, "listAccounts") != 3 {
		t.Errorf("%d accounts came in %d pages: %v", len(got), calls(t, sb, "listAccounts"), got)
	}
	for account, err := range c.Accounts(ctx, m3ter.ListAccountsParams{Codes: []string{"northwind", "a-007"}}) {
		if err != nil || account.Code != "a-007" {
			t.Errorf("got %+v and %v, want the newer of two first", account, err)
		}
		break // a loop may end at any time
	}
	if one, err := c.Account(ctx, northwind); err != nil || one.Name != "Northwind, Inc." {
		t.Errorf("got %+v and %v", one, err)
	}
	if _, err := c.Account(ctx, transfer); !errors.Is(err, m3ter.ErrNotFound) {
		t.Errorf("of another kind: %v", err)
	}
	product, err := c.CreateProduct(ctx, m3ter.ProductRequest{Code: "queue", Name: "Queue"})
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateMeter(ctx, m3ter.MeterRequest{Code: "messages", Name: "Messages", ProductID: &product.ID, DataFields: []m3ter.DataField{
		{Code: "count", Name: "Count", Category: m3ter.DataFieldCategoryMEASURE, Unit: new("message")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if meter, err := c.Meter(ctx, made.ID); err != nil || len(meter.DataFields) != 1 || meter.DataFields[0].Code != "count" {
		t.Errorf("got %+v and %v", meter, err)
	}
	if meters := all(t, c.Meters(ctx, m3ter.ListMetersParams{ProductID: []string{product.ID}})); len(meters) != 1 || meters[0].ID != made.ID {
		t.Errorf("the product's meters are %+v", meters)
	}
	products := all(t, c.Products(ctx, m3ter.ListProductsParams{}))
	if len(products) != 2 || products[0].ID != product.ID {
		t.Errorf("the products are %+v", products)
	}
	if one, err := c.Product(ctx, product.ID); err != nil || one.Code != "queue" {
		t.Errorf("got %+v and %v", one, err)
	}
}

func TestNewRefusesWhatMeansNothing(t *testing.T) {
	for _, tc := range []struct {
		url, organization string
		credentials       m3ter.Credentials
	}{
		{"api.m3ter.com", "o", key}, {"ftp://h", "o", key}, {"http://", "o", key}, {"", "", key},
		{"", "o", m3ter.Credentials{}}, {"", "o", m3ter.Credentials{AccessKeyID: "k"}},
		{"", "o", m3ter.Credentials{AccessKeyID: "k", APISecret: "s", Token: "t"}},
	} {
		if _, err := m3ter.New(tc.url, tc.organization, tc.credentials); err == nil {
			t.Errorf("%+v was taken", tc)
		}
	}
}

// Measurements have a host of their own at the vendor's, and nowhere else unless it is said.
func TestMeasurementsGoToTheirHost(t *testing.T) {
	for base, want := range map[string]string{
		"":                             "https://ingest.m3ter.com/organizations/o%20rg/measurements",
		"https://api.eu.m3ter.com/":    "https://ingest.eu.m3ter.com/organizations/o%20rg/measurements",
		"http://api.local:8080/m3ter":  "http://api.local:8080/m3ter/organizations/o%20rg/measurements",
		"http://127.0.0.1:4010/m3ter":  "http://127.0.0.1:4010/m3ter/organizations/o%20rg/measurements",
		"https://api.m3ter.com.evil.x": "https://api.m3ter.com.evil.x/organizations/o%20rg/measurements",
	} {
		w := &wire{do: func(req *http.Request, _ []byte) (*http.Response, error) {
			return answer(req, 200, `{"result":"accepted"}`)
		}}
		c, err := m3ter.New(base, "o rg", m3ter.Credentials{Token: "t"}, w.client())
		if err != nil {
			t.Fatal(err)
		}
		submit(t, c, sent("northwind", "eu", "1", may1))
		if got := fmt.Sprint(w.seen); got != "[POST "+want+"]" {
			t.Errorf("%s: got %s", base, got)
		}
	}
	w := &wire{do: func(req *http.Request, _ []byte) (*http.Response, error) {
		return answer(req, 200, `{"result":"accepted"}`)
	}}
	c, err := m3ter.New("http://one/", "o", m3ter.Credentials{Token: "t"}, w.client(), m3ter.WithIngestURL("http://two"))
	if err != nil {
		t.Fatal(err)
	}
	submit(t, c, sent("northwind", "eu", "1", may1))
	if got := fmt.Sprint(w.seen); got != "[POST http://two/organizations/o/measurements]" {
		t.Errorf("got %s", got)
	}
}
