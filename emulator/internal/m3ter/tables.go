package m3ter

import (
	"github.com/submeter/submeter/emulator/internal/store"
)

// openOrganization is the organization of every key while no scenario lists service users.
const openOrganization = "5e0c1f3a-7b1d-4c52-9a55-0d2f6b9c8e71"

// settings are what holds for the vendor as a whole.
type settings struct {
	// Closed: only the listed service users get tokens, and only for their organizations.
	Closed bool `json:"closed,omitempty"`
}

// organization is one tenant, which shares nothing with another (M3T-049); a tenant without a row has no name and the standard options.
type organization struct {
	Name     string  `json:"name,omitempty"`
	Currency string  `json:"currency,omitempty"`
	Options  options `json:"options"`
}

// options are the choices that an organization has where the vendor's documentation leaves one open.
type options struct {
	Conformance         bool `json:"conformance,omitempty"`           // takes what the SDKs' own test suites send
	ConflictStatus      int  `json:"conflict_status,omitempty"`       // 0 is 400 (M3T-013)
	EnforceCustomFields bool `json:"enforce_custom_fields,omitempty"` // (M3T-014)
	ExportSinceCreated  bool `json:"export_since_created,omitempty"`  // (M3T-022)
}

// serviceUser is found by its access key id.
type serviceUser struct {
	ID           string `json:"id"`
	Organization string `json:"organization"`
	Secret       string `json:"secret"`
	Name         string `json:"name,omitempty"`
}

var (
	settingsTable = store.NewTable[settings]("m3ter/settings")
	organizations = store.NewTable[organization]("m3ter/organizations")
	serviceUsers  = store.NewTable[serviceUser]("m3ter/serviceusers")
	// serviceUserIDs leads from an id to the access key id.
	serviceUserIDs = store.NewTable[string]("m3ter/serviceuser-ids")

	// codes leads from organization, kind, folded code and code to the id: one look finds a code, one walk those that
	// differ from it in upper and lower case alone.
	codes = store.NewTable[string]("m3ter/codes")
	// references holds who refers to what: organization, kind and id of what is referred to, then of who refers.
	references = store.NewTable[string]("m3ter/references")
)

// Rows of the entities, in the order of their insertion, by organization. The declarations of the entities look one
// another up here.
var (
	productRows         = rowsOf[product](productKind)
	meterRows           = rowsOf[meter](meterKind)
	aggregationRows     = rowsOf[aggregation](aggregationKind)
	compoundRows        = rowsOf[compoundAggregation](compoundKind)
	accountRows         = rowsOf[account](accountKind)
	destinationRows     = rowsOf[destination](destinationKind)
	scheduleRows        = rowsOf[schedule](scheduleKind)
	planTemplateRows    = rowsOf[planTemplate](planTemplateKind)
	planRows            = rowsOf[plan](planKind)
	planGroupRows       = rowsOf[planGroup](planGroupKind)
	planGroupLinkRows   = rowsOf[planGroupLink](planGroupLinkKind)
	accountPlanRows     = rowsOf[accountPlan](accountPlanKind)
	pricingRows         = rowsOf[pricing](pricingKind)
	contractRows        = rowsOf[contract](contractKind)
	commitmentRows      = rowsOf[commitment](commitmentKind)
	balanceRows         = rowsOf[balance](balanceKind)
	transactionRows     = rowsOf[transaction](transactionKind)
	transactionTypeRows = rowsOf[transactionType](transactionTypeKind)
	chargeRows          = rowsOf[charge](chargeKind)
	billRows            = rowsOf[bill](billKind)
	billJobRows         = rowsOf[billJob](billJobKind)
)

const nul = "\x00"
