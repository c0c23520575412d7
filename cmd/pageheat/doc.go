// Pageheat keeps the ten hottest pages of a site, counted from a stream of
// behaviours in Kafka, exactly and within milliseconds.
//
//	pageheat demo                    everything in one process, nothing to install
//	pageheat run                     the pipeline against --brokers
//	pageheat topics create | check   sets the topics up, or compares what exists
//	pageheat topics acls             prints the rights that roles and commands need
//	pageheat topology                prints the graph of streams, tables and groups
//	pageheat produce                 the simulator, the lines of files, or access logs
//	pageheat top                     the board, live, and what each heat is made of
//	pageheat boards                  the boards, and what the next version of each waits for
//	pageheat page PAGE               one page's totals, and how its heat is made up
//	pageheat pages preview [PAGE]    what the rules for names of pages do
//	pageheat audit                   recounts the input and compares every page
//	pageheat recount                 counts a board of any time from the input
//	pageheat forget PAGE             takes pages out of the table and all boards
//	pageheat export                  writes the totals of all pages, or boards
//	pageheat import FILE             fills an empty deployment with an export
//	pageheat migrate                 copies the totals into another prefix, with any number of partitions
//	pageheat switch                  hands the output over to another prefix, whose boards go on
//	pageheat dead-letters list | replay
//	pageheat status                  topics, groups, lag and problems, on one screen
//	pageheat reset                   deletes pageheat's topics and groups, except the input
//	pageheat config show | check | reference
//	pageheat healthcheck             asks an instance on this machine whether it is ready
//	pageheat completion bash | zsh | fish
//	pageheat man                     prints this manual as a man page, with all flags
//	pageheat version
//
// `pageheat help COMMAND` lists the flags of a command.
//
// # A start
//
//	pageheat demo --for 1m
//
// is all in one: an embedded broker, the simulator, the pipeline, the board in the
// terminal, the dashboard at http://127.0.0.1:8080, and a made-up forum at
// http://127.0.0.1:8080/forum/ where your own clicks are counted. Against a Kafka of
// your own:
//
//	export PAGEHEAT_BROKERS=kafka1:9092,kafka2:9092,kafka3:9092
//	pageheat topics create
//	pageheat run &
//	pageheat produce --rate 2000 --count 100000
//	pageheat top --once
//
// # Settings
//
// A setting is a flag (--publish-every 20ms), an environment variable
// (PAGEHEAT_PUBLISH_EVERY=20ms: PAGEHEAT_, upper case, _ for -) or a key of the
// YAML file that --config names (publish-every: 20ms). Flags win over the
// environment, and that over the file; all win over a --kafka-properties file. One file may serve all commands: each
// takes the keys that it knows. A flag whose name means something else in another command has a key
// and a variable with its command's name (produce-format, PAGEHEAT_PRODUCE_FORMAT). A key or a PAGEHEAT_ variable that no command knows, a
// key given twice or a bad value is an error that names it. Variables that Kubernetes
// and Docker make of services called pageheat (PAGEHEAT_SERVICE_HOST, PAGEHEAT_PORT), and
// those of the project's own tests (PAGEHEAT_TEST_), are ignored.
//
//	--brokers      localhost:9092         comma-separated bootstrap brokers; the default port is 9092
//	--prefix       pageheat               prefix of all topics and groups of pageheat's own
//	--input        user-behavior-topic    topic with the behaviours
//	--output       page-popularity-top10  topic for the boards
//	--log-level    info                   debug, info, warn, error
//	--log-format   auto                   text, json, or auto: text on a terminal and JSON otherwise
//
// `pageheat config show` prints the settings that run would use and the source of each, with
// secrets masked; `pageheat config check` checks them and exits 2 if one is invalid; `pageheat
// config reference` prints a file with all settings, their defaults and their help. They take
// the flags of run.
//
// SIGHUP has run read the configuration file again for --log-level, and the files of --token-file and
// --write-key-file. If something cannot be read, the log says so and the previous values
// stay. Other settings need a restart.
//
// Several pipelines share a cluster when their prefixes and outputs differ. Other topics
// and groups have names of their own with --behavior-topic, --leaders-topic, --forget-topic,
// --dead-letter-topic, --ingest-group, --heat-group and --rank-group.
//
// # TLS and SASL
//
// Every command that takes --brokers also takes these; docs/security.md has examples.
//
//	--tls                  use TLS
//	--tls-ca               PEM file with trusted CA certificates; by default those of the system
//	--tls-cert, --tls-key  PEM files with the client certificate and its private key
//	--tls-server-name      host name to expect in broker certificates
//	--sasl-mechanism       PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM
//	--sasl-username        user name for PLAIN or SCRAM
//	--sasl-password-file   file with the password, or PAGEHEAT_SASL_PASSWORD
//	--oauth-token-url      token endpoint for OAUTHBEARER, with --oauth-client-id,
//	                       --oauth-client-secret-file or PAGEHEAT_OAUTH_CLIENT_SECRET, --oauth-scope
//	--kafka-properties     properties file of Kafka's Java clients
//	--client-id            prefix of client IDs; by default --prefix
//
// Secrets are not accepted as arguments. Files are read again for each new connection, so
// renewed certificates and passwords need no restart.
//
// --compression-type (none, gzip, snappy, lz4 or zstd) is the compression of records that are
// written. By default pageheat's own topics are not compressed, and what is sent to the input is, with
// snappy.
//
// # Running it
//
// `pageheat run` starts all roles, or those of --roles: ingest reads the input, heat
// keeps the totals, rank makes the board, serve answers over HTTP. Start it as
// often as you like, on as many machines: partitions are shared, and taken over
// within seconds when an instance dies. With --instance-id (another one for each
// instance) a restart keeps its partitions. The topics must exist; `pageheat topics
// check` says what is wrong with them.
//
// The roles heat and serve keep pages in memory. With --store disk --store-dir DIR most are
// on disk, if they do not fit into memory; docs/operations.md has the costs.
//
// # Over HTTP
//
// Role serve answers at --listen: the dashboard, boards (also as server-sent events),
// pages, health and metrics. Role collect, which must be named, takes behaviours
// from browsers and servers (POST /api/v1/behaviours) and writes them to the input; it
// answers 202 once Kafka keeps them. Both serve the scripts for a site's own pages,
// /pageheat.js and /widget.js, and /api/v1/openapi.yaml, which describes it all;
// docs/collect.md says how a site uses them. Every instance, whatever its roles, answers
// /healthz, /readyz and /metrics there, and /debug/pprof/ for go tool pprof.
//
//	--listen          127.0.0.1:8080  everything
//	--public-listen                   another address, for public routes only
//	--http-prefix                     path prefix of all routes
//	--token-file                      file with the bearer token, or PAGEHEAT_TOKEN, required for all routes that are not public
//	--allow-hosts                     further host names that operators may use without the token
//	--allow-origins                   sites whose pages may send and read
//	--allow-pages                     pattern that must match the whole name of a page
//
// Without --listen, an instance uses a free port of 127.0.0.1 if 8080 is in use, and logs
// it; an address that was given and is in use is an error.
//
// `pageheat healthcheck` asks /readyz of an instance on the same machine and exits 1 with the
// reasons if it is not ready. It takes the instance's own settings of address and token, so it
// serves as the health check of a container.
//
// Public routes are behaviours, scripts, boards, the description and /healthz. The token is sent as Authorization: Bearer, or typed as the password
// that a browser asks for.
//
// # Traces
//
// If OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER is set, run exports a trace of behaviours that
// were sent with a sampled traceparent header, over HTTP or in Kafka; docs/tracing.md has the spans.
//
// # Topics
//
// `pageheat topics create` creates what is missing and may be repeated. --partitions
// is the number of partitions that pages are spread over; by default that of the
// input. It cannot change later, since it decides where a page is kept: an existing
// number wins over the default. --replication is by default 3, or as many as there are
// brokers; with 3 or more, records are acknowledged by at least two of them
// (min.insync.replicas). `pageheat topics check` changes nothing, prints a line for
// each difference with a hint, and exits 3 if there is one. Where the cluster checks
// rights, `pageheat topics acls --principal User:NAME --roles ROLES` prints those that
// roles and commands need.
//
// # Events of boards
//
// With --events, `pageheat topics create` creates one more topic and table, and instances with the role
// rank write what happens on boards to it: pages that entered, left, took rank 1 or rose. Each version of a
// board has its events once. --events-boards, --events-kinds, --events-rise and --events-rise-within
// choose them; --events-topic and --alert-group name the topic and the group. docs/events.md has the
// rules.
//
// # Status and reset
//
// `pageheat status` shows the topics, the groups with their owners and lag, messages that are
// not on the board, lost messages, dead letters and the latest of them. It prints a line for
// each problem and exits 3 if there is one: a broker that is down, partitions without leader or
// replicas, a missing topic, a group without members or owners, lost messages, something that
// cannot be read, or a board that does not advance for 3 seconds while messages wait. Lag and dead
// letters alone are no problems. --json prints an object with the same and more.
//
// `pageheat reset` deletes what pageheat keeps in Kafka, so that everything can be counted
// again from the input, which stays: all other topics, and the groups. It lists them and asks,
// unless --yes is given. It refuses while a group has members: stop all instances first.
// --no-dead-letters keeps the dead letters. --keep-totals keeps the totals, and counting goes on
// where the table stands; if the input was replaced, --input-from earliest or latest says whether
// its messages are in them. docs/operations.md has the procedures ("Disaster recovery").
//
// # Boards
//
// `pageheat boards` lists the boards in the output and those that are not published yet: kind, time, size, from
// where on each counts, late behaviours, groups, and final boards of closed periods. It says what the next
// version of a board waits for: heat partitions whose owners do not know it or define it otherwise, as in a rolling
// change of settings, or have not reached its time; or the ranking. The exit code is 0 if boards wait, too.
//
// # Forget pages
//
// `pageheat forget` takes pages out of the table, of all boards, also those of closed periods, and of what
// all instances answer: those named as arguments or by the lines of --file (-: standard input), or with --pattern all pages of the table
// whose names it matches. Later behaviours count again, from zero; with --block they do not count, until the page
// is forgotten again without it. --dry-run prints the pages with their totals and forgets nothing; --pattern takes that or --yes. The
// command waits until it is done, at most for --timeout (1m) for the next page. Only the SHA-256 of the names is kept.
// docs/operations.md says where names remain, and until when ("Forget a page").
//
// # Export, import and migrate
//
// `pageheat export` writes the totals of all pages as of one offset of each input partition, which
// the file has, while the pipeline runs: as jsonl (the default), csv or parquet, to --file or standard
// output. With --board it writes the pages of boards. `pageheat import` fills an empty deployment with a
// file in jsonl, in one transaction. It continues at these offsets if the input is the topic
// that was counted; otherwise --input-from earliest, latest or same-offsets says where. `pageheat migrate
// --from PREFIX --to PREFIX --partitions P` does both at once. docs/operations.md has the procedures.
//
// # Rebuild and switch
//
// A deployment of another prefix counts the input again beside the one that runs, with other settings or more
// partitions. With run --await-switch it publishes nothing before `pageheat switch --from PREFIX --to PREFIX`
// hands the output over. Versions of boards go on growing, and no board goes back: the switch refuses while the
// new deployment has counted less, unless --behind is given. It refuses to lose boards that the new one does not
// have, unless --delete-boards is given. Instances of the old one end. It may be interrupted and repeated.
//
// # Traffic
//
// `pageheat produce` sends 0 to 50 messages every 5 seconds, prints each of them and
// counts each batch. With --rate it sends that many a second (--rate max: at full
// speed), with --file the lines of a file (-: standard input), and shows how far it is.
// --count ends it. --seed makes two runs alike, --zipf 1 makes some pages hotter
// than others (0: all alike).
//
// With --format common, combined, caddy or nginx-json the files are access logs, which may be
// compressed by gzip or zstd, and each view of a page is sent with the time of the log. Several
// logs are merged by time. Minutes are the time until the client's next view, at most 30, or 0.5 if there is none;
// --visit-timeout bounds how long that may take. --bots drop leaves out bots, --since what is older.
// --follow goes on with what is appended, across the rotation of the log. --dry-run prints the
// behaviours instead. docs/access-logs.md has the rules.
//
// # Names of pages
//
// The role collect and produce --format change names by rules, which are off by default:
// --page-decode, --page-lower-case, --page-index, --page-strip-trailing-slash, --page-keep-parameters or
// --page-drop-parameters, and --page-rewrite 'REGEXP -> TEXT'. `pageheat pages preview` shows what
// they do to names from its arguments or standard input. docs/page-names.md has the order. Messages in
// the input are not changed.
//
// # Dead letters
//
// A message that is not a valid behaviour becomes a dead letter, with the reason. `pageheat
// dead-letters list` shows them. When the reason is gone, `pageheat
// dead-letters replay` sends them to the input again, with unchanged key and bytes. The group PREFIX-dead-letter-replay stores how far the replay came,
// so the next call begins there; --all begins at the first one. Delivery is at
// least once: a message is sent once in a call, but a call that is killed may have
// sent up to 1,000 messages that it did not yet remember. A message that is refused again
// becomes a new dead letter, for the next call.
//
// # Ending it
//
// The first SIGINT or SIGTERM drains: behaviours that were read are counted and committed,
// messages that were due are sent. After --drain-timeout (8s) run gives up the rest:
// nothing is lost, the next owner continues from the last commit. A second signal ends
// at once.
//
//	0          done; run, demo and top also when a signal ended them
//	1          failed; the last line on standard error says why and what to do
//	2          wrong usage or configuration
//	3          audit, recount --compare or topics check found a difference, or status a problem
//	130        another command was interrupted
//	128+signal ended at once by a second signal
//
// Data goes to standard output, the log to standard error.
package main
