package informatica

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/submeter/submeter/emulator/internal/job"
	"github.com/submeter/submeter/emulator/internal/store"
	"github.com/submeter/submeter/fixtures"
)

// everyone is the one group of a table that only needs its rows in order of insertion.
const everyone = ""

var (
	settings     = store.NewTable[setting]("informatica/settings")    // one row
	orgs         = store.NewOrdered[org]("informatica/orgs")          // by id; parents before children
	users        = store.NewTable[user]("informatica/users")          // by user name
	sessions     = store.NewTable[session]("informatica/sessions")    // by what the client sends
	environments = store.NewTable[environment]("informatica/runtime") // by org and name
	assets       = store.NewTable[asset]("informatica/assets")        // by org and path
	usages       = store.NewOrdered[usage]("informatica/usages")      // group: org
	catalogues   = store.NewTable[catalogue]("informatica/catalogue") // by edition
	alerts       = store.NewOrdered[alert]("informatica/alerts")      // group: org
	exports      = store.NewOrdered[export]("informatica/exports")    // by job id
	open         = store.NewTable[bool]("informatica/open")           // ids of jobs whose end is still to be acted on
)

// setting is what holds for the whole world.
type setting struct {
	Options   fixtures.InformaticaOptions `json:"options"`
	AnyLogin  bool                        `json:"any_login"`
	Edition   int                         `json:"edition"`    // of the catalogue that holds now
	LastUsage uint64                      `json:"last_usage"` // the newest usage's number
}

// org is an organization.
type org struct {
	ID          string                      `json:"id"`
	Name        string                      `json:"name"`
	Kind        fixtures.InformaticaOrgKind `json:"kind"`
	Parent      string                      `json:"parent,omitempty"` // id
	Licensed    bool                        `json:"licensed"`
	LicenseEnds time.Time                   `json:"license_ends"`
	JWT         bool                        `json:"jwt,omitempty"`
	Entitled    int                         `json:"entitled,omitempty"` // IPUs a billing period; 0: not said
	Unavailable bool                        `json:"unavailable,omitempty"`
	Created     time.Time                   `json:"created"`
}

// user is somebody who can log in.
type user struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Password   string    `json:"password"`
	Org        string    `json:"org"` // id
	FirstName  string    `json:"first_name,omitempty"`
	LastName   string    `json:"last_name,omitempty"`
	Timezone   string    `json:"timezone"`
	Roles      []string  `json:"roles"`
	SomeLinked bool      `json:"some_linked,omitempty"` // rights on Linked alone, not on all linked organizations
	Linked     []string  `json:"linked,omitempty"`      // ids
	Created    time.Time `json:"created"`
}

// session is what a login began.
type session struct {
	User    string    `json:"user"` // name
	Org     string    `json:"org"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"` // by the latest authenticated call
	JWT     bool      `json:"jwt,omitempty"`
}

// environment is a runtime environment.
type environment struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// asset is what runs. The zero asset stands for consumption that belongs to none.
type asset struct {
	ID          string      `json:"id,omitempty"`
	Name        string      `json:"name,omitempty"`
	Type        string      `json:"type,omitempty"`
	Project     string      `json:"project,omitempty"`
	Folder      string      `json:"folder,omitempty"`
	Object      string      `json:"object,omitempty"`
	Environment environment `json:"environment,omitzero"`
}

// usage is consumption of one asset on one meter: either made up day by day, or the runs that were given.
type usage struct {
	Number  uint64   `json:"number"` // in the order of all usages
	Asset   asset    `json:"asset"`
	Meter   string   `json:"meter"` // id
	Pattern *pattern `json:"pattern,omitempty"`
	Runs    []run    `json:"runs,omitempty"` // by start
}

// pattern makes up the runs of any day from a key.
type pattern struct {
	Key        uint64          `json:"key"`
	From       time.Time       `json:"from"`           // a midnight
	Until      time.Time       `json:"until,omitzero"` // a midnight; zero: for ever
	Runs       int             `json:"runs"`
	Weekend    int             `json:"weekend"` // percent of Runs
	Seconds    int             `json:"seconds"`
	Spread     int             `json:"spread"` // percent
	Cores      decimal.Decimal `json:"cores"`
	Quantity   decimal.Decimal `json:"quantity"`
	Executions int             `json:"executions"`
}

// run is one execution, or a batch of them, of an asset.
type run struct {
	Start      time.Time       `json:"start"`
	Seconds    int             `json:"seconds"` // a multiple of 9
	Cores      decimal.Decimal `json:"cores"`
	Quantity   decimal.Decimal `json:"quantity"` // counts unless the meter counts compute units
	Executions int             `json:"executions"`
	Status     string          `json:"status,omitempty"` // empty: as of a run that went well
}

// alert is a custom threshold; without a project it is the organization's own.
type alert struct {
	Type      fixtures.InformaticaThreshold `json:"type"`
	Threshold int                           `json:"threshold"`
	Project   string                        `json:"project,omitempty"`
	Folder    string                        `json:"folder,omitempty"`
}

// export is a job.
type export struct {
	Report    reportKind `json:"report"`
	Org       string     `json:"org"`
	User      string     `json:"user"`            // id
	Meter     string     `json:"meter,omitempty"` // empty: all meters
	Combined  bool       `json:"combined,omitempty"`
	Start     time.Time  `json:"start"`
	End       time.Time  `json:"end"`
	Callback  string     `json:"callback,omitempty"`
	Called    bool       `json:"called,omitempty"` // the callback was sent
	Created   time.Time  `json:"created"`
	Plan      job.Plan   `json:"plan"`
	Orgs      []subject  `json:"orgs"`              // whose usage is reported, the requesting organization first
	Missing   []string   `json:"missing,omitempty"` // ids of those whose usage could not be collected
	Edition   int        `json:"edition"`           // of the catalogue when the job was made
	LastUsage uint64     `json:"last_usage"`        // the newest usage when the job was made
}

// subject is an organization as a report speaks of it.
type subject struct {
	ID   string                      `json:"id"`
	Name string                      `json:"name"`
	Kind fixtures.InformaticaOrgKind `json:"kind"`
}
