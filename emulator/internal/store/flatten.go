package store

import "bytes"

const (
	// maxStack is how many layers a sandbox stacks over its baseline before the small ones on top are merged.
	maxStack = 8
	// maxMerge bounds the rows of a merge, which keeps every writer waiting. A stack of larger layers grows deeper
	// instead: by one for each so many rows that were written between two snapshots.
	maxMerge = 8192
)

// flatten merges the small layers on top of a stack that has grown deep, so that reading does not slow down with the
// number of snapshots taken. A layer is merged only with others of its size or smaller: a row is copied a number of
// times that grows with the logarithm of the stack, not with its depth.
func (c *change) flatten(top *Layer) (*Layer, error) {
	depth, run, sum := 0, []*Layer(nil), 0
	for l := top; l != nil && !l.baseline; l = l.parent {
		depth++
		if len(run) == depth-1 && (len(run) == 0 || l.rows <= 2*sum+inlineReclaim && sum+l.rows <= maxMerge) {
			run = append(run, l)
			sum += l.rows
		}
	}
	if depth <= maxStack || len(run) < 2 {
		return top, nil
	}
	merged, err := c.newLayer(run[len(run)-1].parent)
	if err != nil {
		return nil, err
	}
	bucket, err := c.tx.CreateBucket(merged.name)
	if err != nil {
		return nil, err
	}
	bucket.FillPercent = 0.9 // rows arrive in key order
	for key, value := range mergeRows(bucketsOf(c.tx, run), nil, nil, false) {
		if err := bucket.Put(key, bytes.Clone(value)); err != nil { // Put copies the key itself
			return nil, err
		}
		merged.rows++
	}
	return merged, nil
}
