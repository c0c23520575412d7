package web

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"pageheat/collect"
	"pageheat/heat"
	"pageheat/overview"
	"pageheat/views"
)

// Config configures what is served, where, and to whom. The zero value serves the health of
// an instance to every client.
type Config struct {
	// Listen is the address of everything, such as 127.0.0.1:8080. If it is empty
	// it is DefaultListen or, if that is in use, a free port.
	Listen string
	// PublicListen is the address of the public routes only; empty for none.
	PublicListen string
	// MaxConnections is how many connections each address may have open, and
	// MaxConnectionsPerClient how many of them one client, an address or a /64
	// network of IPv6; 0 for no bound.
	MaxConnections, MaxConnectionsPerClient int

	// Prefix is the path under which everything is served, such as "/heat";
	// empty for the root.
	Prefix string
	// Token is required for routes that are not public; empty for none.
	Token string
	// Hosts are checked for routes that are not public if there is no token; nil for
	// all.
	Hosts *Hosts
	// Origins are the sites whose pages may send behaviours and read boards,
	// besides our own.
	Origins Origins
	// Proxies are those whose X-Forwarded-For is trusted.
	Proxies Proxies

	// Serve and Collect are the two roles that serve more than health.
	Serve   Serve
	Collect Collect
	// Routes are served besides.
	Routes []Route

	// Checks are asked by /readyz, after the parts of the two roles.
	Checks []Check
	// Metrics answers /metrics; nil for not found.
	Metrics http.Handler
	// Registerer gets the metrics of what is served; nil for none.
	Registerer prometheus.Registerer
	// Logger gets messages for operators; nil for none.
	Logger *slog.Logger

	metrics *metrics // of refusals; nil for none
}

// Serve is the role serve: boards, pages, the dashboard and the overview.
type Serve struct {
	// Boards and Pages are what is shown; both are nil if the instance does not have
	// the role.
	Boards BoardReader
	Pages  PageReader
	// Cluster is the operators' view of Kafka; nil for none.
	Cluster ClusterReader
	// Weights make heat of a page's totals.
	Weights heat.Weights
	// MaxStreams bounds the event streams served at a time, and MaxStreamsPerClient
	// those of one client. Some more are kept for an address that is for operators
	// alone.
	MaxStreams, MaxStreamsPerClient int
}

// BoardReader gives the newest boards. *views.Boards is one.
type BoardReader interface {
	// Newest returns the newest version of a board.
	Newest(name string) (views.Board, bool)
	// Changed returns a channel that is closed at the next change.
	Changed() <-chan struct{}
	// Ready returns nil while all that is published has been read, else why not.
	Ready() error
}

// PageReader gives the totals of pages. *views.Pages is one.
type PageReader interface {
	// Get returns the totals of a page, and whether it is known, or
	// views.ErrRecovering.
	Get(page string) (heat.Totals, bool, error)
	// Ready returns nil while the whole table has been read, else why not.
	Ready() error
}

// ClusterReader returns the state of the cluster. *overview.Overview is one.
type ClusterReader interface {
	// State returns the cluster's state, or an error if the cluster does not answer.
	State(ctx context.Context) (overview.State, error)
}

// Collect is the role collect: behaviours over HTTP, from strangers. [Settings.Config] checks
// the ranges.
type Collect struct {
	// Collector gets the behaviours; nil where the instance does not have the role.
	Collector Collector
	// MaxBytes is the maximum size of a request's body in bytes.
	MaxBytes int
	// Rate is how many behaviours one client may send in a second, for long; above
	// 0.
	Rate float64
	// Burst is how many it may send at once, and so the most of one request; at
	// least 1.
	Burst int
	// TotalRate is how many behaviours all clients together may send in a second; 0
	// for no bound.
	TotalRate float64
	// Key is required with each request; empty for none.
	Key string
}

// Collector takes behaviours. *collect.Collector is one.
type Collector interface {
	// Judge splits a body into behaviours, and ends when there are more than most.
	Judge(body []byte, most int) *collect.Batch
	// Keep returns nil once Kafka keeps the valid ones.
	Keep(ctx context.Context, batch *collect.Batch) error
	// Ready returns nil, or why behaviours could not be kept a moment ago.
	Ready() error
}
