package checkpoint

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// parseProperties reads the text that java.util.Properties stores: Latin-1,
// one "key=value" a line, # or ! for comments, a backslash before what would
// mean something else, \uXXXX for other characters, a backslash at the end of a
// line that goes on in the next.
func parseProperties(data []byte) (map[string]string, error) {
	all := make(map[string]string)
	lines := strings.FieldsFunc(latin1(data), func(r rune) bool { return r == '\n' || r == '\r' })
	for i := 0; i < len(lines); i++ {
		text := strings.TrimLeft(lines[i], " \t\f")
		if text == "" || text[0] == '#' || text[0] == '!' {
			continue
		}
		for continues(text) && i+1 < len(lines) {
			i++
			text = text[:len(text)-1] + strings.TrimLeft(lines[i], " \t\f")
		}
		key, value, err := splitProperty(text)
		if err != nil {
			return nil, err
		}
		all[key] = value
	}
	return all, nil
}

func latin1(data []byte) string {
	runes := make([]rune, len(data))
	for i, b := range data {
		runes[i] = rune(b)
	}
	return string(runes)
}

// continues reports whether a line ends with an odd number of backslashes.
func continues(text string) bool {
	n := len(text) - len(strings.TrimRight(text, `\`))
	return n%2 == 1
}

// splitProperty takes a line apart at the first =, : or space that has no
// backslash before it.
func splitProperty(text string) (key, value string, err error) {
	end := 0
	for end < len(text) && !strings.ContainsRune("=: \t\f", rune(text[end])) {
		if text[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(text))
	rest := strings.TrimLeft(text[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	if key, err = unescape(text[:end]); err != nil {
		return "", "", err
	}
	value, err = unescape(rest)
	return key, value, err
}

// unescape resolves backslashes. Characters above U+FFFF come as two units.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	units := make([]uint16, 0, len(s))
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		if runes[i] != '\\' || i+1 == len(runes) {
			units = utf16.AppendRune(units, runes[i])
			continue
		}
		i++
		if runes[i] != 'u' {
			units = utf16.AppendRune(units, unescaped(runes[i]))
			continue
		}
		hex := string(runes[i+1 : min(i+5, len(runes))])
		unit, err := strconv.ParseUint(hex, 16, 16)
		if err != nil || len(hex) != 4 {
			return "", corrupt("character \\u%s", hex)
		}
		units = append(units, uint16(unit))
		i += 4
	}
	return string(utf16.Decode(units)), nil
}

// unescaped is what a character after a backslash stands for.
func unescaped(r rune) rune {
	switch r {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'f':
		return '\f'
	}
	return r
}

// appendEscaped writes a key or value so that any reader of Java properties
// gets it back.
func appendEscaped(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case strings.ContainsRune(`\=:#! `, r):
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r > '~':
			for _, unit := range utf16.AppendRune(nil, r) {
				dst = fmt.Appendf(dst, `\u%04X`, unit)
			}
		default:
			dst = append(dst, byte(r))
		}
	}
	return dst
}
