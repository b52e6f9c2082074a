// Package x is a tool.
package x

import _ "github.com/leatmq/leat/broker"
