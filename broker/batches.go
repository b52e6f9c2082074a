package broker

import (
	"errors"

	"github.com/leatmq/leat/log/record"
)

// wholeBatches returns the whole batches at the beginning of buf and the offset
// that follows them; next is at when there is none. A last batch that is cut
// off is left out.
func wholeBatches(buf []byte, at int64) (whole []byte, next int64) {
	next = at
	rest := buf
	for len(rest) > 0 {
		b, after, err := record.Next(rest)
		if err != nil {
			break
		}
		next, rest = b.LastOffset()+1, after
	}
	return buf[:len(buf)-len(rest)], next
}

// isTooLarge tells whether a batch was refused for its size.
func isTooLarge(err error) bool { return errors.Is(err, record.ErrTooLarge) }
