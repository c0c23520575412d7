package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// roleRestarts is the metric that counts roles that ended with an error.
const roleRestarts = "pageheat_role_restarts_total"

// steady returns an error if a role of the process has ended with an error and was started
// again, as after a transaction that timed out.
func steady(ctx context.Context, p *process) error {
	address, err := httpAddress(ctx, p)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return fmt.Errorf("reading the metrics of %s: %w", p, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("reading the metrics of %s: %w", p, err)
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return fmt.Errorf("reading the metrics of %s: %w", p, err)
	}
	restarts := families[roleRestarts].GetMetric()
	if len(restarts) == 0 {
		return fmt.Errorf("%s has no metric %s", p, roleRestarts)
	}
	for _, m := range restarts {
		if n := m.GetCounter().GetValue(); n > 0 {
			return fmt.Errorf("%s: a role was started again %v times\n%s", p, n, p.log.tail())
		}
	}
	return nil
}
