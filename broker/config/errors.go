package config

import (
	"errors"
	"fmt"
)

// What a change of configuration can be refused for. Use errors.Is; the text of
// the error is what a Kafka broker answers.
var (
	// ErrUnknownKey: a topic has no such key. INVALID_CONFIG.
	ErrUnknownKey = errors.New("unknown configuration key")
	// ErrInvalidValue: the key's type or range, or a rule between keys, forbids
	// the value. INVALID_CONFIG.
	ErrInvalidValue = errors.New("invalid configuration value")
	// ErrNotList: append or subtract on a key that is no list. INVALID_CONFIG.
	ErrNotList = errors.New("not a list")
	// ErrInvalidRequest: the request contradicts itself, or names a key that
	// cannot change this way. INVALID_REQUEST.
	ErrInvalidRequest = errors.New("invalid configuration request")
)

// ValueError says what is wrong with one value. It Is ErrInvalidValue.
type ValueError struct {
	Key    string
	Value  string
	Reason string // Kafka's words: "Not a number of type LONG"
	Valid  string // the range for people, or ""
	List   bool   // the reason is about a list as a whole
	Secret bool   // the value must not be shown
	From   string // where it was said; "" for a dynamic value
}

// Error is Kafka's text, and for a static value also where it was said and what
// is valid.
func (e *ValueError) Error() string {
	shown := e.Value
	if e.List {
		shown, e = "["+shown+"]", &ValueError{Key: e.Key, Reason: e.Key + " " + e.Reason, Valid: e.Valid, From: e.From}
	}
	if e.Secret {
		shown = "[hidden]"
	}
	text := fmt.Sprintf("Invalid value %s for configuration %s: %s", shown, e.Key, e.Reason)
	if e.From == "" {
		return text
	}
	if e.Valid != "" {
		text += " (valid: " + e.Valid + ")"
	}
	return e.From + ": " + text
}

// Is reports whether target is ErrInvalidValue.
func (e *ValueError) Is(target error) bool { return target == ErrInvalidValue }

// refusal is an error of one of the kinds above with Kafka's text.
type refusal struct {
	kind error
	text string
}

func (e *refusal) Error() string        { return e.text }
func (e *refusal) Is(target error) bool { return target == e.kind }

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind: kind, text: fmt.Sprintf(format, args...)}
}
