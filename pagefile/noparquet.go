//go:build noparquet

package pagefile

import (
	"errors"
	"io"

	"pageheat/codec"
	"pageheat/snapshot"
)

// errNoParquet says that the program was built with the tag noparquet, which makes it smaller by
// 5 MB.
var errNoParquet = errors.New("this build of pageheat does not write Parquet")

// noRows writes nothing.
type noRows struct{}

func newParquetRows(io.Writer, *snapshot.Cut) rows { return noRows{} }

func (noRows) begin([]byte) error                                       { return errNoParquet }
func (noRows) page(*snapshot.Page, string, []byte) error                { return errNoParquet }
func (noRows) forgotten(codec.PageHash, *codec.Forgotten, []byte) error { return errNoParquet }
func (noRows) sweep(*codec.Sweep, []byte) error                         { return errNoParquet }
func (noRows) end([]byte) error                                         { return errNoParquet }
func writeParquetBoards(io.Writer, []*codec.Board) error                { return errNoParquet }
