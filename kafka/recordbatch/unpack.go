package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// ErrLarge says that a batch becomes more than is unpacked as a whole.
var ErrLarge = errors.New("the batch is too large to be unpacked as a whole")

const (
	// WholeBytes is the most that a batch may become to be unpacked as a whole: more
	// than producers put into one if they are not told otherwise.
	WholeBytes = 2 << 20
	// mostWindow bounds how far back compressed data may refer: the most that zstd
	// uses at its highest level. A stream may take this much memory and a half.
	mostWindow = 128 << 20
	// mostBlock bounds a block of snappy, which can be unpacked only as a whole. It
	// becomes at most some twenty times its size, so this is never met below a
	// batch of 3 MiB.
	mostBlock = 64 << 20
	// streamBytes is how much of a stream is unpacked ahead.
	streamBytes = 256 << 10
)

// Limits say what is kept of a record.
type Limits struct {
	// Record is the most bytes of a record that is given whole.
	Record int
	// Value is the most bytes of a value that is kept whole of a truncated record.
	Value int
	// Sample is how much is kept of a value, or a key, that is not.
	Sample int
	// Key and Headers bound what is kept of those of a truncated record, in bytes.
	Key, Headers int
}

// Unpacker opens batches. It may be used by several goroutines.
type Unpacker struct {
	limits  Limits
	buffers sync.Pool // of *[]byte
	zstds   sync.Pool // of *zstd.Decoder
	gzips   sync.Pool // of *gzip.Reader
	lz4s    sync.Pool // of *lz4.Reader
}

// NewUnpacker returns an Unpacker.
func NewUnpacker(l Limits) *Unpacker {
	u := &Unpacker{limits: l}
	u.buffers.New = func() any { return new([]byte) }
	u.gzips.New = func() any { return new(gzip.Reader) }
	u.lz4s.New = func() any { return lz4.NewReader(nil) }
	u.zstds.New = func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(WholeBytes), zstd.WithDecoderMaxWindow(mostWindow))
		if err != nil {
			panic(err) // an option that is wrong
		}
		return d
	}
	return u
}

// Open opens a batch that is unpacked as a whole; ErrLarge where it becomes more
// than WholeBytes. The reader must be closed.
func (u *Unpacker) Open(b Batch) (*Reader, error) {
	r := &Reader{limits: u.limits, batch: b, left: b.Records, last: -1}
	if b.magic < currentMagic {
		return u.openOld(r, WholeBytes)
	}
	if b.compression() == 0 {
		r.buf = b.payload
		return r, nil
	}
	buffer := u.buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put into it
	r.release = func() { u.buffers.Put(buffer) }
	out, err := u.whole((*buffer)[:0], b)
	if cap(out) > cap(*buffer) {
		*buffer = out[:0]
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	r.buf = out
	return r, nil
}

// whole unpacks all of a batch into dst.
func (u *Unpacker) whole(dst []byte, b Batch) ([]byte, error) {
	switch b.compression() {
	case codecSnappy:
		return wholeSnappy(dst, b.payload)
	case codecZstd:
		d := u.zstds.Get().(*zstd.Decoder) //nolint:forcetypeassert // nothing else is put into it
		defer u.zstds.Put(d)
		out, err := d.DecodeAll(b.payload, dst)
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return dst, ErrLarge
		}
		if err != nil {
			return dst, corrupt("unpacking zstd: %v", err)
		}
		return out, nil
	}
	src, done, err := u.source(b)
	if err != nil {
		return dst, err
	}
	defer done()
	out := bytes.NewBuffer(dst)
	if n, err := out.ReadFrom(io.LimitReader(src, WholeBytes+1)); err != nil {
		return out.Bytes(), corrupt("unpacking: %v", err)
	} else if n > WholeBytes {
		return out.Bytes(), ErrLarge
	}
	return out.Bytes(), nil
}

// The codecs of a batch.
const (
	codecGzip   = 1
	codecSnappy = 2
	codecLz4    = 3
	codecZstd   = 4
)

// Stream opens a batch of any size: its records are unpacked one after the other.
// It may take some 200 MiB for the time, so only few should be open at once. The
// reader must be closed.
func (u *Unpacker) Stream(b Batch) (*Reader, error) {
	if b.magic < currentMagic {
		return u.openOld(&Reader{limits: u.limits, batch: b, last: -1}, mostBlock)
	}
	if b.compression() == 0 {
		return u.Open(b)
	}
	src, done, err := u.stream(b)
	if err != nil {
		return nil, err
	}
	return &Reader{limits: u.limits, batch: b, left: b.Records, last: -1, src: src, release: done,
		own: make([]byte, 0, streamBytes)}, nil
}

