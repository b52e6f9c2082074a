// Package keystore reads the files in which Java keeps keys and certificates,
// so that who comes from Kafka can bring them along: JKS and PKCS12 as Java's
// keytool and OpenSSL write them, and PEM.
//
//	JKS     0xFEEDFEED | version | entries: key with its chain, or trusted certificate | SHA-1
//	PKCS12  DER: contents, encrypted or not | MAC over them
//	PEM     text: certificates, and for a key store one private key
//
// A store of the types JKS and PKCS12 is known by its first bytes, not by its
// type: keytool has written PKCS12 into files named .jks since Java 9, and Java
// opens either by either name.
//
// As in ZooKeeper's client, a private key has the password of its store, and a
// store for which none is given has a password of no characters. The checksum
// of a store is mixed with its password, so that a wrong password and a damaged
// file look the same: ErrPassword.
//
// What a file may cost is bounded: its size, what its lengths claim, and how
// often a password may be hashed. No error and no printed File shows a password.
package keystore

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// MaxSize is the largest file that is read, in bytes. Java's own trust store
// has about 160,000.
const MaxSize = 4 << 20

// What can be wrong with a store, beside the file system.
var (
	// ErrPassword means that the password does not open the store, or that the
	// store is damaged.
	ErrPassword = errors.New("the password is wrong, or the file is damaged")
	// ErrType means that the type is none of JKS, PKCS12 and PEM.
	ErrType = errors.New("the type is none of JKS, PKCS12 and PEM")
)

// File is a store, and how it is opened.
type File struct {
	// Path is where it is.
	Path string
	// Type is JKS, PKCS12 or PEM, in small letters or capitals. Empty, it is
	// told from the suffix: .jks; .p12, .pfx; .pem, .crt, .cert, .key.
	Type string
	// Password opens the store, and the private key in it. PEM has none.
	Password string `json:"-"`
}

// String is the path, never the password.
func (f File) String() string { return f.Path }

// GoString is the path, never the password.
func (f File) GoString() string { return f.Path }

// KeyPair is the one private key of the store, with its certificate and those
// that lead from it to who signed it.
func (f File) KeyPair() (tls.Certificate, error) {
	kind, raw, err := f.read()
	if err != nil {
		return tls.Certificate{}, err
	}
	var pair tls.Certificate
	switch kind {
	case kindPEM:
		pair, err = pemPair(raw)
	case kindJKS:
		pair, err = jksPair(raw, f.Password)
	default:
		pair, err = p12Pair(raw, f.Password)
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s: %w", f.Path, err)
	}
	return pair, nil
}

// Roots are the certificates that the store trusts. A private key's own
// certificate in a JKS store is among them, as in Java.
func (f File) Roots() (*x509.CertPool, error) {
	kind, raw, err := f.read()
	if err != nil {
		return nil, err
	}
	var roots []*x509.Certificate
	switch kind {
	case kindPEM:
		roots, err = pemRoots(raw)
	case kindJKS:
		roots, err = jksRoots(raw, f.Password)
	default:
		roots, err = p12Roots(raw, f.Password)
	}
	if err == nil && len(roots) == 0 {
		err = errors.New("no trusted certificate in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	pool := x509.NewCertPool()
	for _, cert := range roots {
		pool.AddCert(cert)
	}
	return pool, nil
}

// kind is how a store is written.
type kind int

const (
	kindPEM kind = iota
	kindJKS
	kindPKCS12
)

// binary says whether the file is one of Java's, by what it is said to be.
func (f File) binary() (bool, error) {
	name, how := f.Type, "type"
	if name == "" {
		name, how = strings.TrimPrefix(filepath.Ext(f.Path), "."), "suffix"
	}
	switch strings.ToUpper(name) {
	case "JKS", "PKCS12":
		return true, nil
	case "PEM":
		return false, nil
	}
	if f.Type == "" {
		switch strings.ToUpper(name) {
		case "P12", "PFX":
			return true, nil
		case "CRT", "CERT", "KEY":
			return false, nil
		}
	}
	return false, fmt.Errorf("%s: %s %q: %w", f.Path, how, name, ErrType)
}

// read reads the file and sees what it is.
func (f File) read() (kind, []byte, error) {
	java, err := f.binary()
	if err != nil {
		return 0, nil, err
	}
	raw, err := readBounded(f.Path)
	if err != nil || !java {
		return kindPEM, raw, err
	}
	switch {
	case bytes.HasPrefix(raw, jksMagic):
		return kindJKS, raw, nil
	case bytes.HasPrefix(raw, jceksMagic):
		return 0, nil, fmt.Errorf("%s: it is a JCEKS store; keytool -importkeystore -deststoretype PKCS12 makes another of it: %w", f.Path, ErrType)
	case len(raw) > 0 && raw[0] == 0x30: // a DER sequence
		return kindPKCS12, raw, nil
	}
	return 0, nil, fmt.Errorf("%s: it is neither a JKS nor a PKCS12 store", f.Path)
}

// readBounded reads a file of no more than MaxSize.
func readBounded(path string) (raw []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	raw, err = io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err == nil && len(raw) > MaxSize {
		err = fmt.Errorf("%s: more than %d bytes are no key store", path, MaxSize)
	}
	return raw, err
}
