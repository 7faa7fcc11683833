package store

import (
	"bytes"
	"iter"

	"go.etcd.io/bbolt"
)

// mergeRows walks the rows of several buckets (nil: empty) in key order, the first bucket winning where a key stands in
// more than one. Tombstones come through: a reader skips them, a merge keeps them. Keys and values are valid until the
// next step.
//
// Only keys that begin with prefix are walked; from, when not nil, is the first key of interest (the last, in reverse).
func mergeRows(buckets []*bbolt.Bucket, prefix, from []byte, reverse bool) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		heads := make([]head, 0, len(buckets))
		for _, b := range buckets {
			if b == nil {
				continue
			}
			h := head{cursor: b.Cursor(), prefix: prefix, reverse: reverse}
			h.seek(from)
			heads = append(heads, h)
		}
		for {
			best := -1
			for i := range heads {
				if heads[i].key == nil {
					continue
				}
				if best < 0 || heads[i].before(&heads[best]) {
					best = i
				}
			}
			if best < 0 {
				return
			}
			key, value := heads[best].key, heads[best].value
			if !yield(key, value) {
				return
			}
			for i := len(heads) - 1; i >= 0; i-- { // best moves last: its key is compared until then
				if i != best && bytes.Equal(heads[i].key, key) {
					heads[i].next()
				}
			}
			heads[best].next()
		}
	}
}

// head is the place of one bucket in a merge.
type head struct {
	cursor     *bbolt.Cursor
	prefix     []byte
	reverse    bool
	key, value []byte // nil key: no more
}

// seek places the head on its first key: the first that is not before from (not after it, in reverse) and that begins
// with the prefix. A from outside the prefix's range counts as the end of the range it lies at.
func (h *head) seek(from []byte) {
	if h.reverse {
		h.seekLast(from)
		return
	}
	if bytes.Compare(from, h.prefix) < 0 {
		from = h.prefix
	}
	h.set(h.cursor.Seek(from))
}

func (h *head) seekLast(from []byte) {
	limit, within := prefixEnd(h.prefix), false
	if from != nil && (limit == nil || bytes.Compare(from, limit) < 0) {
		limit, within = from, true
	}
	if limit == nil {
		h.set(h.cursor.Last())
		return
	}
	k, v := h.cursor.Seek(limit)
	switch {
	case k == nil:
		k, v = h.cursor.Last()
	case !within || !bytes.Equal(k, from):
		k, v = h.cursor.Prev()
	}
	h.set(k, v)
}

func (h *head) next() {
	if h.reverse {
		h.set(h.cursor.Prev())
		return
	}
	h.set(h.cursor.Next())
}

func (h *head) set(k, v []byte) {
	if k != nil && !bytes.HasPrefix(k, h.prefix) {
		k, v = nil, nil
	}
	h.key, h.value = k, v
}

func (h *head) before(o *head) bool {
	if c := bytes.Compare(h.key, o.key); c != 0 {
		return c < 0 != h.reverse
	}
	return false // the earlier bucket wins a tie
}

// prefixEnd returns the first key after all keys that begin with prefix; nil when there is none.
func prefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
