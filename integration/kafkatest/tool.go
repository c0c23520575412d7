package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Kcat are the arguments with which kcat connects, as the tests' own clients do.
func Kcat(c *Cluster) []string {
	args := []string{"-b", c.Bootstrap()}
	if len(c.login) > 0 {
		u := superUser()
		args = append(args, "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=PLAIN", "-X", "sasl.username="+u.User, "-X", "sasl.password="+u.Pass)
	}
	return args
}

// KafkaACLs runs Kafka's own kafka-acls as the super user, with arguments besides
// --bootstrap-server and --command-config.
func (c *Cluster) KafkaACLs(ctx context.Context, args ...string) error {
	java, err := javaProgram()
	if err != nil {
		return err
	}
	jars, err := Jars(ctx)
	if err != nil {
		return err
	}
	u := superUser()
	config, err := os.CreateTemp("", "pageheat-kafka-acls-*.properties")
	if err != nil {
		return fmt.Errorf("kafkatest: creating the configuration of kafka-acls: %w", err)
	}
	defer func() { _ = os.Remove(config.Name()) }()
	_, err = fmt.Fprintf(config, "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q;\n", u.User, u.Pass)
	if err == nil {
		err = config.Close()
	}
	if err != nil {
		return fmt.Errorf("kafkatest: writing the configuration of kafka-acls: %w", err)
	}
	args = append([]string{"-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", filepath.Join(jars, "*"),
		"org.apache.kafka.tools.AclCommand", "--bootstrap-server", c.Bootstrap(), "--command-config", config.Name()}, args...)
	if out, err := exec.CommandContext(ctx, java, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("kafkatest: kafka-acls: %w\n%s", err, out)
	}
	return nil
}
