package nodes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clockEnv tells a broker that is built with the tag chaos which file says by how
// many seconds its wall clock is wrong.
const clockEnv = "LEAT_CHAOS_CLOCK"

// ErrNoClock says that a broker's binary has a clock of its own, which nobody can
// set: it was not built with the tag chaos.
var ErrNoClock = errors.New("nodes: the broker's clock cannot be set: build it with -tags chaos")

// clock is the file.
func (b *Broker) clock() string { return filepath.Join(b.cluster.o.Dir, b.Name+".clock") }

// SetClock makes the broker's wall clock wrong by so much, in whole seconds; 0
// makes it right. Timers and time spans do not change.
func (b *Broker) SetClock(off time.Duration) error {
	if err := b.followsClock(); err != nil {
		return err
	}
	return writeClock(b.clock(), off)
}

func writeClock(name string, off time.Duration) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(int64(off/time.Second))), 0)
	return err
}

// followsClock looks whether the process has the file mapped.
func (b *Broker) followsClock() error {
	if !b.Alive() {
		return nil // the next one reads it
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", b.Pid()))
	if !b.Alive() || err == nil && len(maps) == 0 { // it ends just now
		return nil
	}
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if !strings.Contains(string(maps), b.clock()) {
		return fmt.Errorf("%w: broker %d", ErrNoClock, b.ID)
	}
	return nil
}
