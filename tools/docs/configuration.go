package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leatmq/leat/broker/config"
)

const configurationHead = `# Configuration

<!-- Made from broker/config/keys.tsv by ` + "`make docs`" + `; change it there. -->

leat's configuration is Kafka's: the same keys, in the same ` + "`server.properties`" + `, and a few of leat's own
that begin with ` + "`leat.`" + `. Every key that Kafka 3.9 knows is accepted, checked and shown to tools; this page lists
those that leat acts on first, then the rest with the reason.

## Where a value comes from

The first source that has a value counts:

| | source | example |
|---|---|---|
| 1 | dynamic, for one broker | ` + "`kafka-configs --alter --broker 0 --add-config log.cleaner.threads=2`" + ` |
| 2 | dynamic, for all brokers | ` + "`kafka-configs --alter --broker-defaults --add-config log.retention.ms=3600000`" + ` |
| 3 | a flag of ` + "`leat broker`" + ` | ` + "`--listen 0.0.0.0:9092`" + ` |
| 4 | ` + "`--set`" + `, the last one of a key | ` + "`--set num.partitions=3`" + ` |
| 5 | ` + "`LEAT_*`" + ` variables, for keys of leat's own | ` + "`LEAT_ADMIN_LISTEN=0.0.0.0:9644`" + ` is ` + "`leat.admin.listen`" + ` |
| 6 | ` + "`KAFKA_CFG_*`" + ` variables | ` + "`KAFKA_CFG_LOG_RETENTION_MS=1000`" + ` is ` + "`log.retention.ms`" + ` |
| 7 | ` + "`KAFKA_*`" + ` variables | ` + "`KAFKA_LOG_RETENTION_MS=1000`" + ` is ` + "`log.retention.ms`" + ` |
| 8 | the file that ` + "`--config`" + ` names | ` + "`log.retention.ms=1000`" + ` |
| 9 | leat's default, then Kafka's | |

In a variable's name ` + "`_`" + ` stands for a dot, ` + "`__`" + ` for ` + "`_`" + `, ` + "`___`" + ` for ` + "`-`" + `. ` + "`CLUSTER_ID`" + ` is ` + "`leat.cluster.id`" + `.
Variables of container images that are no keys (` + "`KAFKA_HEAP_OPTS`" + ` and its like) are passed over.

A topic's own value comes before all of these; then the broker's keys count that are its synonyms.

A key that nobody knows is a warning with the nearest known name, never an error: Kafka's plug-ins have keys of their
own. A value that is wrong stops the start, and the message names key, value, place and what is valid, all mistakes at
once:

` + "```" + `
server.properties:12: Invalid value 3 for configuration log.segment.bytes: Value must be at least 14 (valid: at least 14)
` + "```" + `

The file has the format of Java's properties: ` + "`#`" + ` and ` + "`!`" + ` begin comments, ` + "`=`" + `, ` + "`:`" + ` or white space ends a key, a backslash at the
end continues a line, and ` + "`\\t \\n \\r \\f \\uXXXX`" + ` are escapes (so a Windows path needs ` + "`\\\\`" + `). It is read as UTF-8, or as
Latin-1 where it is not valid UTF-8.

## Changes while the broker runs

The column *change* says what Kafka's tools may do: **cluster-wide** keys can be set for all brokers or for one,
**per-broker** keys for one only, **read-only** keys need a restart. Changes count at once and survive restarts. Numbers of
threads may at most double or halve in one step, as with Kafka.

Values of type PASSWORD are never shown.
`

// configuration is docs/configuration.md.
func configuration() string {
	var b strings.Builder
	b.WriteString(configurationHead)
	b.WriteString("\n## Where leat's default differs from Kafka's\n\n| key | Kafka | leat | because |\n|---|---|---|---|\n")
	for _, k := range config.Keys() {
		if k.Own != nil {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, shown(k.Default), shown(k.Own), k.Because)
		}
	}
	own, rest := split(config.Keys(), func(k config.Key) bool { return strings.HasPrefix(k.Name, "leat.") })
	table(&b, "leat's own keys", "", own)
	used, unused := split(rest, acts)
	table(&b, "Broker keys that leat acts on", "", used)
	topics, idle := split(config.TopicKeys(), acts)
	table(&b, "Topic keys that leat acts on", "The key in the column *broker* is the default for all topics.", topics)
	without(&b, append(unused, idle...))
	return b.String()
}

func acts(k config.Key) bool { return k.Effect == "yes" }

func split(keys []config.Key, in func(config.Key) bool) (yes, no []config.Key) {
	for _, k := range keys {
		if in(k) {
			yes = append(yes, k)
		} else {
			no = append(no, k)
		}
	}
	return yes, no
}

func table(b *strings.Builder, title, text string, keys []config.Key) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if text != "" {
		fmt.Fprintf(b, "%s\n\n", text)
	}
	last := "change"
	if keys[0].Topic {
		last = "broker"
	}
	fmt.Fprintf(b, "| key | type | default | valid | %s | meaning |\n|---|---|---|---|---|---|\n", last)
	for _, k := range keys {
		change := k.Mode.String()
		if k.Topic {
			change = strings.Join(k.Synonyms, ", ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", k.Name, strings.ToLower(k.Type.String()), shown(standard(k)),
			cell(k.Valid.String()), cell(change), cell(meaning(k)))
	}
}

// standard is the default that counts on a single node.
func standard(k config.Key) *string {
	if k.Own != nil {
		return k.Own
	}
	return k.Default
}

// meaning is the key's doc, with the keys that come before or after it.
func meaning(k config.Key) string {
	if k.Topic || len(k.Synonyms) == 0 {
		return k.Doc
	}
	return k.Doc + " (first found of " + strings.Join(k.Synonyms, ", ") + ")"
}

func shown(v *string) string {
	switch {
	case v == nil:
		return "none"
	case *v == "":
		return "empty"
	}
	return "`" + *v + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// without lists the keys that leat accepts and does not act on, by reason.
func without(b *strings.Builder, keys []config.Key) {
	byReason := map[string][]string{}
	var reasons []string
	for _, k := range keys {
		if byReason[k.Effect] == nil {
			reasons = append(reasons, k.Effect)
		}
		name := "`" + k.Name + "`"
		if k.Topic {
			name += " (topic)"
		}
		byReason[k.Effect] = append(byReason[k.Effect], name)
	}
	slices.Sort(reasons)
	b.WriteString("\n## Keys that are accepted without effect\n\n" +
		"\"with …\" names the part of leat that will act on them once it is there.\n\n| reason | keys |\n|---|---|\n")
	for _, r := range reasons {
		fmt.Fprintf(b, "| %s | %s |\n", cell(r), strings.Join(byReason[r], ", "))
	}
}
