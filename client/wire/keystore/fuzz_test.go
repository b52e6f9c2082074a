package keystore

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

// FuzzStores reads what may be a store. A JKS store gets the checksum that
// belongs to it, so that what is behind the checksum is reached too; a PKCS12
// store needs none if it has no password.
func FuzzStores(f *testing.F) {
	for _, name := range []string{"root.pem", "trust.jks", "chain.jks", "two.jks", "otherkey.jks", "open.p12"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		f.Add(raw)
	}
	pair, err := File{Path: "testdata/chain.jks", Password: "store-pw"}.KeyPair()
	require.NoError(f, err)
	for _, e := range []struct {
		as       *pkcs12.Encoder
		password string
	}{{pkcs12.Passwordless, ""}, {pkcs12.Modern2023, ""}, {pkcs12.Modern2023, "store-pw"}, {pkcs12.Modern2026, "store-pw"}, {pkcs12.LegacyRC2, ""}} {
		encoder := e.as.WithIterations(1)
		raw, err := encoder.Encode(pair.PrivateKey, pair.Leaf, nil, e.password)
		require.NoError(f, err)
		f.Add(raw)
		raw, err = encoder.EncodeTrustStore([]*x509.Certificate{pair.Leaf}, e.password)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if iterations(raw, 100, 0) != nil {
			return // TestIterations has the bound; here they would only take time
		}
		if bytes.HasPrefix(raw, jksMagic) && len(raw) >= sha1.Size {
			sum := sha1.Sum(append([]byte("\x00s\x00t\x00o\x00r\x00e\x00-\x00p\x00wMighty Aphrodite"), raw[:len(raw)-sha1.Size]...))
			copy(raw[len(raw)-sha1.Size:], sum[:])
		}
		path := filepath.Join(t.TempDir(), "store")
		require.NoError(t, os.WriteFile(path, raw, 0o600))
		for _, kind := range []string{"JKS", "PEM"} {
			for _, password := range []string{"", "store-pw"} {
				file := File{Path: path, Type: kind, Password: password}
				pair, err := file.KeyPair()
				if err == nil {
					require.NotEmpty(t, pair.Certificate)
					require.NotNil(t, pair.PrivateKey)
				}
				pool, err := file.Roots()
				if err == nil {
					require.NotNil(t, pool)
				} else {
					require.False(t, strings.Contains(err.Error(), "store-pw"))
				}
			}
		}
	})
}

// TestIterations: whoever made the file, it does not keep the broker busy.
func TestIterations(t *testing.T) {
	count := []byte{0x02, 0x04, 0x7F, 0xFF, 0xFF, 0xFF}
	salt := []byte{0x04, 0x01, 0x01}
	seq := func(parts ...[]byte) []byte {
		all := bytes.Join(parts, nil)
		return append([]byte{0x30, byte(len(all))}, all...)
	}
	octets := func(in []byte) []byte { return append([]byte{0x04, byte(len(in))}, in...) }
	require.ErrorContains(t, iterations(seq(salt, count), maxIterations, 0), "2147483647 times")
	require.ErrorContains(t, iterations(seq(seq(octets(seq(seq(salt, count))))), maxIterations, 0), "hashed")
	require.NoError(t, iterations(seq(salt, []byte{0x02, 0x02, 0x27, 0x10}), maxIterations, 0))
	require.NoError(t, iterations(seq(count, salt), maxIterations, 0)) // a serial number
	deep := seq(salt)
	for range maxDepth + 1 {
		deep = seq(deep)
	}
	require.ErrorContains(t, iterations(deep, maxIterations, 0), "nested")
	for _, name := range []string{"chain.p12", "legacy.p12", "open.p12"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		require.NoError(t, iterations(raw, maxIterations, 0), name)
	}
}
