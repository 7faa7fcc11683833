package m3ter

import (
	"net/http"

	"github.com/submeter/submeter/emulator/internal/wire"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	remove = http.MethodDelete

	org = "/organizations/:orgId"
)

func tokenOperations() []wire.Operation {
	return []wire.Operation{
		{ID: "getBearerToken", Method: post, Path: "/oauth/token", Handle: getBearerToken},
	}
}

// ingestOperations are the calls of the Ingest API, which has rate limits of its own.
func ingestOperations() []wire.Operation {
	return []wire.Operation{
		{ID: "submitMeasurements", Method: post, Path: org + "/measurements", Handle: submitMeasurements, TypedBody: true},
	}
}

// explorerOperations are the calls that have the data explorer's rate limit besides.
func explorerOperations() []wire.Operation {
	return []wire.Operation{
		{ID: "queryUsage", Method: post, Path: org + "/usage/query", Handle: queryUsage},
	}
}

func configOperations() []wire.Operation {
	return append(meteringOperations(), billingOperations()...)
}

// meteringOperations are the calls about usage and its export, and about what usage is measured by and for.
func meteringOperations() []wire.Operation { //nolint:funlen // a table
	return []wire.Operation{
		{ID: "createAccount", Method: post, Path: org + "/accounts", Handle: accounts.create},
		{ID: "listAccounts", Method: get, Path: org + "/accounts", Handle: accounts.list(100)},
		{ID: "searchAccounts", Method: get, Path: org + "/accounts/search", Handle: accounts.search(accountSearchFields...)},
		{ID: "getAccount", Method: get, Path: org + "/accounts/:id", Handle: accounts.get},
		{ID: "updateAccount", Method: put, Path: org + "/accounts/:id", Handle: accounts.update},
		{ID: "deleteAccount", Method: remove, Path: org + "/accounts/:id", Handle: accounts.delete},
		{ID: "listAccountChildren", Method: get, Path: org + "/accounts/:id/children", Handle: listAccountChildren},
		{ID: "endDateAccountBillingEntities", Method: put, Path: org + "/accounts/:id/enddatebillingentities", Handle: endDateAccountBillingEntities},

		{ID: "createProduct", Method: post, Path: org + "/products", Handle: products.create},
		{ID: "listProducts", Method: get, Path: org + "/products", Handle: products.list(200)},
		{ID: "getProduct", Method: get, Path: org + "/products/:id", Handle: products.get},
		{ID: "updateProduct", Method: put, Path: org + "/products/:id", Handle: products.update},
		{ID: "deleteProduct", Method: remove, Path: org + "/products/:id", Handle: products.delete},

		{ID: "createMeter", Method: post, Path: org + "/meters", Handle: meters.create},
		{ID: "listMeters", Method: get, Path: org + "/meters", Handle: meters.list(100)},
		{ID: "getMeter", Method: get, Path: org + "/meters/:id", Handle: meters.get},
		{ID: "updateMeter", Method: put, Path: org + "/meters/:id", Handle: meters.update},
		{ID: "deleteMeter", Method: remove, Path: org + "/meters/:id", Handle: meters.delete},

		{ID: "createAggregation", Method: post, Path: org + "/aggregations", Handle: aggregations.create},
		{ID: "listAggregations", Method: get, Path: org + "/aggregations", Handle: aggregations.list(100)},
		{ID: "getAggregation", Method: get, Path: org + "/aggregations/:id", Handle: aggregations.get},
		{ID: "updateAggregation", Method: put, Path: org + "/aggregations/:id", Handle: aggregations.update},
		{ID: "deleteAggregation", Method: remove, Path: org + "/aggregations/:id", Handle: aggregations.delete},

		{ID: "createCompoundAggregation", Method: post, Path: org + "/compoundaggregations", Handle: compoundAggregations.create},
		{ID: "listCompoundAggregations", Method: get, Path: org + "/compoundaggregations", Handle: compoundAggregations.list(100)},
		{ID: "getCompoundAggregation", Method: get, Path: org + "/compoundaggregations/:id", Handle: compoundAggregations.get},
		{ID: "updateCompoundAggregation", Method: put, Path: org + "/compoundaggregations/:id", Handle: compoundAggregations.update},
		{ID: "deleteCompoundAggregation", Method: remove, Path: org + "/compoundaggregations/:id", Handle: compoundAggregations.delete},

		{ID: "getCustomFields", Method: get, Path: org + "/customfields", Handle: getCustomFields},
		{ID: "updateCustomFields", Method: put, Path: org + "/customfields", Handle: updateCustomFields},

		{ID: "getFailedIngestDownloadUrl", Method: get, Path: org + "/measurements/failedIngest/getDownloadUrl", Handle: getFailedIngestDownloadURL},
		{ID: "generateUploadUrl", Method: post, Path: org + "/fileuploads/measurements/generateUploadUrl", Handle: generateUploadURL},
		{ID: "listFileUploadJobs", Method: get, Path: org + "/fileuploads/measurements/jobs", Handle: listFileUploadJobs},
		{ID: "getFileUploadJob", Method: get, Path: org + "/fileuploads/measurements/jobs/:id", Handle: getFileUploadJob},
		{ID: "getFileUploadOriginal", Method: get, Path: org + "/fileuploads/measurements/jobs/:id/original", Handle: getFileUploadOriginal},

		{ID: "listEvents", Method: get, Path: org + "/events", Handle: listEvents},
		{ID: "listEventFields", Method: get, Path: org + "/events/fields", Handle: listEventFields},
		{ID: "listEventTypes", Method: get, Path: org + "/events/types", Handle: listEventTypes},
		{ID: "getEvent", Method: get, Path: org + "/events/:id", Handle: getEvent},

		{ID: "createAdHocDataExport", Method: post, Path: org + "/dataexports/adhoc", Handle: createAdHocDataExport},
		{ID: "createDataExportDestination", Method: post, Path: org + "/dataexports/destinations", Handle: destinations.create},
		{ID: "listDataExportDestinations", Method: get, Path: org + "/dataexports/destinations", Handle: destinations.list(200)},
		{ID: "getDataExportDestination", Method: get, Path: org + "/dataexports/destinations/:id", Handle: destinations.get},
		{ID: "updateDataExportDestination", Method: put, Path: org + "/dataexports/destinations/:id", Handle: destinations.update},
		{ID: "deleteDataExportDestination", Method: remove, Path: org + "/dataexports/destinations/:id", Handle: destinations.delete},
		{ID: "listDataExportJobs", Method: get, Path: org + "/dataexports/jobs", Handle: listExportJobs},
		{ID: "getDataExportJob", Method: get, Path: org + "/dataexports/jobs/:id", Handle: getExportJob},
		{ID: "getDataExportJobDownloadUrl", Method: get, Path: org + "/dataexports/jobs/:jobId/getdownloadurl", Handle: getExportDownloadURL},
		{ID: "createDataExportSchedule", Method: post, Path: org + "/dataexports/schedules", Handle: schedules.create},
		{ID: "listDataExportSchedules", Method: get, Path: org + "/dataexports/schedules", Handle: schedules.list(100)},
		{ID: "getDataExportSchedule", Method: get, Path: org + "/dataexports/schedules/:id", Handle: schedules.get},
		{ID: "updateDataExportSchedule", Method: put, Path: org + "/dataexports/schedules/:id", Handle: schedules.update},
		{ID: "deleteDataExportSchedule", Method: remove, Path: org + "/dataexports/schedules/:id", Handle: schedules.delete},
	}
}

