// Package e2e drives a leat broker, run as a process, with the clients that
// people already have: kcat, rsyslog's omkafka, librdkafka and kafka-python in
// Python, franz-go, sarama, kafka-go. Its tests hold what comes out against what
// went in. The Debian packages they need are installed by tools/debian.
package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
)

// WriteLines writes n numbered log lines with a spread of lengths. The same
// seed gives the same lines.
func WriteLines(w io.Writer, n int, seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := bufio.NewWriter(w)
	verbs := []string{"GET", "POST", "PUT", "DELETE"}
	for i := range n {
		_, err := fmt.Fprintf(out, "line=%07d host=web-%02d %s /item/%x status=%d took=%dus agent=%q\n",
			i, rng.IntN(20), verbs[rng.IntN(len(verbs))], rng.Uint64()>>(rng.IntN(56)), 200+100*rng.IntN(4), rng.IntN(1e6),
			"Mozilla/5.0 (é) "+fmt.Sprint(rng.IntN(99)))
		if err != nil {
			return err
		}
	}
	return out.Flush()
}
