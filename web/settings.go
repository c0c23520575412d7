package web

import (
	"pageheat/collect"
	"pageheat/failure"
	"pageheat/secret"
)

// Settings are the operator's settings of HTTP.
type Settings struct {
	Listen       *string     `placeholder:"HOST:PORT" example:"127.0.0.1:8080" help:"Address for HTTP: health and metrics in every role, all else in roles serve and collect. Default 127.0.0.1:8080, or a free port if that is in use."`
	PublicListen string      `placeholder:"HOST:PORT" help:"Address for the public: behaviours, scripts and boards only."`
	HTTPPrefix   string      `name:"http-prefix" placeholder:"/PATH" help:"Path prefix of all routes."`
	Token        secret.Text `hidden:"" help:"Bearer token required for all routes that are not public."`
	TokenFile    string      `placeholder:"FILE" help:"File with the bearer token required for all routes that are not public; or use $PAGEHEAT_TOKEN."`
	AllowOrigins []string    `placeholder:"ORIGIN" help:"Sites whose pages may send and read, such as https://forum.example; * for all."`
	AllowHosts   []string    `placeholder:"HOST" help:"Host names that operators may use without a token, besides localhost and the names of this machine; * for all."`

	PageLink string `placeholder:"TEMPLATE" example:"https://forum.example/t/{page}" help:"Address of a page, with {page} for its name, for links in the dashboard, feeds and lists. Default: the url of behaviours."`

	MaxConnections          int `help:"Maximum open connections of each address."`
	MaxConnectionsPerClient int `help:"Maximum open connections of one client."`
	MaxStreams              int `help:"Maximum open event streams."`
	MaxStreamsPerClient     int `help:"Maximum open event streams of one client."`

	CollectRate      float64 `help:"Behaviours a second of one client, sustained, in role collect."`
	CollectBurst     int     `help:"Behaviours of one client at once; also the maximum of one request."`
	CollectTotalRate float64 `help:"Behaviours a second of all clients together; 0 for no limit."`
	CollectMaxBytes  int     `help:"Maximum size of a request with behaviours in bytes, uncompressed."`

	// Collector has the settings of the collector, which its own package makes.
	Collector collect.Settings `embed:""`

	WriteKey       secret.Text `hidden:"" help:"Key required with behaviours."`
	WriteKeyFile   string      `placeholder:"FILE" help:"File with the key required with behaviours; or use $PAGEHEAT_WRITE_KEY."`
	TrustedProxies []string    `placeholder:"CIDR" help:"Reverse proxies whose X-Forwarded-For header is trusted."`
}

// DefaultSettings are the settings in production.
func DefaultSettings() Settings {
	return Settings{
		MaxConnections: 4096, MaxConnectionsPerClient: 200, MaxStreams: 2000, MaxStreamsPerClient: 50,
		CollectRate: 20, CollectBurst: 200, CollectTotalRate: 10_000, CollectMaxBytes: 256 << 10,
		Collector: collect.DefaultSettings(),
	}
}

// Config returns the configuration. The error is a [failure.Setting] of the first invalid
// setting. The caller sets the other fields.
func (s Settings) Config() (cfg Config, err error) {
	if err := s.validate(); err != nil {
		return cfg, err
	}
	if s.Listen != nil {
		cfg.Listen = *s.Listen
	}
	cfg.PublicListen, cfg.Prefix = s.PublicListen, s.HTTPPrefix
	if cfg.Token, err = secret.Open("token-file", s.TokenFile, s.Token); err != nil {
		return cfg, err
	}
	cfg.MaxConnections, cfg.MaxConnectionsPerClient = s.MaxConnections, s.MaxConnectionsPerClient
	cfg.Serve.MaxStreams, cfg.Serve.MaxStreamsPerClient = s.MaxStreams, s.MaxStreamsPerClient
	cfg.Collect = Collect{Rate: s.CollectRate, Burst: s.CollectBurst, TotalRate: s.CollectTotalRate, MaxBytes: s.CollectMaxBytes}
	if cfg.Collect.Key, err = secret.Open("write-key-file", s.WriteKeyFile, s.WriteKey); err != nil {
		return cfg, err
	}
	if cfg.Origins, err = NewOrigins(s.AllowOrigins); err != nil {
		return cfg, failure.BadSetting("allow-origins", "%w", err)
	}
	if cfg.Serve.PageLink, err = NewPageLink(s.PageLink); err != nil {
		return cfg, failure.BadSetting("page-link", "%w", err)
	}
	if cfg.Hosts, err = NewHosts(s.AllowHosts); err != nil {
		return cfg, failure.BadSetting("allow-hosts", "%w", err)
	}
	if cfg.Proxies, err = NewProxies(s.TrustedProxies); err != nil {
		return cfg, failure.BadSetting("trusted-proxies", "%w", err)
	}
	return cfg, nil
}

// validate returns an error for the first setting that is out of range.
func (s Settings) validate() error {
	for _, bound := range []struct {
		setting string
		value   int
	}{
		{"max-connections", s.MaxConnections}, {"max-connections-per-client", s.MaxConnectionsPerClient},
		{"max-streams", s.MaxStreams}, {"max-streams-per-client", s.MaxStreamsPerClient},
	} {
		if bound.value < 1 || bound.value > 100_000 {
			return failure.BadSetting(bound.setting, "%d: must be from 1 to 100000", bound.value)
		}
	}
	const (
		mostBurst, mostRate, mostTotal = 1_000_000, 1e6, 1e9
		leastBodyBytes, mostBodyBytes  = 1 << 10, 1 << 20
	)
	switch {
	case s.Listen != nil && *s.Listen == "":
		return failure.BadSetting("listen", "must not be empty: use an address such as %s", DefaultListen)
	case !(s.CollectRate > 0 && s.CollectRate <= mostRate): // not NaN either
		return failure.BadSetting("collect-rate", "%g: must be above 0, and at most %g", s.CollectRate, mostRate)
	case s.CollectBurst < 1 || s.CollectBurst > mostBurst:
		return failure.BadSetting("collect-burst", "%d: must be from 1 to %d", s.CollectBurst, mostBurst)
	case !(s.CollectTotalRate >= 0 && s.CollectTotalRate <= mostTotal): // not NaN either
		return failure.BadSetting("collect-total-rate", "%g: must be from 0 to %g", s.CollectTotalRate, mostTotal)
	case s.CollectMaxBytes < leastBodyBytes || s.CollectMaxBytes > mostBodyBytes:
		return failure.BadSetting("collect-max-bytes", "%d: must be from %d to %d", s.CollectMaxBytes, leastBodyBytes, mostBodyBytes)
	}
	return nil
}
