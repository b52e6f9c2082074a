package keystore

import (
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
)

// The first bytes of Java's own stores.
var (
	jksMagic   = []byte{0xFE, 0xED, 0xFE, 0xED}
	jceksMagic = []byte{0xCE, 0xCE, 0xCE, 0xCE}
)

// Tags of the entries of a JKS store.
const (
	jksKey     = 1
	jksTrusted = 2
)

var errShape = errors.New("it is cut off, or no JKS store")

// openJKS reads a store and checks it against its password.
func openJKS(raw []byte, password string) (jks.KeyStore, []byte, error) {
	store := jks.New(jks.WithCaseExactAliases(), jks.WithOrderedAliases())
	if err := shapeJKS(raw); err != nil {
		return store, nil, err
	}
	secret, err := jksPassword(password)
	if err != nil {
		return store, nil, err
	}
	// The shape is right: what can be wrong still is the checksum.
	if store.Load(bytes.NewReader(raw), secret) != nil {
		return store, nil, ErrPassword
	}
	return store, secret, nil
}

// jksPassword makes the bytes that the library wants: it puts a zero before
// each, which gives Java's UTF-16 for characters up to U+00FF.
func jksPassword(password string) ([]byte, error) {
	secret := make([]byte, 0, len(password))
	for _, r := range password {
		if r > 0xFF {
			return nil, errors.New("a JKS store's password has letters outside of Latin-1; keytool -importkeystore -deststoretype PKCS12 makes a store that takes them")
		}
		secret = append(secret, byte(r))
	}
	return secret, nil
}

func jksPair(raw []byte, password string) (tls.Certificate, error) {
	store, secret, err := openJKS(raw, password)
	if err != nil {
		return tls.Certificate{}, err
	}
	var keys []string
	for _, alias := range store.Aliases() {
		if store.IsPrivateKeyEntry(alias) {
			keys = append(keys, alias)
		}
	}
	if len(keys) != 1 {
		return tls.Certificate{}, fmt.Errorf("it must hold one private key, and holds %d: %s", len(keys), strings.Join(keys, ", "))
	}
	entry, err := store.GetPrivateKeyEntry(keys[0], secret)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the private key %q has another password than its store (keytool -keypasswd), or is damaged", keys[0])
	}
	key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("private key %q: %w", keys[0], err)
	}
	certs, err := jksCertificates(keys[0], entry.CertificateChain)
	if err != nil {
		return tls.Certificate{}, err
	}
	return pairOf(key, certs)
}

func jksRoots(raw []byte, password string) ([]*x509.Certificate, error) {
	store, _, err := openJKS(raw, password)
	if err != nil {
		return nil, err
	}
	var roots []*x509.Certificate
	for _, alias := range store.Aliases() {
		var chain []jks.Certificate
		if store.IsTrustedCertificateEntry(alias) {
			entry, err := store.GetTrustedCertificateEntry(alias)
			if err != nil {
				return nil, err
			}
			chain = []jks.Certificate{entry.Certificate}
		} else if chain, err = store.GetPrivateKeyEntryCertificateChain(alias); err != nil {
			return nil, err
		}
		certs, err := jksCertificates(alias, chain[:min(1, len(chain))])
		if err != nil {
			return nil, err
		}
		roots = append(roots, certs...)
	}
	return roots, nil
}

func jksCertificates(alias string, chain []jks.Certificate) ([]*x509.Certificate, error) {
	certs := make([]*x509.Certificate, len(chain))
	for i, c := range chain {
		var err error
		if certs[i], err = x509.ParseCertificate(c.Content); err != nil {
			return nil, fmt.Errorf("certificate %d of %q: %w", i+1, alias, err)
		}
	}
	return certs, nil
}

// shapeJKS follows the lengths of a store from its beginning to its checksum.
// The library takes memory for what they claim, so they are looked at before.
func shapeJKS(raw []byte) error {
	w := walk{rest: raw}
	w.skip(uint64(len(jksMagic)))
	version := w.number(4)
	if version != 1 && version != 2 {
		return errShape
	}
	for entries := w.number(4); entries > 0 && !w.bad; entries-- {
		tag := w.number(4)
		w.skip(w.number(2)) // alias
		w.skip(8)           // when it was made
		certs := uint64(1)
		switch tag {
		case jksKey:
			w.skip(w.number(4))
			certs = w.number(4)
		case jksTrusted:
		default:
			return errShape
		}
		for ; certs > 0 && !w.bad; certs-- {
			if version == 2 {
				w.skip(w.number(2)) // the certificate's type
			}
			w.skip(w.number(4))
		}
	}
	if w.bad || len(w.rest) != sha1.Size {
		return errShape
	}
	return nil
}

// walk goes over bytes, and is bad once there were too few.
type walk struct {
	rest []byte
	bad  bool
}

func (w *walk) skip(n uint64) {
	if n > uint64(len(w.rest)) {
		w.rest, w.bad = nil, true
		return
	}
	w.rest = w.rest[n:]
}

// number reads one of 2 or 4 bytes.
func (w *walk) number(size int) uint64 {
	if len(w.rest) < size {
		w.rest, w.bad = nil, true
		return 0
	}
	field := w.rest[:size]
	w.rest = w.rest[size:]
	if size == 2 {
		return uint64(binary.BigEndian.Uint16(field))
	}
	return uint64(binary.BigEndian.Uint32(field))
}
