package cognite

import (
	"math/bits"

	"github.com/submeter/submeter/emulator/internal/series"
	"github.com/submeter/submeter/fixtures"
)

// bucket is one of the equal periods of a history, first and last millisecond included.
type bucket struct{ first, last int64 }

// divide cuts the time from start to end, both included, into n equal periods, whose bounds are rounded down to whole
// milliseconds (COG-025). A bound belongs to the later period; the last period has the end as well. There are fewer
// periods where n would leave some without a millisecond: no two begin at the same one. // COG-026
func divide(start, end int64, n int) []bucket {
	length := uint64(end) - uint64(start) // the true distance, also where it does not fit into an int64
	if length == 0 {
		return []bucket{{start, start}}
	}
	if uint64(n) > length {
		n = int(length)
	}
	bound := func(i int) int64 {
		high, low := bits.Mul64(uint64(i), length)
		offset, _ := bits.Div64(high, low, uint64(n))
		return int64(uint64(start) + offset)
	}
	buckets := make([]bucket, n)
	for i := range buckets {
		buckets[i] = bucket{bound(i), bound(i+1) - 1}
	}
	buckets[n-1].last = end
	return buckets
}

// datapoint is the mean of a meter in one bucket.
type datapoint struct {
	Timestamp int64    `json:"timestamp"` // COG-022 COG-028
	Average   float64  `json:"average"`   // COG-032
	Value     *float64 `json:"value,omitempty"`
}

// readings are the samples of a meter as of now: those it was given, and before the first of them those it generates.
// COG-044
type readings struct {
	given   series.Series
	made    *generated // nil: none
	madeEnd int64      // generated samples are earlier than this
	now     int64      // samples after now have not happened yet // COG-043
}

// total adds up the samples of a period.
func (r readings) total(b bucket) series.Total {
	last := min(b.last, r.now)
	if b.first > last {
		return series.Total{}
	}
	sum := r.given.Total(b.first, last)
	if r.made != nil && b.first < r.madeEnd {
		sum = sum.Plus(r.made.total(b.first, min(last, r.madeEnd-1)))
	}
	return sum
}

// before returns the value of the latest sample before an instant, 0 when there is none.
func (r readings) before(at int64) float64 {
	at = min(at, r.now+1)
	if s, ok := r.given.Before(at); ok {
		return s.Value
	}
	if r.made != nil {
		return r.made.before(min(at, r.madeEnd))
	}
	return 0
}

// averages returns the plain mean of the samples of each bucket (COG-024). One without samples repeats the value before
// it, or does what the scenario's option says. // COG-023
func (r readings) averages(buckets []bucket, options fixtures.CogniteOptions) []datapoint {
	points := make([]datapoint, 0, len(buckets))
	for _, b := range buckets {
		total := r.total(b)
		point := datapoint{Timestamp: b.first, Average: total.Mean()}
		if total.Count == 0 {
			switch options.EmptyBuckets {
			case fixtures.CogniteOmitEmpty:
				continue
			case fixtures.CogniteCarryLast:
				point.Average = r.before(b.first)
			case fixtures.CogniteZeroEmpty:
			}
		}
		if options.EmitValue { // COG-029
			value := point.Average
			point.Value = &value
		}
		points = append(points, point)
	}
	return points
}
