package main

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const scramSHA256 = "SCRAM-SHA-256"

// mostIterations keeps a server from making us compute for ever.
const mostIterations = 100_000

// proof is our side of an authentication method.
type proof interface {
	method() string
	// again begins anew; with data, those are the first.
	again(data []byte)
	first() []byte
	next(challenge []byte) ([]byte, error)
	// done looks at the data that came with success.
	done(data []byte) error
}

func newProof(method string, o order, data []byte) proof {
	if method != scramSHA256 {
		return &echo{name: method, data: data}
	}
	s := &scram{}
	if o.Username != nil {
		s.user = *o.Username
	}
	if o.Password != nil {
		s.password = *o.Password
	}
	s.again(data)
	return s
}

// echo is for methods that nobody knows: it gives back what it was given, so that an exchange can be seen at all.
type echo struct {
	name string
	data []byte
}

func (e *echo) method() string                        { return e.name }
func (e *echo) again(data []byte)                     { e.data = data }
func (e *echo) first() []byte                         { return e.data }
func (e *echo) next(challenge []byte) ([]byte, error) { return challenge, nil }
func (e *echo) done([]byte) error                     { return nil }

// scram is the client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.
type scram struct {
	user, password string
	// bare is the first message without its head, wanted the signature by which the server proves itself.
	bare, nonce string
	wanted      []byte
	proved      bool
}

func (s *scram) method() string { return scramSHA256 }

func (s *scram) again(data []byte) {
	s.wanted, s.proved = nil, false
	if parts := strings.SplitN(string(data), ",", 3); len(parts) == 3 {
		s.bare, s.nonce = parts[2], field(parts[2], "r")
		return
	}
	s.nonce = base64.RawStdEncoding.EncodeToString([]byte(rand.Text()))
	s.bare = "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s.user) + ",r=" + s.nonce
}

func (s *scram) first() []byte { return []byte("n,," + s.bare) }

// next answers the server's first message with our proof, and its last one, which may come in an AUTH, with nothing.
func (s *scram) next(challenge []byte) ([]byte, error) {
	if s.wanted != nil {
		return nil, s.done(challenge)
	}
	text := string(challenge)
	nonce := field(text, "r")
	salt, err := base64.StdEncoding.DecodeString(field(text, "s"))
	if err != nil {
		return nil, fmt.Errorf("the salt is no base64: %w", err)
	}
	iterations, err := strconv.Atoi(field(text, "i"))
	if err != nil || iterations < 1 || iterations > mostIterations || !strings.HasPrefix(nonce, s.nonce) {
		return nil, fmt.Errorf("no usable challenge: %q", text)
	}
	salted, err := pbkdf2.Key(sha256.New, s.password, salt, iterations, sha256.Size)
	if err != nil {
		return nil, err
	}
	final := "c=biws,r=" + nonce
	all := s.bare + "," + text + "," + final
	key := mac(salted, "Client Key")
	stored := sha256.Sum256(key)
	signature := mac(stored[:], all)
	for i := range key {
		key[i] ^= signature[i]
	}
	s.wanted = mac(mac(salted, "Server Key"), all)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(key)), nil
}

func (s *scram) done(data []byte) error {
	if s.proved {
		return nil
	}
	signature, err := base64.StdEncoding.DecodeString(field(string(data), "v"))
	if err != nil || s.wanted == nil || !hmac.Equal(signature, s.wanted) {
		return errors.New("the server did not prove that it knows the password")
	}
	s.proved = true
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// field is the value of a member of a SCRAM message: `r=abc,s=QSXC,i=4096`.
func field(message, name string) string {
	for _, part := range strings.Split(message, ",") {
		if value, found := strings.CutPrefix(part, name+"="); found {
			return value
		}
	}
	return ""
}
