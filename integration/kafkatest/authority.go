package kafkatest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a certificate authority for a test.
type Authority struct {
	t           testing.TB // nil for that of a cluster, which outlives tests
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// PEM is its certificate.
	PEM []byte
}

// Certificate is a certificate with its private key, in PEM.
type Certificate struct{ Chain, Key []byte }

// NewAuthority creates an authority.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a, err := newAuthority(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	a.t = t
	return a
}

func newAuthority(valid time.Duration) (*Authority, error) {
	a := &Authority{}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "authority " + rand.Text()[:6]}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	made, err := a.sign(template, valid)
	if err != nil {
		return nil, err
	}
	a.PEM = made.Chain
	block, _ := pem.Decode(made.Chain)
	if a.certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, fmt.Errorf("kafkatest: reading the certificate of an authority: %w", err)
	}
	return a, nil
}

// Issue creates a certificate for clients and for servers with these names. The default is
// localhost and 127.0.0.1. The first name is the subject.
func (a *Authority) Issue(names ...string) Certificate {
	a.t.Helper()
	return a.IssueFor(time.Hour, names...)
}

// IssueFor creates a certificate with a lifetime, which may be negative.
func (a *Authority) IssueFor(valid time.Duration, names ...string) Certificate {
	a.t.Helper()
	c, err := a.issue(valid, names...)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func (a *Authority) issue(valid time.Duration, names ...string) (Certificate, error) {
	if len(names) == 0 {
		names = []string{"localhost", "127.0.0.1"}
	}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return a.sign(template, valid)
}

// sign makes a key and its certificate, self-signed if the authority has none yet.
func (a *Authority) sign(template *x509.Certificate, valid time.Duration) (Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Certificate{}, fmt.Errorf("kafkatest: making a certificate: %w", err)
	}
	const bits = 100
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits)); err != nil {
		return Certificate{}, fmt.Errorf("kafkatest: making a certificate: %w", err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(valid)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer, a.key = template, key, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return Certificate{}, fmt.Errorf("kafkatest: making a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Certificate{}, fmt.Errorf("kafkatest: making a certificate: %w", err)
	}
	return Certificate{
		Chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}, nil
}

// Both returns key and chain together, as in a PEM keystore of Kafka.
func (c Certificate) Both() []byte { return bytes.Join([][]byte{c.Key, c.Chain}, nil) }

// Server returns a configuration for a server with this certificate. If clients is not nil, each
// client needs a certificate of that authority.
func (c Certificate) Server(t testing.TB, clients *Authority) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair(c.Chain, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if clients != nil {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(clients.PEM)
	}
	return config
}

// WriteFile writes a file into dir atomically: a reader sees the old text or the new one. It returns
// the file's path.
func WriteFile(t testing.TB, dir, name string, text []byte) string {
	t.Helper()
	path, err := writeFile(dir, name, text)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func writeFile(dir, name string, text []byte) (string, error) {
	path := filepath.Join(dir, name)
	err := os.WriteFile(path+".new", text, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return "", fmt.Errorf("kafkatest: writing a file for a test: %w", err)
	}
	return path, nil
}
