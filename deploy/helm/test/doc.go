// Package test renders the chart of deploy/helm with Helm's library. It is a module of its own
// because pageheat itself needs neither Helm nor Kubernetes.
package test
