package configs_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/leatmq/leat/replication/configs"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/znode"
	"github.com/leatmq/leat/tools/zookeeper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(main{m}) }

// main runs the tests with a ZooKeeper server for those that ask for one.
type main struct{ m *testing.M }

func (m main) Run() int { return zookeeper.Main(m.m) }

// broker has configurations over a session of its own.
type broker struct {
	t       testing.TB
	configs *configs.Configs
	tree    tree.Tree
	topics  []string // in use

	mu      sync.Mutex
	now     time.Time
	applied map[image.Entity]map[string]string
	calls   int
}

func newBroker(t testing.TB, tr tree.Tree) *broker {
	b := &broker{t: t, tree: tr, applied: map[image.Entity]map[string]string{}, now: time.Now()}
	b.configs = configs.New(configs.Options{
		Session: func(ctx context.Context) (member.Session, error) { return member.Session{Tree: b.tree}, ctx.Err() },
		Apply: func(e image.Entity, values map[string]string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.calls++
			if b.applied[e] = values; values == nil {
				delete(b.applied, e)
			}
		},
		Topics: func() []string { return b.topics },
		Now: func() time.Time {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.now
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	return b
}

// watch follows the changes until the end of the test or the returned function.
func (b *broker) watch() (end func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- b.configs.Watch(ctx, member.Session{Tree: b.tree}) }()
	var once sync.Once
	end = func() {
		once.Do(func() {
			cancel()
			require.NoError(b.t, <-done)
		})
	}
	b.t.Cleanup(end)
	return end
}

func (b *broker) got(e image.Entity) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.applied[e])
}

func (b *broker) eventually(e image.Entity, want map[string]string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return maps.Equal(b.got(e), want) }, 60*time.Second, time.Millisecond)
}

func (b *broker) alter(e image.Entity, values map[string]string) {
	b.t.Helper()
	require.NoError(b.t, b.configs.Alter(b.t.Context(), e, func(map[string]string) (map[string]string, error) { return values, nil }))
}

// prepare makes what brokers and the controller make of an empty tree.
func prepare(t testing.TB, tr tree.Tree) {
	require.NoError(t, tree.EnsureAll(tr, append(znode.Persistent(), znode.TopicPath("t"), znode.TopicPath("u"), znode.ControllerPath)...))
}

// two are two brokers on one tree, both watching.
func two(t testing.TB) (a, b *broker) {
	first, err := embedded.Open(filepath.Join(t.TempDir(), "tree"), embedded.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, first.Close()) })
	prepare(t, first)
	second, err := first.Join()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, second.Close()) })
	return newBroker(t, first), newBroker(t, second)
}

var (
	topicT  = image.Entity{Type: image.TopicEntity, Name: "t"}
	topicU  = image.Entity{Type: image.TopicEntity, Name: "u"}
	brokers = image.Entity{Type: image.BrokerEntity, Name: image.DefaultName}
	user    = image.Entity{Type: image.UserEntity, Name: "alice"}
	client  = image.Entity{Type: image.UserEntity, Name: "alice/clients/c"}
	ip      = image.Entity{Type: image.IPEntity, Name: "10.0.0.1"}
	anyone  = image.Entity{Type: image.ClientEntity, Name: image.DefaultName}
)

