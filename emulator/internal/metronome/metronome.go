// Package metronome emulates the metering half of Metronome's API: events in, usage out, and the customers, billable
// metrics and custom fields that usage is counted for and by. Aliases resolve when they are read, so usage follows an
// alias that moves; windows are UTC; sums are exact.
//
// Not emulated are contracts, products, rates, commits, credits, invoices, alerts, webhooks, plans, billing providers
// and audit logs: their operations are known and answer 501. So no customer has a contract or a plan here, and what
// depends on one says so. Billing configurations are kept, not acted on. SQL metrics are kept, and have no value.
//
// Time, seeding, faults and the record of calls are no part of the vendor's API: the control plane has them. // MET-050
package metronome

import (
	"log/slog"
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// Config is what the emulator gives the vendor.
type Config struct {
	Referee wire.Referee // nil: requests are not held against the document
	Logger  *slog.Logger // nil: nothing is logged
}

// API serves Metronome's API. It keeps nothing of a world itself: each request's sandbox does.
type API struct {
	echo    *echo.Echo
	log     *slog.Logger
	mutates map[string]bool // method and route of each operation that changes data
	claims  sync.Map        // Idempotency-Keys of requests under way: a claimed to nothing
}

// New makes the API ready to serve.
func New(cfg Config) *API {
	a := &API{echo: echo.New(), log: cfg.Logger, mutates: map[string]bool{}}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.echo.HTTPErrorHandler = a.writeError
	a.echo.Use(wire.Recover)
	for _, ops := range [][]wire.Operation{a.Operations(), a.NotEmulated()} {
		for _, op := range ops {
			a.mutates[routeOf(op.Method, op.Path)] = mutates(op)
		}
		wire.Register(a.echo, ops, cfg.Referee, a.authenticate, limitRate, a.once)
	}
	return a
}

// ServeHTTP serves a request whose path is as in the vendor's reference: /v1/usage.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.echo.ServeHTTP(w, r) }

// Operations is the route table of what is emulated.
func (a *API) Operations() []wire.Operation {
	return []wire.Operation{
		{ID: "ingestEvents", Method: "POST", Path: "/v1/ingest", Handle: a.ingestEvents, TypedBody: true},
		{ID: "listUsage", Method: "POST", Path: "/v1/usage", Handle: a.listUsage, TypedBody: true},
		{ID: "listUsageWithGroups", Method: "POST", Path: "/v1/usage/groups", Handle: a.listUsageWithGroups},
		{ID: "searchEvents", Method: "POST", Path: "/v1/events/search", Handle: a.searchEvents},

		{ID: "createBillableMetric", Method: "POST", Path: "/v1/billable-metrics/create", Handle: a.createBillableMetric},
		{ID: "archiveBillableMetric", Method: "POST", Path: "/v1/billable-metrics/archive", Handle: a.archiveBillableMetric},
		{ID: "listBillableMetrics", Method: "GET", Path: "/v1/billable-metrics", Handle: a.listBillableMetrics},
		{ID: "getBillableMetric", Method: "GET", Path: "/v1/billable-metrics/:billable_metric_id", Handle: a.getBillableMetric},
		{ID: "renameBillableMetric", Method: "PUT", Path: "/v1/billable-metrics/:billable_metric_id", Handle: a.renameBillableMetric},

		{ID: "createCustomer", Method: "POST", Path: "/v1/customers", Handle: a.createCustomer},
		{ID: "listCustomers", Method: "GET", Path: "/v1/customers", Handle: a.listCustomers},
		{ID: "archiveCustomer", Method: "POST", Path: "/v1/customers/archive", Handle: a.archiveCustomer},
		{ID: "setCustomerBillableStatus", Method: "POST", Path: "/v1/customers/setBillableStatus", Handle: a.setCustomerBillableStatus},
		{ID: "getCustomer", Method: "GET", Path: "/v1/customers/:customer_id", Handle: a.getCustomer},
		{ID: "setIngestAliases", Method: "POST", Path: "/v1/customers/:customer_id/setIngestAliases", Handle: a.setIngestAliases},
		{ID: "setCustomerName", Method: "POST", Path: "/v1/customers/:customer_id/setName", Handle: a.setCustomerName},
		{ID: "updateCustomerConfig", Method: "POST", Path: "/v1/customers/:customer_id/updateConfig", Handle: a.updateCustomerConfig},
		{ID: "listCustomerBillableMetrics", Method: "GET", Path: "/v1/customers/:customer_id/billable-metrics", Handle: a.listCustomerBillableMetrics},
		{ID: "listCustomerCosts", Method: "GET", Path: "/v1/customers/:customer_id/costs", Handle: a.listCustomerCosts},
		{ID: "previewEvents", Method: "POST", Path: "/v1/customers/:customer_id/previewEvents", Handle: a.previewEvents},

		{ID: "getEmbeddableDashboardUrl", Method: "POST", Path: "/v1/dashboards/getEmbeddableUrl", Handle: a.getEmbeddableDashboardURL},

		{ID: "addCustomFieldKey", Method: "POST", Path: "/v1/customFields/addKey", Handle: a.addCustomFieldKey},
		{ID: "removeCustomFieldKey", Method: "POST", Path: "/v1/customFields/removeKey", Handle: a.removeCustomFieldKey},
		{ID: "listCustomFieldKeys", Method: "POST", Path: "/v1/customFields/listKeys", Handle: a.listCustomFieldKeys},
		{ID: "setCustomFieldValues", Method: "POST", Path: "/v1/customFields/setValues", Handle: a.setCustomFieldValues},
		{ID: "deleteCustomFieldValues", Method: "POST", Path: "/v1/customFields/deleteValues", Handle: a.deleteCustomFieldValues},
	}
}

func routeOf(method, path string) string { return method + " " + path }
