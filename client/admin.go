package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Admin creates, changes and describes topics and groups. It is safe for
// concurrent use.
type Admin struct {
	config Config
	kgo    *kgo.Client
	kadm   *kadm.Client
}

// NewAdmin returns an admin client. It does not connect before the first call.
func NewAdmin(c Config) (*Admin, error) {
	cl, err := kgo.NewClient(append(c.options(), kgo.RequestRetries(3))...)
	if err != nil {
		return nil, c.wrap("make an admin client", err)
	}
	a := &Admin{config: c, kgo: cl, kadm: kadm.NewClient(cl)}
	timeout := c.AdminTimeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	a.kadm.SetTimeoutMillis(int32(min(timeout.Milliseconds(), math.MaxInt32)))
	return a, nil
}

// Close disconnects.
func (a *Admin) Close() { a.kgo.Close() }

// withMessage joins a Kafka error with the broker's own words about it.
func withMessage(err error, message string) error {
	if err == nil || message == "" {
		return err
	}
	return &kadm.ErrAndMessage{Err: err, ErrMessage: message}
}

// NewTopic describes a topic to create.
type NewTopic struct {
	Name string
	// Partitions and Replicas: zero means the broker's default.
	Partitions int32
	Replicas   int16
	Configs    map[string]string
	// DryRun has the broker check everything and create nothing.
	DryRun bool
}

// CreateTopic creates a topic; when it returns, the topic can be used.
func (a *Admin) CreateTopic(ctx context.Context, t NewTopic) (Topic, error) {
	op := fmt.Sprintf("create topic %q", t.Name)
	partitions, replicas := t.Partitions, t.Replicas
	if partitions == 0 {
		partitions = -1
	}
	if replicas == 0 {
		replicas = -1
	}
	configs := make(map[string]*string, len(t.Configs))
	for k, v := range t.Configs {
		configs[k] = &v
	}
	create := a.kadm.CreateTopics
	if t.DryRun {
		create = a.kadm.ValidateCreateTopics
	}
	answers, err := create(ctx, partitions, replicas, configs, t.Name)
	if err != nil {
		return Topic{}, a.config.wrap(op, err)
	}
	r := answers[t.Name]
	if err := withMessage(r.Err, r.ErrMessage); err != nil {
		return Topic{}, a.config.wrap(op, err)
	}
	return Topic{Name: t.Name, ID: id(r.ID), PartitionCount: r.NumPartitions, Replicas: r.ReplicationFactor}, nil
}

// DeleteTopic deletes a topic and all its records.
func (a *Admin) DeleteTopic(ctx context.Context, name string) error {
	op := fmt.Sprintf("delete topic %q", name)
	r, err := a.kadm.DeleteTopic(ctx, name)
	if err == nil {
		err = withMessage(r.Err, r.ErrMessage)
	}
	return a.config.wrap(op, err)
}

// SetPartitions raises a topic's partition count to n.
func (a *Admin) SetPartitions(ctx context.Context, name string, n int) error {
	op := fmt.Sprintf("set topic %q to %d partitions", name, n)
	answers, err := a.kadm.UpdatePartitions(ctx, n, name)
	if err != nil {
		return a.config.wrap(op, err)
	}
	r := answers[name]
	return a.config.wrap(op, withMessage(r.Err, r.ErrMessage))
}

// AlterTopic sets and removes config overrides of a topic; others stay.
func (a *Admin) AlterTopic(ctx context.Context, name string, set map[string]string, remove []string) error {
	op := fmt.Sprintf("alter topic %q", name)
	var changes []kadm.AlterConfig
	for k, v := range set {
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: &v})
	}
	for _, k := range remove {
		changes = append(changes, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: k})
	}
	answers, err := a.kadm.AlterTopicConfigs(ctx, changes, name)
	if err != nil {
		return a.config.wrap(op, err)
	}
	for _, r := range answers {
		if err := withMessage(r.Err, r.ErrMessage); err != nil {
			return a.config.wrap(op, err)
		}
	}
	return nil
}

// coordinated calls f again, as long as ctx allows, while the group's
// coordinator is only coming up: the first use of groups in a cluster makes the
// internal topic.
func coordinated(ctx context.Context, f func() error) error {
	for {
		err := f()
		if !errors.Is(err, kerr.CoordinatorNotAvailable) && !errors.Is(err, kerr.CoordinatorLoadInProgress) && !errors.Is(err, kerr.NotCoordinator) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// id is a topic id as Kafka writes it: base64url without padding.
func id(t kadm.TopicID) string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// missing is the error for a topic that metadata does not know.
func (a *Admin) missing(op string) error {
	return a.config.wrap(op, kerr.UnknownTopicOrPartition)
}

// source names where a config value comes from, as users write it.
func source(c kadm.Config) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(c.Source.String(), "_CONFIG"), "_", "-"))
}
