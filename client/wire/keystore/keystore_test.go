package keystore_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/client/wire/keystore"
)

// The stores in testdata were made by keytool 17, with the password store-pw:
//
//	chain.jks     the key "client", signed by "middle", signed by "root"; and root as a trusted "aroot"
//	chain.p12     the same, by keytool -importkeystore
//	legacy.p12    the same as Java 8 writes it, -J-Dkeystore.pkcs12.legacy
//	chain.jceks   the same
//	trust.jks, trust.p12   trust root and middle
//	open.p12      the same without a password and a MAC
//	two.jks       the keys "one" and "two", each its own signer
//	otherkey.jks  a key with a password of its own
const password = "store-pw"

func store(name string) keystore.File {
	return keystore.File{Path: filepath.Join("testdata", name), Password: password}
}

// copied is a store under another name.
func copied(t *testing.T, from, to string) keystore.File {
	raw, err := os.ReadFile(filepath.Join("testdata", from))
	require.NoError(t, err)
	return written(t, to, raw)
}

func written(t *testing.T, name string, raw []byte) keystore.File {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	return keystore.File{Path: path, Password: password}
}

func TestKeyPair(t *testing.T) {
	for name, f := range map[string]keystore.File{
		"JKS":                          store("chain.jks"),
		"PKCS12":                       store("chain.p12"),
		"PKCS12 of Java 8":             store("legacy.p12"),
		"PKCS12 in a file named JKS":   copied(t, "chain.p12", "x.jks"),
		"JKS in a file named PFX":      copied(t, "chain.jks", "x.PFX"),
		"named by its type":            {Path: copied(t, "chain.p12", "x.store").Path, Type: "pkcs12", Password: password},
		"the type counts, not the end": {Path: copied(t, "chain.jks", "x.pem").Path, Type: "JKS", Password: password},
	} {
		pair, err := f.KeyPair()
		require.NoError(t, err, name)
		var names []string
		for _, raw := range pair.Certificate {
			cert, err := x509.ParseCertificate(raw)
			require.NoError(t, err)
			names = append(names, cert.Subject.CommonName)
		}
		require.Equal(t, []string{"client", "middle", "root"}, names, name)
		require.Equal(t, "client", pair.Leaf.Subject.CommonName)
	}
}

func TestRoots(t *testing.T) {
	root, err := store("root.pem").Roots()
	require.NoError(t, err)
	for name, want := range map[string]struct {
		file keystore.File
		size int
	}{
		"PEM":                  {store("root.pem"), 1},
		"JKS":                  {store("trust.jks"), 2},
		"PKCS12":               {store("trust.p12"), 2},
		"no password":          {keystore.File{Path: "testdata/open.p12"}, 2},
		"key and trusted":      {store("chain.jks"), 2},
		"two keys":             {store("two.jks"), 2},
		"JKS named by a type":  {keystore.File{Path: "testdata/trust.jks", Type: "PKCS12", Password: password}, 2},
		"key's password unset": {store("otherkey.jks"), 1},
	} {
		pool, err := want.file.Roots()
		require.NoError(t, err, name)
		require.Len(t, pool.Subjects(), want.size, name) //nolint:staticcheck // it is no system pool
	}
	pool, err := store("chain.jks").Roots()
	require.NoError(t, err)
	require.False(t, pool.Equal(root))
	pair, err := store("chain.p12").KeyPair()
	require.NoError(t, err)
	middle, err := x509.ParseCertificate(pair.Certificate[1])
	require.NoError(t, err)
	trusted, err := store("trust.p12").Roots()
	require.NoError(t, err)
	_, err = middle.Verify(x509.VerifyOptions{Roots: trusted, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	require.NoError(t, err)
}

func TestWrongPassword(t *testing.T) {
	for _, name := range []string{"chain.jks", "chain.p12", "legacy.p12", "trust.jks", "trust.p12"} {
		for _, wrong := range []string{"", "Store-pw", "störe"} {
			f := store(name)
			f.Password = wrong
			_, err := f.KeyPair()
			require.ErrorIs(t, err, keystore.ErrPassword, name)
			require.ErrorContains(t, err, f.Path)
			_, err = f.Roots()
			require.ErrorIs(t, err, keystore.ErrPassword, name)
		}
	}
	f := store("otherkey.jks")
	_, err := f.KeyPair()
	require.ErrorContains(t, err, `"client" has another password than its store`)
	f.Password = "Ω"
	_, err = f.KeyPair()
	require.ErrorContains(t, err, "Latin-1")
}

// TestDamaged changes or cuts off each byte; none may pass for what it was.
func TestDamaged(t *testing.T) {
	f := copied(t, "trust.jks", "x.jks")
	raw, err := os.ReadFile(f.Path)
	require.NoError(t, err)
	refused := func(raw []byte, at int) {
		require.NoError(t, os.WriteFile(f.Path, raw, 0o600))
		_, err := f.Roots()
		require.Error(t, err, at)
	}
	for i := range raw {
		refused(raw[:i], i)
		changed := append([]byte(nil), raw...)
		changed[i] ^= 0x81
		refused(changed, i)
	}
}

func TestRefused(t *testing.T) {
	big := make([]byte, keystore.MaxSize+1)
	big[0] = 0x30
	for want, f := range map[string]keystore.File{
		`suffix "store"`:              copied(t, "chain.jks", "x.store"),
		`type "BCFKS"`:                {Path: "testdata/chain.jks", Type: "BCFKS"},
		"JCEKS":                       copied(t, "chain.jceks", "x.jks"),
		"neither a JKS nor a PKCS12":  written(t, "x.p12", []byte("-----BEGIN CERTIFICATE-----")),
		"cut off":                     written(t, "x.jks", []byte{0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}),
		"more than":                   written(t, "big.p12", big),
		"holds 2: one, two":           store("two.jks"),
		"holds 0":                     store("trust.jks"),
		"private key missing":         store("trust.p12"),
		"no such file":                store("none.jks"),
		"failed to find any PEM data": written(t, "x.pem", nil),
		"none of JKS, PKCS12 and PEM": {},
	} {
		_, err := f.KeyPair()
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), password)
	}
	_, err := store("chain.p12").Roots()
	require.ErrorContains(t, err, "store of their own")
	_, err = written(t, "x.pem", []byte("nothing")).Roots()
	require.ErrorContains(t, err, "no trusted certificate")
	_, err = copied(t, "chain.jks", "x.store").Roots()
	require.ErrorIs(t, err, keystore.ErrType)
}

// TestNeverShown: not even by who prints a File as a whole.
func TestNeverShown(t *testing.T) {
	f := store("chain.jks")
	text, err := json.Marshal(f)
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprint(f), fmt.Sprintf("%v %+v %#v %s %q", f, f, f, f, f), fmt.Sprintf("%+v", []any{&f}), string(text)} {
		require.NotContains(t, shown, password)
		require.Contains(t, shown, "chain.jks")
	}
}
