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

// What a Kafka broker is configured with: where things are, and its settings.
const (
	kafkaProperties = `broker.id={id}
listeners=PLAINTEXT://{host}:{port}
log.dirs={dir}
zookeeper.connect={zookeeper}
{settings}
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
func makeTopics(ctx context.Context, address string, members, connections int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := await(ctx, client, func(m *kmsg.MetadataResponse) bool { return len(m.Brokers) == members }); err != nil {
		return fmt.Errorf("waiting for %d brokers: %w", members, err)
	}
	var topics []kmsg.CreateTopicsRequestTopic
	for i := range connections {
		topics = append(topics, replicated(load.Topic(i), members, i))
	}
	return create(ctx, client, topics...)
}

// replicated is a topic that all brokers have, with a partition for each of the leaders.
func replicated(name string, members int, leaders ...int) kmsg.CreateTopicsRequestTopic {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
	for p, leader := range leaders {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition = int32(p)
		for j := range members {
			a.Replicas = append(a.Replicas, int32((leader+j)%members))
		}
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	c := kmsg.NewCreateTopicsRequestTopicConfig()
	c.Name, c.Value = "min.insync.replicas", kmsg.StringPtr("2")
	t.Configs = append(t.Configs, c)
	return t
}

// create makes topics that are the cluster's only ones, and waits until every broker
// knows that all their replicas are in sync: so it knows its own part, too.
func create(ctx context.Context, client *kgo.Client, topics ...kmsg.CreateTopicsRequestTopic) error {
	if len(topics) == 0 {
		return nil
	}
	q := kmsg.NewPtrCreateTopicsRequest()
	q.TimeoutMillis, q.Topics = 30_000, topics
	made, err := q.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range made.Topics {
		err := kerr.ErrorForCode(t.ErrorCode)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) && !errors.Is(err, kerr.RequestTimedOut) { // the last is still at it
			return fmt.Errorf("topic %s: %w", t.Topic, err)
		}
	}
	partitions := 0
	for _, t := range topics {
		partitions += len(t.ReplicaAssignment)
	}
	for _, broker := range client.DiscoveredBrokers() {
		if err := await(ctx, broker, func(m *kmsg.MetadataResponse) bool { return inSync(m) == partitions }); err != nil {
			return fmt.Errorf("waiting for %d partitions with all replicas in sync: %w", partitions, err)
		}
	}
	return nil
}

// inSync counts the partitions that have all their replicas in sync.
func inSync(m *kmsg.MetadataResponse) (n int) {
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			if len(p.ISR) == len(p.Replicas) {
				n++
			}
		}
	}
	return n
}

// await asks for metadata until it is as wanted.
func await(ctx context.Context, from kmsg.Requestor, wanted func(*kmsg.MetadataResponse) bool) error {
	for {
		m, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, from)
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
