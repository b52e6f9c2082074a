package api

import (
	"testing"
	"time"

	_ "github.com/leatmq/leat/tools/x"
)

func TestLater(t *testing.T) {
	t.Skip("later")         // want skip
	time.Sleep(time.Second) // want clock
	_ = time.Now()          // want swallowed
	_ = closer{}.Close()    // closing is let pass
}
