// Package kafka is the only one that opens clients of Kafka, and so the place for their
// settings. A [Cluster] knows the brokers of a process and how they are reached; it opens
// clients of franz-go, and those of sarama that goka needs, from the same settings.
//
//   - Look-ups (topic.go, committed.go, reach.go): topics, offsets, groups. All of a
//     process share one client.
//   - Reading. [Cluster.Read] gives what is committed in a span of a partition, over the
//     client of the look-ups; [Cluster.Follow] gives records as they come, with a client
//     of its own. What may unpack to anything is read in chunks of batches, see
//     [Session.Read], [Log] and package recordbatch.
//   - Writing. A [Sender] sends to one topic; [Cluster.Producer] is for goka; an [Owner]
//     writes a table partition in transactions, as the only one with its transactional.id.
//   - Groups. [Cluster.Join] and its [Session] are for the input, [Cluster.ConsumerGroup]
//     is for goka.
//   - Errors. [Explain] says of an error of either client whether no second try mends it,
//     and what to do.
//
// It knows nothing of behaviours, pages and boards.
package kafka
