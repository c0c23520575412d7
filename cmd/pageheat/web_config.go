package main

import (
	"net"
	"net/netip"
	"regexp"
	"time"

	"pageheat/codec"
	"pageheat/collect"
	"pageheat/views"
	"pageheat/webserver"
)

// webFlags shape what is served over HTTP.
type webFlags struct {
	Listen       string   `default:"127.0.0.1:8080" help:"Address for HTTP, in roles serve and collect."`
	PublicListen string   `placeholder:"HOST:PORT" help:"Another address, for everybody: behaviours, scripts and boards alone."`
	HTTPPrefix   string   `name:"http-prefix" placeholder:"/PATH" help:"Serve below this path."`
	Token        string   `placeholder:"SECRET" help:"Ask for this bearer token for all that is not for everybody."`
	AllowOrigins []string `placeholder:"ORIGIN" help:"Sites whose pages may send and read, such as https://forum.example; * for all."`
	MaxStreams   int      `default:"2000" help:"Serve so many event streams at a time."`

	CollectRate     float64       `default:"20" help:"Behaviours a second that one client may send for long, in role collect."`
	CollectBurst    int           `default:"200" help:"Behaviours that one client may send at once."`
	CollectMaxBytes int           `default:"262144" help:"The longest request with behaviours."`
	CollectTimeout  time.Duration `default:"4s" help:"Tell senders to try again when Kafka takes longer."`
	AllowPages      string        `placeholder:"REGEXP" help:"Take pages that match it as a whole."`
	MaxPageBytes    int           `default:"1024" help:"The longest name of a page to take."`
	WriteKey        string        `placeholder:"KEY" help:"Take behaviours that come with this key."`
	TrustedProxies  []string      `placeholder:"CIDR" help:"Proxies whose X-Forwarded-For is believed."`
}

// webConfig is all that HTTP needs. It has been checked.
type webConfig struct {
	listen, public string // addresses; public may be empty
	prefix, token  string
	origins        webserver.Origins
	maxStreams     int
	forum          bool // serve the sample site too
	collect        collectConfig
}

// collectConfig is what the role collect needs.
type collectConfig struct {
	rate                float64
	burst               int
	maxBytes, pageBytes int
	timeout             time.Duration
	pages               *regexp.Regexp
	key                 string
	proxies             []netip.Prefix
}

// maxCollectTimeout is shorter than the time that a server which is to stop gives its
// last requests.
const maxCollectTimeout = 4 * time.Second

// demoWeb is what a demo serves.
func demoWeb(listen string) webConfig {
	return webConfig{listen: listen, maxStreams: views.DefaultMaxStreams, forum: true, collect: collectConfig{
		rate: 20, burst: 200, maxBytes: 256 << 10, pageBytes: codec.MaxPageBytes, timeout: maxCollectTimeout,
	}}
}

// config checks the flags, for the roles of cfg.
func (f *webFlags) config(cfg pipelineConfig) (out webConfig, err error) {
	if (cfg.has(roleServe) || cfg.has(roleCollect)) && f.Listen == "" {
		return out, badFlag("listen", "roles serve and collect need an address, such as 127.0.0.1:8080")
	}
	if f.MaxStreams < 1 || f.MaxStreams > 100_000 {
		return out, badFlag("max-streams", "%d: must be from 1 to 100000", f.MaxStreams)
	}
	out = webConfig{listen: f.Listen, public: f.PublicListen, prefix: f.HTTPPrefix, token: f.Token, maxStreams: f.MaxStreams,
		collect: collectConfig{rate: f.CollectRate, burst: f.CollectBurst, maxBytes: f.CollectMaxBytes,
			pageBytes: f.MaxPageBytes, timeout: f.CollectTimeout, key: f.WriteKey}}
	if out.origins, err = webserver.NewOrigins(f.AllowOrigins); err != nil {
		return out, badFlag("allow-origins", "%w", err)
	}
	return out, f.collect(&out.collect)
}

// collect checks the flags of the role collect.
func (f *webFlags) collect(out *collectConfig) (err error) {
	const leastBytes, mostBytes, mostBurst, mostRate = 1 << 10, 1 << 20, 1_000_000, 1e6
	switch {
	case !(f.CollectRate > 0 && f.CollectRate <= mostRate): // not NaN either
		return badFlag("collect-rate", "%g: must be above 0, and at most %g", f.CollectRate, mostRate)
	case f.CollectBurst < 1 || f.CollectBurst > mostBurst:
		return badFlag("collect-burst", "%d: must be from 1 to %d", f.CollectBurst, mostBurst)
	case f.CollectMaxBytes < leastBytes || f.CollectMaxBytes > mostBytes:
		return badFlag("collect-max-bytes", "%d: must be from %d to %d", f.CollectMaxBytes, leastBytes, mostBytes)
	case f.CollectTimeout < 10*time.Millisecond || f.CollectTimeout > maxCollectTimeout:
		return badFlag("collect-timeout", "%s: must be from 10ms to %s", f.CollectTimeout, maxCollectTimeout)
	case f.MaxPageBytes < 1 || f.MaxPageBytes > codec.MaxPageBytes:
		return badFlag("max-page-bytes", "%d: must be from 1 to %d", f.MaxPageBytes, codec.MaxPageBytes)
	}
	if f.AllowPages != "" {
		if out.pages, err = collect.PagePattern(f.AllowPages); err != nil {
			return badFlag("allow-pages", "%w", err)
		}
	}
	if out.proxies, err = collect.ParseProxies(f.TrustedProxies); err != nil {
		return badFlag("trusted-proxies", "%w", err)
	}
	return nil
}

// isLoopback reports whether only this machine can connect to an address.
func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
