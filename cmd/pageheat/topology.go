package main

// topologyCmd prints the graph. It needs no broker.
type topologyCmd struct {
	Format string `default:"text" key:"topology-format" env:"PAGEHEAT_TOPOLOGY_FORMAT" enum:"text,mermaid,dot" help:"Output format."`
}

// Run prints the graph with the names of the settings.
func (c *topologyCmd) Run(p *program) error { return p.topo.Print(p.stdout, c.Format) }
