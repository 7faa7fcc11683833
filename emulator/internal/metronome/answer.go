package metronome

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/submeter/submeter/emulator/internal/store"
)

// operation is the rule of one operation of the API: what it does to the world, and the body it answers. A nil answer
// is an empty body.
type operation func(tx *store.Tx, who caller) (answer any, err error)

// read answers a request with an operation that changes nothing.
func (a *API) read(c echo.Context, do operation) error {
	return answer(c, (*store.Sandbox).View, do)
}

// write answers a request with an operation that changes the world.
func (a *API) write(c echo.Context, do operation) error {
	return answer(c, (*store.Sandbox).Update, do)
}

// answer runs an operation in one transaction and sends what it answers. Under an Idempotency-Key the transaction also
// keeps the answer, or finds the one kept before in place of running the operation.
func answer(c echo.Context, transact func(*store.Sandbox, func(*store.Tx) error) error, do operation) error {
	who, key := callerOf(c), claimOf(c)
	if key != nil {
		transact = (*store.Sandbox).Update
	}
	status, body := http.StatusOK, []byte(nil)
	err := transact(store.SandboxOf(c.Request().Context()), func(tx *store.Tx) error {
		if key != nil {
			kept, ok, err := key.recall(tx, who)
			if ok || err != nil {
				status, body = kept.Status, kept.Body
				return err
			}
		}
		result, err := do(tx, who)
		if err != nil {
			return err
		}
		if result != nil {
			body = encodeJSON(result)
		}
		if key != nil {
			key.keep(tx, who, status, body)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return send(c, status, body)
}

// send writes an answer. An empty one has no Content-Type, which tells the vendor's SDKs not to decode it.
func send(c echo.Context, status int, body []byte) error {
	if len(body) > 0 {
		return c.JSONBlob(status, body)
	}
	c.Response().Header().Set(echo.HeaderContentLength, "0")
	return c.NoContent(status)
}

// encodeJSON writes a wire value; those of this package can all be written.
func encodeJSON(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// decode reads the body of a request into its type, whose structure the document has checked before; what the type does
// not know is passed over. A body that is absent leaves it as it is: where one is required, the document says so. // MET-016
func decode(c echo.Context, into any) error {
	body, err := readBody(c.Request())
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	if json.Unmarshal(body, into) != nil {
		return errBadBody()
	}
	return nil
}

// readBody reads the body whole and leaves an unread copy in its place.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, 1<<20)) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(r.Body); err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body.Bytes()))
	return body.Bytes(), nil
}

// optional is a field whose absence means something else than null.
type optional[T any] struct {
	given bool
	value *T // nil: null
}

func (o *optional[T]) UnmarshalJSON(data []byte) error {
	o.given = true
	return json.Unmarshal(data, &o.value)
}

var errNoJSON = errors.New("not JSON")

// canonical writes a JSON body so that two that mean the same look the same: keys in order, numbers as written.
func canonical(body []byte) ([]byte, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoJSON
	}
	return json.Marshal(value)
}
