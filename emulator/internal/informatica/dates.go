package informatica

import "time"

const (
	day = 24 * time.Hour

	jsonTime   = "2006-01-02T15:04:05Z"     // a Java client parses dates with exactly this pattern
	v2Time     = "2006-01-02T15:04:05.000Z" // of the v2 resources
	reportTime = "2006-01-02 15:04:05.0"    // in all CSV files: one digit of fraction, always (INF-037)
)

// parseDate reads a bound of a report, to the second and in UTC: RFC 3339 with any offset and fraction, and nothing
// else (INF-017).
func parseDate(text string) (time.Time, bool) {
	var t time.Time
	if t.UnmarshalText([]byte(text)) != nil { // stricter than time.Parse, which takes T1:02:03Z and a comma
		return time.Time{}, false
	}
	t = t.UTC().Truncate(time.Second)
	return t, t.Year() >= 1 && t.Year() <= 9999 // the offset may lead out of the years that can be written
}

func formatDate(t time.Time) string { return t.UTC().Format(jsonTime) }

// midnight returns the beginning of t's day in UTC, the day that billing goes by.
func midnight(t time.Time) time.Time { return t.UTC().Truncate(day) }

// daysOf returns the days that a report over [start, end) covers: the first, and the one after the last. A range that
// ends at 23:59:59 covers that day, one that ends at midnight does not; an empty one covers none (INF-040).
func daysOf(start, end time.Time) (first, after time.Time) {
	first = midnight(start)
	if !start.Before(end) {
		return first, first
	}
	after = midnight(end)
	if after.Before(end) {
		after = after.Add(day)
	}
	return first, after
}

// billingPeriod returns the first and the last day of the calendar month of a day.
func billingPeriod(d time.Time) (first, last time.Time) {
	first = time.Date(d.Year(), d.Month(), 1, 0, 0, 0, 0, time.UTC)
	return first, first.AddDate(0, 1, -1)
}
