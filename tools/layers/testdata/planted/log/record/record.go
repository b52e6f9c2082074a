// Package record is pure, or should be.
package record

import (
	"math/rand/v2" // want purity
	"os"           // want purity
	"time"

	_ "github.com/leatmq/leat/log" // want purity
	_ "github.com/leatmq/leat/log/compress"
)

// Timeout is a number, which is no clock.
const Timeout = time.Second

// Wait does all that a pure package must not.
func Wait() int {
	<-time.After(Timeout)  // want purity
	go os.Exit(rand.Int()) // want purity goroutine
	return 0
}
