package m3ter

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// entity is one kind of configuration object, with all that is particular to it. What the vendor's entities have in
// common (id, version, audit fields, codes, references, lists, events) is this type's methods.
type entity[T any] struct {
	kind   string // names its rows, its events and its files: plantemplate
	title  string // in messages: plan template
	family string // of its events: configuration or billing; empty: it has none
	rows   store.Ordered[row[T]]

	// What follows is left out where the entity has nothing of the kind.

	blank      T               // what is made up under conformance
	code       func(*T) string // unique within the organization and the kind
	custom     func(*T) customFields
	customKind string          // its part of the organization's custom fields
	account    func(*T) string // the account that its events belong to
	references []reference[T]  // what must exist, and cannot be deleted before it
	filters    []filter[T]     // of lists, besides ids and codes
	rules      func(c *call, next *T, before *row[T]) error
	removed    func(c *call, gone row[T]) error            // before it goes: what else forbids or follows it
	stored     func(c *call, r row[T], created bool) error // after it was put
	show       func(c *call, r row[T]) row[T]              // fills in what is worked out on reading
	shape      func(f T) any                               // where what is shown depends on the variant
	inList     func(c *call, r row[T]) any                 // where lists answer less than the whole
}

// row is a stored entity.
type row[T any] struct {
	ID         string    `json:"id"`
	Version    int64     `json:"version"`
	Created    time.Time `json:"created"`
	Modified   time.Time `json:"modified"`
	CreatedBy  string    `json:"created_by"`
	ModifiedBy string    `json:"modified_by"`
	Fields     T         `json:"fields"`
}

// reference is a field that names other entities.
type reference[T any] struct {
	field string // of the body
	kind  string // of what it names
	ids   func(*T) []string
}

// to declares a field that names one entity.
func to[T any](field, kind string, id func(*T) string) reference[T] {
	return reference[T]{field: field, kind: kind, ids: func(f *T) []string { return []string{id(f)} }}
}

// call is one operation of a caller in one transaction.
type call struct {
	tx    *store.Tx
	now   time.Time // of the transaction, or the instant of a turn that is being made up for
	org   string
	rules options
	actor string // as audit fields name the caller
	user  string // the caller's id
	base  string // URL of the mount, as the caller sees it
}

// audit is the part of an answer that all entities share.
type audit struct {
	ID         string `json:"id"`
	Version    int64  `json:"version"`
	Created    string `json:"dtCreated,omitempty"`
	Modified   string `json:"dtLastModified,omitempty"`
	CreatedBy  string `json:"createdBy,omitempty"`
	ModifiedBy string `json:"lastModifiedBy,omitempty"`
}

func (r row[T]) audit() audit {
	a := audit{ID: r.ID, Version: r.Version, CreatedBy: r.CreatedBy, ModifiedBy: r.ModifiedBy}
	if !r.Created.IsZero() {
		a.Created, a.Modified = micro(r.Created), micro(r.Modified)
	}
	return a
}

// answer is an entity as the API shows it: the audit fields and its own in one object.
type answer struct {
	audit
	fields any
}

func (a answer) MarshalJSON() ([]byte, error) {
	first, err := json.Marshal(a.audit)
	if err != nil {
		return nil, err
	}
	second, err := json.Marshal(a.fields)
	if err != nil {
		return nil, err
	}
	return splice(first, second), nil
}

func (e *entity[T]) answer(c *call, r row[T]) answer {
	if e.show != nil {
		r = e.show(c, r)
	}
	if e.shape != nil {
		return answer{audit: r.audit(), fields: e.shape(r.Fields)}
	}
	return answer{audit: r.audit(), fields: r.Fields}
}

// find returns the entity of an id; a deleted one is not found (M3T-007). Under conformance it is made up when there is none, as the SDKs' tests expect.
func (e *entity[T]) find(c *call, id string) (row[T], error) {
	r, ok := e.rows.Get(c.tx, c.org, id)
	if !ok {
		if c.rules.Conformance {
			return row[T]{
				ID: id, Version: 1, Created: c.now, Modified: c.now, CreatedBy: c.actor, ModifiedBy: c.actor, Fields: e.blank,
			}, nil
		}
		return r, errNotFound(e.title, id)
	}
	return r, nil
}

