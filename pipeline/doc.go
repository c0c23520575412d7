// Package pipeline runs the stages of package processors: it connects them, goka and
// Kafka, keeps the processors plain goka code, and does what goka does not. Clients and
// readers are in package kafka.
//
//   - Running ([runner], [attempt]). Each role is a goka processor with clients of its
//     own. The first error ends the attempt as cleanly as a stop does.
//   - Sessions ([group], [session], [feeder]). A consumer group whose session
//     goka joins through WithConsumerGroupBuilder. The group reads the real
//     claims and feeds goka synthetic messages in their place, whose marks
//     tell it when everything that a message caused is acknowledged. goka's
//     marks never become offsets; the roles commit what is known to be safe.
//   - Driving the stages ([driver], [Ingest], [Heat], [Ranking]). A driver for each claim tells
//     the stage of package processors what happens and carries out its actions. What
//     is decided is decided there.
//   - Bundles. Hundreds of input records reach a callback as one message.
//   - The record cache. Ranges are applied to package store at once; at each commit
//     goka gets one message per dirty page, and the transaction holds exactly what
//     was taken together.
//   - The table in this process ([Table]). One store for each partition: a session of heat owns
//     it, or it follows the changelog; pages are read from it either way.
//   - Take-over ([takeOver]). The new owner of a table partition fences the old
//     one with its transactional.id, writes a fence record, restores up to it,
//     and reads on from the progress, whatever the group's offset says.
//   - Supervision ([Supervise]). A role that ends with an error is started
//     again; one that cannot succeed ends the process with a hint.
//
// The rules behind it are in docs/design.md, "What must hold".
package pipeline
