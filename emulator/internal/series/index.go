package series

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/submeter/submeter/emulator/internal/store"
)

// index is what is kept in memory of the samples in one layer of the store.
type index struct {
	base  uint64 // batches in the layers below
	below stack

	mu      sync.RWMutex
	batches uint64
	parts   map[string]*part
}

// part is one series in one layer.
type part struct {
	mu  sync.RWMutex
	own tree
	// hidden are the samples of lower layers at instants of own: they no longer count. Lower layers are frozen, so what
	// is hidden is known once and for all when the sample above it comes.
	hidden tree
}

// stack is the indexes of a transaction's layers, topmost first.
type stack []*index

func (s Set) stack(tx *store.Tx) stack {
	return tx.Local("series-stack/"+s.name, func() any {
		layers := tx.Stack()
		all := make(stack, len(layers))
		for i := len(layers) - 1; i >= 0; i-- {
			all[i] = layers[i].Companion("series/"+s.name, func() any {
				return s.load(tx, layers[i], all[i+1:])
			}).(*index)
		}
		return all
	}).(stack)
}

// load rebuilds the index of a layer from its part of the log.
func (s Set) load(tx *store.Tx, layer *store.Layer, below stack) *index {
	ix := &index{below: below, parts: map[string]*part{}}
	if len(below) > 0 {
		ix.base = below[0].position()
	}
	for _, data := range batches.InLayer(tx, layer, s.name+"\x00") {
		key, samples, err := decodeBatch(data)
		if err != nil {
			tx.Corrupt("batch of samples", err)
		}
		ix.apply(key, samples, 1)
	}
	return ix
}

// position returns how many batches the stack under and with this layer holds: the next one gets the number after it.
func (ix *index) position() uint64 {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.base + ix.batches
}

func (ix *index) part(key string) *part {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.parts[key]
}

// apply enters committed samples.
func (ix *index) apply(key string, samples []Sample, batches int) {
	ix.mu.Lock()
	ix.batches += uint64(batches)
	p := ix.parts[key]
	if p == nil {
		p = &part{}
		ix.parts[strings.Clone(key)] = p
	}
	ix.mu.Unlock()
	lower := ix.below.parts(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range samples {
		if _, known := p.own.get(s.At); !known {
			if old, found := lower.get(s.At); found {
				p.hidden.put(old)
			}
		}
		p.own.put(s)
	}
}

// partStack is one series in several layers, topmost first.
type partStack []*part

func (s stack) parts(key string) (found partStack) {
	for _, ix := range s {
		if p := ix.part(key); p != nil {
			found = append(found, p)
		}
	}
	return found
}

func (ps partStack) get(at int64) (Sample, bool) {
	for _, p := range ps {
		if s, ok := p.get(at); ok {
			return s, true
		}
	}
	return Sample{}, false
}

// count returns how many of the samples' instants have none yet, each instant counted once.
func (s stack) count(key string, samples []Sample) (added int) {
	parts := s.parts(key)
	instants := make([]int64, len(samples))
	for i, sample := range samples {
		instants[i] = sample.At
	}
	slices.Sort(instants)
	for _, at := range slices.Compact(instants) {
		if _, known := parts.get(at); !known {
			added++
		}
	}
	return added
}

func (p *part) get(at int64) (Sample, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.own.get(at)
}

func (p *part) total(first, last int64) (own, hidden Total) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.own.total(first, last), p.hidden.total(first, last)
}

func (p *part) first() (Sample, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.own.first()
}

func (p *part) before(at int64) (Sample, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.own.before(at)
}

func logKey(set string, number uint64) string {
	return set + "\x00" + string(binary.BigEndian.AppendUint64(nil, number))
}
