package checkpoint

import (
	"bytes"
	"strconv"
	"strings"
)

// decodeTable checks the two leading lines and hands each entry's words to add.
// An empty file has no entries: Kafka creates its checkpoints that way.
func decodeTable(data []byte, words int, add func(w []string) error) error {
	if len(data) == 0 {
		return nil
	}
	version, rest := line(data)
	if v, err := strconv.Atoi(version); err != nil || v != currentVersion {
		return corrupt("version %q, want %d", version, currentVersion)
	}
	count, rest := line(rest)
	want, err := strconv.Atoi(count)
	if err != nil || want < 0 {
		return corrupt("number of entries %q", count)
	}
	got := 0
	for len(rest) > 0 {
		var text string
		text, rest = line(rest)
		w := strings.Fields(text)
		if len(w) != words {
			return corrupt("entry %q has %d words, want %d", text, len(w), words)
		}
		if err := add(w); err != nil {
			return err
		}
		got++
	}
	if got != want {
		return corrupt("%d entries, want %d", got, want)
	}
	return nil
}

// line splits off the first line, without its end.
func line(data []byte) (first string, rest []byte) {
	head, rest, _ := bytes.Cut(data, []byte{'\n'})
	return string(bytes.TrimSuffix(head, []byte{'\r'})), rest
}

// appendTableHead writes the version and the number of entries.
func appendTableHead(dst []byte, entries int) []byte {
	dst = strconv.AppendInt(dst, currentVersion, 10)
	dst = append(dst, '\n')
	dst = strconv.AppendInt(dst, int64(entries), 10)
	return append(dst, '\n')
}
