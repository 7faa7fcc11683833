// Package journal keeps what was asked of a sandbox and what it answered: a ring, bounded by count and by bytes, with
// secrets masked before anything is kept.
package journal

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/submeter/submeter/emulator/internal/wire"
)

// MaxMessage is how many bytes of one body are kept.
const MaxMessage = 64 << 10

// overhead is what an exchange counts for in the ring beside its bodies, in bytes.
const overhead = 1 << 10

// Exchange is one recorded request and its answer.
type Exchange struct {
	ID         int64            `json:"id"` // ascending within a sandbox, from 1
	Sandbox    string           `json:"sandbox"`
	At         time.Time        `json:"at"` // sandbox time of the request
	Vendor     string           `json:"vendor"`
	Operation  string           `json:"operation"` // operationId; empty when no operation was met
	Method     string           `json:"method"`
	Path       string           `json:"path"` // as sent, without the sandbox's prefix
	Query      string           `json:"query"`
	Status     int              `json:"status"`
	DurationMS float64          `json:"duration_ms"` // by the machine's clock
	Request    Message          `json:"request"`
	Response   Message          `json:"response"`
	Violations []wire.Violation `json:"violations"` // of the vendor's document, the request's first
	Error      string           `json:"error,omitempty"`
}

// Message is the headers and the body of a request or a response.
type Message struct {
	Headers   map[string][]string `json:"headers"`
	Body      string              `json:"body"`
	BodyBytes int64               `json:"body_bytes"` // of the whole body
	Truncated bool                `json:"truncated"`  // Body is only its beginning
	Encoding  string              `json:"encoding"`   // of Body: text or base64
}

// Filter chooses exchanges; a zero field chooses all.
type Filter struct {
	Vendor    string
	Operation string
	Method    string
	Status    int
	Path      string    // contained in the path
	Since     time.Time // sandbox time, inclusive
	Limit     int       // the newest so many; 0: no limit
}

// Record is an exchange as the way of a request hands it in: bodies as bytes, not yet masked.
type Record struct {
	Exchange
	RequestHeader, ResponseHeader http.Header
	RequestBody, ResponseBody     []byte // at most MaxMessage of each is kept
	RequestBytes, ResponseBytes   int64
}

// Journal is the ring of one sandbox.
type Journal struct {
	maxCount int
	maxBytes int64

	mu    sync.Mutex
	ring  []Record
	start int // of the oldest in ring
	size  int64
	next  int64
	total int64
}

// New returns a journal of at most so many exchanges and bytes; with no room for one exchange it records nothing.
func New(maxCount int, maxBytes int64) *Journal {
	return &Journal{maxCount: maxCount, maxBytes: maxBytes, next: 1}
}

// Add records an exchange. The record's bodies must not change afterwards.
func (j *Journal) Add(r Record) {
	r.Query = maskForm(r.Query)
	r.RequestHeader, r.ResponseHeader = maskHeader(r.RequestHeader), maskHeader(r.ResponseHeader)
	r.RequestBody = maskBody(clip(r.RequestBody), r.RequestHeader.Get("Content-Type"))
	r.ResponseBody = maskBody(clip(r.ResponseBody), r.ResponseHeader.Get("Content-Type"))
	j.mu.Lock()
	defer j.mu.Unlock()
	r.ID = j.next
	j.next++
	j.total++
	j.size += r.weight()
	j.ring = append(j.ring, r)
	for j.live() > 0 && (j.live() > j.maxCount || j.size > j.maxBytes) {
		j.size -= j.ring[j.start].weight()
		j.ring[j.start] = Record{}
		j.start++
	}
	if j.start > 64 && j.start > len(j.ring)/2 {
		j.ring = append([]Record(nil), j.ring[j.start:]...)
		j.start = 0
	}
}

func (j *Journal) live() int { return len(j.ring) - j.start }

func (r *Record) weight() int64 { return overhead + int64(len(r.RequestBody)+len(r.ResponseBody)) }

func clip(body []byte) []byte {
	return body[:min(len(body), MaxMessage)]
}

// Total returns how many exchanges were recorded since the journal was made or cleared, those no longer kept included.
func (j *Journal) Total() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.total
}

// List returns the exchanges of a filter, oldest first.
func (j *Journal) List(f Filter) []Exchange {
	records := j.find(f)
	list := make([]Exchange, len(records))
	for i := range records {
		list[i] = records[i].exchange()
	}
	return list
}

// Count returns how many kept exchanges a filter chooses, whatever its limit.
func (j *Journal) Count(f Filter) int {
	f.Limit = 0
	return len(j.find(f))
}

// Get returns the exchange of an id, if it is still kept.
func (j *Journal) Get(id int64) (Exchange, bool) {
	for _, r := range j.find(Filter{}) {
		if r.ID == id {
			return r.exchange(), true
		}
	}
	return Exchange{}, false
}

// Clear forgets all exchanges; ids begin again with 1.
func (j *Journal) Clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ring, j.start, j.size, j.next, j.total = nil, 0, 0, 1, 0
}

func (j *Journal) find(f Filter) []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []Record
	for i := j.start; i < len(j.ring); i++ {
		if f.matches(&j.ring[i]) {
			found = append(found, j.ring[i])
		}
	}
	if f.Limit > 0 && len(found) > f.Limit {
		found = found[len(found)-f.Limit:]
	}
	return found
}

func (f Filter) matches(r *Record) bool {
	return (f.Vendor == "" || f.Vendor == r.Vendor) &&
		(f.Operation == "" || f.Operation == r.Operation) &&
		(f.Method == "" || strings.EqualFold(f.Method, r.Method)) &&
		(f.Status == 0 || f.Status == r.Status) &&
		strings.Contains(r.Path, f.Path) &&
		!r.At.Before(f.Since)
}

// exchange renders a record for reading.
func (r Record) exchange() Exchange {
	e := r.Exchange
	e.Request = message(r.RequestHeader, r.RequestBody, r.RequestBytes)
	e.Response = message(r.ResponseHeader, r.ResponseBody, r.ResponseBytes)
	if e.Violations == nil {
		e.Violations = []wire.Violation{}
	}
	return e
}

func message(header http.Header, body []byte, size int64) Message {
	m := Message{Headers: header, BodyBytes: size, Truncated: int64(len(body)) < size, Encoding: "text", Body: string(body)}
	if m.Headers == nil {
		m.Headers = map[string][]string{}
	}
	if !utf8.Valid(body) {
		m.Encoding, m.Body = "base64", base64.StdEncoding.EncodeToString(body)
	}
	return m
}
