package wire_test

import (
	"errors"
	"testing"

	"github.com/submeter/submeter/emulator/internal/wire"
)

type position struct {
	After uint64 `json:"a"`
	Name  string `json:"n"`
}

func encode(t testing.TB, binding string, p position) string {
	t.Helper()
	cursor, err := wire.EncodeCursor(binding, p)
	if err != nil {
		t.Fatal(err)
	}
	return cursor
}

func TestACursorIsReadBackOnlyUnalteredAndForItsOwnList(t *testing.T) {
	want := position{After: 17, Name: "ü/\x00"}
	cursor := encode(t, "list|filter", want)
	other := encode(t, "other", want)
	for _, c := range []struct {
		when, cursor, binding string
		ok                    bool
	}{
		{"as it was given out", cursor, "list|filter", true},
		{"for another list", cursor, "list|other", false},
		{"of another list", other, "list|filter", false},
		{"with a letter changed", "B" + cursor[1:], "list|filter", cursor[0] == 'B'},
		{"cut short", cursor[:len(cursor)-1], "list|filter", false},
		{"with something behind", cursor + "A", "list|filter", false},
		{"empty", "", "list|filter", false},
		{"no base64", "!!", "list|filter", false},
		{"too short to hold a sum", "AAAA", "list|filter", false},
	} {
		var got position
		err := wire.DecodeCursor(c.cursor, c.binding, &got)
		if c.ok && (err != nil || got != want) {
			t.Errorf("%s: %+v, %v", c.when, got, err)
		}
		if !c.ok && !errors.Is(err, wire.ErrCursor) {
			t.Errorf("%s: %+v, %v, want ErrCursor", c.when, got, err)
		}
	}
}

// FuzzCursor: what is given out is read back, and what was not given out never is.
func FuzzCursor(f *testing.F) {
	f.Add("binding", uint64(1), "name", "cursor")
	f.Fuzz(func(t *testing.T, binding string, after uint64, name, forged string) {
		cursor := encode(t, binding, position{After: after, Name: name})
		var got position
		if err := wire.DecodeCursor(cursor, binding, &got); err != nil || got.After != after {
			t.Fatalf("%q was read back as %+v, %v", cursor, got, err)
		}
		if forged != cursor && wire.DecodeCursor(forged, binding, &got) == nil {
			t.Fatalf("%q was taken for a cursor", forged)
		}
	})
}
