package cognite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

const (
	// The vendor answers no more periods of a meter than this at once.
	maxDatapoints = 600

	// The vendor asks for requests that are moderate in ids times datapoints, and gives no number.
	moderate = 10_000
)

// Span is a stretch of time in periods of one length. It includes From and excludes To, so that spans that follow each
// other share no sample.
type Span struct {
	From, To time.Time
	Every    time.Duration // whole milliseconds; the last period is shorter where the span is no multiple of it
}

// History iterates over meters by id, in the order of the ids, each with the averages of all periods of the span, oldest
// first. A datapoint's timestamp is the first instant of its period, in milliseconds since 1970. Spans of any length
// are read in as many requests as they need. One unknown id is an ErrNotFound.
//
// The vendor's ranges include both ends, so a range cut into several would have the samples at the cuts in two periods.
// Every request therefore asks for one period more than is kept: what lies at its end falls into that one.
func (c *Client) History(ctx context.Context, span Span, ids ...string) iter.Seq2[Meter, error] {
	return func(yield func(Meter, error) bool) {
		stretches, err := span.cut()
		if err != nil {
			yield(Meter{}, err)
			return
		}
		atOnce := min(idsAtOnce, max(1, moderate/int(stretches[0].datapoints())))
		for some := range slices.Chunk(ids, atOnce) {
			meters, err := c.histories(ctx, stretches, some)
			if err != nil {
				yield(Meter{}, err)
				return
			}
			for _, meter := range meters {
				if !yield(meter, nil) {
					return
				}
			}
		}
	}
}

// histories reads all stretches of a few meters.
func (c *Client) histories(ctx context.Context, stretches []stretch, ids []string) ([]Meter, error) {
	meters := make([]Meter, len(ids))
	for i, id := range ids {
		meters[i].MeterID = id
	}
	for _, s := range stretches {
		answered, err := c.byIDs(ctx, FetchConsumptionDataByIdsRequest{
			Items: identities(ids), Start: &s.from, End: new(s.from + s.every*int64(s.datapoints())), NumberOfDatapoints: new(s.datapoints()),
		})
		if err != nil {
			return nil, err
		}
		if len(answered) != len(ids) {
			return nil, fmt.Errorf("asked for %d meters, was answered %d", len(ids), len(answered))
		}
		for i, meter := range answered {
			for _, point := range meter.Datapoints {
				if point.Timestamp < s.from+s.every*s.periods {
					meters[i].Datapoints = append(meters[i].Datapoints, point)
				}
			}
		}
	}
	return meters, nil
}

// stretch is what one request reads, in milliseconds: periods of one length.
type stretch struct{ from, every, periods int64 }

// datapoints is how many to ask for: those to keep, and the one that is there for the range's end.
func (s stretch) datapoints() DatapointCount { return DatapointCount(s.periods + 1) }

// cut divides the span into stretches that fit a request. The first is the longest.
func (s Span) cut() ([]stretch, error) {
	from, to, every := s.From.UnixMilli(), s.To.UnixMilli(), s.Every.Milliseconds()
	switch {
	case every <= 0 || s.Every%time.Millisecond != 0:
		return nil, errors.New("history in periods that are no whole milliseconds")
	case to <= from:
		return nil, errors.New("history of a span that ends before it begins")
	}
	var stretches []stretch
	for whole := (to - from) / every; whole > 0; {
		periods := min(whole, maxDatapoints-1)
		stretches = append(stretches, stretch{from, every, periods})
		from, whole = from+periods*every, whole-periods
	}
	if from < to {
		stretches = append(stretches, stretch{from, to - from, 1})
	}
	return stretches, nil
}