func values(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// TestEveryBrokerFollows: a change is applied where it is made before Alter
// returns, and elsewhere soon; every kind of entity.
func TestEveryBrokerFollows(t *testing.T) { follows(t, two) }

func follows(t *testing.T, two func(testing.TB) (a, b *broker)) {
	a, b := two(t)
	a.topics, b.topics = []string{"t"}, []string{"t"}
	a.watch()
	b.watch()
	for i, e := range []image.Entity{topicT, brokers, user, client, ip, anyone} {
		want := values("k", strconv.Itoa(i))
		a.alter(e, want)
		require.Equal(t, want, a.got(e))
		b.eventually(e, want)
		want = values("k", "other")
		b.alter(e, want)
		require.Equal(t, want, b.got(e))
		a.eventually(e, want)
		read, err := a.configs.Read(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, want, read)
	}
	n, err := a.tree.Get(znode.ConfigPath(client), nil)
	require.NoError(t, err)
	require.Equal(t, `{"version":1,"config":{"k":"other"}}`, string(n.Data))
}

// TestKafkasNotifications: both versions, and what is none.
func TestKafkasNotifications(t *testing.T) {
	a, b := two(t)
	a.topics = []string{"t"}
	a.watch()
	for i, text := range []string{
		`{"version":2,"entity_path":"topics/t"}`, `{"version":1,"entity_type":"topics","entity_name":"t"}`,
		`garbage`, `{"version":2,"entity_path":"nothing/x"}`, `{"version":2,"entity_path":"topics/t"}`,
	} {
		want := values("n", strconv.Itoa(i))
		write := tree.Create(znode.ConfigPath(topicT), znode.EncodeConfig(want), 0)
		if i > 0 {
			write = tree.Set(znode.ConfigPath(topicT), znode.EncodeConfig(want), tree.AnyVersion)
		}
		_, err := b.tree.Multi(write, tree.Create(znode.ConfigChangePrefix, []byte(text), tree.Sequential))
		require.NoError(t, err)
		if i != 2 && i != 3 {
			a.eventually(topicT, want)
		}
	}
	_, err := b.tree.Multi(tree.Create(znode.ConfigChanges+"/stray", nil, 0),
		tree.Delete(znode.ConfigPath(topicT), tree.AnyVersion),
		tree.Create(znode.ConfigChangePrefix, znode.EncodeConfigChange(topicT), tree.Sequential))
	require.NoError(t, err)
	a.eventually(topicT, nil)
}

// TestASessionBeginsWithEverything: what changed while nobody watched, with and
// without a notification, and what is configured no more.
func TestASessionBeginsWithEverything(t *testing.T) { beginsWithEverything(t, two) }

func beginsWithEverything(t *testing.T, two func(testing.TB) (a, b *broker)) {
	a, b := two(t)
	a.topics = []string{"t", "v"}
	for _, e := range []image.Entity{topicT, topicU, brokers, user, client, ip, anyone} {
		b.alter(e, values("k", "1"))
	}
	end := a.watch()
	for _, e := range []image.Entity{topicT, brokers, user, client, ip, anyone} {
		a.eventually(e, values("k", "1"))
	}
	require.Nil(t, a.got(topicU), "a topic that is not in use")
	end()
	_, err := b.tree.Multi(tree.Delete(znode.ConfigPath(ip), tree.AnyVersion),
		tree.Set(znode.ConfigPath(topicT), znode.EncodeConfig(values("k", "2")), tree.AnyVersion))
	require.NoError(t, err)
	a.watch()
	a.eventually(topicT, values("k", "2"))
	a.eventually(ip, nil)
	require.Equal(t, values("k", "1"), a.got(user))
}

func TestTopicsAreLoadedWhenTheyCome(t *testing.T) {
	a, b := two(t)
	b.alter(topicT, values("k", "1"))
	require.NoError(t, a.configs.Load(t.Context(), []string{"t", "u"}))
	require.Equal(t, values("k", "1"), a.got(topicT))
	require.Equal(t, 2, a.calls, "a topic without values is applied too")
	read, err := a.configs.Read(t.Context(), topicU)
	require.NoError(t, err)
	require.Nil(t, read)
}

// TestChangesAreNotLost: many changes of one entity on two brokers at once.
func TestChangesAreNotLost(t *testing.T) { notLost(t, two) }

func notLost(t *testing.T, two func(testing.TB) (a, b *broker)) {
	a, b := two(t)
	a.watch()
	b.watch()
	const each = 20
	var g errgroup.Group
	for _, who := range []*broker{a, b} {
		for range 2 {
			g.Go(func() error {
				for range each {
					err := who.configs.Alter(t.Context(), brokers, func(was map[string]string) (map[string]string, error) {
						n, _ := strconv.Atoi(was["count"])
						return values("count", strconv.Itoa(n+1)), nil
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	require.NoError(t, g.Wait())
	a.eventually(brokers, values("count", strconv.Itoa(4*each)))
	b.eventually(brokers, values("count", strconv.Itoa(4*each)))
}

// TestAppliedValuesNeverGoBack: while changes are made and watched, each counts
// up where it is applied.
func TestAppliedValuesNeverGoBack(t *testing.T) {
	a, b := two(t)
	last, back := 0, 0
	var mu sync.Mutex
	watcher := configs.New(configs.Options{
		Session: func(context.Context) (member.Session, error) { return member.Session{Tree: a.tree}, nil },
		Apply: func(_ image.Entity, v map[string]string) {
			mu.Lock()
			defer mu.Unlock()
			n, _ := strconv.Atoi(v["n"])
			if n < last {
				back++
			}
			last = n
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- watcher.Watch(ctx, member.Session{Tree: a.tree}) }()
	count := func(was map[string]string) (map[string]string, error) {
		n, _ := strconv.Atoi(was["n"])
		return values("n", strconv.Itoa(n+1)), nil
	}
	for range 100 {
		require.NoError(t, watcher.Alter(t.Context(), brokers, count))
		require.NoError(t, b.configs.Alter(t.Context(), brokers, count))
	}
	cancel()
	require.NoError(t, <-done)
	mu.Lock()
	defer mu.Unlock()
	require.Zero(t, back)
}

func TestRefusedChanges(t *testing.T) {
	a, _ := two(t)
	refused := errors.New("refused")
	err := a.configs.Alter(t.Context(), topicT, func(map[string]string) (map[string]string, error) { return nil, refused })
	require.ErrorIs(t, err, refused)
	unknown := image.Entity{Type: image.TopicEntity, Name: "unknown"}
	change := func(map[string]string) (map[string]string, error) { return values("k", "v"), nil }
	require.ErrorIs(t, a.configs.Alter(t.Context(), unknown, change), plan.ErrUnknownTopic)

	// Nothing changes: nothing is written.
	a.alter(topicT, values("k", "v"))
	before, _, err := a.tree.Children(znode.ConfigChanges, nil)
	require.NoError(t, err)
	require.Len(t, before, 1)
	a.alter(topicT, values("k", "v"))
	after, _, err := a.tree.Children(znode.ConfigChanges, nil)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// TestWithoutAController a change waits until there is one.
func TestWithoutAController(t *testing.T) {
	a, b := two(t)
	_, err := b.tree.Multi(tree.Delete(znode.ControllerPath, tree.AnyVersion))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	change := func(map[string]string) (map[string]string, error) { return values("k", "v"), nil }
	done := make(chan error, 1)
	go func() { done <- a.configs.Alter(ctx, topicT, change) }()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)

	go func() { done <- a.configs.Alter(t.Context(), topicT, change) }()
	_, err = b.tree.Multi(tree.Create(znode.ControllerPath, nil, 0))
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.Equal(t, values("k", "v"), a.got(topicT))
}

// TestOldNotificationsGo after 15 minutes, whoever made them.
func TestOldNotificationsGo(t *testing.T) {
	a, b := two(t)
	a.watch()
	for i := range 5 {
		b.alter(brokers, values("k", strconv.Itoa(i)))
	}
	a.eventually(brokers, values("k", "4"))
	left := func() int {
		names, _, err := b.tree.Children(znode.ConfigChanges, nil)
		assert.NoError(t, err)
		return len(names)
	}
	require.Equal(t, 5, left())
	a.mu.Lock()
	a.now = a.now.Add(16 * time.Minute)
	a.mu.Unlock()
	b.alter(brokers, values("k", "5"))
	require.Eventually(t, func() bool { return left() == 0 }, 60*time.Second, time.Millisecond)
	b.alter(brokers, values("k", "6"))
	a.eventually(brokers, values("k", "6"))
}

// TestAMissedNotification: a broker whose clock is ahead has removed it before
// others could see it. The next one tells that there was one.
func TestAMissedNotification(t *testing.T) {
	a, b := two(t)
	a.watch()
	b.alter(ip, values("k", "0"))
	a.eventually(ip, values("k", "0"))
	n, err := b.tree.Get(znode.ConfigPath(ip), nil)
	require.NoError(t, err)
	_, err = b.tree.Multi(
		tree.Create(znode.ConfigPath(brokers), znode.EncodeConfig(values("k", "1")), 0),
		tree.Set(znode.ConfigPath(ip), znode.EncodeConfig(values("k", "2")), n.Stat.Version),
		tree.Create(znode.ConfigChangePrefix+"0000000002", znode.EncodeConfigChange(ip), 0),
	)
	require.NoError(t, err)
	a.eventually(ip, values("k", "2"))
	a.eventually(brokers, values("k", "1"))
}

// TestABrokenConfiguration keeps what was applied before it.
func TestABrokenConfiguration(t *testing.T) {
	a, b := two(t)
	a.watch()
	b.alter(brokers, values("k", "1"))
	a.eventually(brokers, values("k", "1"))
	_, err := b.tree.Multi(tree.Set(znode.ConfigPath(brokers), []byte("garbage"), tree.AnyVersion),
		tree.Create(znode.ConfigChangePrefix, znode.EncodeConfigChange(brokers), tree.Sequential))
	require.NoError(t, err)
	b.alter(ip, values("k", "1"))
	a.eventually(ip, values("k", "1"))
	require.Equal(t, values("k", "1"), a.got(brokers))
	err = a.configs.Alter(t.Context(), brokers, func(map[string]string) (map[string]string, error) { return nil, nil })
	require.ErrorIs(t, err, znode.ErrMalformed)
	require.ErrorContains(t, err, "brokers/<default>")
}

// TestTheEndIsNoError: nor is it when something is being read.
func TestTheEndIsNoError(t *testing.T) {
	a, _ := two(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, a.configs.Watch(ctx, member.Session{Tree: a.tree}))
}

// behind is a session on a server that has heard of nothing yet, until it is asked
// to catch up.
type behind struct {
	tree.Tree
	caughtUp atomic.Bool
}

func (b *behind) Sync() error {
	b.caughtUp.Store(true)
	return nil
}

func (b *behind) Get(path string, w tree.Watch) (tree.Node, error) {
	if !b.caughtUp.Load() {
		return tree.Node{}, tree.ErrNoNode
	}
	return b.Tree.Get(path, w)
}

func (b *behind) GetAll(paths []string) ([]tree.Node, error) {
	if b.caughtUp.Load() {
		return b.Tree.GetAll(paths)
	}
	out := make([]tree.Node, len(paths))
	for i := range out {
		out[i].Stat.Version = -1
	}
	return out, nil
}

// TestAServerThatIsBehind: the controller writes what a topic is configured with
// before it tells a broker of the topic, which may hear of that first.
func TestAServerThatIsBehind(t *testing.T) {
	for name, ask := range map[string]func(*broker) (map[string]string, error){
		"a topic that is new": func(b *broker) (map[string]string, error) {
			err := b.configs.Load(b.t.Context(), []string{topicT.Name})
			return b.got(topicT), err
		},
		"whoever asks": func(b *broker) (map[string]string, error) { return b.configs.Read(b.t.Context(), topicT) },
		"a change of it": func(b *broker) (was map[string]string, err error) {
			err = b.configs.Alter(b.t.Context(), topicT, func(now map[string]string) (map[string]string, error) { was = now; return now, nil })
			return was, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := two(t)
			a.alter(topicT, values("segment.bytes", "100"))
			b.tree = &behind{Tree: b.tree}
			got, err := ask(b)
			require.NoError(t, err)
			require.Equal(t, values("segment.bytes", "100"), got)
		})
	}
}
