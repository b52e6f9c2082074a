package config

import (
	"fmt"
	"strings"
)

// Warning is something about the sources that does no harm but that whoever
// wrote them should know.
type Warning struct {
	Key     string
	From    string // where it was said
	Nearest string // of an unknown key: the known one that looks most like it, or ""
	Text    string
}

// String returns the whole warning in one line.
func (w Warning) String() string { return w.From + ": " + w.Text }

// unknown is the warning for a key that the table does not have.
func unknown(key, from string) Warning {
	w := Warning{Key: key, From: from, Nearest: nearest(key), Text: "unknown key " + key}
	switch _, topic := topicByID[key]; {
	case topic && len(topicKeys[topicByID[key]].Synonyms) > 0:
		w.Nearest = topicKeys[topicByID[key]].Synonyms[0]
		w.Text = fmt.Sprintf("%s is a topic's key; for all topics set %s", key, w.Nearest)
	case w.Nearest != "":
		w.Text += ": is " + w.Nearest + " meant?"
	}
	return w
}

// idle is the warning for a key of a part of leat that is not there yet, set to
// something else than its default; ok is false where there is nothing to say.
func idle(k *Key, v value, g given) (w Warning, ok bool) {
	standard, err := k.parse(k.Default)
	if err != nil || !strings.HasPrefix(k.Effect, "with ") || v.text == standard.text {
		return w, false
	}
	return Warning{Key: k.Name, From: g.from, Text: k.Name + " has no effect yet: it comes " + k.Effect}, true
}

// nearest returns the broker key at the least edit distance from name, or ""
// when none is near: more than a third of the name would have to change.
func nearest(name string) string {
	best, at := "", len(name)/3+1
	for i := range brokerKeys {
		k := brokerKeys[i].Name
		if d := distance(strings.ToLower(name), k, at); d < at {
			best, at = k, d
		}
	}
	return best
}

// distance is the number of characters to insert, delete or replace to make b
// of a (Levenshtein), or limit when it is at least that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return min(row[len(b)], limit)
}
