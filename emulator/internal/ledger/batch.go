package ledger

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"time"

	"github.com/submeter/submeter/emulator/internal/store"
)

// batches is the log: one value for each accepted batch, under ledger and number of its first event.
var batches = store.NewBlobs("#ledger")

var (
	errTruncated = errors.New("batch ends early")
	errFormat    = errors.New("batch has an unknown format")
)

const batchFormat = 1

var hashSeed = maphash.MakeSeed()

func hashOf(id string) uint64 { return maphash.String(hashSeed, id) }

func logKey(ledger string, first uint64) string {
	return ledger + "\x00" + string(binary.BigEndian.AppendUint64(nil, first))
}

// Batch is events made ready to be appended. Making it ready needs no transaction, so callers do that part side by
// side.
type Batch struct {
	events []prepared
}

type prepared struct {
	Event
	hash    uint64
	encoded []byte
	values  []value // of Fields
}

// NewBatch makes events ready to be appended.
func NewBatch(events []Event) *Batch {
	b := &Batch{events: make([]prepared, len(events))}
	for i, e := range events {
		p := prepared{Event: e, hash: hashOf(e.ID), values: make([]value, len(e.Fields))}
		for j, f := range e.Fields {
			p.values[j] = parseValue(f.JSON)
		}
		p.encoded = encodeEvent(e)
		b.events[i] = p
	}
	return b
}

// repeats says whether event i has the ID of an earlier event of the batch that counts.
func (b *Batch) repeats(i int, duplicates []bool) bool {
	for j := range i {
		if b.events[j].hash == b.events[i].hash && b.events[j].ID == b.events[i].ID && !duplicates[j] {
			return true
		}
	}
	return false
}

// A batch in the log: format, arrival, count, and for each event a flag byte and its encoding, length first.

func (b *Batch) encode(arrived int64, duplicates []bool) []byte {
	size := 32
	for i := range b.events {
		size += len(b.events[i].encoded) + 4
	}
	data := make([]byte, 0, size)
	data = append(data, batchFormat)
	data = binary.AppendVarint(data, arrived)
	data = binary.AppendUvarint(data, uint64(len(b.events)))
	for i := range b.events {
		flag := byte(0)
		if duplicates[i] {
			flag = 1
		}
		data = append(data, flag)
		data = binary.AppendUvarint(data, uint64(len(b.events[i].encoded)))
		data = append(data, b.events[i].encoded...)
	}
	return data
}

func encodeEvent(e Event) []byte {
	size := 24 + len(e.ID) + len(e.Stream) + len(e.Type)
	for _, f := range e.Fields {
		size += 4 + len(f.Name) + len(f.JSON)
	}
	data := make([]byte, 0, size)
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

// reader takes a batch apart. After the first error it reads zeros.
type reader struct {
	data []byte
	err  error
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.data, r.err = nil, errTruncated
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.data, r.err = nil, errTruncated
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.data, r.err = nil, errTruncated
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes(r.uvarint())) }

func (r *reader) header() (arrived time.Time, count uint64) {
	if f := r.bytes(1); r.err == nil && f[0] != batchFormat {
		r.data, r.err = nil, errFormat
	}
	arrived = time.UnixMicro(r.varint()).UTC()
	return arrived, r.uvarint()
}

// next returns the encoding of the next event and whether it is a duplicate.
func (r *reader) next() (encoded []byte, duplicate bool) {
	flag := r.bytes(1)
	encoded = r.bytes(r.uvarint())
	return encoded, r.err == nil && flag[0] == 1
}

func (r *reader) event() Event {
	e := Event{ID: r.text(), Stream: r.text(), Type: r.text()}
	seconds := r.varint()
	e.Time = time.Unix(seconds, int64(r.uvarint())).UTC()
	count := r.uvarint()
	if count > uint64(len(r.data)) {
		r.err = errTruncated
		return e
	}
	e.Fields = make([]Field, count)
	for i := range e.Fields {
		e.Fields[i] = Field{Name: r.text(), JSON: r.text()}
	}
	return e
}

// decodeOne returns event i of a batch.
func decodeOne(data []byte, i int) (Stored, error) {
	r := &reader{data: data}
	arrived, _ := r.header()
	for {
		encoded, duplicate := r.next()
		if r.err != nil {
			return Stored{}, r.err
		}
		if i == 0 {
			one := &reader{data: encoded}
			return Stored{Event: one.event(), Arrived: arrived, Duplicate: duplicate}, one.err
		}
		i--
	}
}

// decodeAll returns the events of a batch, ready to be indexed.
func decodeAll(data []byte) (b *Batch, duplicates []bool, arrived time.Time, err error) {
	r := &reader{data: data}
	arrived, count := r.header()
	if count > uint64(len(data)) {
		return nil, nil, arrived, errTruncated
	}
	events := make([]Event, 0, count)
	for range count {
		encoded, duplicate := r.next()
		one := &reader{data: encoded}
		events = append(events, one.event())
		duplicates = append(duplicates, duplicate)
		if err := errors.Join(r.err, one.err); err != nil {
			return nil, nil, arrived, err
		}
	}
	return NewBatch(events), duplicates, arrived, nil
}
