package recordbatch

import (
	"encoding/binary"
	"io"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// openOld opens a message of before Kafka 0.11, which may hold compressed ones.
// franz-go decodes it; its messages are then given as records of a batch.
func (u *Unpacker) openOld(r *Reader, most int) (*Reader, error) {
	d := &oldDecompressor{u: u, most: most}
	fetched, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{},
		&kmsg.FetchResponseTopicPartition{RecordBatches: r.batch.payload}, d, nil)
	if d.large {
		return nil, ErrLarge
	}
	if fetched.Err != nil {
		return nil, corrupt("a message of an old format: %v", fetched.Err)
	}
	if len(fetched.Records) == 0 {
		return nil, corrupt("a message of an old format without records")
	}
	r.batch.First = fetched.Records[0].Offset
	r.batch.timestamp, r.left = 0, len(fetched.Records)
	for _, record := range fetched.Records {
		body := []byte{0}
		body = binary.AppendVarint(body, record.Timestamp.UnixMilli())
		body = binary.AppendVarint(body, record.Offset-r.batch.First)
		body = appendBytes(body, record.Key)
		body = appendBytes(body, record.Value)
		body = binary.AppendVarint(body, 0)
		r.buf = binary.AppendVarint(r.buf, int64(len(body)))
		r.buf = append(r.buf, body...)
	}
	return r, nil
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

// oldDecompressor unpacks what is in a message of an old format.
type oldDecompressor struct {
	u     *Unpacker
	most  int
	large bool
}

// Decompress implements kgo.Decompressor.
func (d *oldDecompressor) Decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	in, done, err := d.u.stream(Batch{attributes: int16(codec), payload: src})
	if err != nil {
		return nil, err
	}
	defer done()
	out, err := io.ReadAll(io.LimitReader(in, int64(d.most)+1))
	if err == nil && len(out) > d.most {
		d.large = true
		return nil, ErrLarge
	}
	return out, err
}
