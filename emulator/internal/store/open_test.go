package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
	"go.etcd.io/bbolt"
)

// writeFile makes a data file with a few sandboxes and returns its bytes, without the room to grow at its end.
func writeFile(t testing.TB) []byte {
	path := filepath.Join(t.TempDir(), "good.db")
	s := open(t, path)
	b := must(seeded(s))(t)
	for i := range 4 {
		sb := fork(t, s, fmt.Sprint("sandbox ", i), b)
		update(t, sb, func(tx *store.Tx) { texts.Put(tx, "own", strings.Repeat("x", 600*i)) })
		check(t, sb.Snapshot("first"))
	}
	check(t, s.Close())
	db := must(bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true}))(t)
	var size int64
	check(t, db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil }))
	check(t, db.Close())
	return must(os.ReadFile(path))(t)[:size]
}

func TestWhatIsNoGoodDataFileIsRefusedAndLeftAsItIs(t *testing.T) {
	good := writeFile(t)
	page := os.Getpagesize()
	for _, c := range []struct {
		when string
		file func() []byte
		want string
	}{
		{"it holds random bytes", func() []byte { return noise(64 << 10) }, "damaged, or no data file"},
		{"it is text", func() []byte { return []byte("scenario: default\n") }, "damaged, or no data file"},
		{"both its heads are gone", func() []byte { return append(make([]byte, 2*page), good[2*page:]...) }, "damaged, or no data file"},
		{"both its heads have a flipped bit", func() []byte { return flip(flip(good, 40), page+40) }, "damaged, or no data file"},
		{"it is cut off within its heads", func() []byte { return good[:page+10] }, "damaged, or no data file"},
		{"it is cut off in the middle", func() []byte { return good[:len(good)/2] }, "are missing at its end"},
		{"it lacks its last byte", func() []byte { return good[:len(good)-1] }, "are missing at its end"},
		{"all its pages are zero", func() []byte { return append(bytes.Clone(good[:2*page]), make([]byte, len(good)-2*page)...) }, "damaged: page"},
		{"its pages are random bytes", func() []byte { return append(bytes.Clone(good[:2*page]), noise(len(good)-2*page)...) }, "damaged: page"},
		{"a page stands in the place of the next", func() []byte {
			return append(bytes.Clone(good[:4*page]), append(good[3*page:4*page:4*page], good[5*page:]...)...)
		}, "damaged: page"},
		{"its list of free pages, which other tools write, is no list", func() []byte {
			listed := edit(t, good, func(*bbolt.Tx) error { return nil })
			at := freeList(listed) * page
			return append(append(bytes.Clone(listed[:at+8]), 0xff, 0xff), listed[at+10:]...)
		}, "damaged: invalid freelist page"},
		{"another program's tables are in it", foreign(t, "users", "names"), "not a submeter data file"},
		{"another program's table of that name is in it", foreign(t, "meta"), "not a submeter data file"},
		{"a newer submeter wrote it", newer(t, good), "written with data layout 2, this submeter reads layout 1"},
		{"a table of the store's own is missing", without(t, good, "layers"), `damaged: bucket "layers" is missing`},
		{"a layer is missing", func() []byte {
			return edit(t, good, func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte("layers"))
				k, _ := b.Cursor().First()
				return b.Delete(k)
			})
		}, "damaged"},
		{"a record is no JSON", func() []byte {
			return edit(t, good, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("sandboxes")).Put([]byte("x"), []byte("{")) })
		}, `damaged: record "x"`},
		{"a sandbox refers to no layer", func() []byte {
			return edit(t, good, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("sandboxes")).Put([]byte("x"), []byte("{}")) })
		}, `damaged: sandbox "x"`},
		{"a layer lies over itself", func() []byte {
			return edit(t, good, func(tx *bbolt.Tx) error {
				k, _ := tx.Bucket([]byte("layers")).Cursor().Last()
				return tx.Bucket([]byte("layers")).Put(k, fmt.Appendf(nil, `{"parent":%d}`, binary.BigEndian.Uint64(k)))
			})
		}, "missing or out of order"},
	} {
		path := filepath.Join(t.TempDir(), "bad.db")
		data := c.file()
		check(t, os.WriteFile(path, data, 0o600))
		s, err := store.Open(store.Options{Path: path})
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: it was opened", c.when)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %q and the path", c.when, err, c.want)
		}
		if !bytes.Equal(must(os.ReadFile(path))(t), data) {
			t.Errorf("%s: the file was changed", c.when)
		}
	}
}

