package server

// pace learns from a connection's traffic how much to read at once: little for
// one that sends small requests now and then, up to chunkMax for a busy one
// so that many requests come with one read, and a large request whole, so that it is
// neither copied nor read in pieces.
type pace struct {
	chunk int // what to read of small requests
	large int // how large the recent large requests were, 0: none
	lean  int // reads in a row that filled little of the chunk
}

const (
	chunkMin = classSmall
	chunkMax = 256 << 10
	// leanReads is how many reads must fill under a quarter before less is offered.
	leanReads = 16
	// largeMax bounds what is taken in advance for a large request.
	largeMax = 4 << 20
	// tail is how much is read beyond the end of a large request: what comes
	// of the next one has to be moved.
	tail = 16 << 10
)

// size returns how large a buffer an empty connection should read into.
func (p *pace) size() int { return max(p.chunk, p.large, chunkMin) }

// limit returns how much to read when missing bytes of a request are missing, or
// 0 when nothing of the next one is there yet.
func (p *pace) limit(missing int) int {
	if missing == 0 {
		missing = p.large
	}
	if missing <= chunkMax {
		return max(p.size(), missing)
	}
	return missing + tail
}

// read notes that n bytes came where offered were asked for.
func (p *pace) read(n, offered int) {
	p.chunk = max(p.chunk, chunkMin)
	switch {
	case n == offered:
		p.chunk, p.lean = min(p.chunk*4, chunkMax), 0
	case n >= p.chunk/4:
		p.lean = 0
	default:
		if p.lean++; p.lean == leanReads {
			p.chunk, p.lean = max(p.chunk/2, chunkMin), 0
		}
	}
}

// framed notes a request of n bytes, length field included.
func (p *pace) framed(n int) {
	n = min(n, largeMax)
	switch {
	case n > p.large && n > chunkMin:
		p.large = n
	case p.large > 0:
		if p.large -= (p.large - n + 7) / 8; p.large <= chunkMin {
			p.large = 0
		}
	}
}