// insert checks and stores a new entity.
func (e *entity[T]) insert(c *call, id string, fields T) (row[T], error) {
	if err := e.check(c, id, &fields, nil); err != nil {
		return row[T]{}, err
	}
	r := row[T]{
		ID: id, Version: 1, Created: c.now, Modified: c.now, CreatedBy: c.actor, ModifiedBy: c.actor, Fields: fields,
	}
	e.index(c, r)
	e.rows.Put(c.tx, c.org, id, r)
	if e.stored != nil {
		if err := e.stored(c, r, true); err != nil {
			return r, err
		}
	}
	return r, e.announce(c, "created", nil, &r)
}

// replace puts fields in the place of all that the entity had: what was left out is gone (M3T-008).
func (e *entity[T]) replace(c *call, before row[T], fields T) (row[T], error) {
	if err := e.check(c, before.ID, &fields, &before); err != nil {
		return before, err
	}
	r := before
	r.Version, r.Modified, r.ModifiedBy, r.Fields = before.Version+1, c.now, c.actor, fields
	e.unindex(c, before)
	e.index(c, r)
	e.rows.Put(c.tx, c.org, r.ID, r)
	if e.stored != nil {
		if err := e.stored(c, r, false); err != nil {
			return r, err
		}
	}
	return r, e.announce(c, "updated", &before, &r)
}

// remove deletes an entity that nothing refers to.
func (e *entity[T]) remove(c *call, r row[T]) error {
	if !c.rules.Conformance {
		if err := e.checkUnused(c, r.ID); err != nil {
			return err
		}
	}
	if e.removed != nil {
		if err := e.removed(c, r); err != nil {
			return err
		}
	}
	e.unindex(c, r)
	e.rows.Delete(c.tx, c.org, r.ID)
	return e.announce(c, "deleted", &r, nil)
}

// check holds what a body means against the world: rules of the entity, references, the code, custom fields.
func (e *entity[T]) check(c *call, id string, next *T, before *row[T]) error {
	if e.rules != nil {
		if err := e.rules(c, next, before); err != nil {
			return err
		}
	}
	if e.custom != nil {
		if err := c.checkCustomFields(e.customKind, e.custom(next)); err != nil {
			return err
		}
	}
	if c.rules.Conformance {
		return nil
	}
	for _, ref := range e.references {
		for _, target := range ref.ids(next) {
			if target != "" && !exists(c, ref.kind, target) {
				return errInvalid("%s: there is no %s with id %s", ref.field, ref.kind, target)
			}
		}
	}
	if e.code == nil || e.code(next) == "" {
		return nil
	}
	if owner, taken := codes.Get(c.tx, codeKey(c.org, e.kind, e.code(next))); taken && owner != id {
		return c.rules.errConflict("code: another %s has the code %s", e.title, e.code(next))
	}
	return nil
}

// exists says whether the organization has an entity of a kind, whatever its type.
func exists(c *call, kind, id string) bool {
	return store.NewOrdered[struct{}]("m3ter/"+kind).Has(c.tx, c.org, id)
}

func rowsOf[T any](kind string) store.Ordered[row[T]] {
	return store.NewOrdered[row[T]]("m3ter/" + kind)
}

func codeKey(org, kind, code string) string {
	return foldedCodes(org, kind, code) + code
}

// foldedCodes begins the keys of all codes that are equal but for case.
func foldedCodes(org, kind, code string) string {
	return org + nul + kind + nul + strings.ToLower(code) + nul
}

func referenceKey(org, kind, id string) string { return org + nul + kind + nul + id + nul }

// index enters an entity's code and references.
func (e *entity[T]) index(c *call, r row[T]) {
	if e.code != nil && e.code(&r.Fields) != "" {
		codes.Put(c.tx, codeKey(c.org, e.kind, e.code(&r.Fields)), r.ID)
	}
	for _, ref := range e.references {
		for _, target := range ref.ids(&r.Fields) {
			if target != "" {
				references.Put(c.tx, referenceKey(c.org, ref.kind, target)+e.kind+nul+r.ID, ref.field)
			}
		}
	}
}

