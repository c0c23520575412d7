// Package overview is what those who operate pageheat see of Kafka: how much is in each
// topic, how far each group has come and who owns what, and what was refused lately.
//
// [Overview.State] asks the cluster when somebody asks it, and at most once in a while,
// however many ask, and costs nothing while none ask. It only reads. How far ingest
// has come, it knows of what ingest commits; heat and rank commit nothing, and say it with
// the leaders that the one sends at least once a second and the board of the other.
package overview
