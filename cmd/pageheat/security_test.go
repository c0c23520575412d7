package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"pageheat/integration/kafkatest"
)

// TestSecurityDocument runs the commands of docs/security.md, with its files, on brokers with TLS.
func TestSecurityDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	require.NoError(t, err)
	authority := kafkatest.NewAuthority(t)
	dir := t.TempDir()
	client := authority.Issue("pageheat")
	for name, text := range map[string][]byte{
		"ca.pem": authority.PEM, "client.pem": client.Chain, "client.key": client.Key,
		"password": []byte("change-me\n"), "client-secret": []byte("change-me\n"),
	} {
		kafkatest.WriteFile(t, dir, name, text)
	}
	certificates := kfake.TLS(authority.Issue().Server(t, authority))
	logins := []kfake.Opt{kfake.TLS(authority.Issue().Server(t, nil)), kfake.EnableSASL(), kfake.User("SCRAM-SHA-512", "pageheat", "change-me")}
	passwords := broker(t, logins...)
	here := strings.NewReplacer("kafka-1.example:9093", broker(t, certificates), "kafka-1.example:9094", passwords, "kafka-1.example:9095", passwords,
		"/etc/pageheat/", dir+"/", "https://idp.example", "http://127.0.0.1:1", "\\\n", "")
	blocks := func(kind string) (found []string) {
		for _, block := range regexp.MustCompile("(?s)```"+kind+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			found = append(found, block[1])
		}
		require.NotEmpty(t, found, kind)
		return found
	}
	command := func(args ...string) (int, string) {
		var out, log bytes.Buffer
		code := run(t.Context(), args, strings.NewReader(""), &out, &log)
		return code, log.String()
	}
	properties := strings.NewReplacer("kafka-1.example:9094", passwords, "/etc/pageheat/", dir+"/").Replace(blocks("properties")[0])
	kafkatest.WriteFile(t, dir, "client.properties", []byte(properties))
	config := kafkatest.WriteFile(t, dir, "pageheat.yaml", []byte(here.Replace(blocks("yaml")[0])))
	commands := [][]string{{"topics", "check", "--config", config}}
	for _, block := range regexp.MustCompile("(?s)\n```\n(pageheat .*?)```").FindAllStringSubmatch(string(text), -1) {
		commands = append(commands, strings.Fields(here.Replace(block[1]))[1:])
	}
	require.Len(t, commands, 5)
	for _, args := range commands {
		code, log := command(args...)
		if strings.Contains(strings.Join(args, " "), "OAUTHBEARER") { // which the embedded broker does not have
			assert.Equal(t, exitFailed, code, args)
			assert.Contains(t, log, "do not support this SASL mechanism", args)
			continue
		}
		assert.Equal(t, exitDifference, code, "%v: there are no topics yet: %s", args, log)
	}
}
