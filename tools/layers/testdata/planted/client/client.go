package client // want package-doc

import _ "github.com/leatmq/leat/broker" // want direction

type Client struct { // want doc
}

func (Client) Close() {} // want doc

const Version = 1 + // want doc
	1

// These have a comment together.
const (
	A = 1
	B = 2
)

type hidden struct{}

func (hidden) Open() {}
