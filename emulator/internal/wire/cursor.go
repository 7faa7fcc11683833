package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// ErrCursor says that a page cursor was not made by this emulator for this list.
var ErrCursor = errors.New("invalid page cursor")

const cursorSum = 8 // bytes

// EncodeCursor makes an opaque page cursor of a position, bound to whatever the walk must not change: the operation,
// the filters. It holds no state in the server and does not expire.
func EncodeCursor(binding string, position any) (string, error) {
	payload, err := json.Marshal(position)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(sumCursor(binding, payload), payload...)), nil
}

// DecodeCursor reads the position that EncodeCursor wrote under the same binding; anything else is ErrCursor.
func DecodeCursor(cursor, binding string, position any) error {
	data, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(data) < cursorSum || !bytes.Equal(data[:cursorSum], sumCursor(binding, data[cursorSum:])) {
		return ErrCursor
	}
	if err := json.Unmarshal(data[cursorSum:], position); err != nil {
		return ErrCursor
	}
	return nil
}

func sumCursor(binding string, payload []byte) []byte {
	h := sha256.New()
	h.Write([]byte(binding))
	h.Write([]byte{0})
	h.Write(payload)
	return h.Sum(nil)[:cursorSum]
}
