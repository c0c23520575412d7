package processors_test

import (
	"fmt"
	"time"

	"pageheat/codec"
	"pageheat/processors"
)

// began is when a stage of a test begins.
func began() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// after is a time of a test.
func after(d time.Duration) time.Time { return began().Add(d) }

const ms = time.Millisecond

// stage is what all stages have in common.
type stage interface {
	Next(now time.Time) processors.Action
}

// do lets a stage do all that it wants to do at a time, and says what that was. The
// last word is what it waits for.
func do(s stage, now time.Time) (said []string) {
	for {
		a := s.Next(now)
		said = append(said, say(a))
		switch a.Do {
		case processors.DoWait, processors.DoEnd, processors.DoFail:
			return said
		}
	}
}

// say describes an action in a few words.
func say(a processors.Action) string {
	switch a.Do {
	case processors.DoFeed:
		return "feed " + kind(a)
	case processors.DoCommit:
		return fmt.Sprint("commit ", a.Offset)
	case processors.DoTrim:
		return fmt.Sprint("trim ", a.Offset)
	case processors.DoReadAgain:
		return fmt.Sprint("read ", a.Offset, " again at ", a.Until.Sub(began()))
	case processors.DoYield:
		return "yield"
	case processors.DoCheckInput:
		return "check input"
	case processors.DoEnd:
		return "end"
	case processors.DoFail:
		return "fail: " + a.Err.Error()
	case processors.DoWait:
		return wait(a)
	}
	return fmt.Sprint(a.Do)
}

func wait(a processors.Action) string {
	said := "wait"
	if !a.Input {
		said = "hold"
	}
	if a.Turn {
		said += " for a turn"
	}
	if !a.Until.IsZero() {
		said += " until " + a.Until.Sub(began()).String()
	}
	return said
}

func kind(a processors.Action) string {
	switch a.Kind() {
	case codec.FeedEpoch:
		return "epoch"
	case codec.FeedStart:
		return "start"
	case codec.FeedRecords:
		return "records"
	case codec.FeedFlush:
		to, _ := codec.DecodeFlush(a.Value[1:])
		return fmt.Sprint("flush ", to)
	case codec.FeedLeaders:
		return "leaders"
	case codec.FeedWrite:
		return "write " + a.Key
	case codec.FeedHeard:
		return "heard"
	case codec.FeedPublish:
		return "publish"
	case codec.FeedRepublish:
		return "republish"
	}
	return string(a.Kind())
}
