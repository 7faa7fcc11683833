package informatica_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/clients/informatica"
)

// archive makes a ZIP of names and contents, in turn.
func archive(t testing.TB, files ...string) *informatica.Report {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		entry, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(entry, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := informatica.Read(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const projectHeader = "Date,Project,Folder,Org ID,Org Type,Consumption (IPUs)\n"

var oneProject = informatica.ProjectRow{
	Date: march1, Project: "Finance", Folder: "Nightly", OrgID: headID, OrgType: "Production", Consumption: dec("1.40"),
}

func TestFilesAreReadHoweverTheyAreWritten(t *testing.T) {
	absent := oneProject
	absent.Project, absent.Folder = "", ""
	quoted := oneProject
	quoted.Project = `Say "Fin,ance"` + "\n!"
	half := oneProject
	half.Date = march1.Add(90 * time.Minute)
	cases := []struct {
		name, text string
		want       []informatica.ProjectRow
	}{
		{"as documented", projectHeader + "2025-03-01 00:00:00.0,Finance,Nightly," + headID + ",Production,1.40\n", []informatica.ProjectRow{oneProject}},
		{"with a byte-order mark", "\ufeff" + projectHeader + "2025-03-01 00:00:00.0,Finance,Nightly," + headID + ",Production,1.40\n", []informatica.ProjectRow{oneProject}},
		{"with carriage returns and no last line end", strings.ReplaceAll(projectHeader, "\n", "\r\n") + "2025-03-01 00:00:00.0,Finance,Nightly," + headID + ",Production,1.40", []informatica.ProjectRow{oneProject}},
		{"with blank lines", "\n" + projectHeader + "\n2025-03-01 00:00:00.0,Finance,Nightly," + headID + ",Production,1.40\n\n", []informatica.ProjectRow{oneProject}},
		{"with columns in another order, another case and one that is new",
			"CONSUMPTION (IPUs),Org ID,org type,Region,Folder,Project,Date\n1.40," + headID + ",Production,eu,Nightly,Finance,2025-03-01 00:00:00.0\n", []informatica.ProjectRow{oneProject}},
		{"with quotes that are needed", projectHeader + `2025-03-01 00:00:00.0,"Say ""Fin,ance""` + "\n" + `!",Nightly,` + headID + ",Production,1.40\n", []informatica.ProjectRow{quoted}},
		{"with every cell in quotes", projectHeader + `"2025-03-01 00:00:00.0","Finance","Nightly","` + headID + `","Production","1.40"` + "\n", []informatica.ProjectRow{oneProject}},
		{"with absent values left empty", projectHeader + "2025-03-01 00:00:00.0,,," + headID + ",Production,1.40\n", []informatica.ProjectRow{absent}},
		{"with absent values as null of any case", projectHeader + "2025-03-01 00:00:00.0,null,NULL," + headID + ",Production,1.40\n", []informatica.ProjectRow{absent}},
		{"with everything absent", projectHeader + "null,null,null,null,null,null\n", []informatica.ProjectRow{{}}},
		{"with an ISO 8601 date and an offset", projectHeader + "2025-03-01T02:30:00+01:00,Finance,Nightly," + headID + ",Production,1.40\n", []informatica.ProjectRow{half}},
		{"with a date alone", projectHeader + "2025-03-01,Finance,Nightly," + headID + ",Production,1.40\n", []informatica.ProjectRow{oneProject}},
		{"with a header alone", projectHeader, nil},
		{"with nothing at all", "", nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			same(t, all(t, archive(t, "o.csv", tc.text).Projects()), tc.want)
		})
	}
}

func TestWhatCannotBeReadIsNamedAndPassedOver(t *testing.T) {
	row := "2025-03-01 00:00:00.0,Finance,Nightly," + headID + ",Production,1.40\n"
	cases := []struct{ name, broken, want string }{
		{"a number that is none", "2025-03-01 00:00:00.0,Finance,Nightly,o,Production,1.4.0\n", "o.csv:3: Consumption (IPUs): can't convert 1.4.0"},
		{"a date that is none", "yesterday,Finance,Nightly,o,Production,1\n", `o.csv:3: Date: "yesterday" is no instant`},
		{"a row that is too short", "2025-03-01 00:00:00.0,Finance\n", "o.csv:3: 2 cells in 6 columns"},
		{"a comma that could stand in two places", "2025-03-01 00:00:00.0,Fin,ance,Nightly,o,Production,1\n", "o.csv:3: 7 cells in 6 columns"},
		{"more commas than anybody types", "2025-03-01 00:00:00.0" + strings.Repeat(",x", 400) + ",1\n", "o.csv:3: 402 cells in 6 columns"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var got []informatica.ProjectRow
			var failed []error
			for row, err := range archive(t, "o.csv", projectHeader+row+tc.broken+row).Projects() {
				if err != nil {
					failed = append(failed, err)
					continue
				}
				got = append(got, row)
			}
			same(t, got, []informatica.ProjectRow{oneProject, oneProject})
			format := (*informatica.FormatError)(nil)
			if len(failed) != 1 || !strings.HasPrefix(failed[0].Error(), tc.want) || !errors.As(failed[0], &format) || format.Line != 3 {
				t.Errorf("got %v, want %s", failed, tc.want)
			}
		})
	}
}

func TestBareCommasArePutRightWhereOnlyOnePlaceMakesSense(t *testing.T) {
	const header = "OrgId,MeterId,MeterName,Date,BillingPeriodStartDate,BillingPeriodEndDate,MeterUsage,IPU,Scalar,MetricCategory,OrgName,OrgType,IPURate\n"
	row := func(meter, org string) string {
		return headID + ",m," + meter + ",2025-03-01 00:00:00.0,2025-03-01 00:00:00.0,2025-03-31 00:00:00.0,1,0.5,Compute Units,IPU," + org + ",Production,0.5\n"
	}
	got := all(t, archive(t, "o.csv", header+row("a, b", "c")+row("a", "b,c")+row("a,b, c", "d, e,f")).Summaries())
	var names []string
	for _, r := range got {
		names = append(names, r.MeterName+"|"+r.OrgName+"|"+r.OrgType+"|"+r.IPURate.String())
	}
	if want := "[a, b|c|Production|0.5 a|b,c|Production|0.5 a,b, c|d, e,f|Production|0.5]"; fmt.Sprint(names) != want {
		t.Errorf("got %v, want %s", names, want)
	}
}

func TestAnOlderNameOfAColumnIsKnown(t *testing.T) {
	got := all(t, archive(t, "CDIMeteringAuditData.csv",
		"Task ID,Task Object,Task Run ID,Org ID,Start Time,Metered Value\nt,m_orders,418,o,2025-03-01 01:00:00.0,2\n").Tasks())
	if len(got) != 1 || got[0].ObjectName != "m_orders" || got[0].RunID != 418 {
		t.Errorf("got %+v", got)
	}
}

func TestFilesOfOtherLayoutsAreTold(t *testing.T) {
	r := archive(t, "readme.txt", "no table", "folder/NEW.CSV", "Widget,Count\nw,5\n", "o.csv", projectHeader+"2025-03-01,Finance,Nightly,"+headID+",Production,1.40\n")
	var failed []error
	var got []informatica.ProjectRow
	for row, err := range r.Projects() {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		got = append(got, row)
	}
	same(t, got, []informatica.ProjectRow{oneProject})
	if len(failed) != 1 || !strings.HasPrefix(failed[0].Error(), "folder/NEW.CSV: ") {
		t.Errorf("of an unknown file: %v", failed)
	}
	files := r.Files()
	if len(files) != 2 || files[0].Layout != "" || files[1].Layout != informatica.LayoutProject {
		t.Fatalf("the files are %+v", files)
	}
	same(t, all(t, files[0].Records()), [][]string{{"w", "5"}}) // its cells can be had
	for _, err := range r.Summaries() {
		if err == nil {
			t.Error("a project report has summaries")
		}
		break // a loop may end at any time
	}
	raw, err := files[1].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if text, err := io.ReadAll(raw); err != nil || !strings.HasPrefix(string(text), projectHeader) || int64(len(text)) != files[1].Size {
		t.Errorf("the file is %q (%v)", text, err)
	}
}

func TestWhatIsNoArchiveIsRefused(t *testing.T) {
	if _, err := informatica.Read(strings.NewReader("<html>"), 6); !errors.Is(err, zip.ErrFormat) {
		t.Errorf("got %v", err)
	}
	path := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(path, []byte("PK"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := informatica.OpenFile(path); !errors.Is(err, zip.ErrFormat) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if _, err := informatica.OpenFile(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// An archive beyond the bound lies in a temporary file until the report is closed; a saved one stays.
func TestALargeArchiveLiesOnDisk(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	sb := world(t)
	c := head(t, sb, informatica.WithMemory(100))
	got, err := c.Report(context.Background(), twoDays(informatica.Summary))
	if err != nil {
		t.Fatal(err)
	}
	same(t, all(t, got.Summaries()), headSummary)
	if entries, _ := os.ReadDir(temporary); len(entries) != 1 {
		t.Errorf("there are %d temporary files, want one", len(entries))
	}
	if err := errors.Join(got.Close(), got.Close()); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(temporary); len(entries) != 0 {
		t.Errorf("%s is left", entries[0].Name())
	}
	path := filepath.Join(t.TempDir(), "saved.zip")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.Download(context.Background(), got.Job.ID, file)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	saved, err := informatica.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	same(t, all(t, saved.Summaries()), headSummary)
	if info, err := os.Stat(path); err != nil || info.Size() != n {
		t.Errorf("%d bytes were downloaded, the file is %v (%v)", n, info, err)
	}
}

// Two hundred thousand rows pass through without being kept.
func TestRowsAreNotKept(t *testing.T) {
	const count = 200_000
	var text strings.Builder
	text.WriteString(projectHeader)
	for i := range count {
		text.WriteString("2025-03-01 00:00:00.0,Finance," + strconv.Itoa(i) + "," + headID + ",Production,0.000001\n")
	}
	r := archive(t, "o.csv", text.String())
	text.Reset()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := heap(), uint64(0)
	total, rows := dec("0"), 0
	for row, err := range r.Projects() {
		if err != nil {
			t.Fatal(err)
		}
		total = total.Add(row.Consumption)
		if rows++; rows%50_000 == 0 {
			most = max(most, heap())
		}
	}
	if rows != count || total.String() != "0.2" {
		t.Errorf("%d rows add up to %s, want %d and 0.2", rows, total, count)
	}
	if most > before+(4<<20) {
		t.Errorf("the heap grew by %d bytes on the way", most-before)
	}
	runtime.KeepAlive(r)
}

func BenchmarkRows(b *testing.B) {
	const count = 100_000
	var text strings.Builder
	text.WriteString(projectHeader)
	for i := range count {
		text.WriteString("2025-03-01 00:00:00.0,Finance," + strconv.Itoa(i) + "," + headID + ",Production,0.000001\n")
	}
	r := archive(b, "o.csv", text.String())
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		for _, err := range r.Projects() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(count*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// Whatever a file holds, reading it ends, and every row is either whole or an error that names its place.
func FuzzFiles(f *testing.F) {
	f.Add(projectHeader + "2025-03-01 00:00:00.0,Finance,Nightly,o,Production,1.40\n")
	f.Add("\ufeffOrgId,MeterId,MeterName,Date,MeterUsage,IPU\n,\"a\"\"b,null,\n1,2,3,4,5,6,7\n")
	f.Add("Task ID,Task Run ID,Org ID,Start Time,Metered Value\nt,9999999999999999999,o,2025-03-01,1e9\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := archive(t, "o.csv", text)
		format := (*informatica.FormatError)(nil)
		check := func(err error) {
			if err != nil && (!errors.As(err, &format) || format.File != "o.csv") {
				t.Errorf("got %v", err)
			}
		}
		for _, err := range r.Summaries() {
			check(err)
		}
		for _, err := range r.Projects() {
			check(err)
		}
		for _, err := range r.Assets() {
			check(err)
		}
		for _, err := range r.Tasks() {
			check(err)
		}
		for _, err := range r.Processes() {
			check(err)
		}
	})
}
