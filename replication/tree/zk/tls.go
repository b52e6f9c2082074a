package zk

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leatmq/leat/client/wire/keystore"
)

// TLSConfig makes the configuration of connections from Kafka's settings;
// setting gives the value of one, without its prefix "zookeeper.ssl.", or "".
// It is nil where client.enable is not true.
//
// Key stores and trust stores are JKS, PKCS12 or PEM files, see package
// keystore. What cannot be done as asked is refused by the name of its key:
// crl.enable and ocsp.enable, protocols before TLS 1.2, cipher suites that Go
// does not have or cannot choose among. Without a trust store those of the
// system are trusted.
func TLSConfig(setting func(name string) string) (*tls.Config, error) {
	if !strings.EqualFold(setting("client.enable"), "true") {
		return nil, nil
	}
	for _, name := range []string{"crl.enable", "ocsp.enable"} {
		if strings.EqualFold(setting(name), "true") {
			return nil, fmt.Errorf("zookeeper.ssl.%s: revoked certificates are not looked up", name)
		}
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := protocols(c, setting("protocol"), setting("enabled.protocols")); err != nil {
		return nil, err
	}
	if err := ciphers(c, setting("cipher.suites")); err != nil {
		return nil, err
	}
	if store := storeOf("keystore", setting); store.Path != "" {
		pair, err := store.KeyPair()
		if err != nil {
			return nil, storeError("keystore", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if store := storeOf("truststore", setting); store.Path != "" {
		var err error
		if c.RootCAs, err = store.Roots(); err != nil {
			return nil, storeError("truststore", err)
		}
	}
	switch algorithm := setting("endpoint.identification.algorithm"); {
	case strings.EqualFold(algorithm, "https"):
	case algorithm == "":
		anyName(c)
	default:
		return nil, fmt.Errorf("zookeeper.ssl.endpoint.identification.algorithm: %q is neither HTTPS nor empty", algorithm)
	}
	return c, nil
}

// storeOf is the key store or the trust store of the settings.
func storeOf(name string, setting func(string) string) keystore.File {
	return keystore.File{Path: setting(name + ".location"), Type: setting(name + ".type"), Password: setting(name + ".password")}
}

// storeError names the key to look at.
func storeError(name string, err error) error {
	key := name + ".location"
	switch {
	case errors.Is(err, keystore.ErrPassword):
		key = name + ".password"
	case errors.Is(err, keystore.ErrType):
		key = name + ".type"
	}
	return fmt.Errorf("zookeeper.ssl.%s: %w", key, err)
}

// versions are the protocols by Java's names.
var versions = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// protocols bounds the versions: those that are enabled, or up to the protocol
// where none are named.
func protocols(c *tls.Config, protocol, enabled string) error {
	key, names := "enabled.protocols", list(enabled)
	if len(names) == 0 {
		if protocol == "" {
			return nil
		}
		key, names = "protocol", []string{protocol}
	}
	var known []uint16
	for _, name := range names {
		v, ok := versions[name]
		if !ok && name == "TLS" {
			return nil
		}
		if !ok {
			return fmt.Errorf("zookeeper.ssl.%s: %q is not supported, only TLSv1.2 and TLSv1.3", key, name)
		}
		known = append(known, v)
	}
	c.MinVersion, c.MaxVersion = slices.Min(known), slices.Max(known)
	return nil
}

// ciphers bounds the cipher suites. Go always offers all those of TLS 1.3: so
// where some are named all must be, and where none is there is no TLS 1.3.
func ciphers(c *tls.Config, names string) error {
	const key = "zookeeper.ssl.cipher.suites"
	wanted := list(names)
	if len(wanted) == 0 {
		return nil
	}
	suites := tls.CipherSuites()
	var missing, newest []string // of TLS 1.3
	for _, suite := range suites {
		named := slices.Contains(wanted, suite.Name)
		switch only13 := slices.Equal(suite.SupportedVersions, []uint16{tls.VersionTLS13}); {
		case only13 && named:
			newest = append(newest, suite.Name)
		case only13:
			missing = append(missing, suite.Name)
		case named:
			c.CipherSuites = append(c.CipherSuites, suite.ID)
		}
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(suites, func(s *tls.CipherSuite) bool { return s.Name == name }) {
			return fmt.Errorf("%s: %q is unknown or insecure", key, name)
		}
	}
	with13 := c.MaxVersion == 0 || c.MaxVersion == tls.VersionTLS13
	switch {
	case len(newest) == 0:
		c.MaxVersion = tls.VersionTLS12
	case len(missing) > 0 && with13:
		return fmt.Errorf("%s: of TLS 1.3 all or none; missing: %s", key, strings.Join(missing, ", "))
	}
	if len(c.CipherSuites) == 0 {
		c.MinVersion = tls.VersionTLS13
	}
	if c.MaxVersion != 0 && c.MinVersion > c.MaxVersion {
		return fmt.Errorf("%s: none of them goes with the protocols of zookeeper.ssl.protocol and zookeeper.ssl.enabled.protocols", key)
	}
	return nil
}

// anyName verifies who signed the server's certificate, but not its name.
func anyName(c *tls.Config) {
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("the server has no certificate")
		}
		o := x509.VerifyOptions{Roots: c.RootCAs, Intermediates: x509.NewCertPool()}
		for _, cert := range s.PeerCertificates[1:] {
			o.Intermediates.AddCert(cert)
		}
		_, err := s.PeerCertificates[0].Verify(o)
		return err
	}
}

// list takes a comma-separated list apart.
func list(s string) []string {
	var out []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
