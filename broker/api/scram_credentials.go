package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/znode"
)

// scramMechanism is one of the two ways to keep a SCRAM credential; by its
// number on the wire.
type scramMechanism struct {
	name string // the key in a user's configuration
	hash func() hash.Hash
}

var scramMechanisms = map[int8]scramMechanism{
	1: {"SCRAM-SHA-256", sha256.New},
	2: {"SCRAM-SHA-512", sha512.New},
}

// The fewest and the most iterations of a credential.
const (
	scramIterationsMin = 4096
	scramIterationsMax = 16384
)

// What the two SCRAM APIs refuse.
var (
	errNoCredential    = errors.New("no such credential")
	errCredentialTwice = errors.New("credential named twice")
	errBadCredential   = errors.New("unacceptable credential")
	errMechanism       = errors.New("unknown SCRAM mechanism")
)

// scramUser is the place of a user's credentials.
func scramUser(name string) image.Entity {
	return image.Entity{Type: image.UserEntity, Name: znode.Sanitize(name)}
}

// encode is the credential as Kafka keeps it: from the password that the client
// has salted, what proves a client's and the server's knowledge of it, but not
// the password (RFC 5802).
func (m scramMechanism) encode(salt, salted []byte, iterations int32) string {
	sum := func(key []byte, text string) []byte {
		mac := hmac.New(m.hash, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := m.hash()
	stored.Write(sum(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("salt=%s,stored_key=%s,server_key=%s,iterations=%d",
		b64(salt), b64(stored.Sum(nil)), b64(sum(salted, "Server Key")), iterations)
}

// iterationsOf reads the number of iterations back, 0 if there is none.
func iterationsOf(credential string) int32 {
	for part := range strings.SplitSeq(credential, ",") {
		if text, ok := strings.CutPrefix(part, "iterations="); ok {
			if n, err := strconv.ParseInt(text, 10, 32); err == nil {
				return int32(n)
			}
		}
	}
	return 0
}
