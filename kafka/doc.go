// Package kafka is the only package that opens Kafka clients, and so the place for their
// settings. A [Cluster] has the brokers of a process and the connection settings; it opens
// clients of franz-go, and the sarama clients that goka needs, from the same settings.
//
//   - Look-ups (topic.go, committed.go, reach.go): topics, offsets, groups. All of a
//     process share one client.
//   - Reading. [Cluster.Read] reads the committed records in a span of a partition, over the
//     client of the look-ups; [Cluster.Follow] reads records as they come, with a client
//     of its own. Batches of any unpacked size are read in chunks, see
//     [Session.Read], [Log] and package recordbatch.
//   - Writing. A [Sender] sends to one topic; [Cluster.Producer] is for goka; an [Owner]
//     writes a table partition in transactions, as the only one with its transactional.id.
//   - Groups. [Cluster.Join] and its [Session] are for the input, [Cluster.ConsumerGroup]
//     is for goka.
//   - Security. Package security has the settings of TLS and SASL; package dial connects.
//   - Errors. [Explain] marks permanent errors of either client, with a hint.
//
// It knows nothing of behaviours, pages and boards.
package kafka
