package main

import (
	"fmt"
	"strings"

	"github.com/leatmq/leat/broker/metrics"
)

const metricsHead = `# Metrics

<!-- Made from broker/metrics/names.go by ` + "`make docs`" + `; change it there. -->

` + "`GET /metrics`" + ` on the admin address (` + "`leat.admin.listen`" + `, 127.0.0.1:9644 unless set) answers in Prometheus's text format. The
page has four families; ` + "`/metrics?family=leat,kafka_exporter`" + ` limits it to those named.

| family | what |
|---|---|
| ` + "`leat`" + ` | every number once, under leat's own names |
| ` + "`kafka_exporter`" + ` | names that dashboards for danielqsj/kafka_exporter use, for what exists |
| ` + "`jmx`" + ` | names that the JMX exporter gives to Kafka's beans in Strimzi's rules, for what exists |
| ` + "`go`" + ` | the Go runtime (` + "`go_…`" + `) and the process (` + "`process_…`" + `), as every Go program has them |

At most ` + "`leat.metrics.partitions.max`" + ` partitions and ` + "`leat.metrics.groups.max`" + ` groups get series of their own, first by name;
` + "`leat_series_left_out`" + ` says how many did not. Sums over all partitions are always whole. Quantiles in
summaries are of the last five to ten minutes; numbers and sums are since the start.
`

// metricNames is docs/metrics.md.
func metricNames() string {
	var b strings.Builder
	b.WriteString(metricsHead)
	family := ""
	for _, n := range metrics.Names() {
		if n.Family != family {
			family = n.Family
			fmt.Fprintf(&b, "\n## %s\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n", family)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", n.Name, n.Kind, strings.Join(n.Labels, ", "), cell(n.Help))
	}
	return b.String()
}
