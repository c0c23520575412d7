package failure

import "fmt"

// Setting is a setting whose value cannot be used, alone or beside the others.
type Setting struct {
	// Name is that of the flag, without dashes.
	Name string
	// Err says what the value has to be.
	Err error
}

// Error names the setting as a flag.
func (e *Setting) Error() string { return "--" + e.Name + ": " + e.Err.Error() }

// Unwrap is what the value has to be.
func (e *Setting) Unwrap() error { return e.Err }

// BadSetting returns a [Setting] with an error as fmt.Errorf makes it.
func BadSetting(name, format string, args ...any) error {
	return &Setting{Name: name, Err: fmt.Errorf(format, args...)}
}
