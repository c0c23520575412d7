package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrIncomplete says that the bytes end before the batch does.
var ErrIncomplete = errors.New("the batch is not complete")

// ErrCorrupt says that a batch does not match its checksum or its format.
var ErrCorrupt = errors.New("the batch is corrupt")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Batch is one batch of records. It aliases the bytes that it was parsed from.
type Batch struct {
	// First and Last are the offsets that the batch spans. In a message set older than
	// Kafka 0.11, First is unknown and equal to Last.
	First, Last int64
	// Records is how many records it says to hold.
	Records int
	// ProducerID is the id of the producer that wrote it, -1 without idempotence.
	ProducerID int64
	// Size is its size in the log, in bytes.
	Size int

	attributes   int16
	timestamp    int64 // base of the records' timestamps, in ms
	maxTimestamp int64
	magic        byte
	payload      []byte // records, compressed perhaps; of a message set all of it
}

const (
	lengthEnd = 12 // of offset and length, which every format begins with
	magicAt   = 16
	crcEnd    = 21
	headerEnd = 61

	codecMask         = 0x07
	attributeLogTime  = 0x08
	attributeTxn      = 0x10
	attributeControl  = 0x20
	currentMagic      = 2
	smallestOldLength = 14
)

// Transactional reports whether the batch belongs to a transaction.
func (b *Batch) Transactional() bool {
	return b.attributes&attributeTxn != 0 && b.magic == currentMagic
}

// Control reports whether the batch holds a control record, which ends a transaction.
func (b *Batch) Control() bool { return b.attributes&attributeControl != 0 && b.magic == currentMagic }

// LogAppendTime reports whether every record has the time at which the broker
// appended the batch, in [Batch.Timestamp], whatever the records say.
func (b *Batch) LogAppendTime() bool {
	return b.attributes&attributeLogTime != 0 && b.magic == currentMagic
}

// Timestamp is what the timestamps of records are relative to, in ms since 1970.
func (b *Batch) Timestamp() int64 {
	if b.LogAppendTime() {
		return b.maxTimestamp
	}
	return b.timestamp
}

func (b *Batch) compression() int16 { return b.attributes & codecMask }

// Parse takes the first batch off the bytes of a log, and checks it against its
// checksum. The error is ErrIncomplete or ErrCorrupt; the batch's First is set even
// then, if there is as much.
func Parse(log []byte) (b Batch, rest []byte, err error) {
	b.First = -1
	if len(log) < lengthEnd {
		return b, nil, ErrIncomplete
	}
	b.First = int64(binary.BigEndian.Uint64(log))
	b.Last = b.First
	length := int32(binary.BigEndian.Uint32(log[8:]))
	if length < smallestOldLength || b.First < 0 {
		return b, nil, corrupt("it has a length of %d bytes and the offset %d", length, b.First)
	}
	b.Size = lengthEnd + int(length)
	if len(log) < b.Size {
		return b, nil, ErrIncomplete
	}
	log, rest = log[:b.Size:b.Size], log[b.Size:]
	b.magic = log[magicAt]
	if b.magic < currentMagic {
		b.payload, b.ProducerID = log, -1
		return b, rest, nil
	}
	if b.magic != currentMagic {
		return b, nil, corrupt("its format (magic byte) is %d, which is not known", b.magic)
	}
	if b.Size < headerEnd {
		return b, nil, corrupt("it has %d bytes, its header alone takes %d", b.Size, headerEnd)
	}
	if want, got := binary.BigEndian.Uint32(log[17:]), crc32.Checksum(log[crcEnd:], castagnoli()); want != got {
		return b, nil, corrupt("its checksum is %08x and should be %08x", got, want)
	}
	b.attributes = int16(binary.BigEndian.Uint16(log[21:]))
	b.Last = b.First + int64(int32(binary.BigEndian.Uint32(log[23:])))
	b.timestamp = int64(binary.BigEndian.Uint64(log[27:]))
	b.maxTimestamp = int64(binary.BigEndian.Uint64(log[35:]))
	b.ProducerID = int64(binary.BigEndian.Uint64(log[43:]))
	b.Records = int(int32(binary.BigEndian.Uint32(log[57:])))
	b.payload = log[headerEnd:]
	if b.Last < b.First || b.Records < 0 {
		return b, nil, corrupt("it says to hold %d records at the offsets %d to %d", b.Records, b.First, b.Last)
	}
	return b, rest, nil
}

// castagnoli is the table of CRC-32C, of which crc32 makes only one.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Whole is how many bytes at the start of a log are whole batches, and the offset
// after the last of them; -1 where there is none. It looks at no checksum.
func Whole(log []byte) (size int, next int64) {
	next = -1
	for {
		at := log[size:]
		if len(at) < lengthEnd {
			return size, next
		}
		length := int64(int32(binary.BigEndian.Uint32(at[8:])))
		if length < smallestOldLength || length+lengthEnd > int64(len(at)) {
			return size, next
		}
		next = int64(binary.BigEndian.Uint64(at)) + 1
		if at[magicAt] >= currentMagic && length+lengthEnd >= headerEnd {
			next += int64(int32(binary.BigEndian.Uint32(at[23:])))
		}
		size += lengthEnd + int(length)
	}
}
