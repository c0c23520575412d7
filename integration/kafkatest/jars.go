package kafkatest

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the pom is part of the program, which may run from anywhere
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
)

//go:embed pom.xml
var pom []byte

// kafkaVersion is the environment variable with a version of Apache Kafka to run instead of the
// one in pom.xml.
const kafkaVersion = "PAGEHEAT_TEST_KAFKA"

// KafkaVersion is the version of Apache Kafka that Start runs.
func KafkaVersion() (string, error) {
	if version := os.Getenv(kafkaVersion); version != "" {
		return version, nil
	}
	var p struct {
		Version string `xml:"properties>kafka.version"`
	}
	if err := xml.Unmarshal(pom, &p); err != nil {
		return "", fmt.Errorf("kafkatest: reading pom.xml: %w", err)
	}
	if p.Version == "" {
		return "", errors.New("kafkatest: pom.xml names no kafka.version")
	}
	return p.Version, nil
}

// Jars returns the directory with the jars of an Apache Kafka broker. The first call on a machine
// runs Maven, which copies them (54 MB) into the user's cache directory. Concurrent calls, also of
// several processes, wait for each other.
func Jars(ctx context.Context) (string, error) {
	dir, err := jarsDir()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return "", fmt.Errorf("kafkatest: making the cache for Kafka's jars: %w", err)
	}
	unlock, err := lockedfile.MutexAt(dir + ".lock").Lock()
	if err != nil {
		return "", fmt.Errorf("kafkatest: locking the cache for Kafka's jars: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // another process was faster
	}
	return dir, copyJars(ctx, dir)
}

// jarsDir returns the directory. Its name includes a hash of the pom, so a changed pom never uses
// the jars of an earlier one.
func jarsDir() (string, error) {
	version, err := KafkaVersion()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil { // no home directory, as in some CI sandboxes
		cache = os.TempDir()
	}
	return filepath.Join(cache, "pageheat", fmt.Sprintf("kafka-%s-%x", version, sha256.Sum256(pom))[:len("kafka-")+len(version)+9]), nil
}

// copyJars fills a directory next to dir and renames it at the end, so an interrupted copy is
// never mistaken for a complete one.
func copyJars(ctx context.Context, dir string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("kafkatest: Kafka's jars are not in %s yet, and Maven, which fetches them, is not installed: %w", dir, err)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "part-")
	if err != nil {
		return fmt.Errorf("kafkatest: making a directory for Kafka's jars: %w", err)
	}
	defer func() { _ = os.RemoveAll(part) }() // gone already where all went well
	version, err := KafkaVersion()
	if err != nil {
		return err
	}
	file := filepath.Join(part, "pom.xml")
	if err := os.WriteFile(file, pom, 0o600); err != nil {
		return fmt.Errorf("kafkatest: writing the pom: %w", err)
	}
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "-ntp", "-f", file, "-Dkafka.version="+version,
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+part)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("kafkatest: fetching Kafka's jars with Maven: %w\n%s", err, out.Bytes())
	}
	if err := os.Rename(part, dir); err != nil {
		return fmt.Errorf("kafkatest: putting Kafka's jars in place: %w", err)
	}
	return nil
}
