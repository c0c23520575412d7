package store

// recordArena holds records of pages as they were at a checkpoint. They lie in chunks that the next
// checkpoint reuses: as objects of their own they would be work for the collector when there is
// most to do.
type recordArena struct {
	places []recordPlace
	chunks [][]byte // those in use come first
	used   int
}

// recordPlace is where a record lies in its chunk.
type recordPlace struct{ chunk, start, end int32 }

const (
	recordChunk = 256 << 10
	// recordRoom is the space that a chunk needs to have for one more record, which is more than most
	// take. For a larger one, the chunk grows.
	recordRoom = 8 << 10
)

// begin returns the chunk to which the next record is to be appended, for end.
func (a *recordArena) begin() []byte {
	if a.used == 0 || cap(a.chunks[a.used-1])-len(a.chunks[a.used-1]) < recordRoom {
		if a.used == len(a.chunks) {
			a.chunks = append(a.chunks, make([]byte, 0, recordChunk))
		}
		a.used++
	}
	return a.chunks[a.used-1]
}

// end takes the chunk with the record, and returns the number of the record.
func (a *recordArena) end(chunk []byte) int32 {
	last := a.used - 1
	a.places = append(a.places, recordPlace{int32(last), int32(len(a.chunks[last])), int32(len(chunk))})
	a.chunks[last] = chunk
	return int32(len(a.places) - 1)
}

// at returns the record with a number. It belongs to the arena.
func (a *recordArena) at(number int32) []byte {
	p := a.places[number]
	return a.chunks[p.chunk][p.start:p.end]
}

// emptied returns an arena without records that reuses as much memory as was used.
func (a *recordArena) emptied() recordArena {
	clear(a.chunks[a.used:])
	chunks := a.chunks[:a.used]
	for i, chunk := range chunks {
		chunks[i] = chunk[:0]
	}
	return recordArena{places: a.places[:0], chunks: chunks}
}