// stream gives the unpacked bytes of a batch.
func (u *Unpacker) stream(b Batch) (src io.Reader, done func(), err error) {
	switch b.compression() {
	case codecSnappy:
		src, err := snappyStream(b.payload)
		return src, func() {}, err
	case codecZstd:
		d, err := zstd.NewReader(bytes.NewReader(b.payload), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(mostWindow))
		if err != nil {
			return nil, nil, corrupt("unpacking zstd: %v", err)
		}
		return d, d.Close, nil
	}
	return u.source(b)
}

// source gives the unpacked bytes of gzip and lz4.
func (u *Unpacker) source(b Batch) (src io.Reader, done func(), err error) {
	switch b.compression() {
	case codecGzip:
		d := u.gzips.Get().(*gzip.Reader) //nolint:forcetypeassert // nothing else is put into it
		if err := d.Reset(bytes.NewReader(b.payload)); err != nil {
			return nil, nil, corrupt("unpacking gzip: %v", err)
		}
		return d, func() { u.gzips.Put(d) }, nil
	case codecLz4:
		d := u.lz4s.Get().(*lz4.Reader) //nolint:forcetypeassert // nothing else is put into it
		d.Reset(bytes.NewReader(b.payload))
		return d, func() { u.lz4s.Put(d) }, nil
	}
	return nil, nil, corrupt("its compression is %d, which is not known", b.compression())
}

// xerialPrefix begins snappy as Java's library frames it: blocks, each with its
// length before it. Without it there is one block.
const xerialPrefix = "\x82SNAPPY\x00"

// xerialHeader is the prefix and two versions.
const xerialHeader = 16

// blocks are the blocks of snappy data.
func blocks(payload []byte) (all [][]byte, err error) {
	if len(payload) <= xerialHeader || !bytes.HasPrefix(payload, []byte(xerialPrefix)) {
		return [][]byte{payload}, nil
	}
	for rest := payload[xerialHeader:]; len(rest) > 0; {
		if len(rest) < 4 {
			return nil, corrupt("unpacking snappy: half a block")
		}
		size := int64(binary.BigEndian.Uint32(rest))
		if size > int64(len(rest)-4) {
			return nil, corrupt("unpacking snappy: a block of %d bytes where %d are left", size, len(rest)-4)
		}
		all = append(all, rest[4:4+size])
		rest = rest[4+size:]
	}
	return all, nil
}

func wholeSnappy(dst, payload []byte) ([]byte, error) {
	all, err := blocks(payload)
	if err != nil {
		return dst, err
	}
	for _, block := range all {
		n, err := s2.DecodedLen(block)
		if err != nil {
			return dst, corrupt("unpacking snappy: %v", err)
		}
		if len(dst)+n > WholeBytes {
			return dst, ErrLarge
		}
		if dst, err = appendSnappy(dst, block, n); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// appendSnappy unpacks a block of n bytes after dst.
func appendSnappy(dst, block []byte, n int) ([]byte, error) {
	dst = append(dst, make([]byte, n)...)
	if _, err := s2.Decode(dst[len(dst)-n:], block); err != nil {
		return dst, corrupt("unpacking snappy: %v", err)
	}
	return dst, nil
}

// snappyReader unpacks block by block.
type snappyReader struct {
	blocks [][]byte
	buf    []byte
	unread []byte
}

func snappyStream(payload []byte) (io.Reader, error) {
	all, err := blocks(payload)
	if err != nil {
		return nil, err
	}
	return &snappyReader{blocks: all}, nil
}

// Read implements io.Reader.
func (s *snappyReader) Read(p []byte) (int, error) {
	for len(s.unread) == 0 {
		if len(s.blocks) == 0 {
			return 0, io.EOF
		}
		block := s.blocks[0]
		s.blocks = s.blocks[1:]
		n, err := s2.DecodedLen(block)
		if err != nil {
			return 0, corrupt("unpacking snappy: %v", err)
		}
		if n > mostBlock {
			return 0, corrupt("unpacking snappy: a block becomes %d bytes, the most that is read is %d", n, mostBlock)
		}
		if s.buf, err = appendSnappy(s.buf[:0], block, n); err != nil {
			return 0, err
		}
		s.unread = s.buf
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}
