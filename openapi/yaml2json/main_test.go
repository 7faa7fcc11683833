package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

const command = "go generate ./openapi/..."

func TestCompiledDocumentsAreUpToDate(t *testing.T) {
	sources, err := filepath.Glob("../*.yaml")
	if err != nil || len(sources) == 0 {
		t.Fatalf("documents %v, error %v", sources, err)
	}
	expected := map[string]bool{}
	for _, source := range sources {
		expected[target(source)] = true
		want, err := compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := os.ReadFile(target(source)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what %s says (error %v); run %s", target(source), source, err, command)
		}
	}
	compiled, err := filepath.Glob("../compiled/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range compiled {
		if !expected[file] {
			t.Errorf("%s has no document that it could be compiled from; remove it", file)
		}
	}
}

func TestDocumentBecomesCompactJSON(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "compiled"), 0o755); err != nil {
		t.Fatal(err)
	}
	const source = "b: {200: a < b & c, on: 2026-03-01}\n" +
		"a:\n" +
		"  - text: |\n" +
		"      two\n" +
		"      lines\n" +
		"  - [1, 1.5, 9007199254740993, true, null, '1', no]\n"
	const want = `{"a":[{"text":"two\nlines\n"},[1,1.5,9007199254740993,true,null,"1","no"]],` +
		`"b":{"200":"a < b & c","on":"2026-03-01"}}` + "\n"
	if err := os.WriteFile(filepath.Join(folder, "x.yaml"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := compileAll(folder); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(folder, "compiled", "x.json"))
	if err != nil || string(got) != want {
		t.Errorf("got  %serror %v\nwant %s", got, err, want)
	}
}

func TestWhatCannotBeCompiledIsAnError(t *testing.T) {
	folder := t.TempDir()
	if err := compileAll(folder); err == nil {
		t.Error("no error in a folder without documents")
	}
	if err := os.WriteFile(filepath.Join(folder, "x.yaml"), []byte("a: ["), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := compileAll(folder); err == nil {
		t.Error("no error of a document that is no YAML")
	}
}
