package series

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"github.com/submeter/submeter/emulator/internal/store"
)

// batches is the log: samples of one series that came together, under the set and a number that grows.
var batches = store.NewBlobs("#series")

// maxBatch keeps single values small enough for the store to move about.
const maxBatch = 4096

const batchFormat = 1

var errBatch = errors.New("batch ends early or has an unknown format")

// encodeBatch writes format, key, count and samples: each the distance to the instant before, and the value with its bytes
// turned round, so that the round numbers most samples are take few bytes.
func encodeBatch(key string, samples []Sample) []byte {
	data := make([]byte, 0, 16+len(key)+8*len(samples))
	data = append(data, batchFormat)
	data = binary.AppendUvarint(data, uint64(len(key)))
	data = append(data, key...)
	data = binary.AppendUvarint(data, uint64(len(samples)))
	previous := int64(0)
	for _, s := range samples {
		data = binary.AppendVarint(data, s.At-previous) // may wrap around, and does so back again
		data = binary.AppendUvarint(data, bits.ReverseBytes64(math.Float64bits(s.Value)))
		previous = s.At
	}
	return data
}

func decodeBatch(data []byte) (key string, samples []Sample, err error) {
	r := reader{data: data}
	if r.next(1)[0] != batchFormat {
		return "", nil, errBatch
	}
	key = string(r.next(r.uvarint()))
	count := r.uvarint()
	if r.short || count > uint64(len(r.data)) {
		return "", nil, errBatch
	}
	samples = make([]Sample, count)
	previous := int64(0)
	for i := range samples {
		previous += r.varint()
		samples[i] = Sample{At: previous, Value: math.Float64frombits(bits.ReverseBytes64(r.uvarint()))}
	}
	if r.short || len(r.data) > 0 {
		return "", nil, errBatch
	}
	return key, samples, nil
}

// reader takes a batch apart. Past the end it reads zeros.
type reader struct {
	data  []byte
	short bool
}

func (r *reader) next(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.data, r.short = nil, true
		return make([]byte, 1)
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.data, r.short = nil, true
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.data, r.short = nil, true
		return 0
	}
	r.data = r.data[n:]
	return v
}
