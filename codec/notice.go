package codec

import "encoding/binary"

const noticeVersion = 1

// Notice is what a command tells the owner of a ranking. It comes with the leaders, under [NoticeKey].
type Notice struct {
	// MovedTo is the group that the output is handed over to: the ranking publishes nothing more. It is
	// empty in a notice about something else.
	MovedTo string
	// Board is a board to be published, without a version.
	Board []byte
}

// NoticeKey returns the key of notices in the topic of leaders.
func NoticeKey() string { return internalMark + "notice" }

// AppendNotice appends n to dst.
func AppendNotice(dst []byte, n Notice) []byte {
	dst = appendName(append(dst, noticeVersion), n.MovedTo)
	return append(binary.AppendUvarint(dst, uint64(len(n.Board))), n.Board...)
}

// DecodeNotice reads what [AppendNotice] wrote. Board aliases b.
func DecodeNotice(b []byte) (Notice, error) {
	r := newReader("notice", b, noticeVersion)
	n := Notice{MovedTo: string(r.bytes("group", maxNameBytes)), Board: r.bytes("board", len(b))}
	if err := r.end(); err != nil {
		return Notice{}, err
	}
	return n, nil
}
