package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPythonClients(t *testing.T) {
	for _, script := range []string{"confluent.py", "kafka_python.py"} {
		t.Run(script, func(t *testing.T) {
			b := startBroker(t)
			out := command(t, nil, "/usr/bin/python3", "testdata/"+script, b.Addr, "5000")
			require.Equal(t, "ok\n", string(out))
		})
	}
}
