package api

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrMalformed means that a body cannot be read as the request it says it is:
// it ends too early, a length is negative or beyond its end, a null stands
// where none may be. The connection is closed, as nothing behind it can be
// trusted.
var ErrMalformed = errors.New("malformed request")

// ErrTooMany means that a request lists more things than the broker is willing
// to look at in one.
var ErrTooMany = errors.New("too many elements in one request")

// field is one word of a layout.
type field struct {
	width  int     // of a fixed-size field; 0: see kind
	kind   byte    // 's' string, 'y' bytes, '[' array, '{' nullable struct
	inside []field // of an array's element or a struct
	plain  bool    // array element that is no struct
	memory int     // of an array: what an element takes when decoded, without the arrays in it
	null   int16   // first version in which null is allowed; math.MaxInt16: none
	min    int16
	max    int16
}

// parseLayout reads one text of layouts. It panics on a bad one: they are part
// of the program.
func parseLayout(text string) []field {
	text = strings.NewReplacer("[", "[ ", "]", " ]", "(", "( ", ")", " )", "{", "{ ", "}", " }").Replace(text)
	p := layoutParser{words: strings.Fields(text)}
	fields := p.fields("")
	if len(p.words) > 0 {
		panic(fmt.Sprintf("api: layout %q: %q left over", text, p.words))
	}
	return fields
}

type layoutParser struct{ words []string }

// fields reads words up to the one that begins with the closing sign.
func (p *layoutParser) fields(closing string) []field {
	var out []field
	for len(p.words) > 0 {
		word := p.words[0]
		if closing != "" && strings.HasPrefix(word, closing) {
			return out
		}
		p.words = p.words[1:]
		out = append(out, p.field(word))
	}
	return out
}

func (p *layoutParser) field(word string) field {
	f := field{null: math.MaxInt16, max: math.MaxInt16}
	switch word[0] {
	case '1', '2', '4', '8':
		f.width = int(word[0] - '0')
	case 'u':
		f.width = 16
	case 's', 'y':
		f.kind = word[0]
	case '[':
		f.kind = '['
		f.inside = p.fields("]")
		word = p.closing()
		f.plain = len(f.inside) == 1 && f.inside[0].kind != '('
		if len(f.inside) == 1 && f.inside[0].kind == '(' {
			f.inside = f.inside[0].inside
		}
		f.memory = f.element()
	case '(':
		f.kind = '('
		f.inside = p.fields(")")
		word = p.closing()
	case '{':
		f.kind = '{'
		f.inside = p.fields("}")
		word = p.closing()
	default:
		panic("api: layout word " + strconv.Quote(word))
	}
	f.suffix(word[1:])
	return f
}

// element is what one element of an array takes in memory. What strings and
// bytes hold is not counted: it takes as much on the wire.
func (f *field) element() int {
	if f.plain {
		return f.inside[0].size()
	}
	return structSize(f.inside)
}

// size is what a field takes in memory, rounded up.
func (f *field) size() int {
	switch f.kind {
	case 0:
		return f.width
	case 's':
		if f.null < math.MaxInt16 {
			return 8 + 16 // a pointer to it
		}
		return 16
	case '{':
		return 8 + structSize(f.inside)
	}
	return 24
}

// structSize is what a struct takes, with its tags, and what it may have in
// versions that the layout leaves out.
func structSize(fields []field) int {
	n := 8 + 16
	for i := range fields {
		n += max(fields[i].size(), 8)
	}
	return n
}

