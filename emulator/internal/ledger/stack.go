package ledger

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/submeter/submeter/emulator/internal/store"
)

// stack is the indexes of a transaction's layers as it sees them, topmost first.
type stack []view

func (s stack) position() uint64 { return s[0].position() }

func (l Ledger) stack(tx *store.Tx) stack {
	return tx.Local("ledger-stack/"+l.name, func() any {
		layers := tx.Stack()
		s := make(stack, len(layers))
		below := uint64(0)
		for i := len(layers) - 1; i >= 0; i-- {
			ix := layers[i].Companion("ledger/"+l.name, func() any { return l.load(tx, layers[i], below) }).(*index)
			s[i] = ix.at(tx.Version())
			below = s[i].position()
		}
		return s
	}).(stack)
}

// load rebuilds the index of a layer from its part of the log. No transaction has appended to the layer since the file
// was opened, or it would have loaded the index; so all that is there can be seen by everyone.
func (l Ledger) load(tx *store.Tx, layer *store.Layer, below uint64) *index {
	ix, events := &index{base: below}, 0
	for _, data := range batches.InLayer(tx, layer, l.name+"\x00") {
		events += countIn(data)
	}
	ix.reserve(events)
	for key, data := range batches.InLayer(tx, layer, l.name+"\x00") {
		if err := ix.load(key[len(l.name)+1:], data); err != nil {
			tx.Corrupt("batch of events", err)
		}
		if len(ix.batches) == 1 { // the events to come have about as many fields
			ix.cells = slices.Grow(ix.cells, len(ix.cells)*(events-len(ix.events))/max(1, len(ix.events)))
		}
	}
	return ix
}

// load enters a batch of the log; number is that of its first event.
func (ix *index) load(number string, data []byte) error {
	if len(number) != 8 {
		return fmt.Errorf("it has no number but %q", number)
	}
	first, next := binary.BigEndian.Uint64([]byte(number)), ix.base+uint64(len(ix.events))+1
	if first != next {
		return fmt.Errorf("it begins with event %d, not with event %d", first, next)
	}
	return decodeAll(data, func(arrived int64) { ix.begin(arrived, 0) }, ix.add)
}

// Warm loads the indexes that the sandbox's queries will need, so that the first of them does not wait.
func Warm(tx *store.Tx) {
	for _, layer := range tx.Stack() {
		for _, name := range namesIn(tx, layer) {
			Ledger{name: name}.stack(tx)
		}
	}
}

// namesIn returns the ledgers that had events in a layer when it was first asked: a thousand sandboxes share a baseline.
func namesIn(tx *store.Tx, layer *store.Layer) []string {
	return layer.Companion("ledgers", func() any {
		var names []string
		for key := range batches.InLayer(tx, layer, "") {
			if name, _, _ := strings.Cut(key, "\x00"); len(names) == 0 || names[len(names)-1] != name {
				names = append(names, name)
			}
		}
		return names
	}).([]string)
}
