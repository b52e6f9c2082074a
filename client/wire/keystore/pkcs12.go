package keystore

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"software.sslmate.com/src/go-pkcs12"
)

// maxIterations bounds how often a password is hashed for one key. It is what
// Java allows; keytool writes 10,000.
const maxIterations = 5_000_000

// maxDepth is how deep DER may be nested; a store's is about 12.
const maxDepth = 40

func p12Pair(raw []byte, password string) (tls.Certificate, error) {
	if err := iterations(raw, maxIterations, 0); err != nil {
		return tls.Certificate{}, err
	}
	key, first, others, err := pkcs12.DecodeChain(raw, password)
	if err != nil {
		return tls.Certificate{}, p12Error(err)
	}
	certs := append([]*x509.Certificate{first}, others...)
	return pairOf(key, chainOf(key, certs))
}

// p12Roots are the certificates that are marked as trusted, as keytool does.
func p12Roots(raw []byte, password string) ([]*x509.Certificate, error) {
	if err := iterations(raw, maxIterations, 0); err != nil {
		return nil, err
	}
	roots, err := pkcs12.DecodeTrustStore(raw, password)
	if err == nil {
		return roots, nil
	}
	if err = p12Error(err); errors.Is(err, ErrPassword) {
		return nil, err
	}
	if _, _, _, other := pkcs12.DecodeChain(raw, password); other == nil {
		return nil, errors.New("it holds a private key; of a PKCS12 trust store only trusted certificates are read: give them a store of their own, with keytool -importcert")
	}
	return nil, err
}

// p12Error tells a wrong password from all else.
func p12Error(err error) error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption) {
		return ErrPassword
	}
	return err
}

// iterations goes through all DER that can be seen without a password, and
// refuses to hash one more often than most. In all forms of a MAC and
// of encryption by password the number follows the salt, which is an OCTET
// STRING. What such a string contains is looked at too if it is DER.
func iterations(der []byte, most, depth int) error {
	if depth > maxDepth {
		return errors.New("it is nested too deeply for a PKCS12 store")
	}
	salted := false
	for {
		v, rest, ok := element(der)
		if !ok {
			return nil // the end; or encrypted; or for the decoder to refuse
		}
		der = rest
		if salted && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagInteger {
			if n := new(big.Int).SetBytes(v.Bytes); n.Cmp(big.NewInt(int64(most))) > 0 {
				return fmt.Errorf("its password would have to be hashed %s times; the most is %d", n, most)
			}
		}
		salted = v.Tag == asn1.TagOctetString
		if v.IsCompound || salted {
			if err := iterations(v.Bytes, most, depth+1); err != nil {
				return err
			}
		}
	}
}

// element is the first one of DER, and what comes after it.
func element(der []byte) (v asn1.RawValue, rest []byte, ok bool) {
	rest, err := asn1.Unmarshal(der, &v)
	return v, rest, err == nil
}
