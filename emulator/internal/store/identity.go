package store

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"

	"github.com/google/uuid"
)

var (
	sequences = NewTable[uint64]("#sequence")
	seeds     = NewTable[uint64]("#seed")
)

// Next returns 1, 2, 3 … for each name, a sequence of the sandbox: a reset sandbox counts from its baseline again.
func Next(tx *Tx, name string) uint64 {
	n, _ := sequences.Get(tx, name)
	n++
	sequences.Put(tx, name, n)
	return n
}

// SetSeed sets what the ids of this world are made from.
func SetSeed(tx *Tx, seed uint64) { seeds.Put(tx, "", seed) }

// Seed returns what the ids of this world are made from.
func Seed(tx *Tx) uint64 {
	seed, _ := seeds.Get(tx, "")
	return seed
}

// NewEntropy returns 32 bytes that look random and follow from the world's seed, the kind and how many of that kind were
// drawn before: the same seed and the same requests give the same ids.
func NewEntropy(tx *Tx, kind string) [32]byte {
	return Entropy(Seed(tx), kind, Next(tx, "#entropy/"+kind))
}

// Entropy returns the n-th 32 bytes of a kind in a world of this seed.
func Entropy(seed uint64, kind string, n uint64) [32]byte {
	h := sha256.New()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], seed)
	binary.BigEndian.PutUint64(b[8:], n)
	h.Write(b[:])
	h.Write([]byte(kind))
	return [32]byte(h.Sum(nil))
}

// NewUUID returns a version 4 UUID in lower case, drawn as NewEntropy.
func NewUUID(tx *Tx, kind string) string {
	e := NewEntropy(tx, kind)
	return UUID(e)
}

// UUID makes a version 4 UUID of the first 16 bytes.
func UUID(e [32]byte) string {
	id := uuid.UUID(e[:16])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// Base62 makes n characters, at most 42, of 0-9A-Za-z.
func Base62(e [32]byte, n int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	rest, base, digit := new(big.Int).SetBytes(e[:]), big.NewInt(62), new(big.Int)
	out := make([]byte, n)
	for i := range out {
		rest.DivMod(rest, base, digit)
		out[i] = digits[digit.Int64()]
	}
	return string(out)
}