func (p *layoutParser) closing() string {
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

// suffix reads "?", "?4+", ":3+" and ":0-7" behind a field.
func (f *field) suffix(text string) {
	null, versions, _ := strings.Cut(text, ":")
	if strings.HasPrefix(null, "?") {
		f.null = 0
		if from := strings.Trim(null, "?+"); from != "" {
			f.null = versionOf(from)
		}
	}
	if versions == "" {
		return
	}
	from, to, _ := strings.Cut(strings.TrimSuffix(versions, "+"), "-")
	f.min = versionOf(from)
	if to != "" {
		f.max = versionOf(to)
	}
}

func versionOf(text string) int16 {
	n, err := strconv.ParseInt(text, 10, 16)
	if err != nil {
		panic("api: layout version " + strconv.Quote(text))
	}
	return int16(n)
}

// walker goes through a body without keeping anything of it.
type walker struct {
	rest     []byte
	version  int16
	flexible bool
	memory   int // that may still be taken
}

// walk checks that body has the layout at the version. Bytes left over are
// ignored, as Kafka ignores them.
func (w *walker) walk(fields []field) error { return w.structure(fields) }

func (w *walker) structure(fields []field) error {
	for i := range fields {
		f := &fields[i]
		if w.version < f.min || w.version > f.max {
			continue
		}
		if err := w.value(f); err != nil {
			return err
		}
	}
	if w.flexible {
		return w.tags()
	}
	return nil
}

func (w *walker) value(f *field) error {
	switch f.kind {
	case 0:
		return w.skip(f.width)
	case '[':
		return w.array(f)
	case '{':
		return w.optional(f)
	}
	n, err := w.length(f.kind == 'y')
	if err != nil {
		return err
	}
	if n < 0 {
		return w.isNull(f)
	}
	return w.skip(n)
}

func (w *walker) isNull(f *field) error {
	if w.version < f.null {
		return fmt.Errorf("%w: null where none may be", ErrMalformed)
	}
	return nil
}

func (w *walker) array(f *field) error {
	n, err := w.length(true)
	if err != nil {
		return err
	}
	if n < 0 {
		return w.isNull(f)
	}
	if n > len(w.rest) {
		return fmt.Errorf("%w: %d elements in %d bytes", ErrMalformed, n, len(w.rest))
	}
	if w.memory -= n * f.memory; w.memory < 0 {
		return ErrTooMany
	}
	if f.plain && f.inside[0].width > 0 {
		return w.skip(n * f.inside[0].width)
	}
	for range n {
		if f.plain {
			err = w.value(&f.inside[0])
		} else {
			err = w.structure(f.inside)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// optional is a struct that a byte says the presence of.
func (w *walker) optional(f *field) error {
	if len(w.rest) == 0 {
		return w.skip(1)
	}
	present := int8(w.rest[0]) >= 0
	w.rest = w.rest[1:]
	if !present {
		return w.isNull(f)
	}
	return w.structure(f.inside)
}

// length reads the length of a string, or of bytes or an array (wide); -1 means
// null.
func (w *walker) length(wide bool) (int, error) {
	switch {
	case w.flexible:
		n, err := w.uvarint()
		return int(n) - 1, err
	case wide:
		if len(w.rest) < 4 {
			return 0, w.skip(4)
		}
		n := int32(binary.BigEndian.Uint32(w.rest))
		w.rest = w.rest[4:]
		return max(int(n), -1), nil
	}
	if len(w.rest) < 2 {
		return 0, w.skip(2)
	}
	n := int16(binary.BigEndian.Uint16(w.rest))
	w.rest = w.rest[2:]
	return max(int(n), -1), nil
}

func (w *walker) tags() error {
	n, err := w.uvarint()
	if err != nil {
		return err
	}
	last := int64(-1)
	for range n {
		tag, err := w.uvarint()
		if err != nil {
			return err
		}
		if int64(tag) <= last {
			return fmt.Errorf("%w: tagged fields out of order", ErrMalformed)
		}
		last = int64(tag)
		size, err := w.uvarint()
		if err != nil {
			return err
		}
		if err := w.skip(int(size)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) uvarint() (uint32, error) {
	n, size := readUvarint(w.rest)
	if size <= 0 {
		return 0, fmt.Errorf("%w: bad varint", ErrMalformed)
	}
	w.rest = w.rest[size:]
	return n, nil
}

func (w *walker) skip(n int) error {
	if n > len(w.rest) {
		return fmt.Errorf("%w: %d bytes wanted, %d left", ErrMalformed, n, len(w.rest))
	}
	w.rest = w.rest[n:]
	return nil
}

// readUvarint reads an unsigned varint of at most five bytes and 32 bits. size
// is 0 when there is none.
func readUvarint(b []byte) (n uint32, size int) {
	var wide uint64
	for i := range min(len(b), 5) {
		wide |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return uint32(wide), i + 1
		}
	}
	return 0, 0
}
