// Package log is low and looks up.
package log

import (
	"time"

	_ "github.com/leatmq/leat/broker" // want direction
	_ "github.com/leatmq/leat/log/record"
	_ "github.com/leatmq/leat/partition" // want direction
)

// Clock is given, and not asked here.
var Clock = time.Now

// Age asks a clock of its own.
func Age(t time.Time) time.Duration { return time.Now().Sub(t) } // want clock

// Old asks it in another way.
func Old(t time.Time) time.Duration { return time.Since(t) } // want clock
