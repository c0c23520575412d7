package kafkatest

import (
	"os"
	"slices"
	"strings"
)

// Environment is the environment without the variables that set up pageheat
// (PAGEHEAT_BROKERS and the like), for programs that tests start: these get what the
// test says. PAGEHEAT_TEST_ variables, which the program ignores, stay.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PAGEHEAT_") && !strings.HasPrefix(entry, "PAGEHEAT_TEST_")
	})
}
