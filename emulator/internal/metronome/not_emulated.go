package metronome

import (
	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// NotEmulated is the rest of the vendor's API: known, and answered 501.
//
// Answering it takes more than a table. Keys of uniqueness would have to be told apart by environment and by kind of
// object (MET-026), draft invoices be made anew whenever they are read and become final as sandbox time goes by
// (MET-049).
func (a *API) NotEmulated() []wire.Operation {
	var ops []wire.Operation
	for _, known := range notEmulated {
		ops = append(ops, wire.Operation{ID: known.id, Method: known.method, Path: known.path, Handle: refuseNotEmulated})
	}
	return ops
}

// refuseNotEmulated spares the vendor's SDKs the retries that they make of any other 5xx.
func refuseNotEmulated(c echo.Context) error {
	c.Response().Header().Set("X-Should-Retry", "false")
	return errNotEmulated(c.Request().Method, c.Request().URL.Path)
}

// notEmulated follows the document's order.
var notEmulated = []struct{ method, path, id string }{
	// billable metrics
	{"POST", "/v1/billable-metrics", "createLegacyBillableMetric"},

	// usage
	{"POST", "/v1/usage/seats", "listSeatUsage"},

	// customers
	{"GET", "/v1/customers/:customer_id/purchasedSeats", "listPurchasedSeats"},
	{"POST", "/v1/composite/createCustomerWithContract", "createCustomerWithContract"},

	// contracts
	{"POST", "/v1/contracts/create", "createContract"},
	{"POST", "/v1/contracts/get", "getContract"},
	{"POST", "/v1/contracts/list", "listContracts"},
	{"POST", "/v1/contracts/amend", "amendContract"},
	{"POST", "/v1/contracts/archive", "archiveContract"},
	{"POST", "/v1/contracts/updateEndDate", "updateContractEndDate"},
	{"POST", "/v1/contracts/setUsageFilter", "setContractUsageFilter"},
	{"POST", "/v1/contracts/getContractRateSchedule", "getContractRateSchedule"},
	{"POST", "/v1/contracts/getSubscriptionQuantityHistory", "getSubscriptionQuantityHistory"},
	{"POST", "/v1/contracts/getSubscriptionSeatsHistory", "getSubscriptionSeatsHistory"},
	{"POST", "/v1/contracts/seatBalances/list", "listSeatBalances"},
	{"POST", "/v1/contracts/listNamedSchedules", "listNamedSchedules"},
	{"POST", "/v1/contracts/getNamedSchedule", "getContractNamedSchedule"},
	{"POST", "/v1/contracts/updateNamedSchedule", "updateContractNamedSchedule"},
	{"POST", "/v1/contracts/scheduleProServicesInvoice", "scheduleProfessionalServicesInvoice"},
	{"POST", "/v1/threshold-billing/update-active-recharge-config", "updateActiveRechargeConfig"},
	{"POST", "/v2/contracts/get", "getContractV2"},
	{"POST", "/v2/contracts/list", "listContractsV2"},
	{"POST", "/v2/contracts/edit", "editContract"},
	{"POST", "/v2/contracts/getEditHistory", "getContractEditHistory"},

	// commits and credits
	{"POST", "/v1/contracts/customerCommits/create", "createCustomerCommit"},
	{"POST", "/v1/contracts/customerCommits/list", "listCustomerCommits"},
	{"POST", "/v1/contracts/customerCommits/updateEndDate", "updateCustomerCommitEndDate"},
	{"POST", "/v1/contracts/customerCredits/create", "createCustomerCredit"},
	{"POST", "/v1/contracts/customerCredits/list", "listCustomerCredits"},
	{"POST", "/v1/contracts/customerCredits/updateEndDate", "updateCustomerCreditEndDate"},
	{"POST", "/v1/contracts/customerBalances/list", "listCustomerBalances"},
	{"POST", "/v1/contracts/customerBalances/getNetBalance", "getNetBalance"},
	{"POST", "/v1/contracts/addManualBalanceLedgerEntry", "addManualBalanceLedgerEntry"},
	{"POST", "/v1/contracts/commits/disableTrueup", "disableCommitTrueup"},
	{"POST", "/v1/contracts/commits/threshold-billing/release", "releaseThresholdBillingCommit"},
	{"POST", "/v2/contracts/commits/edit", "editCommit"},
	{"POST", "/v2/contracts/commits/archive", "archiveCommit"},
	{"POST", "/v2/contracts/commits/retire", "retireCommit"},
	{"POST", "/v2/contracts/credits/edit", "editCredit"},
	{"POST", "/v2/contracts/credits/archive", "archiveCredit"},

	// products
	{"POST", "/v1/contract-pricing/products/create", "createProduct"},
	{"POST", "/v1/contract-pricing/products/get", "getProduct"},
	{"POST", "/v1/contract-pricing/products/list", "listProducts"},
	{"POST", "/v1/contract-pricing/products/update", "updateProduct"},
	{"POST", "/v1/contract-pricing/products/archive", "archiveProduct"},

	// rate cards
	{"POST", "/v1/contract-pricing/rate-cards/create", "createRateCard"},
	{"POST", "/v1/contract-pricing/rate-cards/get", "getRateCard"},
	{"POST", "/v1/contract-pricing/rate-cards/list", "listRateCards"},
	{"POST", "/v1/contract-pricing/rate-cards/update", "updateRateCard"},
	{"POST", "/v1/contract-pricing/rate-cards/archive", "archiveRateCard"},
	{"POST", "/v1/contract-pricing/rate-cards/addRate", "addRate"},
	{"POST", "/v1/contract-pricing/rate-cards/addRates", "addRates"},
	{"POST", "/v1/contract-pricing/rate-cards/getRates", "listRates"},
	{"POST", "/v1/contract-pricing/rate-cards/getRateSchedule", "getRateSchedule"},
	{"POST", "/v1/contract-pricing/rate-cards/moveRateCardProducts", "moveRateCardProducts"},
	{"POST", "/v1/contract-pricing/rate-cards/setRateCardProductsOrder", "setRateCardProductsOrder"},
	{"POST", "/v1/contract-pricing/rate-cards/getNamedSchedule", "getRateCardNamedSchedule"},
	{"POST", "/v1/contract-pricing/rate-cards/updateNamedSchedule", "updateRateCardNamedSchedule"},
	{"GET", "/v1/credit-types/list", "listPricingUnits"},
	{"POST", "/v1/credit-types/create", "createPricingUnit"},
	{"POST", "/v1/credit-types/archive", "archivePricingUnit"},

	// packages
	{"POST", "/v1/packages/create", "createPackage"},
	{"POST", "/v1/packages/get", "getPackage"},
	{"POST", "/v1/packages/list", "listPackages"},
	{"POST", "/v1/packages/archive", "archivePackage"},
	{"POST", "/v1/packages/listContractsOnPackage", "listContractsOnPackage"},

	// invoices
	{"GET", "/v1/customers/:customer_id/invoices", "listInvoices"},
	{"GET", "/v1/customers/:customer_id/invoices/:invoice_id", "getInvoice"},
	{"GET", "/v1/customers/:customer_id/invoices/:invoice_id/pdf", "getInvoicePdf"},
	{"GET", "/v1/customers/:customer_id/invoices/breakdowns", "listInvoiceBreakdowns"},
	{"POST", "/v1/customers/:customer_id/invoices/spend-breakdowns", "listSpendBreakdowns"},
	{"POST", "/v1/customers/:customer_id/invoices/invoice_seats", "listInvoiceSeats"},
	{"POST", "/v1/customers/:customer_id/addCharge", "addInvoiceCharge"},
	{"POST", "/v1/contracts/createHistoricalInvoices", "createHistoricalInvoices"},
	{"POST", "/v1/contracts/updateInvoiceIssueDate", "updateInvoiceIssueDate"},
	{"POST", "/v1/invoices/void", "voidInvoice"},
	{"POST", "/v1/invoices/regenerate", "regenerateInvoice"},

	// alerts and notifications
	{"POST", "/v1/alerts/create", "createAlert"},
	{"POST", "/v1/alerts/archive", "archiveAlert"},
	{"POST", "/v1/customer-alerts/get", "getCustomerAlert"},
	{"POST", "/v1/customer-alerts/list", "listCustomerAlerts"},
	{"POST", "/v1/customer-alerts/reset", "resetCustomerAlert"},
	{"POST", "/v2/notifications/create", "createNotification"},
	{"POST", "/v2/notifications/get", "getNotification"},
	{"POST", "/v2/notifications/edit", "editNotification"},
	{"POST", "/v2/notifications/archive", "archiveNotification"},
	{"POST", "/v2/notifications/offset/list", "listOffsetNotifications"},
	{"POST", "/v2/notifications/system/list", "listSystemNotifications"},
	{"POST", "/v1/client/config/webhook_secret", "setWebhookSecret"},

	// plans
	{"GET", "/v1/plans", "listPlans"},
	{"GET", "/v1/planDetails/:plan_id", "getPlanDetails"},
	{"GET", "/v1/planDetails/:plan_id/charges", "listPlanCharges"},
	{"GET", "/v1/planDetails/:plan_id/customers", "listPlanCustomers"},
	{"GET", "/v1/customers/:customer_id/plans", "listCustomerPlans"},
	{"POST", "/v1/customers/:customer_id/plans/add", "addCustomerPlan"},
	{"POST", "/v1/customers/:customer_id/plans/:customer_plan_id/end", "endCustomerPlan"},
	{"GET", "/v1/customers/:customer_id/plans/:customer_plan_id/priceAdjustments", "listCustomerPlanPriceAdjustments"},

	// credit grants
	{"POST", "/v1/credits/createGrant", "createCreditGrant"},
	{"POST", "/v1/credits/createPrepaidGrant", "createPrepaidCreditGrant"},
	{"POST", "/v1/credits/listGrants", "listCreditGrants"},
	{"POST", "/v1/credits/editGrant", "editCreditGrant"},
	{"POST", "/v1/credits/voidGrant", "voidCreditGrant"},
	{"POST", "/v1/credits/listEntries", "listCreditLedgerEntries"},
	{"GET", "/v1/credits/:customer_id/rechargeSettings", "listRechargeSettings"},
	{"POST", "/v1/credits/:customer_id/rechargeSettings", "createRechargeSettings"},
	{"POST", "/v1/credits/:customer_id/rechargeSettings/:recharge_settings_id", "updateRechargeSettings"},
	{"POST", "/v1/credits/migrateToContracts", "migrateCreditGrantsToContracts"},

	// billing providers
	{"POST", "/v1/setUpBillingProvider", "setUpBillingProvider"},
	{"POST", "/v1/listConfiguredBillingProviders", "listConfiguredBillingProviders"},
	{"POST", "/v1/getCustomerBillingProviderConfigurations", "getCustomerBillingProviderConfigurations"},
	{"POST", "/v1/setCustomerBillingProviderConfigurations", "setCustomerBillingProviderConfigurations"},
	{"POST", "/v1/archiveCustomerBillingProviderConfigurations", "archiveCustomerBillingProviderConfigurations"},
	{"GET", "/v1/customers/:customer_id/billing-config/:billing_provider_type", "getBillingConfig"},
	{"POST", "/v1/customers/:customer_id/billing-config/:billing_provider_type", "createBillingConfig"},
	{"DELETE", "/v1/customers/:customer_id/billing-config/:billing_provider_type", "deleteBillingConfig"},
	{"POST", "/v1/getCustomerRevenueSystemConfigurations", "getCustomerRevenueSystemConfigurations"},
	{"POST", "/v1/setCustomerRevenueSystemConfigurations", "setCustomerRevenueSystemConfigurations"},
	{"POST", "/v1/archiveCustomerRevenueSystemConfigurations", "archiveCustomerRevenueSystemConfigurations"},
	{"POST", "/v1/client/billing-config/stripe", "createStripeBillingConfig"},
	{"PATCH", "/v1/client/billing-config/stripe", "updateStripeBillingConfig"},
	{"DELETE", "/v1/client/billing-config/stripe", "deleteStripeBillingConfig"},
	{"POST", "/v1/client/billing-config/:billing_provider_type/apiKey", "setBillingProviderApiKey"},
	{"POST", "/v1/upsertAvalaraCredentials", "upsertAvalaraCredentials"},
	{"POST", "/v1/upsertAnrokApiToken", "upsertAnrokApiToken"},
	{"POST", "/v1/payments/list", "listPayments"},
	{"POST", "/v1/payments/attempt", "attemptPayment"},
	{"POST", "/v1/payments/cancel", "cancelPayment"},

	// account
	{"GET", "/v1/auditLogs", "listAuditLogs"},
	{"GET", "/v1/docs/openapi", "getApiDocument"},
	{"GET", "/v1/services", "listServices"},
	{"POST", "/v1/customers/getNamedSchedule", "getCustomerNamedSchedule"},
	{"POST", "/v1/customers/updateNamedSchedule", "updateCustomerNamedSchedule"},
	{"POST", "/v1/rotateDeltaStreamSecret", "rotateDeltaStreamSecret"},
	{"POST", "/v1/integrations/log", "logIntegrationEvent"},
	{"POST", "/v1/approval_requests/submit", "submitApprovalRequest"},
}
