// Package p9 speaks 9P2000.L over a unix stream socket: its messages, a Client
// and a server, Serve
// (https://github.com/chaos/diod/blob/master/protocol.md).
//
// Two ends of this package agree on the dialect "9P2000.L.glovebox1", which
// adds messages that save round trips: walk with attributes, making a file with
// owner and attributes, extended attributes in one message, renameat2(2), and
// donating an open descriptor of the host by SCM_RIGHTS. With anyone else they
// speak plain 9P2000.L; the client then does the same in several steps.
//
// Neither end trusts the other. The server bounds fids, messages in flight and
// sizes, and checks names before a File sees them; the client checks every
// reply, and a peer that breaks the protocol loses the connection.
package p9
