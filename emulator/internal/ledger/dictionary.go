package ledger

import "hash/maphash"

var hashSeed = maphash.MakeSeed()

func hashOf(text string) uint64 { return maphash.String(hashSeed, text) }

// dictionary gives each text a small number. The texts lie end to end in one slice, and the map holds no pointers, so
// that a million of them are nothing to the garbage collector.
type dictionary struct {
	texts
	codes map[uint64]uint32 // by hash; a text whose place is taken has the next free one
}

// texts are the texts of a dictionary by number. A copy stays as it is while the dictionary grows.
type texts struct {
	data []byte
	ends []int // of each text; it begins where the one before it ends
}

func (t *texts) at(code uint32) []byte {
	begin := 0
	if code > 0 {
		begin = t.ends[code-1]
	}
	return t.data[begin:t.ends[code]]
}

// find returns the number of a text that has one.
func (d *dictionary) find(text string) (uint32, bool) {
	code, _, ok := d.look(text)
	return code, ok
}

// code returns the number of a text, its next one if it has none yet.
func (d *dictionary) code(text string) uint32 {
	code, free, ok := d.look(text)
	if ok {
		return code
	}
	if d.codes == nil {
		d.codes = map[uint64]uint32{}
	}
	code = uint32(len(d.ends))
	d.data = append(d.data, text...)
	d.ends = append(d.ends, len(d.data))
	d.codes[free] = code
	return code
}

// look returns the number of a text, or else the place in codes that is free for it.
func (d *dictionary) look(text string) (code uint32, free uint64, ok bool) {
	for place := hashOf(text); ; place++ {
		code, taken := d.codes[place]
		if !taken {
			return 0, place, false
		}
		if string(d.at(code)) == text {
			return code, 0, true
		}
	}
}
