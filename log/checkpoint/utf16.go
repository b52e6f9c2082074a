package checkpoint

import (
	"fmt"
	"unicode/utf16"
)

// appendUTF16 writes a character as Java's \uXXXX, two of them above U+FFFF.
func appendUTF16(dst []byte, r rune) []byte {
	for _, unit := range utf16.AppendRune(nil, r) {
		dst = fmt.Appendf(dst, `\u%04X`, unit)
	}
	return dst
}
