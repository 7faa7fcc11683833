package ledger

import (
	"encoding/binary"

	"github.com/submeter/submeter/emulator/internal/store"
)

// batches is the log: one value for each accepted batch, under ledger and number of its first event.
var batches = store.NewBlobs("#ledger")

func logKey(ledger string, first uint64) string {
	return ledger + "\x00" + string(binary.BigEndian.AppendUint64(nil, first))
}

// A batch in the log: format (1 byte), arrival (8, microseconds), count of events, and of each of them a flag (1), ID,
// stream, type, seconds, nanoseconds, count of fields, and the name and value of each. Numbers without a size are
// varints; a text has its length before it.
const (
	batchFormat   = 1
	arrivalOffset = 1
	eventsOffset  = 9
	flagDuplicate = 1
)

// Batch is events made ready to be appended. Making it ready needs no transaction, so callers do that part side by
// side.
type Batch struct {
	events []prepared
	data   []byte // for the log; flags and arrival are filled in when it is appended
}

type prepared struct {
	Event
	moment moment
	hash   uint64 // of ID
	offset uint32 // of the flag, in the batch
	values []value
}

// NewBatch makes events ready to be appended.
func NewBatch(events []Event) *Batch {
	size, fields := eventsOffset+binary.MaxVarintLen64, 0
	for i := range events {
		size += sizeOf(&events[i])
		fields += len(events[i].Fields)
	}
	b := &Batch{events: make([]prepared, len(events)), data: make([]byte, eventsOffset, size)}
	b.data[0] = batchFormat
	b.data = binary.AppendUvarint(b.data, uint64(len(events)))
	values := make([]value, 0, fields)
	for i, e := range events {
		begin := len(values)
		for _, f := range e.Fields {
			values = append(values, parseValue(f.JSON))
		}
		b.events[i] = prepared{
			Event: e, moment: momentOf(e.Time), hash: hashOf(e.ID), offset: uint32(len(b.data)),
			values: values[begin:len(values):len(values)],
		}
		b.data = appendEvent(append(b.data, 0), &b.events[i].Event)
	}
	return b
}

// seal returns the batch as it goes into the log.
func (b *Batch) seal(arrived int64, duplicates []bool) []byte {
	binary.BigEndian.PutUint64(b.data[arrivalOffset:], uint64(arrived))
	for i := range b.events {
		b.data[b.events[i].offset] = 0
		if duplicates[i] {
			b.data[b.events[i].offset] = flagDuplicate
		}
	}
	return b.data
}

// sizeOf returns how many bytes an event takes in the log, or a few more.
func sizeOf(e *Event) int {
	const length, rest = 3, 24 // of a text as long as most are at most; of flag, time and count
	size := rest + 3*length + len(e.ID) + len(e.Stream) + len(e.Type)
	for _, f := range e.Fields {
		size += 2*length + len(f.Name) + len(f.JSON)
	}
	return size
}

func appendEvent(data []byte, e *Event) []byte {
	data = appendText(data, e.ID)
	data = appendText(data, e.Stream)
	data = appendText(data, e.Type)
	data = binary.AppendVarint(data, e.Time.Unix())
	data = binary.AppendUvarint(data, uint64(e.Time.Nanosecond()))
	data = binary.AppendUvarint(data, uint64(len(e.Fields)))
	for _, f := range e.Fields {
		data = appendText(data, f.Name)
		data = appendText(data, f.JSON)
	}
	return data
}

func appendText(data []byte, s string) []byte {
	return append(binary.AppendUvarint(data, uint64(len(s))), s...)
}
