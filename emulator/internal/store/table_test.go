package store_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/submeter/submeter/emulator/internal/store"
	"pgregory.net/rapid"
)

func TestRowsOfAnOlderVersionAreUpgradedWhenRead(t *testing.T) {
	type renamed struct{ Name string }
	v1 := store.NewTable[string]("test/versions")
	v2 := store.NewTable[renamed]("test/versions").Upgraded(2, func(_ byte, stored []byte) (r renamed, err error) {
		return r, json.Unmarshal(fmt.Appendf(nil, `{"Name":%s}`, stored), &r)
	})
	s := open(t, "")
	sb := fork(t, s, "one", must(seeded(s))(t))
	update(t, sb, func(tx *store.Tx) {
		v1.Put(tx, "old", "a")
		v2.Put(tx, "new", renamed{"b"})
	})
	view(t, sb, func(tx *store.Tx) {
		for key, want := range map[string]string{"old": "a", "new": "b"} {
			if r, ok := v2.Get(tx, key); !ok || r.Name != want {
				t.Errorf("%s: %+v, %v", key, r, ok)
			}
		}
	})
	err := sb.View(func(tx *store.Tx) error { v1.Get(tx, "new"); return nil })
	if err == nil || !strings.Contains(err.Error(), `row "new" of test/versions cannot be read: version 2`) {
		t.Errorf("a row of a newer version: %v", err)
	}
}

func TestBlobsAreFoundByKeyAndByLayer(t *testing.T) {
	blobs := store.NewBlobs("test/blobs")
	s := open(t, "")
	sb := fork(t, s, "one", must(seeded(s))(t))
	update(t, sb, func(tx *store.Tx) { blobs.Put(tx, "x/1", []byte("one")); blobs.Put(tx, "y/1", nil) })
	check(t, sb.Snapshot("s"))
	update(t, sb, func(tx *store.Tx) { blobs.Put(tx, "x/1", []byte("uno")); blobs.Put(tx, "x/2", []byte("two")) })
	view(t, sb, func(tx *store.Tx) {
		if v, ok := blobs.Get(tx, "x/1"); !ok || string(v) != "uno" {
			t.Errorf("x/1 is %q, %v", v, ok)
		}
		if v, ok := blobs.Get(tx, "y/1"); !ok || len(v) != 0 {
			t.Errorf("y/1 is %q, %v", v, ok)
		}
		var found []string
		for i, layer := range tx.Stack() {
			for key, v := range blobs.InLayer(tx, layer, "x/") {
				found = append(found, fmt.Sprint(i, " ", key, " ", string(v)))
			}
		}
		if want := []string{"0 x/1 uno", "0 x/2 two", "1 x/1 one"}; !slices.Equal(found, want) {
			t.Errorf("by layer: %q, want %q", found, want)
		}
	})
}

// TestAnOrderedTableKeepsTheOrderOfInsertion compares one with a slice.
func TestAnOrderedTableKeepsTheOrderOfInsertion(t *testing.T) {
	people := store.NewOrdered[row]("test/people")
	s := open(t, "")
	b := must(seeded(s))(t)
	rapid.Check(t, func(t *rapid.T) {
		sb, _, err := s.Sandbox("ordered", b)
		if err == nil {
			err = sb.Reset(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		model := map[string][]string{}
		rows := map[string]int{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				group, id, n := drawGroup(t), drawID(t), rapid.Int().Draw(t, "n")
				if err := sb.Update(func(tx *store.Tx) error { people.Put(tx, group, id, row{n}); return nil }); err != nil {
					t.Fatal(err)
				}
				if !slices.Contains(model[group], id) {
					model[group] = append(model[group], id)
				}
				rows[group+"/"+id] = n
			},
			"delete": func(t *rapid.T) {
				group, id := drawGroup(t), drawID(t)
				if err := sb.Update(func(tx *store.Tx) error { people.Delete(tx, group, id); return nil }); err != nil {
					t.Fatal(err)
				}
				model[group] = slices.DeleteFunc(model[group], func(other string) bool { return other == id })
			},
			"snapshot": func(t *rapid.T) {
				if err := sb.Snapshot("s"); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				group, id := drawGroup(t), drawID(t)
				err := sb.View(func(tx *store.Tx) error {
					r, ok := people.Get(tx, group, id)
					if want := slices.Contains(model[group], id); ok != want || people.Has(tx, group, id) != want || ok && r.N != rows[group+"/"+id] {
						t.Fatalf("%s of %q: %+v, %v", id, group, r, ok)
					}
					checkOrder(t, tx, people, group, model[group])
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}

func drawGroup(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "a", "ab", "\xff"}).Draw(t, "group")
}
func drawID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "id")
}

func checkOrder(t *rapid.T, tx *store.Tx, table store.Ordered[row], group string, want []string) {
	var ids []string
	var positions []uint64
	for r := range table.After(tx, group, 0) {
		ids, positions = append(ids, r.ID), append(positions, r.Position)
	}
	if !slices.Equal(ids, want) || !slices.IsSorted(positions) {
		t.Fatalf("%q: %q at %d, want %q", group, ids, positions, want)
	}
	var back []string
	for r := range table.Before(tx, group, 0) {
		back = append(back, r.ID)
	}
	slices.Reverse(back)
	if !slices.Equal(back, want) {
		t.Fatalf("%q backward: %q, want %q", group, back, want)
	}
	for i, position := range positions {
		for r := range table.After(tx, group, position) {
			if i+1 == len(want) || r.ID != want[i+1] {
				t.Fatalf("%q: after %s comes %s", group, want[i], r.ID)
			}
			break
		}
		for r := range table.Before(tx, group, position) {
			if i == 0 || r.ID != want[i-1] {
				t.Fatalf("%q: before %s comes %s", group, want[i], r.ID)
			}
			break
		}
	}
	for r := range table.After(tx, group, math.MaxUint64) {
		t.Fatalf("%q: %s comes after the last position there can be", group, r.ID)
	}
}
