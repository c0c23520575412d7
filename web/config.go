package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"pageheat/codec"
	"pageheat/collect"
	"pageheat/heat"
	"pageheat/overview"
	"pageheat/secret"
	"pageheat/views"
)

// Config configures what is served, where, and to whom. The zero value serves an instance's
// health to every client.
type Config struct {
	// Listen is the address of all routes, such as 127.0.0.1:8080. Empty means DefaultListen
	// or, if that is in use, a free port.
	Listen string
	// PublicListen is the address of the public routes; empty for none.
	PublicListen string
	// MaxConnections is the maximum number of open connections per address, and
	// MaxConnectionsPerClient per address and client. A client is an address or a /64 network
	// of IPv6. 0 means no limit.
	MaxConnections, MaxConnectionsPerClient int

	// Prefix is the path prefix of all routes, such as "/heat"; empty for the root.
	Prefix string
	// Token is required for routes that are not public; nil for none.
	Token *secret.Held
	// Hosts are checked for routes that are not public if there is no token; nil allows all.
	Hosts *Hosts
	// Origins are other sites whose pages may send behaviours and read boards.
	Origins Origins
	// Proxies are the trusted senders of X-Forwarded-For.
	Proxies Proxies

	// Serve and Collect are the two roles that serve more than health.
	Serve   Serve
	Collect Collect
	// Routes are additional routes.
	Routes []Route

	// Checks are run by /readyz, after those of the two roles.
	Checks []Check
	// Metrics serves /metrics; nil for not found.
	Metrics http.Handler
	// Registerer gets the metrics of what is served; nil for none.
	Registerer prometheus.Registerer
	// Logger gets messages for operators; nil for none.
	Logger *slog.Logger

	metrics *metrics // of refusals; nil for none
}

// Reload reads the secrets again that come from files. One that cannot be read stays as it is.
func (c *Config) Reload() error { return errors.Join(c.Token.Reload(), c.Collect.Key.Reload()) }

// Serve is the role serve: boards, pages, the dashboard and the overview.
type Serve struct {
	// Boards and Pages are the served data. Both are nil if the instance does not have the
	// role.
	Boards BoardReader
	Pages  PageReader
	// Cluster is the operators' view of Kafka; nil for none.
	Cluster ClusterReader
	// Weights turn a page's totals into heat.
	Weights heat.Weights
	// PageLink makes the addresses of pages in the dashboard, feeds and lists.
	PageLink PageLink
	// MaxStreams is the maximum number of event streams at a time, and MaxStreamsPerClient that
	// of one client. An address only for operators has some extra ones.
	MaxStreams, MaxStreamsPerClient int
}

// BoardReader returns the newest boards. *views.Boards implements it.
type BoardReader interface {
	// Newest returns the newest version of the board with a key.
	Newest(key string) (views.Board, bool)
	// All returns the newest versions of all boards.
	All() []views.Board
	// Changed returns a channel that is closed at the next change of a board.
	Changed(key string) <-chan struct{}
	// Ready returns nil if everything published has been read, or the reason why not.
	Ready() error
}

// PageReader returns the totals of pages. *pipeline.Table implements it.
type PageReader interface {
	// Get returns the totals of a page and whether the page is known, or views.ErrRecovering.
	Get(page string) (codec.PageState, bool, error)
	// Ready returns nil if all partitions of the table have been read, or the reason why not.
	Ready() error
}

// ClusterReader returns the state of the cluster. *overview.Overview implements it.
type ClusterReader interface {
	// State returns the cluster's state, or an error if the cluster does not answer.
	State(ctx context.Context) (overview.State, error)
}

// Collect is the role collect: behaviours over HTTP, from strangers. [Settings.Config] checks
// the ranges.
type Collect struct {
	// Collector accepts the behaviours; nil if the instance does not have the role.
	Collector Collector
	// MaxBytes is the maximum size of a request's body in bytes.
	MaxBytes int
	// Rate is the sustained rate of one client in behaviours a second.
	Rate float64
	// Burst is the maximum number of behaviours that one client may send at once, and so the
	// maximum of one request.
	Burst int
	// TotalRate is the maximum rate of all clients together in behaviours a second; 0 for no
	// limit.
	TotalRate float64
	// Key must come with each request; nil for none.
	Key *secret.Held
}

// Collector accepts behaviours. *collect.Collector implements it.
type Collector interface {
	// Judge splits a body into behaviours. It stops when there are more than most.
	Judge(body []byte, most int) *collect.Batch
	// Keep returns nil when Kafka has acknowledged the valid ones.
	Keep(ctx context.Context, batch *collect.Batch) error
	// Ready returns nil, or the reason why behaviours could not be written a moment ago.
	Ready() error
}
