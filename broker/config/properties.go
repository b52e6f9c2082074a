package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// property is one entry of a .properties file.
type property struct {
	key, value string
	line       int // where it begins, from 1
}

// parseProperties reads the format of java.util.Properties: comments with # or
// !, keys ended by =, : or white space, a backslash at the end of a line to go
// on with the next, \t \n \r \f and \uXXXX, and any other character for itself
// after a backslash. The text is UTF-8, or Latin-1 where it is not valid UTF-8.
func parseProperties(data []byte) ([]property, error) {
	text := string(data)
	if !utf8.Valid(data) {
		runes := make([]rune, len(data))
		for i, b := range data {
			runes[i] = rune(b)
		}
		text = string(runes)
	}
	text = strings.TrimPrefix(text, "\ufeff")
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), "\n")
	var out []property
	for i := 0; i < len(lines); i++ {
		line := strings.TrimLeft(lines[i], " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		at := i + 1
		var whole strings.Builder
		for continued(line) {
			whole.WriteString(line[:len(line)-1])
			line = ""
			if i+1 == len(lines) {
				break
			}
			i++
			line = strings.TrimLeft(lines[i], " \t\f")
		}
		if whole.Len() > 0 {
			line = whole.String() + line
		}
		key, value := splitProperty(line)
		k, err1 := unescape(key)
		v, err2 := unescape(value)
		if err1 != nil || err2 != nil {
			return out, fmt.Errorf("line %d: a \\u must be followed by four hexadecimal digits", at)
		}
		out = append(out, property{key: k, value: v, line: at})
	}
	return out, nil
}

// continued reports whether a line ends in an odd number of backslashes.
func continued(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

// splitProperty finds the first =, : or white space that no backslash precedes.
func splitProperty(line string) (key, value string) {
	end := 0
	for end < len(line) && !strings.ContainsRune("=: \t\f", rune(line[end])) {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(line) {
		return line, ""
	}
	rest := strings.TrimLeft(line[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	return line[:end], rest
}

// unescape resolves backslashes. A lone one at the end is dropped.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	var high rune // the first half of a surrogate pair
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			break
		}
		switch s[i] {
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			if i+4 >= len(s) {
				return "", strconv.ErrSyntax
			}
			n, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
			if err != nil {
				return "", err
			}
			i += 4
			if r := rune(n); high != 0 {
				b.WriteRune(utf16.DecodeRune(high, r))
				high = 0
			} else if utf16.IsSurrogate(r) && strings.HasPrefix(s[i+1:], `\u`) {
				high = r
			} else {
				b.WriteRune(r)
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}
