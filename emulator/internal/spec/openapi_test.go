package spec_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/submeter/submeter/emulator/internal/spec"
	"github.com/submeter/submeter/openapi"
)

const control = "control" // describes the emulator itself, so it has no evidence and no assumptions

// described is a document of this repository, read by kin-openapi as a whole and by the referee.
type described struct {
	name       string
	whole      *openapi3.T
	operations []spec.Operation
}

func eachDocument(t *testing.T, check func(*testing.T, described)) {
	t.Helper()
	for _, name := range openapi.Names() {
		t.Run(name, func(t *testing.T) {
			text, err := openapi.Document(name)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := openapi3.NewLoader().LoadFromData(text)
			if err != nil {
				t.Fatal(err)
			}
			operations, err := spec.New(name, func() ([]byte, error) { return text, nil }).Operations()
			if err != nil {
				t.Fatal(err)
			}
			check(t, described{name, whole, operations})
		})
	}
}

func TestDocumentsAreValidOpenAPI(t *testing.T) {
	if !slices.Contains(openapi.Names(), "metronome") {
		t.Fatalf("documents %v", openapi.Names())
	}
	eachDocument(t, func(t *testing.T, document described) {
		if err := document.whole.Validate(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRefereeSeesEveryOperationOfADocument(t *testing.T) {
	eachDocument(t, func(t *testing.T, document described) {
		listed := map[string]bool{}
		for _, op := range document.operations {
			listed[op.Method+" "+op.Path] = true
		}
		for path, item := range document.whole.Paths.Map() {
			for method := range item.Operations() {
				if !listed[method+" "+path] {
					t.Errorf("%s %s is not listed", method, path)
				}
				delete(listed, method+" "+path)
			}
		}
		for endpoint := range listed {
			t.Errorf("%s is listed and not in the document", endpoint)
		}
	})
}

func TestOperationIdsAreUniqueAndInCamelCase(t *testing.T) {
	camel := regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
	eachDocument(t, func(t *testing.T, document described) {
		seen := map[string]string{}
		for _, op := range document.operations {
			if !camel.MatchString(op.ID) {
				t.Errorf("%s %s is called %q", op.Method, op.Path, op.ID)
			}
			if other := seen[op.ID]; other != "" {
				t.Errorf("%s is both %s and %s", op.ID, other, op.Path)
			}
			seen[op.ID] = op.Path
		}
	})
}

func TestEmulatedOperationsDescribeTheirSuccessAndOthersTheir501(t *testing.T) {
	eachDocument(t, func(t *testing.T, document described) {
		for _, op := range document.operations {
			responses := document.whole.Paths.Value(op.Path).GetOperation(op.Method).Responses.Map()
			var success, others int
			for status := range responses {
				if status[0] == '2' {
					success++
				} else if status != "501" {
					others++
				}
			}
			if op.Emulated && success == 0 {
				t.Errorf("%s describes no success", op.ID)
			}
			if !op.Emulated && (responses["501"] == nil || success+others > 0) {
				t.Errorf("%s is not emulated, yet describes more or other than 501", op.ID)
			}
		}
	})
}

func TestEveryVendorOperationSaysWhereItIsKnownFrom(t *testing.T) {
	tag := regexp.MustCompile(`^[A-Z0-9]{3}-[0-9]{3}$`)
	eachDocument(t, func(t *testing.T, document described) {
		if document.name == control {
			t.Skip("the control plane is ours")
		}
		prefixes := map[string]bool{}
		for _, op := range document.operations {
			extensions := document.whole.Paths.Value(op.Path).GetOperation(op.Method).Extensions
			if _, ok := extensions["x-submeter"]; !ok {
				t.Errorf("%s has no x-submeter", op.ID)
			}
			if !slices.Contains([]string{"documented", "observed", "assumed"}, op.Evidence) {
				t.Errorf("%s has the evidence %q", op.ID, op.Evidence)
			}
			if op.Tier < 1 || op.Tier > 3 {
				t.Errorf("%s has the tier %d", op.ID, op.Tier)
			}
			for _, assumption := range op.Assumptions {
				if !tag.MatchString(assumption) {
					t.Errorf("%s has the assumption %q", op.ID, assumption)
				}
				prefix, _, _ := strings.Cut(assumption, "-")
				prefixes[prefix] = true
			}
			if n := len(slices.Compact(slices.Sorted(slices.Values(op.Assumptions)))); n != len(op.Assumptions) {
				t.Errorf("%s names an assumption twice: %v", op.ID, op.Assumptions)
			}
		}
		if len(prefixes) > 1 {
			t.Errorf("assumptions with several prefixes: %v", prefixes)
		}
	})
}

func TestEveryVendorOperationHasASummary(t *testing.T) {
	eachDocument(t, func(t *testing.T, document described) {
		for _, op := range document.operations {
			if op.Summary == "" || strings.HasSuffix(op.Summary, ".") {
				t.Errorf("%s has the summary %q", op.ID, op.Summary)
			}
		}
	})
}

// The referee gives readOnly and writeOnly no meaning, so a document that relied on them would not be held to.
func TestDocumentsDoWithoutReadOnlyAndWriteOnly(t *testing.T) {
	direction := regexp.MustCompile(`(?m)\b(readOnly|writeOnly):`)
	for _, name := range openapi.Names() {
		text, err := openapi.Source(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := direction.Find(text); found != nil {
			t.Errorf("%s uses %s", name, found)
		}
	}
}

func TestMetronomeNamesTheWholeApi(t *testing.T) {
	operations, err := metronome().Operations()
	if err != nil {
		t.Fatal(err)
	}
	emulated := map[string]bool{}
	for _, op := range operations {
		emulated[op.ID] = op.Emulated
	}
	if len(operations) != 161 {
		t.Errorf("%d operations; the SDKs' 119 and 42 more are known", len(operations))
	}
	for _, id := range []string{
		"listUsage", "ingestEvents", "listUsageWithGroups", "searchEvents", "createBillableMetric", "getBillableMetric",
		"listBillableMetrics", "archiveBillableMetric", "renameBillableMetric", "createCustomer", "getCustomer",
		"listCustomers", "archiveCustomer", "listCustomerBillableMetrics", "listCustomerCosts", "previewEvents",
		"setIngestAliases", "setCustomerName", "updateCustomerConfig", "setCustomerBillableStatus",
		"getEmbeddableDashboardUrl", "addCustomFieldKey", "removeCustomFieldKey", "listCustomFieldKeys",
		"setCustomFieldValues", "deleteCustomFieldValues",
	} {
		if !emulated[id] {
			t.Errorf("%s is not emulated", id)
		}
		delete(emulated, id)
	}
	for id, emulated := range emulated {
		if emulated {
			t.Errorf("%s is emulated", id)
		}
	}
}