// billingOperations are the calls about prices, contracts, money and bills.
func billingOperations() []wire.Operation { //nolint:funlen // a table
	return []wire.Operation{
		{ID: "createPlanTemplate", Method: post, Path: org + "/plantemplates", Handle: planTemplates.create},
		{ID: "listPlanTemplates", Method: get, Path: org + "/plantemplates", Handle: planTemplates.list(100)},
		{ID: "getPlanTemplate", Method: get, Path: org + "/plantemplates/:id", Handle: planTemplates.get},
		{ID: "updatePlanTemplate", Method: put, Path: org + "/plantemplates/:id", Handle: planTemplates.update},
		{ID: "deletePlanTemplate", Method: remove, Path: org + "/plantemplates/:id", Handle: planTemplates.delete},

		{ID: "createPlan", Method: post, Path: org + "/plans", Handle: plans.create},
		{ID: "listPlans", Method: get, Path: org + "/plans", Handle: plans.list(100)},
		{ID: "getPlan", Method: get, Path: org + "/plans/:id", Handle: plans.get},
		{ID: "updatePlan", Method: put, Path: org + "/plans/:id", Handle: plans.update},
		{ID: "deletePlan", Method: remove, Path: org + "/plans/:id", Handle: plans.delete},

		{ID: "createPlanGroup", Method: post, Path: org + "/plangroups", Handle: planGroups.create},
		{ID: "listPlanGroups", Method: get, Path: org + "/plangroups", Handle: planGroups.list(200)},
		{ID: "getPlanGroup", Method: get, Path: org + "/plangroups/:id", Handle: planGroups.get},
		{ID: "updatePlanGroup", Method: put, Path: org + "/plangroups/:id", Handle: planGroups.update},
		{ID: "deletePlanGroup", Method: remove, Path: org + "/plangroups/:id", Handle: planGroups.delete},

		{ID: "createPlanGroupLink", Method: post, Path: org + "/plangrouplinks", Handle: planGroupLinks.create},
		{ID: "listPlanGroupLinks", Method: get, Path: org + "/plangrouplinks", Handle: planGroupLinks.list(100)},
		{ID: "getPlanGroupLink", Method: get, Path: org + "/plangrouplinks/:id", Handle: planGroupLinks.get},
		{ID: "updatePlanGroupLink", Method: put, Path: org + "/plangrouplinks/:id", Handle: planGroupLinks.update},
		{ID: "deletePlanGroupLink", Method: remove, Path: org + "/plangrouplinks/:id", Handle: planGroupLinks.delete},

		{ID: "createAccountPlan", Method: post, Path: org + "/accountplans", Handle: accountPlans.create},
		{ID: "listAccountPlans", Method: get, Path: org + "/accountplans", Handle: accountPlans.list(100)},
		{ID: "getAccountPlan", Method: get, Path: org + "/accountplans/:id", Handle: accountPlans.get},
		{ID: "updateAccountPlan", Method: put, Path: org + "/accountplans/:id", Handle: accountPlans.update},
		{ID: "deleteAccountPlan", Method: remove, Path: org + "/accountplans/:id", Handle: accountPlans.delete},

		{ID: "createPricing", Method: post, Path: org + "/pricings", Handle: pricings.create},
		{ID: "listPricings", Method: get, Path: org + "/pricings", Handle: pricings.list(100)},
		{ID: "getPricing", Method: get, Path: org + "/pricings/:id", Handle: pricings.get},
		{ID: "updatePricing", Method: put, Path: org + "/pricings/:id", Handle: pricings.update},
		{ID: "deletePricing", Method: remove, Path: org + "/pricings/:id", Handle: pricings.delete},

		{ID: "createContract", Method: post, Path: org + "/contracts", Handle: contracts.create},
		{ID: "listContracts", Method: get, Path: org + "/contracts", Handle: contracts.list(100)},
		{ID: "getContract", Method: get, Path: org + "/contracts/:id", Handle: contracts.get},
		{ID: "updateContract", Method: put, Path: org + "/contracts/:id", Handle: contracts.update},
		{ID: "deleteContract", Method: remove, Path: org + "/contracts/:id", Handle: contracts.delete},
		{ID: "endDateContractBillingEntities", Method: put, Path: org + "/contracts/:id/enddatebillingentities", Handle: endDateContractBillingEntities},

		{ID: "createCommitment", Method: post, Path: org + "/commitments", Handle: commitments.create},
		{ID: "listCommitments", Method: get, Path: org + "/commitments", Handle: commitments.list(100)},
		{ID: "searchCommitments", Method: get, Path: org + "/commitments/search", Handle: commitments.search(commitmentSearchFields...)},
		{ID: "getCommitment", Method: get, Path: org + "/commitments/:id", Handle: commitments.get},
		{ID: "updateCommitment", Method: put, Path: org + "/commitments/:id", Handle: commitments.update},
		{ID: "deleteCommitment", Method: remove, Path: org + "/commitments/:id", Handle: commitments.delete},

		{ID: "createBalance", Method: post, Path: org + "/balances", Handle: balances.create},
		{ID: "listBalances", Method: get, Path: org + "/balances", Handle: balances.list(100)},
		{ID: "getBalance", Method: get, Path: org + "/balances/:id", Handle: balances.get},
		{ID: "updateBalance", Method: put, Path: org + "/balances/:id", Handle: balances.update},
		{ID: "deleteBalance", Method: remove, Path: org + "/balances/:id", Handle: balances.delete},
		{ID: "createBalanceTransaction", Method: post, Path: org + "/balances/:balanceId/transactions", Handle: createBalanceTransaction},
		{ID: "listBalanceTransactions", Method: get, Path: org + "/balances/:balanceId/transactions", Handle: listBalanceTransactions},
		{ID: "summarizeBalanceTransactions", Method: get, Path: org + "/balances/:balanceId/transactions/summary", Handle: summarizeBalanceTransactions},

		{ID: "createTransactionType", Method: post, Path: org + "/picklists/transactiontypes", Handle: transactionTypes.create},
		{ID: "listTransactionTypes", Method: get, Path: org + "/picklists/transactiontypes", Handle: transactionTypes.list(100)},
		{ID: "getTransactionType", Method: get, Path: org + "/picklists/transactiontypes/:id", Handle: transactionTypes.get},
		{ID: "updateTransactionType", Method: put, Path: org + "/picklists/transactiontypes/:id", Handle: transactionTypes.update},
		{ID: "deleteTransactionType", Method: remove, Path: org + "/picklists/transactiontypes/:id", Handle: transactionTypes.delete},

		{ID: "createCharge", Method: post, Path: org + "/charges", Handle: charges.create},
		{ID: "listCharges", Method: get, Path: org + "/charges", Handle: charges.list(200)},
		{ID: "getCharge", Method: get, Path: org + "/charges/:id", Handle: charges.get},
		{ID: "updateCharge", Method: put, Path: org + "/charges/:id", Handle: charges.update},
		{ID: "deleteCharge", Method: remove, Path: org + "/charges/:id", Handle: charges.delete},

		{ID: "createBillJob", Method: post, Path: org + "/billjobs", Handle: createBillJob},
		{ID: "listBillJobs", Method: get, Path: org + "/billjobs", Handle: billJobs.list(100)},
		{ID: "recalculateBills", Method: post, Path: org + "/billjobs/recalculate", Handle: recalculateBills},
		{ID: "getBillJob", Method: get, Path: org + "/billjobs/:id", Handle: getBillJob},
		{ID: "cancelBillJob", Method: post, Path: org + "/billjobs/:id/cancel", Handle: cancelBillJob},

		{ID: "listBills", Method: get, Path: org + "/bills", Handle: listBills},
		{ID: "searchBills", Method: get, Path: org + "/bills/search", Handle: bills.search(billSearchFields...)},
		{ID: "approveBills", Method: post, Path: org + "/bills/approve", Handle: approveBills},
		{ID: "getLatestBill", Method: get, Path: org + "/bills/latest/:accountId", Handle: getLatestBill},
		{ID: "getBill", Method: get, Path: org + "/bills/:id", Handle: bills.get},
		{ID: "deleteBill", Method: remove, Path: org + "/bills/:id", Handle: bills.delete},
		{ID: "lockBill", Method: put, Path: org + "/bills/:id/lock", Handle: lockBill},
		{ID: "updateBillStatus", Method: put, Path: org + "/bills/:id/status", Handle: updateBillStatus},
		{ID: "listBillLineItems", Method: get, Path: org + "/bills/:billId/lineitems", Handle: listBillLineItems},
		{ID: "getBillLineItem", Method: get, Path: org + "/bills/:billId/lineitems/:id", Handle: getBillLineItem},
	}
}
