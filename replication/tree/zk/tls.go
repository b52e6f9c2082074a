package zk

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// TLSConfig makes the configuration of connections from Kafka's settings;
// setting gives the value of one, without its prefix "zookeeper.ssl.", or "".
// It is nil where client.enable is not true.
//
// Key stores and trust stores are PEM files: certificates, and for a key store
// a private key that is not encrypted. JKS and PKCS12 are refused by name, and
// so are crl.enable and ocsp.enable.
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
	if path := setting("keystore.location"); path != "" {
		if err := keyStore(c, path, setting); err != nil {
			return nil, fmt.Errorf("zookeeper.ssl.keystore.location: %w", err)
		}
	}
	if path := setting("truststore.location"); path != "" {
		if err := trustStore(c, path, setting("truststore.type")); err != nil {
			return nil, fmt.Errorf("zookeeper.ssl.truststore.location: %w", err)
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

// storeType refuses the stores that cannot be read.
func storeType(path, kind string) error {
	if kind == "" {
		kind = strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	}
	switch strings.ToUpper(kind) {
	case "PEM", "CRT", "CERT", "KEY":
		return nil
	}
	return fmt.Errorf("%s: type %q is not supported, only PEM; to convert: keytool -importkeystore -deststoretype PKCS12, then openssl pkcs12 -nodes", path, kind)
}

// keyStore reads this client's certificate and key out of one file.
func keyStore(c *tls.Config, path string, setting func(string) string) error {
	if err := storeType(path, setting("keystore.type")); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
			return fmt.Errorf("%s: the private key is encrypted; decrypt it with openssl pkey", path)
		}
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return nil
}

// trustStore reads whose signatures are trusted.
func trustStore(c *tls.Config, path, kind string) error {
	if err := storeType(path, kind); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s: no certificate in it", path)
	}
	return nil
}

// versions are the protocols by Java's names.
var versions = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}

// protocols bounds the versions: those that are enabled, or up to the protocol
// where none are named.
func protocols(c *tls.Config, protocol, enabled string) error {
	names := list(enabled)
	if len(names) == 0 {
		if protocol == "" {
			return nil
		}
		names = []string{protocol}
	}
	var known []uint16
	for _, name := range names {
		v, ok := versions[name]
		if !ok && name == "TLS" {
			return nil
		}
		if !ok {
			return fmt.Errorf("zookeeper.ssl protocols: %q is not supported, only TLSv1.2 and TLSv1.3", name)
		}
		known = append(known, v)
	}
	c.MinVersion, c.MaxVersion = slices.Min(known), slices.Max(known)
	return nil
}

// ciphers bounds the cipher suites; those of TLS 1.3 are always on.
func ciphers(c *tls.Config, names string) error {
	for _, name := range list(names) {
		known := false
		for _, suite := range tls.CipherSuites() {
			if suite.Name == name {
				known = true
				c.CipherSuites = append(c.CipherSuites, suite.ID)
			}
		}
		if !known {
			return fmt.Errorf("zookeeper.ssl.cipher.suites: %q is unknown or insecure", name)
		}
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
