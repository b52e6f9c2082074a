package topic

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// ErrInvalidID is returned for text that is not an id.
var ErrInvalidID = errors.New("invalid topic id")

// ID is a topic's id. The zero ID means "none", on the wire and here.
type ID [16]byte

// metadataID is the id of Kafka's metadata log, which no topic may have.
var metadataID = ID{15: 1}

// IsZero says whether the id means "none".
func (id ID) IsZero() bool { return id == ID{} }

// String is the form in znodes, in partition.metadata and in tools.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// Compare orders ids by their bytes.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// ParseID reads what String wrote, with or without padding.
func ParseID(text string) (ID, error) {
	var id ID
	for len(text) > 0 && text[len(text)-1] == '=' {
		text = text[:len(text)-1]
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return ID{}, ErrInvalidID
	}
	copy(id[:], raw)
	return id, nil
}

// RandomID makes a version 4 UUID of 16 random bytes. It reports false for the
// ids that Kafka never gives: zero, the metadata topic's, and those whose text
// starts with '-', which command lines would take for a flag. The caller then
// draws again.
func RandomID(random [16]byte) (ID, bool) {
	id := ID(random)
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	if id.IsZero() || id == metadataID || id.String()[0] == '-' {
		return ID{}, false
	}
	return id, true
}
