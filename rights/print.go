package rights

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"pageheat/kafka"
)

// PrintCommands prints a kafka-acls command for each need, which gives it to a principal. The
// commands lack only --bootstrap-server and --command-config.
func PrintCommands(w io.Writer, principal string, needs []Need) error {
	flags := map[kafka.Resource]string{kafka.TopicResource: "--topic", kafka.GroupResource: "--group",
		kafka.TransactionalResource: "--transactional-id"}
	for _, n := range needs {
		resource := flags[n.Resource] + " " + quote(n.Name)
		if n.Prefixed {
			resource += " --resource-pattern-type prefixed"
		}
		if _, err := fmt.Fprintf(w, "kafka-acls --add --allow-principal %s --operation %s %s\n", quote(principal), n.Operation, resource); err != nil {
			return fmt.Errorf("printing a right: %w", err)
		}
	}
	return nil
}

// quote makes one word of a shell of a text.
func quote(text string) string {
	if regexp.MustCompile(`^[\w:./@+,=-]+$`).MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// kafkaUser is Strimzi's resource of a user, as far as it is about rights.
type kafkaUser struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Authorization struct {
			Type string
			ACLs []userRule `yaml:"acls"`
		}
	}
}

// userRule is what a user may do with one resource.
type userRule struct {
	Resource   userResource
	Operations []kafka.Operation
}

type userResource struct {
	Type        string
	Name        string
	PatternType string `yaml:"patternType"`
}

// PrintUser prints a KafkaUser of Strimzi (0.49 or later) with these rights, for a Kafka
// resource of a given name.
func PrintUser(w io.Writer, cluster, name string, needs []Need) error {
	user := kafkaUser{APIVersion: "kafka.strimzi.io/v1", Kind: "KafkaUser"}
	user.Metadata.Name, user.Metadata.Labels = name, map[string]string{"strimzi.io/cluster": cluster}
	user.Spec.Authorization.Type = "simple"
	types := map[kafka.Resource]string{kafka.TopicResource: "topic", kafka.GroupResource: "group",
		kafka.TransactionalResource: "transactionalId"}
	at := map[userResource]int{}
	rules := &user.Spec.Authorization.ACLs
	for _, n := range needs {
		resource := userResource{Type: types[n.Resource], Name: n.Name, PatternType: "literal"}
		if n.Prefixed {
			resource.PatternType = "prefix"
		}
		i, known := at[resource]
		if !known {
			i = len(*rules)
			at[resource] = i
			*rules = append(*rules, userRule{Resource: resource})
		}
		(*rules)[i].Operations = append((*rules)[i].Operations, n.Operation)
	}
	out := yaml.NewEncoder(w)
	out.SetIndent(2)
	if err := out.Encode(user); err != nil {
		return fmt.Errorf("printing a KafkaUser: %w", err)
	}
	return out.Close()
}
