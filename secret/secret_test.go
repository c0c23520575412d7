package secret_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
	"pageheat/secret"
)

func TestTextsAreNeverPrinted(t *testing.T) {
	of := struct{ Token secret.Text }{"canary"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		assert.NotContains(t, fmt.Sprintf(format, of), "canary", format)
	}
	text, err := json.Marshal(of)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "canary")
}

func TestHeldSecretsAreReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("one\r\n"), 0o600))
	held, err := secret.Open("token-file", file, "")
	require.NoError(t, err)
	assert.Equal(t, "one", held.Value())
	require.NoError(t, os.WriteFile(file, []byte("two\n"), 0o600))
	assert.Equal(t, "one", held.Value())
	require.NoError(t, held.Reload())
	assert.Equal(t, "two", held.Value())
	for _, spoil := range []func(){
		func() { require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600)) },
		func() { require.NoError(t, os.Remove(file)) },
	} {
		spoil()
		var setting *failure.Setting
		require.ErrorAs(t, held.Reload(), &setting)
		assert.Equal(t, "token-file", setting.Name)
		assert.Equal(t, "two", held.Value(), "the last good one stays")
	}
	_, err = secret.Open("token-file", file, "")
	require.ErrorContains(t, err, "--token-file")
}

func TestSecretsWithoutFile(t *testing.T) {
	held, err := secret.Open("token-file", "", "given")
	require.NoError(t, err)
	require.NoError(t, held.Reload())
	assert.Equal(t, "given", held.Value())
	held, err = secret.Open("token-file", "", "")
	require.NoError(t, err)
	require.NoError(t, held.Reload())
	assert.Empty(t, held.Value())
	_, err = secret.Open("token-file", "a file", "given")
	require.ErrorContains(t, err, "set twice: in this file and as --token")
}
