package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

// The layout of bbolt's pages, in the machine's byte order. A page begins with its number (8 bytes), its type (2), the
// count of its elements (2) and the count of further pages that it runs over (4). An element of 16 bytes says where its key
// is, counted from the element: a branch has place (4), key size (4), page (8); a leaf has flags (4), place (4), key size
// (4), value size (4). A bucket's value begins with its root page (8), or 0 when the page itself follows, and a
// sequence (8).
const (
	pageHeader   = 16
	pageElement  = 16
	bucketHeader = 16
	branchPage   = 0x01
	leafPage     = 0x02
	bucketFlag   = 0x01
)

// checkPages walks the whole page structure of a data file before bbolt works with it: bbolt trusts it, and damage would
// end the process, from a goroutine of bbolt's own or by a fault in mapped memory.
func checkPages(file *os.File, tx *bbolt.Tx) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("damaged: %d bytes of %d are missing at its end", tx.Size()-info.Size(), tx.Size())
	}
	size := tx.DB().Info().PageSize
	p := &pages{file: file, size: size, seen: make([]bool, tx.Size()/int64(size))}
	if _, err := p.walk(uint64(tx.Cursor().Bucket().Root()), nil, nil); err != nil {
		return fmt.Errorf("damaged: %w", err)
	}
	return nil
}

// pages checks each page that can be reached, and that it can be reached in one way only.
type pages struct {
	file   io.ReaderAt
	size   int
	seen   []bool
	memory []byte
}

// walk checks the pages from one on downwards: its keys ascend, from min and below max (nil: no bound). It returns the
// last key.
func (p *pages) walk(id uint64, low, high []byte) (last []byte, err error) {
	page, err := p.read(id)
	if err != nil {
		return nil, err
	}
	if page.kind == leafPage {
		return p.walkLeaf(page, low, high)
	}
	if page.count == 0 {
		return nil, fmt.Errorf("page %d has nothing under it", id)
	}
	for i := range page.count {
		key, err := page.key(i)
		if err != nil {
			return nil, err
		}
		end := high
		if i+1 < page.count {
			if end, err = page.key(i + 1); err != nil {
				return nil, err
			}
		}
		if err := inOrder(page.id, i, key, low, high); err != nil {
			return nil, err
		}
		if low, err = p.walk(page.child(i), key, end); err != nil {
			return nil, err
		}
		last = low
	}
	return last, nil
}

func (p *pages) walkLeaf(page page, low, high []byte) (last []byte, err error) {
	var buckets []uint64
	for i := range page.count {
		key, err := page.key(i)
		if err != nil {
			return nil, err
		}
		if err := inOrder(page.id, i, key, low, high); err != nil {
			return nil, err
		}
		low = key
		root, err := page.bucket(i)
		if err != nil {
			return nil, err
		}
		if root != 0 {
			buckets = append(buckets, root)
		}
	}
	last = bytes.Clone(low) // the page's memory is used again from here on
	for _, root := range buckets {
		if _, err := p.walk(root, nil, nil); err != nil {
			return nil, err
		}
	}
	return last, nil
}

// inOrder checks the key of element i against the key before it, or the least it may be, and the one it must be below.
func inOrder(id uint64, i int, key, before, high []byte) error {
	c := bytes.Compare(before, key)
	if before != nil && (c > 0 || c == 0 && i > 0) || high != nil && bytes.Compare(key, high) >= 0 {
		return fmt.Errorf("page %d: its keys are out of order", id)
	}
	return nil
}

