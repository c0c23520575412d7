package kafkatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// tokenLife is how long brokers accept a token.
const tokenLife = 60 * time.Second

// Tokens is a token endpoint for the client credentials grant. Kafka's default validator accepts
// its tokens, which are not signed.
type Tokens struct {
	// Secret is that of every client.
	Secret string
	// Replace is when the endpoint says that a token expires. Brokers accept it for a minute:
	// Kafka refuses a login within a second of the last one, so no session may be that short.
	Replace time.Duration
}

// tokenAnswer is what a token endpoint answers.
type tokenAnswer struct {
	AccessToken string `json:"access_token,omitempty"`
	TokenType   string `json:"token_type,omitempty"`
	ExpiresIn   int    `json:"expires_in,omitempty"`
	Error       string `json:"error,omitempty"`
	Description string `json:"error_description,omitempty"`
}

// write writes the answer to a client, which may have gone. The token is meant for it.
func (a tokenAnswer) write(w io.Writer) {
	_ = json.NewEncoder(w).Encode(a) //nolint:gosec,errchkjson // see above
}

// ServeHTTP issues a token whose subject is the client.
func (s Tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	id, secret, _ := r.BasicAuth()
	if secret != s.Secret {
		w.WriteHeader(http.StatusUnauthorized)
		tokenAnswer{Error: "invalid_client", Description: "not " + secret}.write(w)
		return
	}
	part := base64.RawURLEncoding.EncodeToString
	now := time.Now()
	claims := fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, id, now.Unix(), now.Add(tokenLife).Unix())
	tokenAnswer{TokenType: "Bearer", ExpiresIn: int(s.Replace.Seconds()),
		AccessToken: part([]byte(`{"alg":"none"}`)) + "." + part([]byte(claims)) + "."}.write(w)
}
