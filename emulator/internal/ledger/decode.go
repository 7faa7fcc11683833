package ledger

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

var (
	errFormat    = errors.New("batch has an unknown format")
	errTruncated = errors.New("batch ends early")
	errSurplus   = errors.New("batch has more than it says")
	errNumber    = errors.New("batch has a number out of range")
)

// reader takes a batch apart. Its texts are parts of data. After the first error it reads zeros.
type reader struct {
	data string
	at   int
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.at = len(r.data)
}

func (r *reader) byte() byte {
	if r.at >= len(r.data) {
		r.fail(errTruncated)
		return 0
	}
	r.at++
	return r.data[r.at-1]
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.fail(errNumber)
	return 0
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// count reads how many things follow, of at least a byte each.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.data)-r.at) {
		r.fail(errTruncated)
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count()
	r.at += n
	return r.data[r.at-n : r.at]
}

// header reads when the batch arrived and how many events it has.
func (r *reader) header() (arrived int64, count int) {
	if r.byte() != batchFormat {
		r.fail(errFormat)
	}
	if len(r.data) < eventsOffset {
		r.fail(errTruncated)
		return 0, 0
	}
	arrived = int64(binary.BigEndian.Uint64([]byte(r.data[arrivalOffset:eventsOffset])))
	if r.err == nil {
		r.at = eventsOffset
	}
	return arrived, r.count()
}

// event reads an event and whether it is a duplicate. It puts the fields into the room given.
func (r *reader) event(room []Field) (e Event, duplicate bool) {
	flag := r.byte()
	if flag > flagDuplicate {
		r.fail(errFormat)
	}
	e = Event{ID: r.text(), Stream: r.text(), Type: r.text()}
	seconds, nanoseconds := r.varint(), r.uvarint()
	if nanoseconds > math.MaxUint32 {
		r.fail(errNumber)
	}
	e.Time = time.Unix(seconds, int64(nanoseconds)).UTC()
	count := r.count()
	if e.Fields = room[:0]; cap(room) < count {
		e.Fields = make([]Field, 0, count)
	}
	for range count {
		e.Fields = append(e.Fields, Field{Name: r.text(), JSON: r.text()})
	}
	return e, flag == flagDuplicate
}

// countIn returns how many events a batch says to have; what it says is not to be trusted.
func countIn(data []byte) int {
	if len(data) < eventsOffset {
		return 0
	}
	count, _ := binary.Uvarint(data[eventsOffset:])
	return int(min(count, uint64(len(data))))
}

// decodeOne returns the event that begins at one offset of a batch and ends before another.
func decodeOne(data []byte, begin, end int) (Stored, error) {
	if len(data) < eventsOffset || begin < eventsOffset || begin > end || end > len(data) {
		return Stored{}, errTruncated
	}
	arrived := int64(binary.BigEndian.Uint64(data[arrivalOffset:]))
	r := &reader{data: string(data[begin:end])}
	e, duplicate := r.event(nil)
	if r.at < len(r.data) {
		r.fail(errSurplus)
	}
	return Stored{Event: e, Arrived: time.UnixMicro(arrived).UTC(), Duplicate: duplicate}, r.err
}

// decodeAll calls begin with when a batch arrived, then add with each of its events, ready to be indexed; what add is
// called with is valid until the next. An error may come after some events.
func decodeAll(data []byte, begin func(arrived int64), add func(e *prepared, duplicate bool)) error {
	r := &reader{data: string(data)}
	arrived, count := r.header()
	if r.err != nil {
		return r.err
	}
	begin(arrived)
	var e prepared
	for range count {
		offset := r.at
		event, duplicate := r.event(e.Fields)
		if r.err != nil {
			return r.err
		}
		e.Event, e.offset, e.hash, e.moment = event, uint32(offset), hashOf(event.ID), momentOf(event.Time)
		e.values = e.values[:0]
		for _, f := range e.Fields {
			e.values = append(e.values, parseValue(f.JSON))
		}
		add(&e, duplicate)
	}
	if r.at < len(r.data) {
		return errSurplus
	}
	return nil
}
