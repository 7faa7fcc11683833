package m3ter

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/emulator/internal/ledger"
)

// The reduced billing of the emulator (M3T-061): a bill has a line for the standing charge, a line for each pricing and
// one for each charge that is due.

// makeBills makes or works out the bills of a job and returns their ids.
func (c *call) makeBills(r row[billJob]) (ids []string, err error) {
	if r.Fields.Type == billsRecounted {
		for _, id := range r.Fields.BillIDs {
			old, ok := billRows.Get(c.tx, c.org, id)
			if !ok || old.Fields.Locked || old.Fields.Status == billApproved {
				continue
			}
			fields := old.Fields
			c.calculate(id, &fields)
			if _, err := bills.replace(c, old, fields); err != nil {
				return ids, err
			}
			ids = append(ids, id)
		}
		return ids, nil
	}
	for _, a := range c.accountsToBill(r.Fields) {
		id, err := c.makeBill(r, a)
		if err != nil {
			return ids, err
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// makeBill makes the bill of an account, unless none of its plans is billed at the job's frequency or it has a bill for
// that date.
func (c *call) makeBill(r row[billJob], a row[account]) (string, error) {
	end := midnight(c.now)
	if t, err := parseDate("", r.Fields.BillDate); err == nil {
		end = t
	}
	if t, err := parseDate("", r.Fields.LastDateInBillingPeriod); err == nil {
		end = t.AddDate(0, 0, 1)
	}
	start, template, ok := c.billingPeriod(r.Fields, a, end)
	if !ok {
		return "", nil
	}
	b := bill{
		AccountID: a.ID, AccountCode: a.Fields.Code, BillDate: cmp.Or(r.Fields.BillDate, dateOf(end)),
		DueDate: r.Fields.DueDate, StartDate: dateOf(start), EndDate: dateOf(end),
		StartDateTimeUTC: &instant{start}, EndDateTimeUTC: &instant{end},
		BillingFrequency: template.BillFrequency, BillFrequencyInterval: template.BillFrequencyInterval,
		Timezone: r.Fields.Timezone, Currency: cmp.Or(a.Fields.Currency, template.Currency),
		CurrencyConversions: r.Fields.CurrencyConversions, Status: billPending, BillJobID: r.ID,
		CreatedDate: &instant{c.now}, PurchaseOrderNumber: a.Fields.PurchaseOrderNumber,
		ExternalInvoiceDate: r.Fields.ExternalInvoiceDate,
	}
	for old := range each(c, billRows) {
		if old.Fields.AccountID == a.ID && old.Fields.EndDate == b.EndDate {
			return "", nil
		}
	}
	if b.DueDate == "" && a.Fields.DaysBeforeBillDue != nil {
		b.DueDate = dateOf(end.AddDate(0, 0, *a.Fields.DaysBeforeBillDue))
	}
	id := c.newID(billKind)
	c.calculate(id, &b)
	_, err := bills.insert(c, id, b)
	return id, err
}

// billingPeriod is the period that ends at an instant, by the frequency of the account's first plan.
func (c *call) billingPeriod(j billJob, a row[account], end time.Time) (start time.Time, template planTemplate, ok bool) {
	for _, s := range c.subscriptions(a.ID, end.Add(-time.Nanosecond)) {
		t := s.template
		if j.BillingFrequency != "" && j.BillingFrequency != t.BillFrequency {
			continue
		}
		every := 1
		if t.BillFrequencyInterval != nil {
			every = *t.BillFrequencyInterval
		}
		switch t.BillFrequency {
		case "DAILY":
			start = end.AddDate(0, 0, -every)
		case "WEEKLY":
			start = end.AddDate(0, 0, -7*every)
		case "ANNUALLY":
			start = end.AddDate(-every, 0, 0)
		case "AD_HOC":
			start = s.since
		default:
			start = end.AddDate(0, -every, 0)
		}
		if start.Before(s.since) {
			start = midnight(s.since)
		}
		return start, t, start.Before(end)
	}
	return start, template, false
}

// subscription is a plan that an account is on.
type subscription struct {
	id       string // of the plan
	group    string // the plan group it comes from
	contract string
	plan     plan
	template planTemplate
	since    time.Time
}

// subscriptions are the plans of an account at an instant, those of its plan groups included.
func (c *call) subscriptions(accountID string, at time.Time) []subscription {
	var found []subscription
	add := func(planID string, r row[accountPlan]) {
		if p, ok := planRows.Get(c.tx, c.org, planID); ok {
			t, _ := planTemplateRows.Get(c.tx, c.org, p.Fields.PlanTemplateID)
			found = append(found, subscription{
				id: planID, group: r.Fields.PlanGroupID, contract: r.Fields.ContractID, plan: p.Fields, template: t.Fields,
				since: r.Fields.StartDate.Time,
			})
		}
	}
	for r := range each(c, accountPlanRows) {
		switch {
		case r.Fields.AccountID != accountID || !r.Fields.activeAt(at):
		case r.Fields.PlanID != "":
			add(r.Fields.PlanID, r)
		default:
			for l := range each(c, planGroupLinkRows) {
				if l.Fields.PlanGroupID == r.Fields.PlanGroupID {
					add(l.Fields.PlanID, r)
				}
			}
		}
	}
	return found
}

// calculate works out the lines of a bill.
func (c *call) calculate(id string, b *bill) {
	if b.StartDateTimeUTC == nil || b.EndDateTimeUTC == nil {
		return // seeded without a period
	}
	b.LineItems = nil
	from, until := b.StartDateTimeUTC.Time, b.EndDateTimeUTC.Time
	add := func(l lineItem) {
		l.ID, l.Version, l.BillID, l.SequenceNumber, l.Currency = c.newID("lineitem"), 1, id, len(b.LineItems)+1, b.Currency
		l.ConversionRate, l.ConvertedSubtotal = number{decimal.NewFromInt(1)}, l.Subtotal
		if l.ServicePeriodStartDate == nil {
			l.ServicePeriodStartDate, l.ServicePeriodEndDate = &instant{from}, &instant{until}
		}
		b.LineItems = append(b.LineItems, l)
	}
	for _, s := range c.subscriptions(b.AccountID, until.Add(-time.Nanosecond)) {
		if l, ok := c.standingCharge(s); ok {
			add(l)
		}
		for _, p := range c.pricingsOf(s, until.Add(-time.Nanosecond)) {
			if l, ok := c.usageLine(b, s, p, from, until); ok {
				add(l)
			}
		}
	}
	c.addCharges(id, b, add)
	b.BillTotal, b.LastCalculatedDate = b.total(), &instant{c.now}
}

func (c *call) standingCharge(s subscription) (lineItem, bool) {
	amount := s.plan.StandingCharge
	if amount == nil {
		amount = s.template.StandingCharge
	}
	if amount == nil || amount.IsZero() {
		return lineItem{}, false
	}
	l := c.line("STANDING_CHARGE", s)
	l.Description = cmp.Or(s.plan.StandingChargeDescription, s.template.StandingChargeDescription, "Standing charge")
	l.Quantity, l.Units = number{decimal.NewFromInt(1)}, number{decimal.NewFromInt(1)}
	l.AverageUnitPrice, l.Subtotal = *amount, *amount
	l.AccountingProductID = s.plan.StandingChargeAccountingProductID
	return l, true
}

func (c *call) line(kind string, s subscription) lineItem {
	p, _ := productRows.Get(c.tx, c.org, s.plan.ProductID)
	return lineItem{
		LineItemType: kind, PlanID: s.id, PlanGroupID: s.group, ContractID: s.contract, ProductID: s.plan.ProductID,
		ProductCode: p.Fields.Code, ProductName: p.Fields.Name,
	}
}

// pricingsOf are the pricings of a plan at an instant; one of the plan takes the place of the template's for the same
// aggregation and segment.
func (c *call) pricingsOf(s subscription, at time.Time) []row[pricing] {
	var own, shared []row[pricing]
	for r := range each(c, pricingRows) {
		switch {
		case !r.Fields.holdsAt(at) || r.Fields.AggregationID == "": // compound ones are not evaluated (M3T-055)
		case r.Fields.PlanID == s.id:
			own = append(own, r)
		case r.Fields.PlanTemplateID != "" && r.Fields.PlanTemplateID == s.plan.PlanTemplateID:
			shared = append(shared, r)
		}
	}
	for _, r := range shared {
		if !slices.ContainsFunc(own, func(o row[pricing]) bool {
			return o.Fields.AggregationID == r.Fields.AggregationID && o.Fields.SegmentString == r.Fields.SegmentString
		}) {
			own = append(own, r)
		}
	}
	return own
}

// usageLine prices the usage of the account in the bill's period.
func (c *call) usageLine(b *bill, s subscription, p row[pricing], from, until time.Time) (lineItem, bool) {
	a, ok := aggregationRows.Get(c.tx, c.org, p.Fields.AggregationID)
	m, known := meterRows.Get(c.tx, c.org, a.Fields.MeterID)
	if !ok || !known {
		return lineItem{}, false
	}
	quantity := c.measured(&a.Fields, m, p.Fields.Segment, b.AccountID, from, until)
	units := a.Fields.units(quantity)
	subtotal, parts := price(p.Fields, units)
	l := c.line("USAGE", s)
	l.Description, l.Unit = cmp.Or(p.Fields.Description, a.Fields.Name), a.Fields.Unit
	l.Quantity, l.Units, l.Subtotal = number{quantity}, number{units}, number{subtotal}
	if !units.IsZero() {
		l.AverageUnitPrice = number{divide(subtotal, units)}
	}
	l.AggregationID, l.MeterID, l.PricingID, l.Segment, l.BandUsage = a.ID, m.ID, p.ID, p.Fields.Segment, parts
	l.AccountingProductID = cmp.Or(p.Fields.AccountingProductID, a.Fields.AccountingProductID)
	return l, true
}

// measured is the value of an aggregation for an account and a segment, or the default where there is no usage.
func (c *call) measured(a *aggregation, m row[meter], segment map[string]string, accountID string, from, until time.Time) decimal.Decimal {
	target, _ := m.Fields.field(a.TargetField)
	f := plannedColumn{Meter: m.ID, Column: column(target), Function: a.Aggregation}
	selected := plannedMeter{ID: m.ID}
	for code, value := range segment {
		if field, ok := m.Fields.field(code); ok && value != "*" {
			selected.Filter = append(selected.Filter, plannedCondition{column(field), []string{value}})
		}
	}
	var results []ledger.Result
	if !until.Before(from) {
		results = f.results(c, selected, []string{stream(m.ID, accountID)}, []time.Time{from, until}, nil)
	}
	if len(results) == 0 || f.cell(results[0]) == "" {
		return orZero(a.DefaultValue)
	}
	value, err := decimal.NewFromString(strings.Trim(f.cell(results[0]), `"`))
	if err != nil {
		return orZero(a.DefaultValue)
	}
	return value
}

// units are what a quantity is billed as.
func (a *aggregation) units(quantity decimal.Decimal) decimal.Decimal {
	units := quantity
	if per := orZero(a.QuantityPerUnit); per.IsPositive() {
		units = divide(quantity, per)
	}
	switch a.Rounding {
	case "UP":
		return units.Ceil()
	case "DOWN":
		return units.Floor()
	case "NEAREST": // halves go up
		return units.Add(decimal.New(5, -1)).Floor()
	}
	return units
}

// price applies the bands: each band's price to the units within it where the pricing is cumulative, the price of
// the highest band reached to all units where it is not. A band is reached by more units than its limit (M3T-067).
func price(p pricing, units decimal.Decimal) (subtotal decimal.Decimal, parts list[bandUsage]) {
	bands := slices.Clone([]band(p.PricingBands))
	slices.SortStableFunc(bands, func(a, b band) int { return orZero(a.LowerLimit).Cmp(orZero(b.LowerLimit)) })
	reached := 1
	for reached < len(bands) && units.GreaterThan(orZero(bands[reached].LowerLimit)) {
		reached++
	}
	bands = bands[:min(reached, len(bands))]
	if !p.Cumulative && len(bands) > 1 {
		bands = bands[len(bands)-1:]
	}
	for i, b := range bands {
		within := units
		if p.Cumulative {
			if i+1 < len(bands) {
				within = orZero(bands[i+1].LowerLimit)
			}
			if i > 0 {
				within = within.Sub(orZero(b.LowerLimit))
			}
		}
		cost := within.Mul(orZero(b.UnitPrice))
		sum := cost.Add(orZero(b.FixedPrice))
		subtotal = subtotal.Add(sum)
		parts = append(parts, bandUsage{
			PricingBandID: b.ID, LowerLimit: number{orZero(b.LowerLimit)}, BandQuantity: number{within}, BandUnits: number{within},
			FixedPrice: number{orZero(b.FixedPrice)}, UnitPrice: number{orZero(b.UnitPrice)}, UnitSubtotal: number{cost},
			BandSubtotal: number{sum}, ConvertedBandSubtotal: number{sum}, CreditTypeID: b.CreditTypeID,
		})
	}
	return subtotal, parts
}

// addCharges bills the charges that are due and notes on them where they went.
func (c *call) addCharges(id string, b *bill, add func(lineItem)) {
	var due []row[charge]
	for r := range each(c, chargeRows) {
		f := r.Fields
		on := cmp.Or(f.BillDate, dateOf(f.ServicePeriodEndDate.Time))
		if f.AccountID == b.AccountID && f.EntityType == "AD_HOC" && (f.BillID == id || f.BillID == "" && on <= b.BillDate) {
			due = append(due, r)
		}
	}
	for _, r := range due {
		f := r.Fields
		l := lineItem{
			LineItemType: "AD_HOC", Description: cmp.Or(f.Description, f.Name), ChargeID: r.ID, ContractID: f.ContractID,
			AccountingProductID: f.AccountingProductID, Quantity: number{decimal.NewFromInt(1)}, Units: number{decimal.NewFromInt(1)},
			ServicePeriodStartDate: &f.ServicePeriodStartDate, ServicePeriodEndDate: &f.ServicePeriodEndDate,
		}
		if f.Amount != nil {
			l.AverageUnitPrice, l.Subtotal = *f.Amount, *f.Amount
		} else {
			l.Quantity, l.Units, l.AverageUnitPrice = number{orZero(f.Units)}, number{orZero(f.Units)}, number{orZero(f.UnitPrice)}
			l.Subtotal = number{orZero(f.Units).Mul(orZero(f.UnitPrice))}
		}
		add(l)
		r.Fields.BillID = id
		chargeRows.Put(c.tx, c.org, r.ID, r)
	}
}
