package broker_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Brokers inside a test leave no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
