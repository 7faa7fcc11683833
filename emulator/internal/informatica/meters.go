package informatica

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// meter is something that consumption is counted by. ID, name and reports are the vendor's; scalars beyond the few
// that it documents, and all prices, are made up (INF-047).
type meter struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Scalar  string `json:"scalar"`
	Asset   bool   `json:"asset,omitempty"` // an asset report may ask for it
	Job     bool   `json:"job,omitempty"`   // a job-level report may
	Service string `json:"service"`         // names its job-level file
}

// rate is a price of a meter, from a day on.
type rate struct {
	From time.Time       `json:"from"`
	Tier int             `json:"tier"`
	Rate decimal.Decimal `json:"rate"` // IPUs per unit
}

// catalogue is what a scenario says of meters beside the published ones. Laying a scenario on a world makes a new
// edition, so that reports already asked for stay as they are.
type catalogue struct {
	Meters []meter           `json:"meters,omitempty"`
	Rates  map[string][]rate `json:"rates,omitempty"` // by meter id; ascending by From
}

const (
	computeUnits = "Compute Units" // cores times hours
	dataVolume   = "Data Volume"
	eventCount   = "Events Processed"
	orgCount     = "Organizations"
	rowCount     = "Rows Processed"

	serviceCDI = "CDI" // data integration: one row a run
	serviceCAI = "CAI" // application integration: one row an asset and day

	subOrganizationsID = "SubmeterSubOrgsMeter01" // the vendor's is not published (INF-047)
)

func (m *meter) countsComputeUnits() bool { return m.Scalar == computeUnits }

// published are the vendor's meters. Those that only clients have been seen to ask for count as of both reports
// (INF-039).
var published = []struct {
	meter
	price string // IPUs per unit, in tier 1
}{
	{meter{"3TaYTMo6BFYeNIABfVmH0n", "Advanced Data Integration", computeUnits, true, true, serviceCDI}, "0.2"},
	{meter{"8tXWie0ZQLWlG1cyxxLwQM", "Advanced Data Integration with Advanced Serverless", computeUnits, true, true, serviceCDI}, "0.27"},
	{meter{"3qh0uqEkx2KjCOnnPoB786", "Advanced Data Quality", computeUnits, true, true, "CDQ"}, "0.22"},
	{meter{"gzNg8hRHqusd8TkG3qOpws", "Advanced Data Quality with Advanced Serverless", computeUnits, true, false, "CDQ"}, "0.29"},
	{meter{"dMN0VeTW4cThHyPovp4GEX", "Advanced Pushdown Optimization", computeUnits, true, true, serviceCDI}, "0.12"},
	{meter{"3uIRkIV5Rt9lBbAPzeR5Kj", "Application Integration, classic mode", computeUnits, false, true, serviceCAI}, "0.18"},
	{meter{"4610adb7f5e945e98da246", "Application Integration, turbo mode", computeUnits, false, true, serviceCAI}, "0.15"},
	{meter{"bN6mes5n4GGciiMkuoDlCz", "Application Integration with Advanced Serverless, classic mode", computeUnits, false, true, serviceCAI}, "0.24"},
	{meter{"4c6fec02782546879713aa", "Application Integration with Advanced Serverless, turbo mode", computeUnits, false, true, serviceCAI}, "0.21"},
	{meter{"4136oNHy3dPeKfhCDzv9sl", "B2B Gateway", eventCount, true, false, "B2B"}, "0.004"},
	{meter{"68c4cbf9f1d84b6fb52e9f", "B2B & Industry Solutions", eventCount, true, false, "B2B"}, "0.004"},
	{meter{"eNYBoIrr3KDgtDN9E6lXid", "Cloud Data Integration for PowerCenter", computeUnits, true, true, serviceCDI}, "0.14"},
	{meter{"5rtHwmyoQ6HjmJt8mqXTwc", "Cloud Data Integration for PowerCenter - Change Data Capture and Real-Time", computeUnits, true, true, serviceCDI}, "0.19"},
	{meter{"8y72urWKS85gGBRVi6tJGA", "Cloud Data Integration for PowerCenter - Pushdown Optimization", computeUnits, true, true, serviceCDI}, "0.11"},
	{meter{"8tJNWEJFAhojeO8ZAx6ZGT", "Data Access Management - Rows Processed", rowCount, true, false, "DAM"}, "0.0002"},
	{meter{"a2nB20h1o0lc7k3P9xtWS8", "Data Integration", computeUnits, true, true, serviceCDI}, "0.16"},
	{meter{"35m9fB23Tykj4Fb3rN5q2J", "Data Integration with Advanced Serverless", computeUnits, true, true, serviceCDI}, "0.23"},
	{meter{"0sDTANKFZBSbqjzKaXKlmB", "Data Integration - Change Data Capture", rowCount, true, true, serviceCDI}, "0.00004"},
	{meter{"aBNLpHvKynqb33VYVDl3y2", "Data Loader", dataVolume, true, false, "CDL"}, "0.08"},
	{meter{"1gUb7oRmAAXbpqeR8uRyye", "Data Masking", computeUnits, true, false, serviceCDI}, "0.2"},
	{meter{"cPnPIT3XYAziLqIoXtd0KC", "Data Quality", computeUnits, true, false, "CDQ"}, "0.18"},
	{meter{"kFBW9yYl4QHfru384cRMmp", "Data Quality with Advanced Serverless", computeUnits, true, false, "CDQ"}, "0.25"},
	{meter{"2qJ9COoAhfMrsH7mCyh86M", "Data Validation", computeUnits, true, true, "CDV"}, "0.1"},
	{meter{"7a2Fd4622Da044a38b7EB1", "Industry Solutions", eventCount, true, false, "B2B"}, "0.004"},
	{meter{"fqttkiGnSaHeXW255z4IcD", "Integration Hub", eventCount, true, true, "CIH"}, "0.0015"},
	{meter{"i3H6LcmMIYjhUKa9VCi7CI", "Mass Ingestion Application", dataVolume, true, true, "CMI"}, "0.3"},
	{meter{"4cPkZ5cZxjzc4SK2RHoqgy", "Mass Ingestion Application - Change Data Capture", rowCount, true, true, "CMI"}, "0.00005"},
	{meter{"24WXkCWzeSHjFlQvLPDegF", "Mass Ingestion Database", dataVolume, true, true, "CMI"}, "0.25"},
	{meter{"aluxJ8jOKmzdXwD0JuHRS1", "Mass Ingestion Database - Change Data Capture", rowCount, true, true, "CMI"}, "0.00005"},
	{meter{"lCwc4CfL7EEhv9773egFC8", "Mass Ingestion Files", dataVolume, true, true, "CMI"}, "0.06"},
	{meter{"hr7GsCwFFmyfvfZQFn8v81", "Mass Ingestion Streaming", dataVolume, true, true, "CMI"}, "0.35"},
	// In summaries only: the requests have no such meter.
	{meter{subOrganizationsID, "Sub-organizations", orgCount, false, false, "ORG"}, "0.5"},
}

