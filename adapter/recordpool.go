package adapter

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// recordPool gives franz-go the slices of records back that ingest has bundled.
// They are more than half of all that ingest would allocate.
type recordPool struct {
	records sync.Pool // of *[]kgo.Record
}

var _ kgo.PoolRecords = (*recordPool)(nil)

// GetRecords implements kgo.PoolRecords.
func (p *recordPool) GetRecords(n int) []kgo.Record {
	if s, ok := p.records.Get().(*[]kgo.Record); ok && cap(*s) >= n {
		return (*s)[:0]
	}
	return make([]kgo.Record, 0, n)
}

// PutRecords implements kgo.PoolRecords.
func (p *recordPool) PutRecords(s []kgo.Record) { p.records.Put(&s) }