// read returns a page. One of kind leaf is valid until the next is read.
func (p *pages) read(id uint64) (page, error) {
	if id < 2 || id >= uint64(len(p.seen)) {
		return page{}, fmt.Errorf("page %d is referred to, but there are only %d", id, len(p.seen))
	}
	at := int64(id) * int64(p.size)
	data := p.room(p.size)
	if _, err := p.file.ReadAt(data, at); err != nil {
		return page{}, err
	}
	pg := pageOf(data)
	if pg.id != id || pg.kind != branchPage && pg.kind != leafPage {
		return page{}, fmt.Errorf("page %d is no page of data", id)
	}
	further := uint64(binary.NativeEndian.Uint32(data[12:]))
	if id+further >= uint64(len(p.seen)) {
		return page{}, fmt.Errorf("page %d runs over the end", id)
	}
	for i := id; i <= id+further; i++ {
		if p.seen[i] {
			return page{}, fmt.Errorf("page %d is referred to twice", i)
		}
		p.seen[i] = true
	}
	if further > 0 {
		data = p.room(int(further+1) * p.size)
		if _, err := p.file.ReadAt(data, at); err != nil {
			return page{}, err
		}
	}
	if pg.data = data; pg.kind == branchPage {
		pg.data = bytes.Clone(data) // needed until all below it are checked
	}
	return pg, nil
}

// room returns memory that is used for one page after another.
func (p *pages) room(size int) []byte {
	if cap(p.memory) < size {
		p.memory = make([]byte, size)
	}
	return p.memory[:size]
}

type page struct {
	id    uint64
	kind  uint16
	count int
	data  []byte
}

func pageOf(header []byte) page {
	return page{
		id:    binary.NativeEndian.Uint64(header),
		kind:  binary.NativeEndian.Uint16(header[8:]),
		count: int(binary.NativeEndian.Uint16(header[10:])),
	}
}

// field returns the 4 bytes at an offset of element i, which lies inside the page.
func (p *page) field(i, offset int) uint64 {
	return uint64(binary.NativeEndian.Uint32(p.data[pageHeader+i*pageElement+offset:]))
}

func (p *page) child(i int) uint64 {
	return binary.NativeEndian.Uint64(p.data[pageHeader+i*pageElement+8:])
}

// key returns the key of element i, having checked that the element, its key and its value lie inside the page.
func (p *page) key(i int) ([]byte, error) {
	at := pageHeader + i*pageElement
	if at+pageElement > len(p.data) {
		return nil, fmt.Errorf("page %d: more elements than it has room for", p.id)
	}
	place, size, value := p.field(i, 0), p.field(i, 4), uint64(0)
	if p.kind == leafPage {
		place, size, value = p.field(i, 4), p.field(i, 8), p.field(i, 12)
	}
	begin := uint64(at) + place
	if begin+size+value > uint64(len(p.data)) {
		return nil, fmt.Errorf("page %d: an element beyond its end", p.id)
	}
	return p.data[begin : begin+size], nil
}

// bucket returns the root page of the bucket in element i of a leaf: 0 for a row, and for a bucket within the leaf, which
// it checks.
func (p *page) bucket(i int) (root uint64, err error) {
	if p.field(i, 0)&bucketFlag == 0 {
		return 0, nil
	}
	begin := uint64(pageHeader+i*pageElement) + p.field(i, 4) + p.field(i, 8)
	value := p.data[begin : begin+p.field(i, 12)]
	if len(value) < bucketHeader {
		return 0, fmt.Errorf("page %d: a bucket cut short", p.id)
	}
	if root = binary.NativeEndian.Uint64(value); root != 0 {
		return root, nil
	}
	if len(value) < bucketHeader+pageHeader {
		return 0, fmt.Errorf("page %d: a bucket cut short", p.id)
	}
	inner := pageOf(value[bucketHeader:])
	inner.id, inner.data = p.id, value[bucketHeader:]
	if inner.kind != leafPage {
		return 0, fmt.Errorf("page %d: a bucket that holds no rows", p.id)
	}
	var before []byte
	for j := range inner.count {
		key, err := inner.key(j)
		if err != nil {
			return 0, err
		}
		if err := inOrder(p.id, j, key, before, nil); err != nil {
			return 0, err
		}
		if inner.field(j, 0)&bucketFlag != 0 {
			return 0, fmt.Errorf("page %d: a bucket in a bucket within a page", p.id)
		}
		before = key
	}
	return 0, nil
}
