// Package secret has settings that are never printed, and reads them from files.
package secret

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"pageheat/failure"
)

// Text is a setting that is never printed.
type Text string

// Mask is printed instead of a secret.
const Mask = "********"

// String is the same for all secrets.
func (Text) String() string { return Mask }

// GoString is the same for all secrets.
func (Text) GoString() string { return Mask }

// MarshalText is the same for all secrets.
func (Text) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// Read returns the secret in a file, without the end of its line, or the given one if file is
// empty. The error is a [failure.Setting] of setting, which names the file.
func Read(setting, file string, given Text) (string, error) {
	if file == "" {
		return string(given), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", &failure.Setting{Name: setting, Err: fmt.Errorf("cannot read the file: %w", err)}
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return "", &failure.Setting{Name: setting, Err: errors.New("the file is empty")}
	}
	return value, nil
}

// Held is a secret that can be read again from its file. A nil one is empty. It is safe for
// concurrent use.
type Held struct {
	setting, file string
	value         atomic.Pointer[string]
}

// Hold returns a secret that was given, or nil for an empty one.
func Hold(given Text) *Held {
	if given == "" {
		return nil
	}
	h := &Held{}
	value := string(given)
	h.value.Store(&value)
	return h
}

// Open returns the secret in a file, or the given one; nil if there is neither. The error is a
// [failure.Setting] of setting, which names the file: both must not be set.
func Open(setting, file string, given Text) (*Held, error) {
	if file == "" {
		return Hold(given), nil
	}
	if given != "" {
		return nil, failure.BadSetting(setting, "it is set twice: in this file and as --%s", strings.TrimSuffix(setting, "-file"))
	}
	h := &Held{setting: setting, file: file}
	if err := h.Reload(); err != nil {
		return nil, err
	}
	return h, nil
}

// Value is the secret; empty if there is none.
func (h *Held) Value() string {
	if h == nil {
		return ""
	}
	return *h.value.Load()
}

// Reload reads the file again. If it fails, the secret stays as it is. A secret without a file
// stays as well, which is no error.
func (h *Held) Reload() error {
	if h == nil || h.file == "" {
		return nil
	}
	value, err := Read(h.setting, h.file, "")
	if err != nil {
		return err
	}
	h.value.Store(&value)
	return nil
}
