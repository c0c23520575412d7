// Package forget asks the owners of the heat table to forget pages, and waits until they have.
//
// A request is a record of a topic that is partitioned as the table is. The owner of a partition takes
// requests in as it takes in ranges, and its next commit has the effect: the page leaves the table, and a
// record with its hash says up to which offsets of the input its behaviours are not counted.
// [Requests.Wait] reads the committed progress, which says how far the owner is.
//
// A request may be repeated: what was forgotten already stays so.
package forget
