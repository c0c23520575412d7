// Package logfile reads the lines of log files: from files, compressed ones too, from standard
// input, and from a file that a server still writes, across its rotation.
package logfile
