package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"pageheat/secret"
)

// guarded requires the token: as a bearer token (RFC 6750), or as the password of basic
// authentication with any user name. A browser can ask for the latter and sends it with
// everything that the dashboard loads.
func guarded(token *secret.Held, metrics *metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			_, given, ok = r.BasicAuth()
		}
		if !ok || !sameSecret(given, token.Value()) {
			metrics.refuse(refusedToken)
			w.Header().Add("WWW-Authenticate", `Bearer realm="pageheat"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="pageheat", charset="UTF-8"`)
			Refuse(w, http.StatusUnauthorized, "This route needs the token of this instance: send it as Authorization: Bearer TOKEN, or as the password with any user name.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameSecret compares two secrets in constant time.
func sameSecret(given, wanted string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(wanted))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
