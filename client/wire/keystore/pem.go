package keystore

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// pemPair reads a private key that is not encrypted, and its certificates.
func pemPair(text []byte) (tls.Certificate, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
			return tls.Certificate{}, errors.New("the private key is encrypted; decrypt it with openssl pkey, or use a JKS or PKCS12 store")
		}
	}
	return tls.X509KeyPair(text, text)
}

// pemRoots reads certificates, and passes over what else there is.
func pemRoots(text []byte) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return roots, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		roots = append(roots, cert)
	}
}
