package m3ter

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/shopspring/decimal"
)

// bill is what an account owes for a period.
type bill struct {
	AccountID                string                   `json:"accountId"`
	AccountCode              string                   `json:"accountCode"`
	BillDate                 string                   `json:"billDate,omitempty"`
	DueDate                  string                   `json:"dueDate,omitempty"`
	StartDate                string                   `json:"startDate,omitempty"`
	EndDate                  string                   `json:"endDate,omitempty"`
	StartDateTimeUTC         *instant                 `json:"startDateTimeUTC,omitempty"`
	EndDateTimeUTC           *instant                 `json:"endDateTimeUTC,omitempty"`
	BillingFrequency         string                   `json:"billingFrequency,omitempty"`
	BillFrequencyInterval    *int                     `json:"billFrequencyInterval,omitempty"`
	Timezone                 string                   `json:"timezone,omitempty"`
	Currency                 string                   `json:"currency"`
	CurrencyConversions      list[currencyConversion] `json:"currencyConversions"`
	Status                   string                   `json:"status"`
	Locked                   bool                     `json:"locked"`
	LockedBy                 string                   `json:"lockedBy,omitempty"`
	DtLocked                 *instant                 `json:"dtLocked,omitempty"`
	ApprovedBy               string                   `json:"approvedBy,omitempty"`
	DtApproved               *instant                 `json:"dtApproved,omitempty"`
	BillJobID                string                   `json:"billJobId,omitempty"`
	BillTotal                *number                  `json:"billTotal,omitempty"`
	CreatedDate              *instant                 `json:"createdDate,omitempty"`
	LastCalculatedDate       *instant                 `json:"lastCalculatedDate,omitempty"`
	PurchaseOrderNumber      string                   `json:"purchaseOrderNumber,omitempty"`
	SequentialInvoiceNumber  string                   `json:"sequentialInvoiceNumber,omitempty"`
	ExternalInvoiceDate      string                   `json:"externalInvoiceDate,omitempty"`
	ExternalInvoiceReference string                   `json:"externalInvoiceReference,omitempty"`
	JSONStatementGenerated   bool                     `json:"jsonStatementGenerated"`
	CSVStatementGenerated    bool                     `json:"csvStatementGenerated"`
	StatementStale           bool                     `json:"statementStale"`
	LineItems                list[lineItem]           `json:"lineItems"`
}

type currencyConversion struct {
	From       string  `json:"from"`
	To         string  `json:"to"`
	Multiplier *number `json:"multiplier,omitempty"`
}

const (
	billKind     = "bill"
	billPending  = "PENDING"
	billApproved = "APPROVED"
)

var bills = &entity[bill]{
	kind: billKind, title: "bill", family: "billing", rows: billRows,
	blank:      bill{Status: billPending},
	account:    func(b *bill) string { return b.AccountID },
	references: []reference[bill]{to("accountId", accountKind, func(b *bill) string { return b.AccountID })},
	filters: []filter[bill]{
		by("accountId", func(b *bill) string { return b.AccountID }),
		by("status", func(b *bill) string { return b.Status }),
		by("billJobId", func(b *bill) string { return b.BillJobID }),
		by("billingFrequency", func(b *bill) string { return b.BillingFrequency }),
		by("billDate", func(b *bill) string { return b.BillDate }),
		between("billDateStart", "billDateEnd", func(b *bill) string { return b.BillDate }),
		between("externalInvoiceDateStart", "externalInvoiceDateEnd", func(b *bill) string { return b.ExternalInvoiceDate }),
		{"locked", func(_ *call, l listing) (func(row[bill]) bool, error) {
			asked := l.query.Get("locked")
			return func(r row[bill]) bool { return asked == "" || (asked == "true") == r.Fields.Locked }, nil
		}},
	},
	removed: releaseCharges,
}

// releaseCharges lets the charges of a bill that goes be billed again.
func releaseCharges(c *call, gone row[bill]) error {
	var held []row[charge]
	for r := range each(c, chargeRows) {
		if r.Fields.BillID == gone.ID {
			held = append(held, r)
		}
	}
	for _, r := range held {
		r.Fields.BillID = ""
		chargeRows.Put(c.tx, c.org, r.ID, r)
	}
	return nil
}

// listBills answers bills without their lines, or with their total, when asked to.
func listBills(c echo.Context) error {
	l := readListing(c, 100)
	short, total := l.query.Get("excludeLineItems") == "true", l.query.Get("includeBillTotal") == "true"
	shown := *bills
	shown.inList = func(c *call, r row[bill]) any {
		if !total {
			r.Fields.BillTotal = nil
		}
		if short {
			r.Fields.LineItems = nil
		}
		return bills.answer(c, r)
	}
	return view(c, func(c *call) (any, error) { return shown.listed(c, l, billKind, nil) })
}

// getLatestBill answers the newest bill of an account.
func getLatestBill(c echo.Context) error {
	account, err := pathParam(c, "accountId")
	if err != nil {
		return err
	}
	return view(c, func(c *call) (any, error) {
		for r := range billRows.Before(c.tx, c.org, 0) {
			if r.Value.Fields.AccountID == account {
				return bills.answer(c, r.Value), nil
			}
		}
		if c.rules.Conformance {
			r, err := bills.find(c, account)
			return bills.answer(c, r), err
		}
		return nil, refuse(http.StatusNotFound, "Account %s has no bill", account)
	})
}

type approveBillsRequest struct {
	BillIDs []string `json:"billIds"`
}

type approveBillsResponse struct {
	Message string `json:"message"`
}