// freeList returns the page of the list of free pages that the later of a file's two heads names.
func freeList(data []byte) int {
	list, latest := 0, uint64(0)
	for head := range 2 {
		fields := data[head*os.Getpagesize()+16:]
		if number := binary.NativeEndian.Uint64(fields[48:]); number >= latest {
			list, latest = int(binary.NativeEndian.Uint64(fields[32:])), number
		}
	}
	return list
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1
	return data
}

func foreign(t *testing.T, buckets ...string) func() []byte {
	return func() []byte {
		path := filepath.Join(t.TempDir(), "foreign.db")
		db := must(bbolt.Open(path, 0o600, nil))(t)
		check(t, db.Update(func(tx *bbolt.Tx) error {
			for _, name := range buckets {
				if _, err := tx.CreateBucket([]byte(name)); err != nil {
					return err
				}
			}
			return nil
		}))
		check(t, db.Close())
		return must(os.ReadFile(path))(t)
	}
}

func newer(t *testing.T, good []byte) func() []byte {
	return func() []byte {
		return edit(t, good, func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("schema"), binary.BigEndian.AppendUint64(nil, store.SchemaVersion+1))
		})
	}
}

func without(t *testing.T, good []byte, bucket string) func() []byte {
	return func() []byte {
		return edit(t, good, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte(bucket)) })
	}
}

// edit returns a data file changed by what another program could do to it.
func edit(t *testing.T, data []byte, fn func(*bbolt.Tx) error) []byte {
	path := filepath.Join(t.TempDir(), "edited.db")
	check(t, os.WriteFile(path, data, 0o600))
	db := must(bbolt.Open(path, 0o600, nil))(t)
	check(t, db.Update(fn))
	check(t, db.Close())
	return must(os.ReadFile(path))(t)
}

// TestAFlippedBitNeverEndsTheProcess damages a file in many places. It is refused, or opened where the damage lies in
// what bbolt and the store do not use; a row that was hit is an error or another value.
func TestAFlippedBitNeverEndsTheProcess(t *testing.T) {
	good := writeFile(t)
	path := filepath.Join(t.TempDir(), "flipped.db")
	random := rand.New(rand.NewPCG(1, 2))
	page := os.Getpagesize()
	refused, unread := 0, 0
	for i := range 500 {
		at := random.IntN(len(good))
		if i%2 == 0 { // where a page tells what it holds
			at = at/page*page + random.IntN(80)
		}
		data := bytes.Clone(good)
		data[at] ^= 1 << random.IntN(8)
		check(t, os.WriteFile(path, data, 0o600))
		s, err := store.Open(store.Options{Path: path, NoSync: true})
		if err != nil {
			refused++
			continue
		}
		err = s.EachSandbox(func(sb *store.Sandbox) error {
			return sb.View(func(tx *store.Tx) error {
				for range texts.Prefix(tx, "") {
				}
				return nil
			})
		})
		if err != nil {
			unread++
		}
		check(t, s.Close())
	}
	t.Logf("%d files refused, %d opened with a row that could not be read", refused, unread)
	if refused == 0 || unread == 0 {
		t.Errorf("no damage was noticed at opening (%d) or at reading (%d): this test does not test that", refused, unread)
	}
}

func TestAFileThatIsHeldIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "held.db")
	first := open(t, path)
	_, err := store.Open(store.Options{Path: path})
	if err == nil || !strings.Contains(err.Error(), "held by another process") {
		t.Fatalf("a second opening: %v", err)
	}
	check(t, first.Close())
	check(t, open(t, path).Close())
}

func TestAFolderOrAMissingFolderIsRefused(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "no", "such", "folder.db")} {
		if _, err := store.Open(store.Options{Path: path}); err == nil {
			t.Errorf("%s was opened as a data file", path)
		}
	}
}

func TestReopeningKeepsWhatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept.db")
	s := open(t, path)
	b := must(seeded(s))(t)
	sb := fork(t, s, "one", b)
	noon := start.Add(12 * time.Hour)
	check(t, sb.SetClock(clock.FrozenAt(noon)))
	update(t, sb, func(tx *store.Tx) { texts.Put(tx, "k", "before"); store.Next(tx, "ids") })
	check(t, sb.Snapshot("noon"))
	check(t, sb.SetClock(clock.FrozenAt(noon.Add(time.Hour))))
	update(t, sb, func(tx *store.Tx) { texts.Put(tx, "k", "after"); texts.Delete(tx, "row 1"); store.Next(tx, "ids") })
	check(t, s.Close())

	s = open(t, path)
	again := must(s.Baseline("base", clock.State{}, func(*store.Sandbox) error { return errors.New("seeded twice") }))(t)
	sb = fork(t, s, "one", again)
	view(t, sb, func(tx *store.Tx) {
		if v, _ := texts.Get(tx, "k"); v != "after" || texts.Has(tx, "row 1") || !tx.Now.Equal(noon.Add(time.Hour)) {
			t.Errorf("k is %q, row 1 is there: %v, time %s", v, texts.Has(tx, "row 1"), tx.Now)
		}
	})
	update(t, sb, func(tx *store.Tx) {
		if n := store.Next(tx, "ids"); n != 3 {
			t.Errorf("the sequence went on with %d", n)
		}
	})
	if list := sb.Snapshots(); len(list) != 1 || list[0].Name != "noon" || !list[0].Taken.Equal(noon) {
		t.Errorf("snapshots: %+v", list)
	}
	check(t, sb.Restore("noon"))
	view(t, sb, func(tx *store.Tx) {
		if v, _ := texts.Get(tx, "k"); v != "before" || !texts.Has(tx, "row 1") || !tx.Now.Equal(noon) {
			t.Errorf("restored: k is %q, row 1 is there: %v, time %s", v, texts.Has(tx, "row 1"), tx.Now)
		}
	})
}

// TestWhatAnEndedProcessWasAboutToReclaimGoesWithTheNextOpening leaves behind what a process that is killed leaves, of a
// stack with a small layer and a large one.
func TestWhatAnEndedProcessWasAboutToReclaimGoesWithTheNextOpening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.db")
	s := open(t, path)
	sb := fork(t, s, "one", must(seeded(s))(t))
	update(t, sb, func(tx *store.Tx) { texts.Put(tx, "small", "") })
	check(t, sb.Snapshot("small"))
	update(t, sb, func(tx *store.Tx) {
		for i := range 5000 {
			texts.Put(tx, fmt.Sprint(i), "large")
		}
	})
	check(t, s.Close())
	whole := must(os.ReadFile(path))(t)
	for _, c := range []struct {
		when string
		left func(*bbolt.Tx) error
	}{
		{"seeding was broken off", func(tx *bbolt.Tx) error { return tx.Bucket([]byte("sandboxes")).Delete([]byte("one")) }},
		{"the small layer is gone, the large one only forgotten", func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket([]byte("sandboxes")).Delete([]byte("one")),
				tx.Bucket([]byte("layers")).Delete(binary.BigEndian.AppendUint64(nil, 2)), tx.DeleteBucket([]byte("layer:\x00\x00\x00\x00\x00\x00\x00\x02")),
				tx.Bucket([]byte("layers")).Delete(binary.BigEndian.AppendUint64(nil, 3)))
		}},
	} {
		check(t, os.WriteFile(path, edit(t, whole, c.left), 0o600))
		s := open(t, path)
		if len(s.Sandboxes()) != 0 {
			t.Errorf("%s: the sandbox is back: %+v", c.when, s.Sandboxes())
		}
		store.WaitReclaimed(s)
		check(t, s.Close())
		if names := layerBuckets(t, path); len(names) != 1 {
			t.Errorf("%s: the layers %q have rows, want the baseline alone", c.when, names)
		}
	}
}

func layerBuckets(t *testing.T, path string) (names []string) {
	db := must(bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true}))(t)
	defer func() { _ = db.Close() }()
	check(t, db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
			if strings.HasPrefix(string(name), "layer:") {
				names = append(names, string(name))
			}
			return nil
		})
	}))
	return names
}

// TestClosingDoesNotWaitForAllSpaceToBeReclaimed closes a store right after large worlds were dropped, and opens what is left.
func TestClosingDoesNotWaitForAllSpaceToBeReclaimed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "closed.db")
	for range 5 {
		s := open(t, path)
		b := must(seeded(s))(t)
		for i := range 4 {
			sb := fork(t, s, fmt.Sprint(i), b)
			update(t, sb, func(tx *store.Tx) {
				for n := range 1000 {
					texts.Put(tx, fmt.Sprint(n), "large")
				}
			})
			check(t, sb.Drop())
		}
		check(t, s.Close())
	}
	s := open(t, path)
	store.WaitReclaimed(s)
	check(t, s.Close())
	if names := layerBuckets(t, path); len(names) != 1 {
		t.Errorf("the layers %q have rows, want the baseline alone", names)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s := open(t, "")
	b := must(seeded(s))(t)
	sb := fork(t, s, "one", b)
	check(t, s.Close())
	for what, err := range map[string]error{
		"view":     sb.View(func(*store.Tx) error { return nil }),
		"update":   sb.Update(func(*store.Tx) error { return nil }),
		"snapshot": sb.Snapshot("s"),
		"drop":     sb.Drop(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	check(t, s.Close())
}
