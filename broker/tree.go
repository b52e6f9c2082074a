package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/replication/znode"
)

// treeFile holds the embedded coordination tree, in the first data directory.
const treeFile = "leat.db"

// sessions begin sessions on the tree. The first is there already: the data
// directories have needed it, or it them.
type sessions struct {
	first tree.Tree
	next  func(ctx context.Context) (tree.Tree, error)
}

// open is member.Options.Open.
func (s *sessions) open(ctx context.Context) (tree.Tree, error) {
	if first := s.first; first != nil {
		s.first = nil
		return first, nil
	}
	return s.next(ctx)
}

// close ends a first session that nobody has asked for.
func (s *sessions) close() error {
	if s.first == nil {
		return nil
	}
	return s.first.Close()
}

// clustered says whether the broker is one of several on a ZooKeeper ensemble.
func (b *Broker) clustered() bool { return !b.config.Embedded() }

// openNode opens the embedded tree of a single node, which lies in the first
// data directory.
func openNode(dirs *dir.Set, now func() time.Time) (*sessions, error) {
	t, err := embedded.Open(filepath.Join(dirs.Dirs()[0].Path(), treeFile), embedded.Options{Now: now})
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return &sessions{first: t, next: func(context.Context) (tree.Tree, error) { return nil, tree.ErrClosed }}, nil
}

// openEnsemble begins a session on the ensemble, and learns from it what the
// data directories must be told when they are opened: whose they are.
func (b *Broker) openEnsemble(ctx context.Context, o *dir.Options) (*sessions, error) {
	options, err := b.ensemble()
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	next := func(ctx context.Context) (tree.Tree, error) {
		t, err := zk.Open(ctx, options)
		if err != nil {
			return nil, err
		}
		return t, nil
	}
	first, err := next(ctx)
	if err != nil {
		return nil, fmt.Errorf("broker: zookeeper.connect=%s: %w", b.config.String("zookeeper.connect"), err)
	}
	if err := b.identify(tree.Within(ctx, first), o); err != nil {
		return nil, errors.Join(err, first.Close())
	}
	return &sessions{first: first, next: next}, nil
}

// ensemble is the configuration in the terms of ZooKeeper's client.
func (b *Broker) ensemble() (zk.Options, error) {
	servers, chroot, err := zk.ParseConnect(b.config.String("zookeeper.connect"))
	if err != nil {
		return zk.Options{}, err
	}
	o := zk.Options{
		Servers: servers, Chroot: chroot,
		SessionTimeout: b.config.Duration("zookeeper.session.timeout.ms"),
		MaxInFlight:    b.config.Int("zookeeper.max.in.flight.requests"),
		ACL:            b.config.Bool("zookeeper.set.acl"),
		Told:           b.told,
		Asked:          b.metrics.Asked,
		Now:            b.now,
		Logger:         b.logger,
	}
	if !b.config.IsNull("zookeeper.connection.timeout.ms") {
		o.ConnectTimeout = b.config.Duration("zookeeper.connection.timeout.ms")
	}
	if user := b.config.String("leat.zookeeper.digest"); user != "" {
		o.Auth = append(o.Auth, zk.Auth{Scheme: "digest", Data: []byte(user)})
	}
	o.TLS, err = zk.TLSConfig(b.zookeeperTLS)
	return o, err
}

// zookeeperTLSKeys are the keys of connections to ZooKeeper.
var zookeeperTLSKeys = []string{
	"zookeeper.ssl.client.enable", "zookeeper.ssl.protocol", "zookeeper.ssl.enabled.protocols", "zookeeper.ssl.cipher.suites",
	"zookeeper.ssl.endpoint.identification.algorithm", "zookeeper.ssl.crl.enable", "zookeeper.ssl.ocsp.enable",
	"zookeeper.ssl.keystore.location", "zookeeper.ssl.keystore.password", "zookeeper.ssl.keystore.type",
	"zookeeper.ssl.truststore.location", "zookeeper.ssl.truststore.password", "zookeeper.ssl.truststore.type",
}

// zookeeperTLS is a setting of zookeeper.ssl as it was written.
func (b *Broker) zookeeperTLS(name string) string {
	at := slices.Index(zookeeperTLSKeys, "zookeeper.ssl."+name)
	if at < 0 {
		return ""
	}
	key := zookeeperTLSKeys[at]
	switch k, _ := config.Lookup(key); k.Type {
	case config.Boolean:
		return strconv.FormatBool(b.config.Bool(key))
	case config.List:
		return strings.Join(b.config.List(key), ",")
	}
	return b.config.String(key)
}

// identify finds out the cluster's id and this broker's. What the data
// directories say counts where the tree or the configuration says nothing. A
// directory whose disk fails is not asked, unless only it can know.
func (b *Broker) identify(t tree.Tree, o *dir.Options) error {
	stored, unread := b.stored()
	if errors.Is(unread, checkpoint.ErrCorrupt) || unread != nil && o.BrokerID < 0 && stored.BrokerID < 0 {
		return unread
	}
	if err := tree.EnsureAll(t, znode.Persistent()...); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	var err error
	if o.ClusterID, err = member.ClusterID(t, stored.ClusterID, randomBytes); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if o.BrokerID >= 0 || stored.BrokerID >= 0 {
		return nil
	}
	if !b.config.Bool("broker.id.generation.enable") {
		return errors.New("broker: broker.id is not set, and broker.id.generation.enable=false: give this broker an id of its own")
	}
	o.BrokerID, err = member.GenerateBrokerID(t, int32(b.config.Int("reserved.broker.max.id")))
	return err
}

// stored is what the data directories say about whose they are, a BrokerID of -1
// for nothing, and why one could not be asked.
func (b *Broker) stored() (m checkpoint.Meta, unread error) {
	for _, path := range b.config.Dirs() {
		m, err := checkpoint.ReadMeta(vfs.OS, filepath.Join(path, checkpoint.MetaFile))
		switch {
		case err == nil:
			return m, unread
		case !errors.Is(err, fs.ErrNotExist):
			unread = errors.Join(unread, err)
		}
	}
	return checkpoint.Meta{BrokerID: -1}, unread
}

// followFeatures shows the version of /feature, which ApiVersions tells. It is a
// member.Task.
func (b *Broker) followFeatures(ctx context.Context, s member.Session) error {
	for {
		changed := make(chan struct{})
		watch := func(tree.Event) { close(changed) }
		stat, err := s.Tree.Exists(znode.FeaturePath, watch)
		version := int64(stat.Version)
		if errors.Is(err, tree.ErrNoNode) {
			version = -1
		} else if err != nil {
			return err
		}
		b.state.control.Show(image.Changes{FeatureEpoch: &version})
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}
