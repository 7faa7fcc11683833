package metronome

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/submeter/submeter/clients/internal/transport"
)

// BatchSize is the most events that the vendor takes at once.
const BatchSize = 100

// Ingest sends events in batches of BatchSize and returns how many of them the vendor has acknowledged. An event
// without a transaction id gets TransactionID, so that sending the same events again, after an error or a crash, counts
// nothing twice within the vendor's 34 days: on error, call it again with all of them.
//
// A batch is refused or taken whole. Its error names the events by their place, from 1 on, around an *Error.
func (c *Client) Ingest(ctx context.Context, events iter.Seq[Event]) (acknowledged int, err error) {
	batch := make(IngestEventsRequest, 0, BatchSize)
	send := func() error {
		done := transport.Done(readRefusal)
		if err := done(c.raw.IngestEvents(transport.Idempotent(ctx), nil, batch)); err != nil {
			return fmt.Errorf("events %d to %d: %w", acknowledged+1, acknowledged+len(batch), err)
		}
		acknowledged += len(batch)
		batch = batch[:0]
		return nil
	}
	for event := range events {
		if event.TransactionID == "" {
			if event.TransactionID, err = TransactionID(event); err != nil {
				return acknowledged, fmt.Errorf("event %d: %w", acknowledged+len(batch)+1, err)
			}
		}
		if batch = append(batch, event); len(batch) == BatchSize {
			if err := send(); err != nil {
				return acknowledged, err
			}
		}
	}
	if len(batch) == 0 {
		return acknowledged, nil
	}
	return acknowledged, send()
}

// TransactionID derives an id from all that an event says: customer, type, instant and properties. Equal events have
// equal ids and so count once; those that shall count twice need ids of their own, or a property that tells them apart.
// It fails on properties that JSON cannot hold.
func TransactionID(e Event) (string, error) {
	said, err := json.Marshal([]any{e.CustomerID, e.EventType, e.Timestamp.UTC().Format(time.RFC3339Nano), e.Properties})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:]), nil
}

// SearchEvents finds the copies of events that the vendor has by their transaction ids; ids it does not know are left
// out. The vendor means it for samples and limits its rate heavily.
func (c *Client) SearchEvents(ctx context.Context, transactionIDs ...string) ([]FoundEvent, error) {
	if transactionIDs == nil {
		transactionIDs = []string{}
	}
	request := SearchEventsRequest{TransactionIds: transactionIDs}
	return value[SearchEventsResponse](c.raw.SearchEvents(transport.Idempotent(ctx), nil, request))
}
