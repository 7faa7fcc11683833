package store_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/submeter/submeter/emulator/internal/clock"
	"github.com/submeter/submeter/emulator/internal/store"
)

const million = 1_000_000

// account is about what a vendor keeps of an account: some 150 bytes of JSON.
type account struct {
	ID, Name, Code, Email, Currency string
	Version                         int
	Created, Updated                string
}

var accounts = store.NewTable[account]("bench/accounts")

func accountOf(i int) (string, account) {
	id := fmt.Sprintf("%08d-acc0-4000-8000-%012d", i%100_000_000, i)
	return id, account{id, "Account " + strconv.Itoa(i), "acc-" + strconv.Itoa(i), "a" + strconv.Itoa(i) + "@example.com", "USD", 1, "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"}
}

func fill(b testing.TB, sb *store.Sandbox, from, to int) {
	for from < to {
		end := min(from+50_000, to)
		check(b, sb.Update(func(tx *store.Tx) error {
			for i := from; i < end; i++ {
				id, a := accountOf(i)
				accounts.Put(tx, id, a)
			}
			return nil
		}))
		from = end
	}
}

// crowd is a store with a baseline of a million rows and a hundred sandboxes over it, each with rows of its own.
func crowd(b *testing.B) (*store.Store, *store.Baseline) {
	s := must(store.Open(store.Options{}))(b)
	b.Cleanup(func() { _ = s.Close() })
	base := must(s.Baseline("million", clock.FrozenAt(start), func(sb *store.Sandbox) error {
		fill(b, sb, 0, million)
		return nil
	}))(b)
	for i := range 100 {
		fill(b, fork(b, s, fmt.Sprint("present ", i), base), million, million+100)
	}
	return s, base
}

func BenchmarkWorldOfAMillionRows(b *testing.B) {
	s, base := crowd(b)
	b.Run("fork", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			fork(b, s, fmt.Sprint("fork ", n), base)
		}
		b.StopTimer()
		for i := range n {
			check(b, fork(b, s, fmt.Sprint("fork ", i+1), base).Drop())
		}
	})
	sb := fork(b, s, "a", base) // the first by name
	b.Run("reset of 10 rows", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			fill(b, sb, 0, 10)
			b.StartTimer()
			check(b, sb.Reset(base))
		}
	})
	b.Run("snapshot after 10 rows", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			fill(b, sb, 0, 10)
			b.StartTimer()
			check(b, sb.Snapshot("s"))
		}
	})
	b.Run("restore after 10 rows", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			fill(b, sb, 0, 10)
			b.StartTimer()
			check(b, sb.Restore("s"))
		}
	})
	check(b, sb.Reset(base))
	b.Run("snapshot that merges 9 layers of 900 rows", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			check(b, sb.Reset(base))
			for i := range 9 {
				fill(b, sb, million+i*900, million+i*900+900)
				if i < 8 {
					check(b, sb.Snapshot("s"))
				}
			}
			before := s.Sandboxes()[0].Layers
			b.StartTimer()
			check(b, sb.Snapshot("s"))
			b.StopTimer()
			if after := s.Sandboxes()[0].Layers; after >= before {
				b.Fatalf("%d layers, then %d", before, after)
			}
			b.StartTimer()
		}
	})
	check(b, sb.Reset(base))
	b.Run("reset of 1M rows", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			fill(b, sb, million, 2*million)
			b.StartTimer()
			check(b, sb.Reset(base))
			b.StopTimer()
			store.WaitReclaimed(s)
			b.StartTimer()
		}
	})
	b.Run("snapshot after 1M rows", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			check(b, sb.Reset(base))
			store.WaitReclaimed(s)
			fill(b, sb, million, 2*million)
			b.StartTimer()
			check(b, sb.Snapshot("s"))
		}
	})
	b.Run("restore below 1M rows", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			check(b, sb.Reset(base))
			store.WaitReclaimed(s)
			check(b, sb.Snapshot("s"))
			fill(b, sb, million, 2*million)
			b.StartTimer()
			check(b, sb.Restore("s"))
		}
	})
}

// BenchmarkReclaim is how long other writers wait, at most, for the rows of a large world to be deleted.
func BenchmarkReclaim(b *testing.B) {
	s, base := crowd(b)
	sb := fork(b, s, "one", base)
	for b.Loop() {
		b.StopTimer()
		fill(b, sb, million, 2*million)
		check(b, sb.Reset(base))
		b.StartTimer()
		store.WaitReclaimed(s)
	}
}

func BenchmarkGet(b *testing.B) {
	for _, depth := range []int{1, 4, 8, 32} {
		b.Run(fmt.Sprintf("after %d snapshots", depth), func(b *testing.B) {
			s := open(b, "")
			base := must(s.Baseline("base", clock.FrozenAt(start), func(sb *store.Sandbox) error { fill(b, sb, 0, 10_000); return nil }))(b)
			sb := fork(b, s, "one", base)
			for i := range depth {
				fill(b, sb, 20_000+i*100, 20_000+i*100+100)
				check(b, sb.Snapshot(fmt.Sprint(i)))
			}
			id, _ := accountOf(5000)
			b.Run("rows, per row", func(b *testing.B) {
				check(b, sb.View(func(tx *store.Tx) error {
					for b.Loop() {
						if _, ok := accounts.Get(tx, id); !ok {
							b.Fatal("the row is gone")
						}
					}
					return nil
				}))
			})
			b.Run("a view of one row", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					check(b, sb.View(func(tx *store.Tx) error { accounts.Has(tx, id); return nil }))
				}
			})
			b.Run("a walk over 10k rows, per row", func(b *testing.B) {
				rows := 0
				for b.Loop() {
					check(b, sb.View(func(tx *store.Tx) error {
						for range accounts.Prefix(tx, "") {
							rows++
						}
						return nil
					}))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
			})
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, kind := range []string{"memory", "durable"} {
		for _, size := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%s/%d rows", kind, size), func(b *testing.B) {
				path := ""
				if kind == "durable" {
					path = filepath.Join(b.TempDir(), "bench.db")
				}
				s := must(store.Open(store.Options{Path: path}))(b)
				defer func() { _ = s.Close() }()
				base := must(s.Baseline("base", clock.FrozenAt(start), func(sb *store.Sandbox) error { fill(b, sb, 0, 10_000); return nil }))(b)
				sb := fork(b, s, "one", base)
				n := 10_000
				b.ReportAllocs()
				for b.Loop() {
					check(b, sb.Update(func(tx *store.Tx) error {
						for range size {
							id, a := accountOf(n)
							accounts.Put(tx, id, a)
							n++
						}
						return nil
					}))
				}
				b.ReportMetric(float64(n-10_000)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkOpen is opening a durable file of a million rows.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.db")
	s := open(b, path)
	must(s.Baseline("base", clock.FrozenAt(start), func(sb *store.Sandbox) error { fill(b, sb, 0, million); return nil }))(b)
	check(b, s.Close())
	for b.Loop() {
		check(b, must(store.Open(store.Options{Path: path}))(b).Close())
	}
}
