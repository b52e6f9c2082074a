package record

// wire is one record as it stands in a batch, before its deltas are resolved.
type wire struct {
	timestampDelta int64
	offsetDelta    int32
	key, value     []byte // nil for null; any negative length reads as null, as in Kafka
	headers        []byte // still encoded, after their count
	headerCount    int32
}

// read takes one record off data and returns the rest; what it returns aliases data. The
// record is checked down to its last header. Errors are of kind ErrInvalidRecord.
func (w *wire) read(data []byte) (rest []byte, err error) {
	size, n := varint(data)
	if n == 0 {
		return nil, invalid("record without a length")
	}
	data = data[n:]
	if size < 0 || int(size) > len(data) {
		return nil, invalid("record of %d bytes where %d are left", size, len(data))
	}
	body, rest := data[:size], data[size:]
	if len(body) == 0 {
		return nil, invalid("record without attributes")
	}
	body = body[1:] // attributes: no bit has a meaning
	if w.timestampDelta, n = varlong(body); n == 0 {
		return nil, invalid("record's timestamp delta is cut short or too long")
	}
	body = body[n:]
	if w.offsetDelta, n = varint(body); n == 0 {
		return nil, invalid("record's offset delta is cut short or too long")
	}
	body = body[n:]
	if w.key, body, err = readBytes(body, "key"); err != nil {
		return nil, err
	}
	if w.value, body, err = readBytes(body, "value"); err != nil {
		return nil, err
	}
	if w.headerCount, n = varint(body); n == 0 || w.headerCount < 0 {
		return nil, invalid("record's header count is cut short or negative")
	}
	w.headers = body[n:]
	if w.headerCount == 0 && len(w.headers) == 0 {
		return rest, nil
	}
	return rest, readHeaders(w.headers, w.headerCount, nil)
}

// readBytes takes a length and as many bytes off body; a negative length reads as nil.
func readBytes(body []byte, what string) (b, rest []byte, err error) {
	size, n := varint(body)
	if n == 0 {
		return nil, nil, invalid("record's %s length is cut short or too long", what)
	}
	body = body[n:]
	if size < 0 {
		return nil, body, nil
	}
	if int(size) > len(body) {
		return nil, nil, invalid("record's %s of %d bytes where %d are left", what, size, len(body))
	}
	return body[:size:size], body[size:], nil
}

// readHeaders checks count headers, which must fill body, and adds them to out unless that
// is nil.
func readHeaders(body []byte, count int32, out *[]Header) error {
	for range count {
		key, rest, err := readBytes(body, "header key")
		if err != nil {
			return err
		}
		if key == nil {
			return invalid("record has a header without a key")
		}
		value, rest, err := readBytes(rest, "header value")
		if err != nil {
			return err
		}
		body = rest
		if out != nil {
			*out = append(*out, Header{Key: key, Value: value})
		}
	}
	if len(body) != 0 {
		return invalid("record has %d bytes too many", len(body))
	}
	return nil
}

// appendRecord encodes r with the given deltas.
func appendRecord(dst []byte, r *Record, offsetDelta int32, timestampDelta int64) []byte {
	size := 1 + sizeVarint(timestampDelta) + sizeVarint(int64(offsetDelta)) +
		sizeBytes(r.Key) + sizeBytes(r.Value) + sizeVarint(int64(len(r.Headers)))
	for i := range r.Headers {
		h := &r.Headers[i]
		size += sizeVarint(int64(len(h.Key))) + len(h.Key) + sizeBytes(h.Value)
	}
	dst = appendVarint(dst, size)
	dst = append(dst, 0)
	dst = appendVarlong(dst, timestampDelta)
	dst = appendVarint(dst, int(offsetDelta))
	dst = appendBytes(dst, r.Key)
	dst = appendBytes(dst, r.Value)
	dst = appendVarint(dst, len(r.Headers))
	for i := range r.Headers {
		h := &r.Headers[i]
		dst = appendVarint(dst, len(h.Key))
		dst = append(dst, h.Key...)
		dst = appendBytes(dst, h.Value)
	}
	return dst
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // zig-zag of -1
	}
	dst = appendVarint(dst, len(b))
	return append(dst, b...)
}

func sizeBytes(b []byte) int {
	if b == nil {
		return 1
	}
	return sizeVarint(int64(len(b))) + len(b)
}
