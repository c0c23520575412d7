package processors

// behindRecords is the lag, in records of one input partition, from which on ingest
// ends ranges by volume; heat knows a backlog by ranges of that size.
const behindRecords = 16_384