func approveBills(c echo.Context) error {
	var req approveBillsRequest
	if err := bind(c, &req); err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		for _, id := range distinct(req.BillIDs) {
			r, err := bills.find(c, id)
			if err != nil {
				return nil, errInvalid("billIds: there is no bill with id %s", id)
			}
			if _, err := c.changeBill(r, func(b *bill) { b.setStatus(c, billApproved) }); err != nil {
				return nil, err
			}
		}
		return approveBillsResponse{Message: "Bills approved"}, nil
	})
}

type updateBillStatusRequest struct {
	Status string `json:"status"`
}

func updateBillStatus(c echo.Context) error {
	var req updateBillStatusRequest
	if err := bind(c, &req); err != nil {
		return err
	}
	return bills.one(update, c, func(c *call, r row[bill]) (row[bill], error) {
		return c.changeBill(r, func(b *bill) { b.setStatus(c, req.Status) })
	})
}

func lockBill(c echo.Context) error {
	return bills.one(update, c, func(c *call, r row[bill]) (row[bill], error) {
		return c.changeBill(r, func(b *bill) {
			b.Locked, b.LockedBy, b.DtLocked = true, c.actor, &instant{c.now}
		})
	})
}

func (b *bill) setStatus(c *call, status string) {
	b.Status, b.ApprovedBy, b.DtApproved = status, "", nil
	if status == billApproved {
		b.ApprovedBy, b.DtApproved = c.actor, &instant{c.now}
	}
}

func (c *call) changeBill(r row[bill], change func(*bill)) (row[bill], error) {
	fields := r.Fields
	change(&fields)
	return bills.replace(c, r, fields)
}

// lineItem is a line of a bill.
type lineItem struct {
	ID                     string            `json:"id"`
	Version                int64             `json:"version"`
	BillID                 string            `json:"billId"`
	LineItemType           string            `json:"lineItemType"`
	SequenceNumber         int               `json:"sequenceNumber"`
	Description            string            `json:"description"`
	Quantity               number            `json:"quantity"`
	Units                  number            `json:"units"`
	Unit                   string            `json:"unit"`
	AverageUnitPrice       number            `json:"averageUnitPrice"`
	Subtotal               number            `json:"subtotal"`
	Currency               string            `json:"currency"`
	ConversionRate         number            `json:"conversionRate"`
	ConvertedSubtotal      number            `json:"convertedSubtotal"`
	ServicePeriodStartDate *instant          `json:"servicePeriodStartDate,omitempty"`
	ServicePeriodEndDate   *instant          `json:"servicePeriodEndDate,omitempty"`
	ProductID              string            `json:"productId,omitempty"`
	ProductCode            string            `json:"productCode,omitempty"`
	ProductName            string            `json:"productName,omitempty"`
	AccountingProductID    string            `json:"accountingProductId,omitempty"`
	AccountingProductCode  string            `json:"accountingProductCode,omitempty"`
	AccountingProductName  string            `json:"accountingProductName,omitempty"`
	AggregationID          string            `json:"aggregationId,omitempty"`
	MeterID                string            `json:"meterId,omitempty"`
	PlanID                 string            `json:"planId,omitempty"`
	PlanGroupID            string            `json:"planGroupId,omitempty"`
	PricingID              string            `json:"pricingId,omitempty"`
	ChargeID               string            `json:"chargeId,omitempty"`
	ContractID             string            `json:"contractId,omitempty"`
	Segment                map[string]string `json:"segment,omitempty"`
	BandUsage              list[bandUsage]   `json:"bandUsage"`
	JSONUsageGenerated     bool              `json:"jsonUsageGenerated"`
}

// bandUsage is the part of a line that falls into a band of its pricing.
type bandUsage struct {
	PricingBandID         string `json:"pricingBandId"`
	LowerLimit            number `json:"lowerLimit"`
	BandQuantity          number `json:"bandQuantity"`
	BandUnits             number `json:"bandUnits"`
	FixedPrice            number `json:"fixedPrice"`
	UnitPrice             number `json:"unitPrice"`
	UnitSubtotal          number `json:"unitSubtotal"`
	BandSubtotal          number `json:"bandSubtotal"`
	ConvertedBandSubtotal number `json:"convertedBandSubtotal"`
	CreditTypeID          string `json:"creditTypeId,omitempty"`
}

func lineItemRows(r row[bill]) []lineItem { return r.Fields.LineItems }

// total adds up the lines.
func (b *bill) total() *number {
	sum := decimal.Zero
	for _, l := range b.LineItems {
		sum = sum.Add(l.ConvertedSubtotal.Decimal)
	}
	return newNumber(sum)
}

// listBillLineItems answers the lines of a bill in their order.
func listBillLineItems(c echo.Context) error {
	id, err := pathParam(c, "billId")
	if err != nil {
		return err
	}
	l := readListing(c, 100)
	return view(c, func(c *call) (any, error) {
		r, err := bills.find(c, id)
		if err != nil {
			return nil, err
		}
		return cutSlice(c, l, "lines of "+id, r.Fields.LineItems)
	})
}

func getBillLineItem(c echo.Context) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	billID, err := pathParam(c, "billId")
	if err != nil {
		return err
	}
	return view(c, func(c *call) (any, error) {
		r, err := bills.find(c, billID)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(r.Fields.LineItems, func(l lineItem) bool { return l.ID == id })
		switch {
		case i >= 0:
			return r.Fields.LineItems[i], nil
		case c.rules.Conformance:
			return lineItem{ID: id, Version: 1, BillID: billID, LineItemType: "AD_HOC"}, nil
		}
		return nil, errNotFound("line item", id)
	})
}
