package codec

import (
	"fmt"

	"pageheat/heat"
)

// The codecs for goka. A goka processor or view ends for good on a codec's error,
// and each restart meets the same record again. So Decode returns no error: what
// cannot be read is handed over as an [*Undecodable], and the callback decides.

// Undecodable is what a codec here decodes a record to that it cannot read.
type Undecodable struct {
	// Value is the record's value as it is. It aliases the record.
	Value []byte
	// Err says what is wrong with it; it wraps [ErrMalformed].
	Err error
}

// Error returns what is wrong with the record.
func (u *Undecodable) Error() string { return u.Err.Error() }

// Unwrap returns Err.
func (u *Undecodable) Unwrap() error { return u.Err }

// Raw passes bytes through, without copying: for callbacks that decode themselves.
type Raw struct{}

// Encode takes []byte, or nil for no value.
func (Raw) Encode(value any) ([]byte, error) {
	switch v := value.(type) {
	case []byte:
		return v, nil
	case nil:
		return nil, nil
	default:
		return nil, wrongType("bytes", value)
	}
}

// Decode returns data as []byte.
func (Raw) Decode(data []byte) (any, error) { return data, nil }

// PageStateCodec is for values of the heat table that are a page's:
// *[heat.Totals].
type PageStateCodec struct{}

// Encode takes *heat.Totals or heat.Totals.
func (PageStateCodec) Encode(value any) ([]byte, error) {
	switch v := value.(type) {
	case *heat.Totals:
		return AppendPageState(nil, v), nil
	case heat.Totals:
		return AppendPageState(nil, &v), nil
	default:
		return nil, wrongType("page state", value)
	}
}

// Decode returns *heat.Totals, or *Undecodable.
func (PageStateCodec) Decode(data []byte) (any, error) {
	t, err := DecodePageState(data)
	if err != nil {
		return &Undecodable{Value: data, Err: err}, nil
	}
	return &t, nil
}

// LeadersCodec is for values of the leaders topic: *[Leaders].
type LeadersCodec struct{}

// Encode takes *Leaders.
func (LeadersCodec) Encode(value any) ([]byte, error) {
	l, ok := value.(*Leaders)
	if !ok {
		return nil, wrongType("leaders", value)
	}
	return AppendLeaders(nil, l), nil
}

// Decode returns *Leaders, or *Undecodable.
func (LeadersCodec) Decode(data []byte) (any, error) {
	l, err := DecodeLeaders(data)
	if err != nil {
		return &Undecodable{Value: data, Err: err}, nil
	}
	return l, nil
}

// BoardCodec is for values of the output topic: *[Board].
type BoardCodec struct{}

// Encode takes *Board.
func (BoardCodec) Encode(value any) ([]byte, error) {
	b, ok := value.(*Board)
	if !ok {
		return nil, wrongType("board", value)
	}
	return EncodeBoard(b)
}

// Decode returns *Board, or *Undecodable.
func (BoardCodec) Decode(data []byte) (any, error) {
	b, err := DecodeBoard(data)
	if err != nil {
		return &Undecodable{Value: data, Err: err}, nil
	}
	return b, nil
}

func wrongType(codec string, value any) error {
	return fmt.Errorf("the %s codec cannot encode a %T", codec, value)
}
