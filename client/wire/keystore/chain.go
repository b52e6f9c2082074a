package keystore

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

// pairOf joins a private key and its certificates, the first of which must be
// the key's own.
func pairOf(key any, chain []*x509.Certificate) (tls.Certificate, error) {
	if len(chain) == 0 || !belongs(chain[0], key) {
		return tls.Certificate{}, errors.New("the private key has no certificate of its own in it")
	}
	pair := tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, cert := range chain {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	return pair, nil
}

// belongs says whether a certificate is about a private key.
func belongs(cert *x509.Certificate, key any) bool {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

// chainOf finds a key's own certificate among those of a store and follows the
// names of the signers, as Java does: a PKCS12 store has all certificates in one
// heap. It is nil if none belongs to the key.
func chainOf(key any, certs []*x509.Certificate) []*x509.Certificate {
	var chain []*x509.Certificate
	for _, cert := range certs {
		if belongs(cert, key) {
			chain = append(chain, cert)
			break
		}
	}
	for len(chain) > 0 && len(chain) < len(certs) { // whatever names whom
		next := signer(chain[len(chain)-1], certs)
		if next == nil {
			break
		}
		chain = append(chain, next)
	}
	return chain
}

// signer is the certificate of who signed one; nil if it is not there, or if
// the one is signed by itself.
func signer(of *x509.Certificate, certs []*x509.Certificate) *x509.Certificate {
	if bytes.Equal(of.RawIssuer, of.RawSubject) {
		return nil
	}
	for _, cert := range certs {
		named := len(of.AuthorityKeyId) > 0 && len(cert.SubjectKeyId) > 0
		if bytes.Equal(of.RawIssuer, cert.RawSubject) && (!named || bytes.Equal(of.AuthorityKeyId, cert.SubjectKeyId)) {
			return cert
		}
	}
	return nil
}
