package processors

import (
	"fmt"
	"testing"
	"time"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// BenchmarkCombinerTake measures a message of 512 records, by record.
func BenchmarkCombinerTake(b *testing.B) {
	const records = 512
	for _, pages := range []int{100, 10_000} {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			messages := messagesOf(b, pages)
			g := NewCombiner(0, 3, heat.DefaultLimits())
			var bundles [][]byte
			for at := int64(0); at < rangeVolume; at += records {
				bundle := codec.AppendSegmentHeader([]byte{byte(codec.FeedRecords)}, codec.SegmentHeader{Offset: at})
				for i := range int64(records) {
					bundle = codec.AppendBundleRecord(bundle, at, codec.Record{Offset: at + i, Value: messages[at+i]})
				}
				codec.EndSegment(bundle, 1)
				bundles = append(bundles, bundle)
			}
			refuse := func(r *Refused) { b.Fatal(r.Detail) }
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i%rangeVolume == 0 {
					g.Start(codec.TopicID{}, -1)
				}
				if i%records == 0 {
					if _, err := g.Take(bundles[i/records%len(bundles)], refuse); err != nil {
						b.Fatal(err)
					}
				}
				i++
			}
		})
	}
}

// BenchmarkHeatStageWrite measures a commit, by record.
func BenchmarkHeatStageWrite(b *testing.B) {
	const pages = 100_000
	p := store.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})
	p.Begin(codec.TopicID{2}, 0)
	now := time.Now()
	s := NewHeatStage(p, HeatStart{Now: now, Partitions: 1, PublishEvery: time.Hour, CommitEvery: time.Hour,
		Transaction: time.Minute, Bounds: DefaultHeatBounds()})
	var ranges [][]byte
	for from := 0; from < pages; from += 1000 {
		r := codec.AppendRangeHeader(nil, codec.RangeHeader{Targets: 1, From: int64(from) - 1, To: int64(from) + 999, Limits: heat.DefaultLimits()}, 1000)
		for i := range 1000 {
			r = codec.AppendPageSum(r, fmt.Sprint("page", from+i), &heat.Totals{Behaviours: 1})
		}
		ranges = append(ranges, r)
	}
	offset := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		a := s.Next(now)
		switch {
		case a.Do == DoFeed && a.Ack && a.Kind() == codec.FeedWrite:
			s.Committed(offset, now)
		case a.Do == DoWait && !s.writing():
			b.StopTimer()
			for _, r := range ranges {
				h, err := codec.ReadRange(r)
				if err != nil {
					b.Fatal(err)
				}
				h.Header.From, h.Header.To = offset*1000-1, offset*1000+999
				if _, err := s.Apply(again(h), offset, now); err != nil {
					b.Fatal(err)
				}
				offset++
			}
			now = now.Add(time.Second)
			b.StartTimer()
		}
	}
}

// again is a range with another header.
func again(r codec.RangeReader) []byte {
	record := codec.AppendRangeHeader(nil, r.Header, r.Pages)
	var totals heat.Totals
	for range r.Pages {
		page, err := r.Next(&totals)
		if err != nil {
			panic(err)
		}
		record = codec.AppendPageSum(record, page, &totals)
	}
	return record
}
