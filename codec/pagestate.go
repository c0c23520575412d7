package codec

import "pageheat/heat"

const pageStateVersion = 1

// AppendPageState appends a page's totals as the heat table holds them.
func AppendPageState(dst []byte, t *heat.Totals) []byte {
	return appendTotals(append(dst, pageStateVersion), t)
}

// DecodePageState reads what [AppendPageState] wrote.
func DecodePageState(b []byte) (heat.Totals, error) {
	r := newReader("page state", b, pageStateVersion)
	t := r.totals()
	r.possible(&t, heat.DefaultLimits())
	if err := r.end(); err != nil {
		return heat.Totals{}, err
	}
	return t, nil
}
