package zk_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/zk"
	"github.com/leatmq/leat/tools/zookeeper"
)

func TestAccessLists(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	o := zk.Options{Servers: []string{s.Addr}, Chroot: chroot, SessionTimeout: lasting, ACL: true,
		Auth: []zk.Auth{{Scheme: "digest", Data: []byte("leat:secret")}}}
	tr := open(t, o)
	require.NoError(t, tree.EnsureAll(tr, "/brokers/topics", "/config/users/alice", "/config/brokers", "/config/topics", "/consumers/g", "/delegation_token/tokens"))

	o.ACL, o.Auth = false, nil
	nobody := open(t, o)
	for _, path := range []string{"/brokers/topics", "/config/topics", "/consumers/g"} {
		mustGet(t, nobody, path)
	}
	for _, path := range []string{"/config/users", "/config/users/alice", "/config/brokers", "/delegation_token/tokens"} {
		_, err := nobody.Get(path, nil)
		require.ErrorIs(t, err, tree.ErrNoAuth, path)
	}
	_, err := nobody.Multi(tree.Set("/brokers/topics", nil, tree.AnyVersion))
	require.ErrorIs(t, err, tree.ErrNoAuth)
	_, err = nobody.Multi(tree.Create("/consumers/g/offsets", nil, 0))
	require.NoError(t, err)

	o.Auth = []zk.Auth{{Scheme: "digest", Data: []byte("leat:secret")}}
	mustGet(t, open(t, o), "/config/users")

	plain, _, err := gozk.Connect([]string{s.Addr}, 10*time.Second, gozk.WithLogInfo(false))
	require.NoError(t, err)
	defer plain.Close()
	list, _, err := plain.GetACL(chroot + "/brokers/topics")
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.EqualValues(t, gozk.PermAll, list[0].Perms)
	require.Equal(t, "digest", list[0].Scheme)
	require.Equal(t, gozk.WorldACL(gozk.PermRead), list[1:])
}

// TestIdentityOutlivesTheConnection: it is shown again on the next one.
func TestIdentityOutlivesTheConnection(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	gate := newGate(t, s.Addr)
	tr := open(t, zk.Options{Servers: []string{gate.addr()}, Chroot: chroot, SessionTimeout: lasting, ACL: true,
		Auth: []zk.Auth{{Scheme: "digest", Data: []byte("leat:secret")}}})
	require.NoError(t, tree.EnsureAll(tr, "/config/users"))
	for range 5 {
		gate.shut()
		gate.open()
		mustGet(t, tr, "/config/users")
	}
}

func TestAccessListsNeedAnIdentity(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	_, err := zk.Open(t.Context(), zk.Options{Servers: []string{s.Addr}, Chroot: chroot, ACL: true})
	require.ErrorContains(t, err, "zookeeper.set.acl")
}

func TestChroot(t *testing.T) {
	s, chroot := zookeeper.Shared(t)
	servers, deep, err := zk.ParseConnect(s.Addr + chroot + "/deep/er")
	require.NoError(t, err)
	tr := open(t, zk.Options{Servers: servers, Chroot: deep})
	require.NoError(t, tree.EnsureAll(tr, "/x"))
	events := make(chan tree.Event, 1)
	_, _, err = tr.Children("/", func(e tree.Event) { events <- e })
	require.NoError(t, err)
	results, err := tr.Multi(tree.Create("/y", nil, 0))
	require.NoError(t, err)
	require.Equal(t, "/y", results[0].Path)
	require.Equal(t, tree.Event{Type: tree.NodeChildrenChanged, Path: "/"}, <-events)
	whole := open(t, zk.Options{Servers: servers})
	names, _, err := whole.Children(chroot+"/deep/er", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"x", "y"}, names)
	_, err = tr.Multi(tree.Create("/no/child", nil, 0))
	require.ErrorContains(t, err, "/no/child: ")
	require.NotContains(t, err.Error(), "deep")
}

func TestParseConnect(t *testing.T) {
	for in, want := range map[string]struct {
		servers []string
		chroot  string
	}{
		"a:1":                {[]string{"a:1"}, ""},
		"a:1,b:2/kafka/x":    {[]string{"a:1", "b:2"}, "/kafka/x"},
		"a, b:2 /":           {[]string{"a:2181", "b:2"}, ""},
		"[::1]:2181,[::2]/c": {[]string{"[::1]:2181", "[::2]:2181"}, "/c"},
	} {
		servers, chroot, err := zk.ParseConnect(in)
		require.NoError(t, err, in)
		require.Equal(t, want.servers, servers, in)
		require.Equal(t, want.chroot, chroot, in)
	}
	for _, bad := range []string{"", "/kafka", ",", "a:1:2", ":2181", "a:1//x", "a:1/x/../y"} {
		_, _, err := zk.ParseConnect(bad)
		require.Error(t, err, bad)
	}
}

// authority signs the certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{cert: cert, key: key, dir: t.TempDir()}
	a.write(t, "ca", block("CERTIFICATE", der))
	return a
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name+".pem") }

func (a *authority) write(t *testing.T, name string, text []byte) string {
	require.NoError(t, os.WriteFile(a.path(name), text, 0o600))
	return a.path(name)
}

