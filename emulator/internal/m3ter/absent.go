package m3ter

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// NotEmulated is what is known of the vendor's API and answers 501.
func (a *API) NotEmulated() []wire.Operation {
	ops := append(absentInSDKs(), absentElsewhere()...)
	for i := range ops {
		ops[i].Handle = notEmulated(ops[i].ID)
	}
	return ops
}

// notEmulated says so. Under conformance it answers as the mock did that the SDKs' tests were made for: with an empty
// object, or for the one operation that answers a list with an empty one.
func notEmulated(operation string) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, _ := c.Get(callerKey).(caller)
		switch {
		case !who.rules.Conformance:
			return errNotEmulated(operation)
		case operation == "createStatementJobBatch":
			return c.JSONBlob(http.StatusOK, []byte("[]"))
		}
		return c.JSONBlob(http.StatusOK, []byte("{}"))
	}
}

// absentInSDKs are the operations that the vendor's SDKs have beyond the emulated ones.
func absentInSDKs() []wire.Operation { //nolint:funlen // a table
	return []wire.Operation{
		{ID: "createBalanceChargeSchedule", Method: post, Path: org + "/balances/:balanceId/balancechargeschedules"},
		{ID: "getBalanceChargeSchedule", Method: get, Path: org + "/balances/:balanceId/balancechargeschedules/:id"},
		{ID: "updateBalanceChargeSchedule", Method: put, Path: org + "/balances/:balanceId/balancechargeschedules/:id"},
		{ID: "listBalanceChargeSchedules", Method: get, Path: org + "/balances/:balanceId/balancechargeschedules"},
		{ID: "deleteBalanceChargeSchedule", Method: remove, Path: org + "/balances/:balanceId/balancechargeschedules/:id"},
		{ID: "previewBalanceChargeSchedule", Method: post, Path: org + "/balances/:balanceId/balancechargeschedules/preview"},
		{ID: "createBalanceTransactionSchedule", Method: post, Path: org + "/balances/:balanceId/balancetransactionschedules"},
		{ID: "getBalanceTransactionSchedule", Method: get, Path: org + "/balances/:balanceId/balancetransactionschedules/:id"},
		{ID: "updateBalanceTransactionSchedule", Method: put, Path: org + "/balances/:balanceId/balancetransactionschedules/:id"},
		{ID: "listBalanceTransactionSchedules", Method: get, Path: org + "/balances/:balanceId/balancetransactionschedules"},
		{ID: "deleteBalanceTransactionSchedule", Method: remove, Path: org + "/balances/:balanceId/balancetransactionschedules/:id"},
		{ID: "previewBalanceTransactionSchedule", Method: post, Path: org + "/balances/:balanceId/balancetransactionschedules/preview"},

		{ID: "createBillCreditLineItem", Method: post, Path: org + "/bills/:billId/creditlineitems"},
		{ID: "getBillCreditLineItem", Method: get, Path: org + "/bills/:billId/creditlineitems/:id"},
		{ID: "updateBillCreditLineItem", Method: put, Path: org + "/bills/:billId/creditlineitems/:id"},
		{ID: "listBillCreditLineItems", Method: get, Path: org + "/bills/:billId/creditlineitems"},
		{ID: "deleteBillCreditLineItem", Method: remove, Path: org + "/bills/:billId/creditlineitems/:id"},
		{ID: "createBillDebitLineItem", Method: post, Path: org + "/bills/:billId/debitlineitems"},
		{ID: "getBillDebitLineItem", Method: get, Path: org + "/bills/:billId/debitlineitems/:id"},
		{ID: "updateBillDebitLineItem", Method: put, Path: org + "/bills/:billId/debitlineitems/:id"},
		{ID: "listBillDebitLineItems", Method: get, Path: org + "/bills/:billId/debitlineitems"},
		{ID: "deleteBillDebitLineItem", Method: remove, Path: org + "/bills/:billId/debitlineitems/:id"},

		{ID: "getBillConfig", Method: get, Path: org + "/billconfig"},
		{ID: "updateBillConfig", Method: put, Path: org + "/billconfig"},

		{ID: "createCounter", Method: post, Path: org + "/counters"},
		{ID: "getCounter", Method: get, Path: org + "/counters/:id"},
		{ID: "updateCounter", Method: put, Path: org + "/counters/:id"},
		{ID: "listCounters", Method: get, Path: org + "/counters"},
		{ID: "deleteCounter", Method: remove, Path: org + "/counters/:id"},

		{ID: "createCounterAdjustment", Method: post, Path: org + "/counteradjustments"},
		{ID: "getCounterAdjustment", Method: get, Path: org + "/counteradjustments/:id"},
		{ID: "updateCounterAdjustment", Method: put, Path: org + "/counteradjustments/:id"},
		{ID: "listCounterAdjustments", Method: get, Path: org + "/counteradjustments"},
		{ID: "deleteCounterAdjustment", Method: remove, Path: org + "/counteradjustments/:id"},

		{ID: "createCounterPricing", Method: post, Path: org + "/counterpricings"},
		{ID: "getCounterPricing", Method: get, Path: org + "/counterpricings/:id"},
		{ID: "updateCounterPricing", Method: put, Path: org + "/counterpricings/:id"},
		{ID: "listCounterPricings", Method: get, Path: org + "/counterpricings"},
		{ID: "deleteCounterPricing", Method: remove, Path: org + "/counterpricings/:id"},

		{ID: "createCreditReason", Method: post, Path: org + "/picklists/creditreasons"},
		{ID: "getCreditReason", Method: get, Path: org + "/picklists/creditreasons/:id"},
		{ID: "updateCreditReason", Method: put, Path: org + "/picklists/creditreasons/:id"},
		{ID: "listCreditReasons", Method: get, Path: org + "/picklists/creditreasons"},
		{ID: "deleteCreditReason", Method: remove, Path: org + "/picklists/creditreasons/:id"},
		{ID: "createCurrency", Method: post, Path: org + "/picklists/currency"},
		{ID: "getCurrency", Method: get, Path: org + "/picklists/currency/:id"},
		{ID: "updateCurrency", Method: put, Path: org + "/picklists/currency/:id"},
		{ID: "listCurrencies", Method: get, Path: org + "/picklists/currency"},
		{ID: "deleteCurrency", Method: remove, Path: org + "/picklists/currency/:id"},
		{ID: "createDebitReason", Method: post, Path: org + "/picklists/debitreasons"},
		{ID: "getDebitReason", Method: get, Path: org + "/picklists/debitreasons/:id"},
		{ID: "updateDebitReason", Method: put, Path: org + "/picklists/debitreasons/:id"},
		{ID: "listDebitReasons", Method: get, Path: org + "/picklists/debitreasons"},
		{ID: "deleteDebitReason", Method: remove, Path: org + "/picklists/debitreasons/:id"},

		{ID: "createExternalMapping", Method: post, Path: org + "/externalmappings"},
		{ID: "getExternalMapping", Method: get, Path: org + "/externalmappings/:id"},
		{ID: "updateExternalMapping", Method: put, Path: org + "/externalmappings/:id"},
		{ID: "listExternalMappings", Method: get, Path: org + "/externalmappings"},
		{ID: "deleteExternalMapping", Method: remove, Path: org + "/externalmappings/:id"},
		{ID: "listExternalMappingsByExternalId", Method: get, Path: org + "/externalmappings/externalid/:system/:externalTable/:externalId"},
		{ID: "listExternalMappingsByEntity", Method: get, Path: org + "/externalmappings/external/:entity/:m3terId"},

		{ID: "createIntegrationConfiguration", Method: post, Path: org + "/integrationconfigs"},
		{ID: "getIntegrationConfiguration", Method: get, Path: org + "/integrationconfigs/:id"},
		{ID: "updateIntegrationConfiguration", Method: put, Path: org + "/integrationconfigs/:id"},
		{ID: "listIntegrationConfigurations", Method: get, Path: org + "/integrationconfigs"},
		{ID: "deleteIntegrationConfiguration", Method: remove, Path: org + "/integrationconfigs/:id"},
		{ID: "enableIntegrationConfiguration", Method: post, Path: org + "/integrationconfigs/:id/enable"},
		{ID: "getIntegrationConfigurationByEntity", Method: get, Path: org + "/integrationconfigs/entity/:entityType"},

		{ID: "createLookupTable", Method: post, Path: org + "/lookuptables"},
		{ID: "getLookupTable", Method: get, Path: org + "/lookuptables/:id"},
		{ID: "updateLookupTable", Method: put, Path: org + "/lookuptables/:id"},
		{ID: "listLookupTables", Method: get, Path: org + "/lookuptables"},
		{ID: "deleteLookupTable", Method: remove, Path: org + "/lookuptables/:id"},
		{ID: "createLookupTableRevision", Method: post, Path: org + "/lookuptables/:lookupTableId/revisions"},
		{ID: "getLookupTableRevision", Method: get, Path: org + "/lookuptables/:lookupTableId/revisions/:id"},
		{ID: "updateLookupTableRevision", Method: put, Path: org + "/lookuptables/:lookupTableId/revisions/:id"},
		{ID: "listLookupTableRevisions", Method: get, Path: org + "/lookuptables/:lookupTableId/revisions"},
		{ID: "deleteLookupTableRevision", Method: remove, Path: org + "/lookuptables/:lookupTableId/revisions/:id"},
		{ID: "updateLookupTableRevisionStatus", Method: put, Path: org + "/lookuptables/:lookupTableId/revisions/:id/status"},
		{ID: "getLookupTableData", Method: get, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data"},
		{ID: "upsertLookupTableData", Method: put, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data"},
		{ID: "deleteLookupTableData", Method: remove, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data"},
		{ID: "getArchivedLookupTableDataUrl", Method: post, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/archived"},
		{ID: "copyLookupTableData", Method: post, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/copy"},
		{ID: "deleteLookupTableEntry", Method: remove, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/:lookupKey"},
		{ID: "generateLookupTableUploadUrl", Method: post, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/generateuploadurl"},
		{ID: "getLookupTableEntry", Method: get, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/:lookupKey"},
		{ID: "upsertLookupTableEntry", Method: put, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/:lookupKey"},
		{ID: "getLookupTableDataJob", Method: get, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/jobs/:id"},
		{ID: "listLookupTableDataJobs", Method: get, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/jobs"},
		{ID: "deleteLookupTableDataJob", Method: remove, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/jobs/:id"},
		{ID: "startLookupTableDownload", Method: post, Path: org + "/lookuptables/:lookupTableId/revisions/:lookupTableRevisionId/data/jobs/download"},

		{ID: "createNotificationConfiguration", Method: post, Path: org + "/notifications/configurations"},
		{ID: "getNotificationConfiguration", Method: get, Path: org + "/notifications/configurations/:id"},
		{ID: "updateNotificationConfiguration", Method: put, Path: org + "/notifications/configurations/:id"},
		{ID: "listNotificationConfigurations", Method: get, Path: org + "/notifications/configurations"},
		{ID: "deleteNotificationConfiguration", Method: remove, Path: org + "/notifications/configurations/:id"},

		{ID: "getOrganizationConfig", Method: get, Path: org + "/organizationconfig"},
		{ID: "updateOrganizationConfig", Method: put, Path: org + "/organizationconfig"},

		{ID: "createPermissionPolicy", Method: post, Path: org + "/permissionpolicies"},
		{ID: "getPermissionPolicy", Method: get, Path: org + "/permissionpolicies/:id"},
		{ID: "updatePermissionPolicy", Method: put, Path: org + "/permissionpolicies/:id"},
		{ID: "listPermissionPolicies", Method: get, Path: org + "/permissionpolicies"},
		{ID: "deletePermissionPolicy", Method: remove, Path: org + "/permissionpolicies/:id"},
		{ID: "addPermissionPolicyToServiceUser", Method: post, Path: org + "/permissionpolicies/:permissionPolicyId/addtoserviceuser"},
		{ID: "addPermissionPolicyToSupportUsers", Method: post, Path: org + "/permissionpolicies/:permissionPolicyId/addtosupportusers"},
		{ID: "addPermissionPolicyToUser", Method: post, Path: org + "/permissionpolicies/:permissionPolicyId/addtouser"},
		{ID: "addPermissionPolicyToUserGroup", Method: post, Path: org + "/permissionpolicies/:permissionPolicyId/addtousergroup"},
		{ID: "removePermissionPolicyFromServiceUser", Method: post, Path: org + "/permissionpolicies/:permissionPolicyId/removefromserviceuser"},
		{ID: "removePermissionPolicyFromSupportUsers", Method: post, Path: org + "/permissionpolicies/:permissionPolicyId/removefromsupportusers"},
		{ID: "removePermissionPolicyFromUser", Method: post, Path: org + "/permissionpolicies/:permissionPolicyId/removefromuser"},
		{ID: "removePermissionPolicyFromUserGroup", Method: post, Path: org + "/permissionpolicies/:permissionPolicyId/removefromusergroup"},

		{ID: "createResourceGroup", Method: post, Path: org + "/resourcegroups/:type"},
		{ID: "getResourceGroup", Method: get, Path: org + "/resourcegroups/:type/:id"},
		{ID: "updateResourceGroup", Method: put, Path: org + "/resourcegroups/:type/:id"},
		{ID: "listResourceGroups", Method: get, Path: org + "/resourcegroups/:type"},
		{ID: "deleteResourceGroup", Method: remove, Path: org + "/resourcegroups/:type/:id"},
		{ID: "addResourceToGroup", Method: post, Path: org + "/resourcegroups/:type/:resourceGroupId/addresource"},
		{ID: "listResourceGroupContents", Method: post, Path: org + "/resourcegroups/:type/:resourceGroupId/contents"},
		{ID: "listResourceGroupPermissions", Method: get, Path: org + "/resourcegroups/:type/:resourceGroupId/permissions"},
		{ID: "removeResourceFromGroup", Method: post, Path: org + "/resourcegroups/:type/:resourceGroupId/removeresource"},

		{ID: "createScheduledEventConfiguration", Method: post, Path: org + "/scheduledevents/configurations"},
		{ID: "getScheduledEventConfiguration", Method: get, Path: org + "/scheduledevents/configurations/:id"},
		{ID: "updateScheduledEventConfiguration", Method: put, Path: org + "/scheduledevents/configurations/:id"},
		{ID: "listScheduledEventConfigurations", Method: get, Path: org + "/scheduledevents/configurations"},
		{ID: "deleteScheduledEventConfiguration", Method: remove, Path: org + "/scheduledevents/configurations/:id"},

		{ID: "generateBillStatementCsv", Method: post, Path: org + "/bills/:id/statement/csv"},
		{ID: "getBillStatementCsv", Method: get, Path: org + "/bills/:id/statement/csv"},
		{ID: "getBillStatementJson", Method: get, Path: org + "/bills/:id/statement/json"},

		{ID: "createStatementJob", Method: post, Path: org + "/statementjobs"},
		{ID: "getStatementJob", Method: get, Path: org + "/statementjobs/:id"},
		{ID: "listStatementJobs", Method: get, Path: org + "/statementjobs"},
		{ID: "cancelStatementJob", Method: post, Path: org + "/statementjobs/:id/cancel"},
		{ID: "createStatementJobBatch", Method: post, Path: org + "/statementjobs/batch"},

		{ID: "createStatementDefinition", Method: post, Path: org + "/statementdefinitions"},
		{ID: "getStatementDefinition", Method: get, Path: org + "/statementdefinitions/:id"},
		{ID: "updateStatementDefinition", Method: put, Path: org + "/statementdefinitions/:id"},
		{ID: "listStatementDefinitions", Method: get, Path: org + "/statementdefinitions"},
		{ID: "deleteStatementDefinition", Method: remove, Path: org + "/statementdefinitions/:id"},

		{ID: "getUser", Method: get, Path: org + "/users/:id"},
		{ID: "updateUser", Method: put, Path: org + "/users/:id"},
		{ID: "listUsers", Method: get, Path: org + "/users"},
		{ID: "listUserPermissions", Method: get, Path: org + "/users/:id/permissions"},
		{ID: "listUserGroupsOfUser", Method: get, Path: org + "/users/:id/usergroups"},
		{ID: "getCurrentUser", Method: get, Path: org + "/users/me"},
		{ID: "resendUserPassword", Method: put, Path: org + "/users/:id/password/resend"},

		{ID: "createInvitation", Method: post, Path: org + "/invitations"},
		{ID: "getInvitation", Method: get, Path: org + "/invitations/:id"},
		{ID: "listInvitations", Method: get, Path: org + "/invitations"},

		{ID: "createWebhook", Method: post, Path: org + "/integrationdestinations/webhooks"},
		{ID: "getWebhook", Method: get, Path: org + "/integrationdestinations/webhooks/:id"},
		{ID: "updateWebhook", Method: put, Path: org + "/integrationdestinations/webhooks/:id"},
		{ID: "listWebhooks", Method: get, Path: org + "/integrationdestinations/webhooks"},
		{ID: "deleteWebhook", Method: remove, Path: org + "/integrationdestinations/webhooks/:id"},
		{ID: "setWebhookActive", Method: put, Path: org + "/integrationdestinations/webhooks/:id/active"},
	}
}

// absentElsewhere are the operations that only the vendor's own description of the API has.
func absentElsewhere() []wire.Operation {
	return []wire.Operation{
		{ID: "replaceAccountPlan", Method: post, Path: org + "/accountplans/:id/replace"},

		{ID: "listBillsOfAccount", Method: get, Path: org + "/bills/accountid/:accountId"},
		{ID: "listBillsOfPeriod", Method: get, Path: org + "/bills/billingperiod/:lastDateInBillingPeriod/:billingFrequency"},
		{ID: "approveBillsOfPeriod", Method: post, Path: org + "/bills/billingperiod/:lastDateInBillingPeriod/:billingFrequency/approve"},
		{ID: "getBillsCsvUrl", Method: post, Path: org + "/bills/download/csv/url"},
		{ID: "previewBill", Method: post, Path: org + "/bills/preview"},
		{ID: "getLineItemUsage", Method: get, Path: org + "/bills/:billId/lineitems/:id/usage/json"},

		{ID: "listLineItems", Method: get, Path: org + "/lineitems"},

		{ID: "queryBillLineItems", Method: post, Path: org + "/dataexplorer/bills"},

		{ID: "listSavedUsageQueries", Method: get, Path: org + "/usage/savedqueries"},
		{ID: "createSavedUsageQuery", Method: post, Path: org + "/usage/savedqueries"},
		{ID: "getSavedUsageQuery", Method: get, Path: org + "/usage/savedqueries/:id"},
		{ID: "updateSavedUsageQuery", Method: put, Path: org + "/usage/savedqueries/:id"},
		{ID: "deleteSavedUsageQuery", Method: remove, Path: org + "/usage/savedqueries/:id"},

		{ID: "listBillGroupingKeys", Method: get, Path: org + "/picklists/billgroupingkeys"},
		{ID: "createBillGroupingKey", Method: post, Path: org + "/picklists/billgroupingkeys"},
		{ID: "getBillGroupingKey", Method: get, Path: org + "/picklists/billgroupingkeys/:id"},
		{ID: "updateBillGroupingKey", Method: put, Path: org + "/picklists/billgroupingkeys/:id"},
		{ID: "deleteBillGroupingKey", Method: remove, Path: org + "/picklists/billgroupingkeys/:id"},

		{ID: "listExternalMappingConfigurations", Method: get, Path: org + "/externalmappingconfiguration"},
		{ID: "listExternalMappingConfigurationValues", Method: get, Path: org + "/externalmappingconfiguration/values/:destination/:entityType"},
		{ID: "getExternalMappingConfiguration", Method: get, Path: org + "/externalmappingconfiguration/:integrationCredentialsId"},

		{ID: "listIntegrationConfigurationValues", Method: get, Path: org + "/integrationconfigs/values/:systemName/:configOption"},

		{ID: "getMarketplaceUsageReport", Method: get, Path: org + "/integrationdestinations/marketplace/usageReport"},

		{ID: "evaluateNotificationRule", Method: post, Path: org + "/notifications/evaluate"},

		{ID: "getSupportAccess", Method: get, Path: org + "/support"},
		{ID: "updateSupportAccess", Method: put, Path: org + "/support"},
	}
}