// priceList is the meters of a world as one edition of its catalogue has them.
type priceList struct {
	meters map[string]*meter
	named  map[string]*meter
	rates  map[string][]rate
}

func newPriceList(c catalogue) priceList {
	l := priceList{meters: map[string]*meter{}, named: map[string]*meter{}, rates: map[string][]rate{}}
	for i := range published {
		p := &published[i]
		l.meters[p.ID], l.named[p.Name] = &p.meter, &p.meter
		l.rates[p.ID] = []rate{{Tier: 1, Rate: decimal.RequireFromString(p.price)}}
	}
	for i := range c.Meters {
		l.meters[c.Meters[i].ID], l.named[c.Meters[i].Name] = &c.Meters[i], &c.Meters[i]
	}
	for id, rates := range c.Rates {
		l.rates[id] = rates
	}
	return l
}

// find returns the meter of an id, or of a name.
func (l priceList) find(idOrName string) (*meter, bool) {
	if m, ok := l.meters[idOrName]; ok {
		return m, true
	}
	m, ok := l.named[idOrName]
	return m, ok
}

// rateOn returns the one price that a meter has on a day, so that the IPUs of a day are its usage times its rate
// whichever way usage is split (INF-048).
func (l priceList) rateOn(meterID string, d time.Time) rate {
	rates := l.rates[meterID]
	for i := len(rates) - 1; i >= 0; i-- {
		if i == 0 || !rates[i].From.After(d) {
			return rates[i]
		}
	}
	return rate{Tier: 1, Rate: oneIPU}
}

var oneIPU = decimal.NewFromInt(1)

// byName orders meters for reports.
func byName(a, b *meter) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
}

func sortRates(rates []rate) {
	slices.SortStableFunc(rates, func(a, b rate) int { return a.From.Compare(b.From) })
}
