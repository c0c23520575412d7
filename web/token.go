package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// guarded asks for the token: as a bearer token (RFC 6750), or as the password of
// basic authentication, with any name, since that is what a browser can ask a
// person for and then sends with all that the dashboard loads.
func guarded(token string, metrics *metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			_, given, ok = r.BasicAuth()
		}
		if !ok || !sameSecret(given, token) {
			metrics.refuse(refusedToken)
			w.Header().Add("WWW-Authenticate", `Bearer realm="pageheat"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="pageheat", charset="UTF-8"`)
			Refuse(w, http.StatusUnauthorized, "This needs the token of --token: send it as Authorization: Bearer TOKEN, or type it as the password, with any name.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameSecret compares two secrets in a time that tells nothing of where, or in how
// many bytes, they differ.
func sameSecret(given, wanted string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(wanted))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
