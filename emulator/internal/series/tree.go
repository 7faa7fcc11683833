package series

import (
	"slices"
	"sort"
)

// Tried with a range of 600 parts over ten million samples: larger nodes are added up for longer at both ends of a part,
// smaller ones lie deeper.
const (
	leafSize  = 64
	innerSize = 16
)

// tree holds samples by instant, each node knowing what its samples add up to: a range of any length is added up in
// time that grows with the logarithm of the samples, and without subtracting one large sum from another.
type tree struct{ root *node }

// node is a leaf, which holds samples, or an inner node, which holds nodes.
type node struct {
	last    int64 // greatest instant below
	samples []Sample

	kids   []*node
	firsts []int64 // least instant below each of the kids
	totals []Total // of each of the kids
}

// put inserts a sample or overwrites the one of its instant.
func (t *tree) put(s Sample) {
	if t.root == nil {
		t.root = &node{last: s.At, samples: []Sample{s}}
		return
	}
	right, _ := t.root.put(s)
	if right != nil {
		left := t.root
		t.root = &node{last: right.last}
		t.root.insertKid(0, left)
		t.root.insertKid(1, right)
	}
}

// put returns the right part of the node when it had to be split, and whether the instant had a sample before.
func (n *node) put(s Sample) (right *node, replaced bool) {
	n.last = max(n.last, s.At)
	if n.kids == nil {
		return n.putSample(s)
	}
	i := n.kidOf(s.At)
	split, replaced := n.kids[i].put(s)
	n.firsts[i] = min(n.firsts[i], s.At)
	switch {
	case split != nil:
		n.totals[i] = n.kids[i].total()
		right = n.addKid(i+1, split)
	case replaced:
		n.totals[i] = n.kids[i].total()
	default:
		n.totals[i].add(s.Value)
	}
	return right, replaced
}

func (n *node) putSample(s Sample) (right *node, replaced bool) {
	i, found := n.find(s.At)
	if found {
		n.samples[i] = s
		return nil, true
	}
	if len(n.samples) < leafSize {
		n.samples = slices.Insert(n.samples, i, s)
		return nil, false
	}
	// Samples mostly come in the order of time: then the old leaf stays full instead of being halved.
	if i == leafSize {
		n.last = n.samples[i-1].At
		return &node{last: s.At, samples: []Sample{s}}, false
	}
	const half = leafSize / 2
	right = &node{last: n.last, samples: slices.Clone(n.samples[half:])}
	n.samples = n.samples[:half]
	n.last = n.samples[half-1].At
	into, i := n, i
	if i > half {
		into, i = right, i-half
	}
	into.samples = slices.Insert(into.samples, i, s)
	into.last = max(into.last, s.At)
	return right, false
}

func (n *node) addKid(i int, kid *node) (right *node) {
	if len(n.kids) < innerSize {
		n.insertKid(i, kid)
		return nil
	}
	if i == innerSize {
		right = &node{last: n.last}
		right.insertKid(0, kid)
		n.last = n.kids[innerSize-1].last
		return right
	}
	const half = innerSize / 2
	right = &node{
		last: n.last, kids: slices.Clone(n.kids[half:]), firsts: slices.Clone(n.firsts[half:]),
		totals: slices.Clone(n.totals[half:]),
	}
	clear(n.kids[half:])
	n.kids, n.firsts, n.totals = n.kids[:half], n.firsts[:half], n.totals[:half]
	if i > half {
		right.insertKid(i-half, kid)
	} else {
		n.insertKid(i, kid)
	}
	n.last = n.kids[len(n.kids)-1].last
	return right
}

func (n *node) insertKid(i int, kid *node) {
	n.kids = slices.Insert(n.kids, i, kid)
	n.firsts = slices.Insert(n.firsts, i, kid.first())
	n.totals = slices.Insert(n.totals, i, kid.total())
}

func (n *node) first() int64 {
	if n.kids == nil {
		return n.samples[0].At
	}
	return n.firsts[0]
}

func (n *node) total() (t Total) {
	for _, s := range n.samples {
		t.add(s.Value)
	}
	for _, kid := range n.totals {
		t = t.Plus(kid)
	}
	return t
}

// find returns where the sample of an instant is, or belongs.
func (n *node) find(at int64) (i int, found bool) {
	i = sort.Search(len(n.samples), func(i int) bool { return n.samples[i].At >= at })
	return i, i < len(n.samples) && n.samples[i].At == at
}

// kidOf returns the kid whose samples surround an instant.
func (n *node) kidOf(at int64) int {
	return max(0, sort.Search(len(n.firsts), func(i int) bool { return n.firsts[i] > at })-1)
}

// get returns the sample of an instant.
func (t *tree) get(at int64) (Sample, bool) {
	n := t.root
	if n == nil {
		return Sample{}, false
	}
	for n.kids != nil {
		n = n.kids[n.kidOf(at)]
	}
	if i, found := n.find(at); found {
		return n.samples[i], true
	}
	return Sample{}, false
}

// first returns the earliest sample.
func (t *tree) first() (Sample, bool) {
	n := t.root
	if n == nil {
		return Sample{}, false
	}
	for n.kids != nil {
		n = n.kids[0]
	}
	return n.samples[0], true
}

// before returns the latest sample earlier than an instant.
func (t *tree) before(at int64) (Sample, bool) {
	n := t.root
	if n == nil || n.first() >= at {
		return Sample{}, false
	}
	for n.kids != nil {
		n = n.kids[sort.Search(len(n.firsts), func(i int) bool { return n.firsts[i] >= at })-1]
	}
	i, _ := n.find(at)
	return n.samples[i-1], true
}

// total adds up the samples from first to last, both included.
func (t *tree) total(first, last int64) (sum Total) {
	if t.root != nil {
		t.root.addRange(first, last, &sum)
	}
	return sum
}

func (n *node) addRange(first, last int64, sum *Total) {
	if n.kids == nil {
		for i, _ := n.find(first); i < len(n.samples) && n.samples[i].At <= last; i++ {
			sum.add(n.samples[i].Value)
		}
		return
	}
	for i := n.kidOf(first); i < len(n.kids) && n.firsts[i] <= last; i++ {
		whole := n.last <= last
		if i+1 < len(n.kids) {
			whole = n.firsts[i+1] <= last // then all of this kid is before last
		}
		if whole && n.firsts[i] >= first {
			*sum = sum.Plus(n.totals[i])
		} else {
			n.kids[i].addRange(first, last, sum)
		}
	}
}
