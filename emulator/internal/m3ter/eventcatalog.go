package m3ter

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// What can happen to what, by the vendor's list of names.
var (
	billingSubjects = []string{
		"balance", "balanceamount", "bill", "billconfig", "billjob", "charge", "counteradjustment",
		"scheduledbalancecharge", "scheduledbalancetransaction", "statementjob",
	}
	configurationSubjects = []string{
		"account", "accountplan", "aggregation", "alert", "commitment", "compoundaggregation", "contract", "counter",
		"counterpricing", "creditreason", "customfield", "meter", "metergroup", "organization", "organizationconfig",
		"plan", "plangroup", "plangrouplink", "plantemplate", "pricing", "pricingband", "product", "transactiontype",
	}
	integrationSubjects = []string{"authentication", "disabled", "missingaccountmapping", "perform", "validation"}
	changes             = []string{"created", "updated", "deleted"}
)

// eventNames returns the names of all events, in alphabetical order.
func eventNames() []string {
	names := []string{exportFailure, ingestFailure}
	for family, subjects := range map[string][]string{"billing": billingSubjects, "configuration": configurationSubjects} {
		for _, subject := range subjects {
			for _, change := range changes {
				names = append(names, family+"."+subject+"."+change)
			}
		}
	}
	for _, subject := range integrationSubjects {
		names = append(names, "integration."+subject+".error")
	}
	slices.Sort(names)
	return names
}

// eventSubjects are the entities whose fields are known here.
var eventSubjects = map[string]any{
	"account": account{}, "accountplan": accountPlan{}, "aggregation": aggregation{}, "balance": balance{}, "bill": bill{},
	"billjob": billJob{}, "charge": charge{}, "commitment": commitment{}, "compoundaggregation": compoundAggregation{},
	"contract": contract{}, "customfield": organizationCustomFields{}, "meter": meter{}, "plan": plan{},
	"plangroup": planGroup{}, "plangrouplink": planGroupLink{}, "plantemplate": planTemplate{}, "pricing": pricing{},
	"pricingband": band{}, "product": product{}, "transactiontype": transactionType{},
}

// fieldsOfEvent returns the types of what an event carries: new. fields after a creation, old. ones after a deletion,
// both after an update.
func fieldsOfEvent(name string) map[string]string {
	parts := strings.Split(name, ".")
	subject, change := parts[1], parts[len(parts)-1]
	if parts[0] != "billing" && parts[0] != "configuration" {
		return map[string]string{"eventType": "string", "message": "string"}
	}
	fields := jsonFields(reflect.TypeFor[audit]())
	if known, ok := eventSubjects[subject]; ok {
		for field, kind := range jsonFields(reflect.TypeOf(known)) {
			fields[field] = kind
		}
	}
	fields["orgId"] = "string"
	shown := map[string]string{}
	for field, kind := range fields {
		if change != "deleted" {
			shown["new."+field] = kind
		}
		if change != "created" {
			shown["old."+field] = kind
		}
	}
	return shown
}

// jsonFields returns the fields that a struct has in JSON, each with the service's word for its type.
func jsonFields(t reflect.Type) map[string]string {
	fields := map[string]string{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = wordFor(f.Type)
		}
	}
	return fields
}

func wordFor(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[number]():
		return "double"
	case reflect.TypeFor[instant]():
		return "string"
	case reflect.TypeFor[json.RawMessage]():
		return "map"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Slice:
		return "array"
	case reflect.Map, reflect.Struct:
		return "map"
	}
	return "string"
}
