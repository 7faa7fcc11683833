package m3ter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/submeter/submeter/clients/internal/transport"
)

// The vendor takes batches of up to so many measurements, in fewer than so many bytes.
const (
	BatchSize  = 1000
	BatchBytes = 512_000
)

// Submit sends measurements in batches as large as the vendor takes, and returns how many of them it has accepted. A
// measurement without a uid gets UID, so that sending the same ones again, after an error or a crash, counts nothing
// twice within the vendor's 35 days: on error, call it again with all of them.
//
// A batch is refused or accepted whole; its error names the measurements by their place, from 1 on, around an *Error.
// What is accepted may still not count: see FailedMeasurements.
func (c *Client) Submit(ctx context.Context, measurements iter.Seq[Measurement]) (accepted int, err error) {
	b := newBatch()
	for m := range measurements {
		text, err := encode(m)
		if err != nil {
			return accepted, fmt.Errorf("measurement %d: %w", accepted+b.count+1, err)
		}
		if !b.fits(text) {
			if err := c.send(ctx, b, &accepted); err != nil {
				return accepted, err
			}
			if !b.fits(text) {
				return accepted, fmt.Errorf("measurement %d: its %d bytes are more than the vendor takes at once", accepted+1, len(text))
			}
		}
		b.add(text)
	}
	return accepted, c.send(ctx, b, &accepted)
}

func (c *Client) send(ctx context.Context, b *batch, accepted *int) error {
	if b.count == 0 {
		return nil
	}
	body := bytes.NewReader(b.body())
	resp, err := c.ingest.SubmitMeasurementsWithBody(transport.Idempotent(ctx), c.organization, "application/json", body)
	if err := transport.Done(readRefusal)(resp, err); err != nil {
		return fmt.Errorf("measurements %d to %d: %w", *accepted+1, *accepted+b.count, err)
	}
	*accepted += b.count
	b.reset()
	return nil
}

// encode writes a measurement as it is sent, with a uid.
func encode(m Measurement) ([]byte, error) {
	if m.UID == "" {
		var err error
		if m.UID, err = UID(m); err != nil {
			return nil, err
		}
	}
	return json.Marshal(m)
}

// UID derives a uid from all that a measurement says: meter, account, instants and values. Equal measurements have equal
// uids and so count once; those that shall count twice need uids of their own, or a value that tells them apart. It fails
// on numbers that are none.
func UID(m Measurement) (string, error) {
	m.UID, m.TS = "", m.TS.UTC()
	if m.Ets != nil {
		end := m.Ets.UTC()
		m.Ets = &end
	}
	said, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(said)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil // 43 characters of the 50 that are allowed
}

// batch is the body of one call in the making.
type batch struct {
	text  bytes.Buffer
	count int
}

const batchStart, batchEnd = `{"measurements":[`, `]}`

func newBatch() *batch {
	b := &batch{}
	b.reset()
	return b
}

func (b *batch) reset() {
	b.count = 0
	b.text.Reset()
	b.text.WriteString(batchStart)
}

// fits tells whether the batch may hold one more; the vendor's bound is the first length it does not take.
func (b *batch) fits(text []byte) bool {
	length := b.text.Len() + len(text) + len(batchEnd)
	if b.count > 0 {
		length += len(",")
	}
	return b.count < BatchSize && length < BatchBytes
}

func (b *batch) add(text []byte) {
	if b.count > 0 {
		b.text.WriteByte(',')
	}
	b.text.Write(text)
	b.count++
}

// body ends the batch.
func (b *batch) body() []byte {
	b.text.WriteString(batchEnd)
	return b.text.Bytes()
}
