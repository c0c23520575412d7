package security

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// Hint is what an operator can do about an error of TLS or of a token; empty for any other.
func Hint(err error) string {
	if refused, ok := errors.AsType[*TokenError](err); ok {
		if refused.Refused() {
			return "see --oauth-token-url, --oauth-client-id, the client secret and --oauth-scope"
		}
		return "" // it may be back in a moment
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate of the broker is for other names: see --brokers and --tls-server-name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the CA of the certificate is not trusted: see --tls-ca"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "renew the certificate, or correct the clock of this machine"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate cannot be verified: see --tls-ca and --tls-server-name"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the broker does not use TLS at this address: leave out --tls, or see --brokers"
	}
	// The alert that a broker sends has no exported type.
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		if strings.Contains(remote.Err.Error(), "certificate") {
			return "the broker refuses the certificate of this client, or wants one: see --tls-cert and --tls-key"
		}
		return "the broker refuses the TLS handshake: see --tls-cert, --tls-key and the versions of TLS that it takes"
	}
	return ""
}
