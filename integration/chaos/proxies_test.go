package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"pageheat/integration/kafkatest"
)

// proxies stand between pageheat and the brokers, one before each.
type proxies struct {
	all []*toxiproxy.Proxy
}

func startProxies(routes []kafkatest.Route) (*proxies, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxies{}
	for i, r := range routes {
		proxy := toxiproxy.NewProxy(server, fmt.Sprintf("broker-%d", i), r.Listen, r.Upstream)
		if err := proxy.Start(); err != nil {
			p.close()
			return nil, fmt.Errorf("starting a proxy before broker %d: %w", i, err)
		}
		p.all = append(p.all, proxy)
	}
	return p, nil
}

func (p *proxies) close() {
	for _, proxy := range p.all {
		proxy.Stop()
	}
}

// bootstrap is where clients begin that are to go through the proxies.
func (p *proxies) bootstrap() string {
	var all []string
	for _, proxy := range p.all {
		all = append(all, proxy.Listen)
	}
	return strings.Join(all, ",")
}

// cut closes all connections to a broker and refuses new ones, until mended.
func (p *proxies) cut(broker int)        { p.all[broker].Stop() }
func (p *proxies) mend(broker int) error { return p.all[broker].Start() }

// disturb does something to the connections to a broker, new and old, until calm:
// a toxic of toxiproxy, in the direction upstream (requests) or downstream.
func (p *proxies) disturb(broker int, direction, kind string, attributes map[string]int) error {
	toxic, err := json.Marshal(map[string]any{"name": kind + "-" + direction, "type": kind, "stream": direction, "attributes": attributes})
	if err != nil {
		return fmt.Errorf("writing a %s: %w", kind, err)
	}
	if _, err := p.all[broker].Toxics.AddToxicJson(bytes.NewReader(toxic)); err != nil {
		return fmt.Errorf("disturbing broker %d with a %s: %w", broker, kind, err)
	}
	return nil
}

// calm ends everything that disturbs a broker.
func (p *proxies) calm(broker int) {
	const within = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	p.all[broker].Toxics.ResetToxics(ctx)
}
