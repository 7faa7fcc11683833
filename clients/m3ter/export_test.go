package m3ter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/submeter/submeter/clients/m3ter"
	"github.com/submeter/submeter/emulator"
)

func export(t *testing.T, c *m3ter.Client, request m3ter.ExportRequest) *m3ter.Export {
	t.Helper()
	e, err := c.Export(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func usage() m3ter.ExportRequest {
	return m3ter.ExportRequest{SourceType: m3ter.SourceUSAGE, StartDate: may1, EndDate: may21}
}

// three are measurements, oldest first, of which floating point would make something else.
var three = []m3ter.Measurement{
	sent("northwind", "eu", "0.1", may1),
	sent("northwind", `us, "east"`, "9007199254740993.000000000000000001", may1.AddDate(0, 0, 1)),
	sent("lakeside", "eu", "-2.50", morning),
}

func TestExportsOfUsageAreExactInBothFormats(t *testing.T) {
	c := connect(t, world(t), key)
	submit(t, c, three...)
	aggregated := usage()
	query := sums(may1, may21)
	aggregated.Aggregations, aggregated.Groups = query.Aggregations, query.Groups
	wantSums := lines(t, all(t, c.Usage(context.Background(), query)))
	for _, format := range []m3ter.FileFormat{"", m3ter.FileFormatCSV, m3ter.FileFormatJSONL} {
		t.Run("format "+string(format), func(t *testing.T) {
			request := usage()
			request.ExportFileFormat = format
			e := export(t, c, request)
			var got []string
			for _, row := range all(t, e.Rows()) {
				at, _ := row.Time("timestamp")
				gb, _ := row.Number("measure.gb_out")
				got = append(got, fmt.Sprint(at.Format("01-02"), "|", row.Text("accountCode"), "|", row.Text("where.region"), "|", gb))
			}
			want := []string{"05-20|lakeside|eu|-2.5", `05-02|northwind|us, "east"|9007199254740993.000000000000000001`, "05-01|northwind|eu|0.1"}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if f, ok := e.File("measurements"); !ok || len(e.Files()) != 1 || e.Job.Status != m3ter.JobStatusSUCCEEDED || !strings.HasPrefix(f.Name, e.Job.ID) {
				t.Errorf("the files are %+v of %+v", e.Files(), e.Job)
			}
			grouped := aggregated
			grouped.ExportFileFormat = format
			rows := all(t, export(t, c, grouped).Rows())
			if got := lines(t, rows); format == m3ter.FileFormatJSONL && got != wantSums {
				t.Errorf("the export says\n%sthe query\n%s", got, wantSums)
			}
			if n, ok := rows[2].Number("data_transfer.gb_out.SUM"); len(rows) != 3 || !ok || n.String() != "0.1" {
				t.Errorf("the sums are\n%s", lines(t, rows))
			}
		})
	}
}

// An export of operational data has a file for each type, which come together.
func TestExportsOfOperationalDataHaveAFileForEachType(t *testing.T) {
	c := connect(t, world(t), key)
	for _, format := range []m3ter.FileFormat{m3ter.FileFormatCSV, m3ter.FileFormatJSONL} {
		e := export(t, c, m3ter.ExportRequest{
			SourceType: m3ter.SourceOPERATIONAL, ExportFileFormat: format,
			OperationalDataTypes: []m3ter.DataType{m3ter.DataTypeACCOUNTS, m3ter.DataTypeMETERS, m3ter.DataTypeBILLS},
		})
		accounts, ok := e.File("account")
		if !ok || len(e.Files()) != 3 {
			t.Fatalf("the files are %+v", e.Files())
		}
		var names []string
		for _, row := range all(t, accounts.Rows()) {
			names = append(names, row.Text("code")+"|"+row.Text("name")+"|"+row.Text("emailAddress"))
		}
		slices.Sort(names)
		if !slices.Equal(names, []string{"lakeside|Lakeside Media|accounts@lakeside.example", "northwind|Northwind, Inc.|billing@northwind.example"}) {
			t.Errorf("%s: the accounts are %q", format, names)
		}
		meters, _ := e.File("meter")
		rows := all(t, meters.Rows())
		if len(rows) != 1 || rows[0].Text("id") != transfer || !strings.Contains(rows[0].Text("dataFields"), `"code":"gb_out"`) {
			t.Errorf("%s: the meters are %s", format, lines(t, rows))
		}
		bills, _ := e.File("bill")
		if rows := all(t, bills.Rows()); len(rows) != 0 {
			t.Errorf("%s: the bills are %s", format, lines(t, rows))
		}
		if _, ok := e.File("plan"); ok {
			t.Error("there is a file of plans")
		}
		if rows := all(t, e.Rows()); len(rows) != 3 {
			t.Errorf("%s: there are %d rows in all", format, len(rows))
		}
	}
}

// With a frozen clock a job ends when another goroutine moves it.
func TestAnExportWaitsForItsJob(t *testing.T) {
	sb := world(t)
	if _, err := sb.SetTransitions("m3ter", "export", emulator.Rule{
		Legs:    []emulator.Leg{{State: "PENDING", For: 10_000_000_000}, {State: "RUNNING", For: 10_000_000_000}},
		Outcome: "SUCCEEDED",
	}); err != nil {
		t.Fatal(err)
	}
	var seen []m3ter.JobStatus
	c := connect(t, sb, key, m3ter.WithProgress(func(p m3ter.Progress) {
		if p.Stage != m3ter.WaitingForJob {
			seen = append(seen, m3ter.JobStatus(p.Stage))
			return
		}
		if len(seen) == 0 || seen[len(seen)-1] != p.Job.Status {
			seen = append(seen, p.Job.Status)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if _, err := sb.Advance("10s"); err != nil {
					t.Error(err)
				}
			}()
			<-done
		}
	}))
	submit(t, c, three...)
	if rows := all(t, export(t, c, usage()).Rows()); len(rows) != 3 {
		t.Errorf("got %s", lines(t, rows))
	}
	if got := fmt.Sprint(slices.Compact(seen)); got != "[PENDING RUNNING SUCCEEDED downloading]" {
		t.Errorf("the job went through %s", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopped := connect(t, sb, key, m3ter.WithProgress(func(m3ter.Progress) { cancel() }))
	if _, err := stopped.Export(ctx, usage()); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "is still PENDING") {
		t.Errorf("a job that does not end: %v", err)
	}
}

func TestJobsThatFailAreTypedErrors(t *testing.T) {
	sb := world(t)
	c := connect(t, sb, key)
	live(t, sb, emulator.Rule{Outcome: "FAILED", Error: "disk full"})
	failed := (*m3ter.JobError)(nil)
	if _, err := c.Export(context.Background(), usage()); !errors.As(err, &failed) || failed.Job.Status != m3ter.JobStatusFAILED ||
		!strings.Contains(err.Error(), failed.Job.ID) {
		t.Errorf("got %v", err)
	}
	refused := (*m3ter.Error)(nil)
	late := usage()
	late.EndDate = may21.AddDate(0, 0, 1)
	if _, err := c.Export(context.Background(), late); !errors.As(err, &refused) || refused.Status != 400 {
		t.Errorf("beyond the next midnight: %v", err)
	}
	if _, err := c.Open(context.Background(), northwind); !errors.Is(err, m3ter.ErrNotFound) {
		t.Errorf("a job that there is not: %v", err)
	}
	live(t, sb, emulator.Rule{Outcome: "SUCCEEDED"})
	done := export(t, c, usage())
	if _, err := sb.Advance("25h"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(context.Background(), done.Job.ID); !errors.As(err, &refused) {
		t.Errorf("files that are gone: %v", err)
	}
}

// A download that breaks off is begun again with a new link, and no link ever sees the token.
func TestADownloadThatBreaksOffIsBegunAgain(t *testing.T) {
	sb := world(t)
	links := 0
	w := &wire{do: func(req *http.Request, _ []byte) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil || strings.Contains(req.URL.Path, "/organizations/") || strings.Contains(req.URL.Path, "/oauth/") {
			return resp, err
		}
		if got := req.Header.Get("Authorization"); got != "" {
			t.Errorf("the link got %q", got)
		}
		if links++; links < 3 {
			whole, _ := io.ReadAll(resp.Body)
			resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), broken{}))
		}
		return resp, nil
	}}
	c := connect(t, sb, key, w.client())
	submit(t, c, three...)
	if rows := all(t, export(t, c, usage()).Rows()); len(rows) != 3 || links != 3 {
		t.Errorf("after %d downloads: %s", links, lines(t, rows))
	}
	if n := calls(t, sb, "getDataExportJobDownloadUrl"); n != 3 {
		t.Errorf("there were %d links, want three", n)
	}
	if n := calls(t, sb, "createAdHocDataExport"); n != 1 {
		t.Errorf("there were %d jobs, want one", n)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A large export lies in a temporary file until it is closed; a saved one stays, and is opened like any other.
func TestAnExportCanLieOnDisk(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	c := connect(t, world(t), key, m3ter.WithMemory(10))
	submit(t, c, three...)
	e, err := c.Export(context.Background(), usage())
	if err != nil {
		t.Fatal(err)
	}
	want := lines(t, all(t, e.Rows()))
	if entries, _ := os.ReadDir(temporary); len(entries) != 1 || strings.Count(want, "\n") != 3 {
		t.Errorf("there are %d temporary files with\n%s", len(entries), want)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(temporary); len(entries) != 0 {
		t.Errorf("%s is left", entries[0].Name())
	}
	var saved bytes.Buffer
	name, n, err := c.Download(context.Background(), e.Job.ID, &saved)
	if err != nil || n != int64(saved.Len()) || name != e.Job.ID+"_measurements.csv.gz" {
		t.Fatalf("%d bytes of %q were downloaded: %v", n, name, err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, saved.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := m3ter.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	f, ok := opened.File("measurements")
	if got := lines(t, all(t, f.Rows())); !ok || got != want {
		t.Errorf("the saved file has\n%swant\n%s", got, want)
	}
}
