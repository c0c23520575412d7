package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"pageheat/kafka"
)

// propertiesFile is the flag that names a file of Java properties.
type propertiesFile string

// BeforeResolve reads the file that the command line or the environment names.
func (propertiesFile) BeforeResolve(ctx *kong.Context, trace *kong.Path, s *settings) error {
	name, _ := ctx.FlagValue(trace.Flag).(propertiesFile)
	if name == "" {
		return nil // the configuration file may name one
	}
	s.propertiesFile = string(name)
	return s.loadProperties()
}

// loadProperties reads the file of Java properties, which the configuration file may name.
func (s *settings) loadProperties() error {
	if s.propertiesFile == "" {
		s.propertiesFile = strings.Join(s.keys["kafka-properties"].values, ",")
	}
	if s.propertiesFile == "" || s.properties != nil {
		return nil
	}
	var err error
	if s.properties, err = kafka.ReadProperties(s.propertiesFile); err != nil {
		return fmt.Errorf("--kafka-properties %s: %w", s.propertiesFile, err)
	}
	return nil
}

// given reports whether the command line, the environment or the configuration file sets a flag.
func (s *settings) given(ctx *kong.Context, name string) bool {
	if _, set := s.keys[name]; set {
		return true
	}
	for _, trace := range ctx.Path {
		if trace.Flag != nil && trace.Flag.Name == name {
			return true
		}
	}
	for _, flag := range ctx.Flags() {
		if flag.Name != name {
			continue
		}
		for _, variable := range flag.Envs {
			if _, set := os.LookupEnv(variable); set {
				return true
			}
		}
	}
	return false
}