func (e *entity[T]) unindex(c *call, r row[T]) {
	if e.code != nil && e.code(&r.Fields) != "" {
		codes.Delete(c.tx, codeKey(c.org, e.kind, e.code(&r.Fields)))
	}
	for _, ref := range e.references {
		for _, target := range ref.ids(&r.Fields) {
			if target != "" {
				references.Delete(c.tx, referenceKey(c.org, ref.kind, target)+e.kind+nul+r.ID)
			}
		}
	}
}

// checkUnused refuses when another entity refers to this one.
func (e *entity[T]) checkUnused(c *call, id string) error {
	begin := referenceKey(c.org, e.kind, id)
	for key, field := range references.Prefix(c.tx, begin) {
		kind, by, _ := strings.Cut(key[len(begin):], nul)
		if kind == e.kind && by == id {
			continue
		}
		return errInvalid("The %s is still in use: it is the %s of the %s %s", e.title, field, kind, by)
	}
	return nil
}

// announce records the event of a change.
func (e *entity[T]) announce(c *call, what string, before, after *row[T]) error {
	if e.family == "" {
		return nil
	}
	subject := before
	if after != nil {
		subject = after
	}
	ev := event{Name: e.family + "." + e.kind + "." + what, Resource: subject.ID}
	switch {
	case e.kind == accountKind:
		ev.Account = subject.ID
	case e.account != nil:
		ev.Account = e.account(&subject.Fields)
	}
	var err error
	if before != nil {
		if ev.Old, err = encode(e.answer(c, *before)); err != nil {
			return err
		}
	}
	if after != nil {
		if ev.New, err = encode(e.answer(c, *after)); err != nil {
			return err
		}
	}
	c.record(ev)
	return nil
}

// body is the part of every entity's request that is not its own.
type body[T any] struct {
	version *int64
	fields  T
}

func readBody[T any](c echo.Context) (body[T], error) {
	var raw json.RawMessage
	if err := bind(c, &raw); err != nil || len(raw) == 0 {
		return body[T]{}, err
	}
	var (
		common struct {
			Version *int64 `json:"version"`
		}
		b body[T]
	)
	for _, into := range []any{&common, &b.fields} {
		if err := unmarshal(raw, into); err != nil {
			return b, err
		}
	}
	b.version = common.Version
	return b, nil
}

// create answers POST. A version that is sent along is ignored (M3T-012).
func (e *entity[T]) create(c echo.Context) error {
	b, err := readBody[T](c)
	if err != nil {
		return err
	}
	return update(c, func(c *call) (any, error) {
		r, err := e.insert(c, c.newID(e.kind), b.fields)
		return e.answer(c, r), err
	})
}

func (e *entity[T]) get(c echo.Context) error {
	return e.one(view, c, func(_ *call, r row[T]) (row[T], error) { return r, nil })
}

// update answers PUT, which needs the version that is stored.
func (e *entity[T]) update(c echo.Context) error {
	b, err := readBody[T](c)
	if err != nil {
		return err
	}
	return e.one(update, c, func(c *call, before row[T]) (row[T], error) {
		if err := c.checkVersion(b.version, before.Version); err != nil {
			return before, err
		}
		return e.replace(c, before, b.fields)
	})
}

// delete answers with what it deleted.
func (e *entity[T]) delete(c echo.Context) error {
	return e.one(update, c, func(c *call, r row[T]) (row[T], error) { return r, e.remove(c, r) })
}

// one does something with the entity that the path names, and answers it.
func (e *entity[T]) one(in within, c echo.Context, do func(*call, row[T]) (row[T], error)) error {
	id, err := pathParam(c, "id")
	if err != nil {
		return err
	}
	return in(c, func(c *call) (any, error) {
		r, err := e.find(c, id)
		if err != nil {
			return nil, err
		}
		if r, err = do(c, r); err != nil {
			return nil, err
		}
		return e.answer(c, r), nil
	})
}

// checkVersion refuses an update that does not start from what is stored.
func (c *call) checkVersion(sent *int64, stored int64) error {
	switch {
	case c.rules.Conformance:
		return nil
	case sent == nil:
		return c.rules.errConflict("version is required")
	case *sent != stored:
		return c.rules.errConflict("version is %d, but the stored version is %d", *sent, stored)
	}
	return nil
}