// issue writes a key with its certificate into one file.
func (a *authority) issue(t *testing.T, name string) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return a.write(t, name, bytes.Join([][]byte{block("PRIVATE KEY", private), block("CERTIFICATE", der), block("CERTIFICATE", a.cert.Raw)}, nil))
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	server, client := ca.issue(t, "server"), ca.issue(t, "client")
	e := zookeeper.StartWith(t, zookeeper.Options{TLS: &zookeeper.TLS{KeyStore: server, TrustStore: ca.path("ca"), ClientAuth: "need"}})
	settings := map[string]string{"client.enable": "true", "keystore.location": client, "truststore.location": ca.path("ca"),
		"endpoint.identification.algorithm": "HTTPS", "protocol": "TLSv1.2"}
	get := func(name string) string { return settings[name] }
	config, err := zk.TLSConfig(get)
	require.NoError(t, err)
	secure := []string{e.Servers[0].SecureAddr}
	// The client's certificate is its identity.
	tr := open(t, zk.Options{Servers: secure, Chroot: "/x", TLS: config, ACL: true})
	require.NoError(t, tree.EnsureAll(tr, "/config/users"))
	require.NoError(t, e.Servers[0].Restart(t.Context()))
	mustGet(t, tr, "/config/users")

	settings["endpoint.identification.algorithm"] = ""
	config, err = zk.TLSConfig(get)
	require.NoError(t, err)
	open(t, zk.Options{Servers: secure, TLS: config})

	stranger := newAuthority(t)
	settings["truststore.location"] = stranger.path("ca")
	config, err = zk.TLSConfig(get)
	require.NoError(t, err)
	require.ErrorContains(t, refused(t, zk.Options{Servers: secure, TLS: config}, "certificate"), "certificate")
}

func TestTLSSettings(t *testing.T) {
	ca := newAuthority(t)
	encrypted := ca.write(t, "encrypted", block("ENCRYPTED PRIVATE KEY", []byte{1}))
	for want, settings := range map[string]map[string]string{
		"no such file": {"keystore.location": "/x/y.jks"},
		"nor a PKCS12": {"truststore.location": ca.path("ca"), "truststore.type": "PKCS12"},
		"ssl.truststore.type: " + ca.path("ca") + `: type "BCFKS"`: {"truststore.location": ca.path("ca"), "truststore.type": "BCFKS"},
		"ssl.keystore.type: /x/store: suffix":                      {"keystore.location": "/x/store"},
		"ssl.keystore.password: " + chain("jks"):                   {"keystore.location": chain("jks"), "keystore.password": "Zebra-7"},
		"ssl.truststore.password: " + chain("p12"):                 {"truststore.location": chain("p12")},
		"encrypted":              {"keystore.location": encrypted},
		"no trusted certificate": {"truststore.location": encrypted},
		"ssl.enabled.protocols":  {"enabled.protocols": "TLSv1.1,TLSv1.2"},
		"ssl.protocol":           {"protocol": "SSLv3"},
		"missing: TLS_AES_256":   {"enabled.protocols": "TLSv1.3", "cipher.suites": "TLS_AES_128_GCM_SHA256,TLS_CHACHA20_POLY1305_SHA256"},
		"none of them goes":      {"protocol": "TLSv1.2", "cipher.suites": "TLS_AES_128_GCM_SHA256"},
		"goes with the":          {"protocol": "TLSv1.3", "cipher.suites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		"ocsp.enable":            {"ocsp.enable": "TRUE"},
		"TLS_NONE":               {"cipher.suites": "TLS_NONE"},
		"crl.enable":             {"crl.enable": "true"},
		"LDAPS":                  {"endpoint.identification.algorithm": "LDAPS"},
	} {
		settings["client.enable"] = "true"
		_, err := zk.TLSConfig(func(name string) string { return settings[name] })
		require.Error(t, err, want)
		require.Contains(t, lower(err.Error()), lower(want))
		require.NotContains(t, err.Error(), "Zebra-7")
	}
	config, err := zk.TLSConfig(func(string) string { return "" })
	require.NoError(t, err)
	require.Nil(t, config)
}

func TestProtocolsAndCiphers(t *testing.T) {
	const old, all13 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384,TLS_CHACHA20_POLY1305_SHA256"
	for _, c := range []struct {
		protocol, enabled, suites string
		from, to                  uint16
		old                       int
	}{
		{"TLSv1.2", "", "", tls.VersionTLS12, tls.VersionTLS12, 0},
		{"TLSv1.3", "", "", tls.VersionTLS13, tls.VersionTLS13, 0},
		{"TLS", "", "", tls.VersionTLS12, 0, 0},
		{"TLSv1.2", "TLSv1.2, TLSv1.3", "", tls.VersionTLS12, tls.VersionTLS13, 0},
		{"TLSv1.2", "TLSv1.2,TLSv1.3", old, tls.VersionTLS12, tls.VersionTLS12, 1},
		{"TLSv1.2", "TLSv1.2,TLSv1.3", all13, tls.VersionTLS13, tls.VersionTLS13, 0},
		{"TLSv1.2", "TLSv1.2,TLSv1.3", old + ", " + all13, tls.VersionTLS12, tls.VersionTLS13, 1},
		{"TLSv1.2", "", old + ",TLS_AES_128_GCM_SHA256", tls.VersionTLS12, tls.VersionTLS12, 1},
	} {
		settings := map[string]string{"client.enable": "TRUE", "protocol": c.protocol, "enabled.protocols": c.enabled, "cipher.suites": c.suites}
		config, err := zk.TLSConfig(func(name string) string { return settings[name] })
		require.NoError(t, err, c)
		require.Equal(t, c.from, config.MinVersion, c)
		require.Equal(t, c.to, config.MaxVersion, c)
		require.Len(t, config.CipherSuites, c.old, c)
	}
}

func lower(s string) string { return strings.ToLower(s) }
