package security

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"pageheat/failure"
)

// pemBegin begins a setting that is PEM text instead of the name of a file.
const pemBegin = "-----BEGIN "

// tlsConfig reads the files of TLS. The error is a [failure.Setting].
func (s Settings) tlsConfig() (*tls.Config, error) {
	made := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.TLSServerName}
	if s.TLSCA != "" {
		pool := x509.NewCertPool()
		if err := s.addCA(pool); err != nil {
			return nil, err
		}
		made.RootCAs = pool
	}
	if s.TLSCert == "" {
		return made, nil
	}
	certificate, err := readPEM(s.TLSCert, "client.pem")
	if err != nil {
		return nil, &failure.Setting{Name: "tls-cert", Err: err}
	}
	key, err := readPEM(s.TLSKey, "client.pem")
	if err == nil {
		err = unencrypted(key)
	}
	if err != nil {
		return nil, &failure.Setting{Name: "tls-key", Err: err}
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, failure.BadSetting("tls-cert", "not a certificate with the key of --tls-key: %w", err)
	}
	made.Certificates = []tls.Certificate{pair}
	return made, nil
}

// addCA adds the certificates of --tls-ca.
func (s Settings) addCA(pool *x509.CertPool) error {
	text, err := readPEM(s.TLSCA, "ca.pem")
	if err != nil {
		return &failure.Setting{Name: "tls-ca", Err: err}
	}
	if !pool.AppendCertsFromPEM(text) {
		return failure.BadSetting("tls-ca", "it has no certificate in PEM")
	}
	return nil
}

// readPEM reads a file of PEM blocks, or PEM text. Java's stores are refused with a command
// that writes what they hold to a file in PEM.
func readPEM(setting, converted string) ([]byte, error) {
	if strings.HasPrefix(setting, pemBegin) {
		return wrapPEM(setting), nil
	}
	text, err := readFile(setting)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block != nil {
		return text, nil
	}
	if kind := storeKind(text); kind != "" {
		return nil, fmt.Errorf("%s is a %s store, and must be PEM: convert it with %s", setting, kind, conversion(setting, kind, converted))
	}
	return nil, fmt.Errorf("%s has nothing in PEM", setting)
}

// wrapPEM gives PEM text its lines back: in a properties file it may be one line.
func wrapPEM(text string) []byte {
	var wrapped []byte
	for _, block := range regexp.MustCompile(`-----BEGIN ([A-Z0-9 ]+)-----([^-]+)-----END`).FindAllStringSubmatch(text, -1) {
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(block[2]), ""))
		if err != nil {
			return []byte(text) // with headers, or damaged: as it is
		}
		wrapped = append(wrapped, pem.EncodeToMemory(&pem.Block{Type: block[1], Bytes: der})...)
	}
	return wrapped
}

// storeKind recognizes Java's stores by how they begin; it is empty for anything else.
func storeKind(text []byte) string {
	const jks, der = "\xfe\xed\xfe\xed", "\x30\x82"
	switch {
	case bytes.HasPrefix(text, []byte(jks)):
		return "JKS"
	case bytes.HasPrefix(text, []byte(der)):
		return "PKCS12"
	}
	return ""
}

// conversion is the command that converts a store.
func conversion(store, kind, converted string) string {
	switch {
	case converted == "ca.pem":
		return fmt.Sprintf("`keytool -list -rfc -keystore %s > %s`", store, converted)
	case kind == "JKS":
		return fmt.Sprintf("`keytool -importkeystore -srckeystore %s -destkeystore client.p12 -deststoretype PKCS12` and `openssl pkcs12 -in client.p12 -nodes -out %s`", store, converted)
	}
	return fmt.Sprintf("`openssl pkcs12 -in %s -nodes -out %s`", store, converted)
}

// unencrypted refuses a key that needs a password.
func unencrypted(text []byte) error {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return errors.New("the private key is encrypted: decrypt it with `openssl pkey -in FILE -out client.key`, and protect the file by its permissions")
		}
	}
	return nil
}
