package cognite_test

import (
	"encoding/json"
	"testing"
)

// FuzzBodies holds what a client can rely on whatever it sends: an answer that the document describes, which is no
// failure of the emulator's own, and an error in the envelope when it is refused. The referee turns an answer that breaks the
// document into a 500.
func FuzzBodies(f *testing.F) {
	for _, seed := range []struct{ path, body string }{
		{"/metering/meters/list", `{"filter":{"prefix":{"property":["meterId"],"value":"atlas."}},"limit":2,"cursor":"a","start":-1,"end":1e3,"numberOfDatapoints":600}`},
		{"/metering/meters/byids", `{"items":[{"meterId":"files.storage_bytes"}],"start":0,"numberOfDatapoints":3}`},
		{"/metering/meters/byids", `{"items":[{"MeterId":"files.storage_bytes"}],"start":-9223372036854775808,"end":9223372036854775807,"numberOfDatapoints":1e0}`},
		{"/limits/values/list", `{"filter":{"prefix":null},"limit":1}`},
		{"/groups", `{"items":[{"name":"a","members":["b"],"capabilities":[{"projectsAcl":{"actions":["LIST"],"scope":{"all":{}}}}],"metadata":{"k":"v"}}]}`},
		{"/groups/delete", `{"items":[1,2e0,-3]}`},
		{"/metering/meters/list", "{\"\\u0000\":\xff}"},
	} {
		f.Add(seed.path, seed.body)
	}
	w := newWorld(f, generated())
	f.Fuzz(func(t *testing.T, path, body string) {
		switch path {
		case "/metering/meters/list", "/metering/meters/byids", "/limits/values/list", "/groups", "/groups/delete":
		default:
			t.Skip()
		}
		wantSound(t, w.within(t).post(inAcme+path, body))
	})
}

func wantSound(t *testing.T, got answer) {
	t.Helper()
	if got.status < 400 {
		if !json.Valid([]byte(got.body)) {
			t.Fatalf("got %d %q", got.status, got.body)
		}
		return
	}
	var envelope struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(got.body), &envelope); err != nil || envelope.Error.Code != got.status || envelope.Error.Message == "" || got.status >= 500 {
		t.Fatalf("got %d %q", got.status, got.body)
	}
}

// FuzzCursors holds that no text for a cursor fails the emulator, and that only its own lead anywhere.
func FuzzCursors(f *testing.F) {
	w := newWorld(f, catalogue())
	var first meterPage
	w.post(meters+"/list", `{"limit":1}`).into(f, &first)
	f.Add(*first.NextCursor)
	f.Add("")
	f.Add("eyJhZnRlciI6ImEifQ==")
	f.Add("AAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, cursor string) {
		body, err := json.Marshal(map[string]string{"cursor": cursor})
		if err != nil {
			t.Skip()
		}
		got := w.within(t).post(meters+"/list", string(body))
		if got.status == 200 && cursor != *first.NextCursor {
			t.Fatalf("the cursor %q leads somewhere: %s", cursor, got.body)
		}
		wantSound(t, got)
	})
}
