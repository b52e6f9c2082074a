package zk_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

// storePassword opens the stores that keytool has made for tests.
const storePassword = "store-pw"

// stored is a store of package keystore's tests.
func stored(name string) string {
	return filepath.Join("..", "..", "..", "client", "wire", "keystore", "testdata", name)
}

// chain is a store with a key that "middle" has signed, whom "root" has signed.
func chain(kind string) string { return stored("chain." + kind) }

// keytool runs Java's.
func keytool(t *testing.T, args ...string) {
	out, err := exec.CommandContext(t.Context(), "keytool", append([]string{"-noprompt", "-storepass", storePassword}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// trusting makes a trust store with two certificates, the second of which is
// the authority's.
func (a *authority) trusting(t *testing.T, name, kind string) string {
	path := filepath.Join(a.dir, name)
	keytool(t, "-importcert", "-keystore", path, "-storetype", kind, "-alias", "a-stranger", "-file", stored("root.pem"))
	keytool(t, "-importcert", "-keystore", path, "-storetype", kind, "-alias", "the-authority", "-file", a.path("ca"))
	return path
}

// TestStores: what a Kafka broker on ZooKeeper was given, this client takes. The
// server trusts only the root of the client's chain, so all of it must be shown.
func TestStores(t *testing.T) {
	ca := newAuthority(t)
	e := zookeeper.StartWith(t, zookeeper.Options{TLS: &zookeeper.TLS{KeyStore: ca.issue(t, "server"), TrustStore: stored("root.pem"), ClientAuth: "need"}})
	jks, p12 := ca.trusting(t, "trust.jks", "JKS"), ca.trusting(t, "trust.p12", "PKCS12")
	dual := ca.trusting(t, "really-pkcs12.jks", "PKCS12")
	options := func(change map[string]string) zk.Options {
		settings := map[string]string{"client.enable": "true", "protocol": "TLSv1.2", "endpoint.identification.algorithm": "HTTPS",
			"keystore.location": chain("jks"), "keystore.password": storePassword,
			"truststore.location": jks, "truststore.password": storePassword}
		for name, value := range change {
			settings[name] = value
		}
		config, err := zk.TLSConfig(func(name string) string { return settings[name] })
		require.NoError(t, err)
		return zk.Options{Servers: []string{e.Servers[0].SecureAddr}, Chroot: "/x", TLS: config, ConnectTimeout: patience}
	}
	for name, change := range map[string]map[string]string{
		"JKS":            {},
		"PKCS12":         {"keystore.location": chain("p12"), "truststore.location": p12},
		"of Java 8":      {"keystore.location": stored("legacy.p12"), "keystore.type": "PKCS12"},
		"PKCS12 as .jks": {"truststore.location": dual},
		"named JKS":      {"truststore.location": dual, "truststore.type": "jks"},
	} {
		tr, err := zk.Open(t.Context(), options(change))
		require.NoError(t, err, name)
		require.NoError(t, tree.EnsureAll(tr, "/config"), name)
		require.NoError(t, tr.Close())
	}
	err := refused(t, options(map[string]string{"truststore.location": stored("trust.jks")}), "certificate")
	require.ErrorContains(t, err, "certificate")
	o := options(map[string]string{"keystore.location": ""})
	o.ConnectTimeout = 2 * time.Second
	_, err = zk.Open(t.Context(), o)
	require.Error(t, err)
}
