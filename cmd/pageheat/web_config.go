package main

import (
	"time"

	"pageheat/cmd/pageheat/forum"
	"pageheat/codec"
	"pageheat/collect"
	"pageheat/web"
)

// webFlags shape what is served over HTTP.
type webFlags struct {
	Listen       *string  `placeholder:"HOST:PORT" help:"Address for HTTP: health and metrics in every role, everything else in roles serve and collect. 127.0.0.1:8080 if not given, or a free port where that is taken."`
	PublicListen string   `placeholder:"HOST:PORT" help:"Address for everybody, with nothing but behaviours, scripts and boards."`
	HTTPPrefix   string   `name:"http-prefix" placeholder:"/PATH" help:"Path below which everything is served."`
	Token        string   `placeholder:"SECRET" help:"Bearer token that is needed for everything that is not for everybody."`
	AllowOrigins []string `placeholder:"ORIGIN" help:"Sites whose pages may send and read, such as https://forum.example; * for all."`
	AllowHosts   []string `placeholder:"HOST" help:"Host names that operators may use without a token, besides localhost and the names of this machine; * for all."`

	MaxConnections          int `default:"4096" help:"Maximum open connections of each address."`
	MaxConnectionsPerClient int `default:"200" help:"Maximum open connections of one client."`
	MaxStreams              int `default:"2000" help:"Maximum open event streams."`
	MaxStreamsPerClient     int `default:"50" help:"Maximum open event streams of one client."`

	CollectRate      float64       `default:"20" help:"Behaviours a second of one client, sustained, in role collect."`
	CollectBurst     int           `default:"200" help:"Behaviours of one client at once; also the maximum of one request."`
	CollectTotalRate float64       `default:"10000" help:"Behaviours a second of all clients together; 0 for no limit."`
	CollectMaxBytes  int           `default:"262144" help:"Maximum size of a request with behaviours in bytes, uncompressed."`
	CollectTimeout   time.Duration `default:"4s" help:"Time that Kafka may take for a request before the sender is told to try again."`
	AllowPages       string        `placeholder:"REGEXP" help:"Pattern that the whole name of a page has to match."`
	MaxPageBytes     int           `default:"1024" help:"Maximum length of a page name in bytes."`
	WriteKey         string        `placeholder:"KEY" help:"Key that has to come with behaviours."`
	TrustedProxies   []string      `placeholder:"CIDR" help:"Reverse proxies whose X-Forwarded-For header is trusted."`
}

// webConfig is all that HTTP needs. It has been checked.
type webConfig struct {
	web.Config
	collector collect.Config // of the role collect
}

// maxCollectTimeout is shorter than the time that a server which is to stop gives its
// last requests.
const maxCollectTimeout = 4 * time.Second

// demoWeb is what a demo serves.
func demoWeb(listen string) (webConfig, error) {
	out := webConfig{collector: collect.Config{MaxPageBytes: codec.MaxPageBytes, Timeout: maxCollectTimeout},
		Config: web.Config{Listen: listen, MaxConnections: 4096, MaxConnectionsPerClient: 4096,
			Serve:   web.Serve{MaxStreams: 2000, MaxStreamsPerClient: 2000},
			Collect: web.Collect{Rate: 20, Burst: 200, MaxBytes: 256 << 10},
		}}
	var err error
	if out.Hosts, err = web.NewHosts(nil); err != nil {
		return out, err
	}
	out.Routes, err = forum.Routes()
	return out, err
}

// config checks the flags.
func (f *webFlags) config() (out webConfig, err error) {
	for _, bound := range []struct {
		flag  string
		value int
	}{
		{"max-connections", f.MaxConnections}, {"max-connections-per-client", f.MaxConnectionsPerClient},
		{"max-streams", f.MaxStreams}, {"max-streams-per-client", f.MaxStreamsPerClient},
	} {
		if bound.value < 1 || bound.value > 100_000 {
			return out, badFlag(bound.flag, "%d: must be from 1 to 100000", bound.value)
		}
	}
	if out.Listen, err = listenAddress(f.Listen); err != nil {
		return out, err
	}
	out.PublicListen, out.Prefix, out.Token = f.PublicListen, f.HTTPPrefix, f.Token
	out.MaxConnections, out.MaxConnectionsPerClient = f.MaxConnections, f.MaxConnectionsPerClient
	out.Serve.MaxStreams, out.Serve.MaxStreamsPerClient = f.MaxStreams, f.MaxStreamsPerClient
	if out.Origins, err = web.NewOrigins(f.AllowOrigins); err != nil {
		return out, badFlag("allow-origins", "%w", err)
	}
	if out.Hosts, err = web.NewHosts(f.AllowHosts); err != nil {
		return out, badFlag("allow-hosts", "%w", err)
	}
	if out.Proxies, err = web.NewProxies(f.TrustedProxies); err != nil {
		return out, badFlag("trusted-proxies", "%w", err)
	}
	err = f.collect(&out)
	return out, err
}

// listenAddress is what --listen says; empty where it says nothing.
func listenAddress(flag *string) (string, error) {
	switch {
	case flag == nil:
		return "", nil
	case *flag == "":
		return "", badFlag("listen", "must not be empty: give an address such as %s", web.DefaultListen)
	}
	return *flag, nil
}

// collect checks the flags of the role collect.
func (f *webFlags) collect(out *webConfig) (err error) {
	const leastBytes, mostBytes, mostBurst, mostRate, mostTotal = 1 << 10, 1 << 20, 1_000_000, 1e6, 1e9
	switch {
	case !(f.CollectRate > 0 && f.CollectRate <= mostRate): // not NaN either
		return badFlag("collect-rate", "%g: must be above 0, and at most %g", f.CollectRate, mostRate)
	case f.CollectBurst < 1 || f.CollectBurst > mostBurst:
		return badFlag("collect-burst", "%d: must be from 1 to %d", f.CollectBurst, mostBurst)
	case !(f.CollectTotalRate >= 0 && f.CollectTotalRate <= mostTotal): // not NaN either
		return badFlag("collect-total-rate", "%g: must be from 0 to %g", f.CollectTotalRate, mostTotal)
	case f.CollectMaxBytes < leastBytes || f.CollectMaxBytes > mostBytes:
		return badFlag("collect-max-bytes", "%d: must be from %d to %d", f.CollectMaxBytes, leastBytes, mostBytes)
	case f.CollectTimeout < 10*time.Millisecond || f.CollectTimeout > maxCollectTimeout:
		return badFlag("collect-timeout", "%s: must be from 10ms to %s", f.CollectTimeout, maxCollectTimeout)
	case f.MaxPageBytes < 1 || f.MaxPageBytes > codec.MaxPageBytes:
		return badFlag("max-page-bytes", "%d: must be from 1 to %d", f.MaxPageBytes, codec.MaxPageBytes)
	}
	out.Collect = web.Collect{Rate: f.CollectRate, Burst: f.CollectBurst, TotalRate: f.CollectTotalRate, MaxBytes: f.CollectMaxBytes, Key: f.WriteKey}
	out.collector.MaxPageBytes, out.collector.Timeout = f.MaxPageBytes, f.CollectTimeout
	if f.AllowPages != "" {
		if out.collector.AllowPages, err = collect.PagePattern(f.AllowPages); err != nil {
			return badFlag("allow-pages", "%w", err)
		}
	}
	return nil
}
