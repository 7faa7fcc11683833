package cognite_test

import (
	"net/url"
	"testing"
)

func TestLimitsAreListedFilteredAndRead(t *testing.T) {
	w := newWorld(t, catalogue())
	const prompts, tokens, bytes = `{"limitId":"atlas.monthly_ai_prompts","value":500}`, `{"limitId":"atlas.monthly_ai_tokens","value":1000}`,
		`{"limitId":"files.storage_bytes","value":0.5}`
	w.get(limits).wants(t, 200, `{"items":[`+prompts+`,`+tokens+`,`+bytes+`]}`)
	w.post(limits+"/list", `{}`).wants(t, 200, `{"items":[`+prompts+`,`+tokens+`,`+bytes+`]}`)
	w.post(limits+"/list", `{"filter":{"prefix":{"property":["limitId"],"value":"atlas."}}}`).wants(t, 200, `{"items":[`+prompts+`,`+tokens+`]}`)
	w.post(limits+"/list", `{"filter":{"prefix":{"property":["meterId"],"value":"atlas."}}}`).wants(t, 400, "")
	w.get(limits+"/files.storage_bytes").wants(t, 200, bytes)
	w.get(limits+"/files%2Estorage_bytes").wants(t, 200, bytes)
	for _, id := range []string{"/nonexistent.limit.id", "/a%2Fb", "/list"} {
		w.get(limits+id).wants(t, 404, `{"error":{"code":404,"message":"Limit not found"}}`)
	}

	var page struct {
		NextCursor string `json:"nextCursor"`
	}
	w.get(limits+"?limit=2").into(t, &page)
	w.get(limits+"?limit=1&cursor="+url.QueryEscape(page.NextCursor)).wants(t, 200, `{"items":[`+bytes+`]}`)
	w.post(limits+"/list", `{"cursor":"`+page.NextCursor+`"}`).wants(t, 200, `{"items":[`+bytes+`]}`)
	w.get(meters+"?cursor="+url.QueryEscape(page.NextCursor)).wants(t, 400, `{"error":{"code":400,"message":"Invalid cursor"}}`)
}
