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
			return "check --oauth-token-url, --oauth-client-id, the client secret and --oauth-scope"
		}
		return "" // it may be back in a moment
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the broker's certificate is for other host names: check --brokers and --tls-server-name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the CA of the broker's certificate is not trusted: check --tls-ca"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "renew the broker's certificate, or correct the clock of this machine"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the broker's certificate cannot be verified: check --tls-ca and --tls-server-name"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the broker does not use TLS at this address: remove --tls, or check --brokers"
	}
	// The alert that a broker sends has no exported type.
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		if strings.Contains(remote.Err.Error(), "certificate") {
			return "the broker rejects the client certificate, or requires one: check --tls-cert and --tls-key"
		}
		return "the broker rejects the TLS handshake: check --tls-cert, --tls-key, and the TLS versions that it accepts (1.2 or later here)"
	}
	return ""
}
