package pipeline

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// TestBoardLagGrowsWhileABoardIsOverdue: and there is none before that, nor on an instance without the ranking.
func TestBoardLagGrowsWhileABoardIsOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newBoardLag()
		is := func(series string) {
			t.Helper()
			require.NoError(t, testutil.CollectAndCompare(l, strings.NewReader("# HELP pageheat_rank_board_lag_seconds "+
				"Time for which a further board has been overdue: since the clock showed the as_of that follows on that of its newest board. "+
				"Only the owner of the ranking has it.\n# TYPE pageheat_rank_board_lag_seconds gauge\n"+series+"\n")))
		}
		require.Zero(t, testutil.CollectAndCount(l))
		l.set("today", time.Now().Add(time.Minute))
		is(`pageheat_rank_board_lag_seconds{board="today"} 0`)
		time.Sleep(time.Minute + 30*time.Second)
		is(`pageheat_rank_board_lag_seconds{board="today"} 30`)
		l.set("today", time.Now().Add(30*time.Second))
		is(`pageheat_rank_board_lag_seconds{board="today"} 0`)
		l.reset()
		require.Zero(t, testutil.CollectAndCount(l))
	})
}
