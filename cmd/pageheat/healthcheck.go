package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"pageheat/failure"
	"pageheat/secret"
	"pageheat/web"
)

// healthcheckCmd asks an instance on this machine whether it is ready. It is for containers,
// whose image has no shell and no HTTP client, and takes the instance's own settings.
type healthcheckCmd struct {
	Listen     string        `placeholder:"HOST:PORT" help:"Address of the instance: its --listen."`
	HTTPPrefix string        `name:"http-prefix" placeholder:"/PATH" help:"Path prefix of all routes."`
	Token      secret.Text   `hidden:"" help:"Bearer token required for all routes that are not public."`
	TokenFile  string        `placeholder:"FILE" help:"File with the bearer token required for all routes that are not public; or use $PAGEHEAT_TOKEN."`
	Timeout    time.Duration `env:"-" help:"Maximum time to wait for the answer."`
}

func defaultHealthcheck() healthcheckCmd {
	return healthcheckCmd{Listen: web.DefaultListen, Timeout: 3 * time.Second}
}

// Run fails with the reason if the instance is not ready.
func (c *healthcheckCmd) Run(ctx context.Context, p *program) error {
	address, err := local(c.Listen)
	if err != nil {
		return failure.BadSetting("listen", "%w", err)
	}
	token, err := secret.Read("token-file", c.TokenFile, c.Token)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	url := "http://" + address + c.HTTPPrefix + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return failure.BadSetting("http-prefix", "%w", err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: &http.Transport{}} // no proxy: the instance is on this machine
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("asking the instance whether it is ready: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing can get lost
	if answer.StatusCode == http.StatusOK {
		_, err := fmt.Fprintln(p.stdout, "ready")
		return err
	}
	var problem struct {
		Detail  string
		Reasons []struct{ Part, Reason string }
	}
	const mostBytes = 64 << 10
	if err := json.NewDecoder(io.LimitReader(answer.Body, mostBytes)).Decode(&problem); err != nil || problem.Detail == "" {
		return fmt.Errorf("%s answered %s", url, answer.Status)
	}
	for _, r := range problem.Reasons {
		problem.Detail += fmt.Sprintf("\n  %s: %s", r.Part, r.Reason)
	}
	return errors.New(problem.Detail)
}

// local is the address at which this machine reaches a server that listens at listen.
func local(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	switch address, _ := netip.ParseAddr(host); {
	case host == "", address == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case address == netip.IPv6Unspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port), nil
}
