package kafka

import (
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Compression is how batches are compressed, in the words of Kafka's compression.type. The zero
// value leaves pageheat's own topics uncompressed, and compresses what is sent to the input with
// snappy; docs/benchmarks.md has the figures.
type Compression string

// The values of compression.type.
const (
	compressionNone   Compression = "none"
	compressionGzip   Compression = "gzip"
	compressionSnappy Compression = "snappy"
	compressionLZ4    Compression = "lz4"
	compressionZstd   Compression = "zstd"
)

// validate returns an error for a compression that Kafka does not know.
func (c Compression) validate() error {
	if c == "" {
		return nil
	}
	known := []Compression{compressionNone, compressionGzip, compressionSnappy, compressionLZ4, compressionZstd}
	if slices.Contains(known, c) {
		return nil
	}
	var words []string
	for _, k := range known {
		words = append(words, string(k))
	}
	return fmt.Errorf("%q: must be one of %s", string(c), strings.Join(words, ", "))
}

// sarama is the codec of that client, which writes pageheat's own topics.
func (c Compression) sarama() sarama.CompressionCodec {
	return map[Compression]sarama.CompressionCodec{compressionGzip: sarama.CompressionGZIP, compressionSnappy: sarama.CompressionSnappy,
		compressionLZ4: sarama.CompressionLZ4, compressionZstd: sarama.CompressionZSTD}[c]
}

// franz is the codec of that client, which writes the input.
func (c Compression) franz() kgo.CompressionCodec {
	switch c {
	case compressionNone:
		return kgo.NoCompression()
	case compressionGzip:
		return kgo.GzipCompression()
	case compressionLZ4:
		return kgo.Lz4Compression()
	case compressionZstd:
		return kgo.ZstdCompression()
	default:
		return kgo.SnappyCompression()
	}
}
