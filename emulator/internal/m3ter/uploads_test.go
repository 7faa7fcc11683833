package m3ter

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestAnUploadedFileIsTakenIn(t *testing.T) {
	w := newWorld(t, transfers)
	begin := func() (id, address string) {
		answer := w.ok("POST", "/fileuploads/measurements/generateUploadUrl", `{"fileName":"may.json","contentType":"application/json","contentLength":100}`)
		if answer["headers"].(map[string]any)["Content-Type"] != "application/json" {
			t.Errorf("got %v", answer)
		}
		return answer["jobId"].(string), strings.TrimPrefix(answer["url"].(string), baseURL+mount)
	}
	job := func(id string) fields { return w.ok("GET", "/fileuploads/measurements/jobs/"+id, "") }
	put := func(address, file string) exchange { return w.send("PUT", address, file, "Authorization", "") }

	id, address := begin()
	if got := job(id); got["status"] != "notUploaded" || got["version"] != json.Number("1") || got["uploadDate"] != "2025-05-20T09:00:00.000Z" {
		t.Errorf("got %v", got)
	}
	w.refused("GET", "/fileuploads/measurements/jobs/"+id+"/original", "", 404, "not been uploaded")
	file := `[` + transfer("1", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "2") + `,{"meter":"data_transfer"},` +
		transfer("1", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "2") + `,` + transfer("2", "northwind", "2025-05-19T08:00:00Z", "eu", "t", "0.5") + `]`
	if got := put(address, file); got.status != 200 || got.body != "" {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	got := job(id)
	for field, want := range map[string]string{"totalRows": "4", "processedRows": "4", "failedRows": "2", "contentLength": "100", "version": "3"} {
		if got[field] != json.Number(want) {
			t.Errorf("%s: got %v, want %s", field, got[field], want)
		}
	}
	if got["status"] != "succeeded" || w.total("2025-05-19", northwind) != "2.5" || len(w.eventsOf(ingestFailure)) != 2 {
		t.Errorf("got %v, %s", got, w.total("2025-05-19", northwind))
	}
	original := w.ok("GET", "/fileuploads/measurements/jobs/"+id+"/original", "")
	if back := w.download(original["url"].(string)); back.body != file || back.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s", back.body)
	}

	broken, address := begin()
	put(address, `{"measurements":[]}`)
	if got := job(broken); got["status"] != "failed" {
		t.Errorf("no array: got %v", got)
	}

	late, address := begin()
	w.at(morning.Add(time.Minute))
	if got := put(address, file); got.status != 403 {
		t.Errorf("after a minute: got %d %s", got.status, got.body)
	}
	if got := job(late); got["status"] != "notUploaded" {
		t.Errorf("got %v", got)
	}
	if got := w.ok("GET", "/fileuploads/measurements/jobs?dateCreatedStart=2025-05-20T09:00:00Z&dateCreatedEnd=2025-05-20T09:00:00Z", "").data(); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := w.ok("GET", "/fileuploads/measurements/jobs?dateCreatedStart=2025-05-20T09:00:00Z&fileKey=x", "").data(); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	w.refused("GET", "/fileuploads/measurements/jobs?dateCreatedStart=now", "", 400, "dateCreatedStart")
	w.refused("GET", "/fileuploads/measurements/jobs/"+nobody, "", 404, nobody)
}
