package linux

// UNIX_PATH_MAX is the length of sun_path in struct sockaddr_un (unix(7)).
const UNIX_PATH_MAX = 108

// SizeOfSockaddrUn is the size of struct sockaddr_un.
const SizeOfSockaddrUn = 2 + UNIX_PATH_MAX
