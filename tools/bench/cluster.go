package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/tools/bench/load"
)

// brokers is how many make a cluster.
const brokers = 3

// clusterSubjects returns those whose programs are there. Kafka comes first: the
// others' ratios are to it.
func clusterSubjects(leat string, leatArgs []string, kafkaHome string) (all []subject) {
	if libs, err := filepath.Glob(filepath.Join(kafkaHome, "libs", "kafka_*.jar")); kafkaHome != "" && err == nil && len(libs) > 0 {
		all = append(all, subject{name: "kafka", members: brokers, prepare: prepareKafka, command: []string{
			java(), "-server", "-Xms1G", "-Xmx1G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
			"-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true", "-Dlog4j.configuration=file:{dir}.log4j",
			"-cp", filepath.Join(kafkaHome, "libs", "*"), "kafka.Kafka", "{dir}.properties",
		}})
	}
	if _, err := os.Stat(leat); err == nil {
		command := []string{leat, "broker", "--data-dir", "{dir}", "--listen", "{host}:{port}", "--admin-listen", "{host}:0",
			"--broker-id", "{id}", "--zookeeper", "{zookeeper}"}
		all = append(all, subject{name: "leat", members: brokers, command: append(command, leatArgs...)})
	}
	return all
}

// java is the virtual machine, as Kafka's own scripts find it; the flags above are
// theirs too.
func java() string {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java")
	}
	return "java"
}

// What a Kafka broker is configured with: nothing but where things are.
const (
	kafkaProperties = `broker.id={id}
listeners=PLAINTEXT://{host}:{port}
log.dirs={dir}
zookeeper.connect={zookeeper}
`
	kafkaLog4j = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n
`
)

func prepareKafka(dir string, replace *strings.Replacer) error {
	return errors.Join(
		os.WriteFile(dir+".properties", []byte(replace.Replace(kafkaProperties)), 0o644),
		os.WriteFile(dir+".log4j", []byte(kafkaLog4j), 0o644))
}

// makeTopics makes a topic for each connection, with one partition that all brokers
// have and that they lead by turns, and waits until all are in sync.
func makeTopics(ctx context.Context, address string, members, connections int) (err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := await(ctx, client, func(m *kmsg.MetadataResponse) bool { return len(m.Brokers) == members }); err != nil {
		return fmt.Errorf("waiting for %d brokers: %w", members, err)
	}
	q := kmsg.NewPtrCreateTopicsRequest()
	q.TimeoutMillis = 30_000
	for i := range connections {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = load.Topic(i), -1, -1
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		for j := range members {
			a.Replicas = append(a.Replicas, int32((i+j)%members))
		}
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = "min.insync.replicas", kmsg.StringPtr("2")
		t.Configs = append(t.Configs, c)
		q.Topics = append(q.Topics, t)
	}
	made, err := q.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range made.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("topic %s: %w", t.Topic, err)
		}
	}
	err = await(ctx, client, func(m *kmsg.MetadataResponse) bool {
		inSync := 0
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				if len(p.ISR) == members {
					inSync++
				}
			}
		}
		return inSync == connections
	})
	if err != nil {
		return fmt.Errorf("waiting for %d partitions with all replicas in sync: %w", connections, err)
	}
	return nil
}

// await asks for metadata until it is as wanted.
func await(ctx context.Context, client *kgo.Client, wanted func(*kmsg.MetadataResponse) bool) error {
	for {
		m, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		if err == nil && wanted(m) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
