// TCP between two ends of a wire: how connections begin and end. Each is tried with
// either end as the one that acts.
#define _GNU_SOURCE
#include "pair.h"

static void opening(int who)
{
	union address a, b;
	char c[10];
	int s;
	if (near == who) {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(state(s) == TCP_CLOSE);
		CHECK(connect_to(s, a) == 0 && state(s) == TCP_ESTABLISHED);
		b = named(s);
		tell(&b, sizeof b);
		CHECK(port_of(peered(s)) == port_of(a));
	} else {
		int l = listener(here(), 5, &a);
		CHECK(state(l) == TCP_LISTEN);
		tell(&a, sizeof a);
		CHECK(comes(l, READ));
		socklen_t n = sizeof b;
		s = accept(l, &b.sa, &n);
		CHECK(state(s) == TCP_ESTABLISHED && n == length(&b));
		hear(&a, sizeof a);
		CHECK(port_of(a) == port_of(b) && port_of(peered(s)) == port_of(b));
		if (six)
			CHECK(!memcmp(&a.in6.sin6_addr, &b.in6.sin6_addr, 16));
		else
			CHECK(a.in.sin_addr.s_addr == b.in.sin_addr.s_addr);
		close(l);
	}
	CHECK(now_events(s, EVERY) == WRITE);
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	meet();
	FAILS(recv(s, c, 10, MSG_DONTWAIT), EAGAIN);
	meet();
	CHECK(send(s, near ? "near" : "far!", 4, 0) == 4);
	CHECK(recv(s, c, 4, MSG_WAITALL) == 4 && !memcmp(c, near ? "far!" : "near", 4));
	int mss = option(s, SOL_TCP, TCP_MAXSEG);
	CHECK(mss == (six ? 1428 : 1448));
	meet();
	close(s);
}

// Nobody listens.
static void refused(int who)
{
	union address a = place(!who);
	char c[1];
	if (near == who) {
		int s = socket(family(), SOCK_STREAM, 0);
		FAILS(connect_to(s, a), ECONNREFUSED);
		CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0 && state(s) == TCP_CLOSE);
		close(s);
		s = socket(family(), SOCK_STREAM | SOCK_NONBLOCK, 0);
		FAILS(connect_to(s, a), EINPROGRESS);
		CHECK(comes(s, HUNG | POLLERR));
		FAILS(recv(s, c, 1, 0), ECONNREFUSED);
		CHECK(recv(s, c, 1, 0) == 0);
		FAILS(send(s, c, 1, 0), EPIPE);
		close(s);
	}
	meet();
}

// Nobody is there: no answer to ARP, or its like.
static void nobody(void)
{
	int s = socket(family(), SOCK_STREAM, 0);
	union address a = at(six ? "fd91::77" : "10.91.0.77", 80);
	FAILS(connect_to(s, a), EHOSTUNREACH);
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	close(s);
	s = socket(family(), SOCK_STREAM | SOCK_NONBLOCK, 0);
	FAILS(connect_to(s, a), EINPROGRESS);
	CHECK(state(s) == TCP_SYN_SENT && now_events(s, EVERY) == 0);
	CHECK(comes(s, HUNG | POLLERR));
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == EHOSTUNREACH && option(s, SOL_SOCKET, SO_ERROR) == 0);
	close(s);
	s = socket(family(), SOCK_STREAM, 0);
	if (six || !near) // near has a default route of IPv4
		FAILS(connect_to(s, at(six ? "2001:db8::1" : "198.51.100.1", 80)), ENETUNREACH);
	close(s);
	meet();
}

// What routers and filters say to who connects, and to who is connected.
static void told(void)
{
	static const struct { const char *with[2]; int err[2]; } says[] = {
		{{"icmp-host-unreachable", "icmp6-addr-unreachable"}, {EHOSTUNREACH, EHOSTUNREACH}},
		{{"icmp-net-unreachable", "icmp6-no-route"}, {ENETUNREACH, ENETUNREACH}},
		{{"icmp-port-unreachable", "icmp6-port-unreachable"}, {ECONNREFUSED, ECONNREFUSED}},
		{{"icmp-proto-unreachable", NULL}, {ENOPROTOOPT, 0}},
		{{"icmp-admin-prohibited", "icmp6-adm-prohibited"}, {EHOSTUNREACH, EACCES}},
		{{"tcp-reset", "tcp-reset"}, {ECONNREFUSED, ECONNREFUSED}},
	};
	union address a = place(0);
	for (int i = 0; i < 6; i++) {
		if (!says[i].with[six] || (six && (i == 0 || i == 4) && lacks(ICMP6_CODES)))
			continue;
		sh("%s -w -I INPUT -p tcp --dport %d -j REJECT --reject-with %s", six ? "ip6tables" : "iptables", port_of(a), says[i].with[six]);
		if (near) {
			int s = socket(family(), SOCK_STREAM, 0);
			FAILS(connect_to(s, a), says[i].err[six]);
			close(s);
		}
		meet();
		sh("%s -w -D INPUT -p tcp --dport %d -j REJECT --reject-with %s", six ? "ip6tables" : "iptables", port_of(a), says[i].with[six]);
	}
	// A connection that there is endures it.
	int port, s = joined_at(1, &port);
	char c[10];
	sh("%s -w -I INPUT -p tcp --dport %d -j REJECT --reject-with %s", six ? "ip6tables" : "iptables", port, says[0].with[six]);
	if (near) {
		CHECK(send(s, "patient", 7, 0) == 7);
		usleep(300000);
		CHECK(now_events(s, EVERY) == WRITE && state(s) == TCP_ESTABLISHED);
	}
	meet();
	sh("%s -w -D INPUT -p tcp --dport %d -j REJECT --reject-with %s", six ? "ip6tables" : "iptables", port, says[0].with[six]);
	if (!near)
		CHECK(recv(s, c, 10, 0) == 7 && !memcmp(c, "patient", 7));
	meet();
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	close(s);
}

// Resets, in the states in which they may come.
static void resets(int who)
{
	int s = joined(who), port;
	char c[10];
	// To who is connected: by SO_LINGER, and because something was not read.
	if (near == who) {
		reset_on_close(s);
		close(s);
	} else {
		CHECK(comes(s, HUNG | POLLERR) && state(s) == TCP_CLOSE);
		FAILS(recv(s, c, 10, 0), ECONNRESET);
		CHECK(recv(s, c, 10, 0) == 0);
		CHECK(comes(s, HUNG));
		FAILS(send(s, c, 1, 0), EPIPE);
		close(s);
	}
	s = joined(!who);
	if (near == who) {
		CHECK(events(s, POLLIN) == POLLIN);
		close(s);
	} else {
		CHECK(send(s, "unread", 6, 0) == 6 && comes(s, HUNG | POLLERR));
		FAILS(send(s, c, 1, 0), ECONNRESET);
		FAILS(send(s, c, 1, 0), EPIPE);
		CHECK(recv(s, c, 1, 0) == 0);
		close(s);
	}
	meet();
	// What came before it can be read.
	s = joined(who);
	if (near == who) {
		CHECK(send(s, "last", 4, 0) == 4);
		meet();
		reset_on_close(s);
		close(s);
	} else {
		CHECK(comes(s, READ | WRITE));
		meet();
		CHECK(comes(s, HUNG | POLLERR));
		CHECK(option(s, SOL_SOCKET, SO_ERROR) == ECONNRESET);
		CHECK(recv(s, c, 10, 0) == 4 && !memcmp(c, "last", 4) && recv(s, c, 10, 0) == 0);
		close(s);
	}
	// In CLOSE_WAIT.
	s = joined(who);
	if (near == who) {
		CHECK(shutdown(s, SHUT_WR) == 0 && reaches(s, 5 /* FIN_WAIT2 */));
		meet();
		reset_on_close(s);
		close(s);
	} else {
		CHECK(reaches(s, TCP_CLOSE_WAIT));
		meet();
		CHECK(comes(s, HUNG | POLLERR));
		CHECK(option(s, SOL_SOCKET, SO_ERROR) == EPIPE && option(s, SOL_SOCKET, SO_ERROR) == 0);
		CHECK(recv(s, c, 10, 0) == 0);
		close(s);
	}
	// In FIN_WAIT2.
	s = joined(who);
	if (near == who) {
		CHECK(reaches(s, TCP_CLOSE_WAIT));
		reset_on_close(s);
		close(s);
	} else {
		CHECK(shutdown(s, SHUT_WR) == 0);
		CHECK(comes(s, HUNG | POLLERR) && state(s) == TCP_CLOSE);
		FAILS(recv(s, c, 10, 0), ECONNRESET);
		CHECK(recv(s, c, 10, 0) == 0);
		close(s);
	}
	meet();
	// In FIN_WAIT1: the end of the stream does not arrive.
	s = joined_at(who, &port);
	lose(port, to(who));
	if (near != who)
		CHECK(shutdown(s, SHUT_WR) == 0 && state(s) == TCP_FIN_WAIT1);
	meet();
	if (near == who) {
		CHECK(state(s) == TCP_ESTABLISHED && now_events(s, EVERY) == WRITE);
		reset_on_close(s);
		close(s);
	} else {
		CHECK(comes(s, HUNG | POLLERR) && state(s) == TCP_CLOSE);
		CHECK(option(s, SOL_SOCKET, SO_ERROR) == ECONNRESET);
		close(s);
	}
	meet();
	mend(port, to(who));
	// In LAST_ACK.
	s = joined_at(who, &port);
	if (near == who)
		CHECK(shutdown(s, SHUT_WR) == 0 && reaches(s, 5 /* FIN_WAIT2 */));
	else
		CHECK(reaches(s, TCP_CLOSE_WAIT));
	meet();
	lose(port, to(who));
	if (near != who)
		CHECK(shutdown(s, SHUT_WR) == 0 && state(s) == TCP_LAST_ACK);
	meet();
	if (near == who) {
		reset_on_close(s);
		close(s);
	} else {
		CHECK(reaches(s, TCP_CLOSE) && comes(s, HUNG | POLLERR));
		CHECK(option(s, SOL_SOCKET, SO_ERROR) == ECONNRESET);
		close(s);
	}
	meet();
	mend(port, to(who));
	// Before it is accepted: it is accepted all the same.
	union address a;
	if (near == who) {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(connect_to(s, a) == 0);
		meet();
		reset_on_close(s);
		close(s);
		meet();
	} else {
		int l = listener(here(), 5, &a);
		tell(&a, sizeof a);
		CHECK(comes(l, READ));
		meet();
		meet();
		usleep(100000);
		s = accept(l, NULL, NULL);
		CHECK(s >= 0 && comes(s, HUNG | POLLERR));
		FAILS(recv(s, c, 1, 0), ECONNRESET);
		close(s);
		close(l);
	}
	// By a listener that ends before it accepts.
	if (near == who) {
		int l = listener(here(), 5, &a);
		tell(&a, sizeof a);
		CHECK(comes(l, READ));
		meet();
		close(l);
	} else {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(connect_to(s, a) == 0);
		meet();
		CHECK(comes(s, HUNG | POLLERR));
		FAILS(recv(s, c, 1, 0), ECONNRESET);
		close(s);
	}
	meet();
}

// The ends of a stream, one after the other.
static void halves(int who)
{
	char c[100];
	int s = joined(who);
	if (near == who) {
		CHECK(send(s, "question", 8, 0) == 8 && shutdown(s, SHUT_WR) == 0);
		CHECK(reaches(s, 5 /* FIN_WAIT2 */));
		FAILS(send(s, c, 1, 0), EPIPE);
		CHECK(now_events(s, EVERY) == WRITE);
		meet();
		CHECK(recv(s, c, 100, MSG_WAITALL) == 6 && !memcmp(c, "answer", 6));
		CHECK(recv(s, c, 100, 0) == 0);
		CHECK(comes(s, HUNG) && reaches(s, TCP_CLOSE)); // TIME_WAIT is no socket's
		FAILS(shutdown(s, SHUT_RDWR), ENOTCONN);
	} else {
		CHECK(reaches(s, TCP_CLOSE_WAIT));
		CHECK(comes(s, READ | WRITE | POLLRDHUP));
		meet();
		CHECK(recv(s, c, 100, MSG_WAITALL) == 8 && recv(s, c, 100, 0) == 0 && recv(s, c, 100, 0) == 0);
		CHECK(state(s) == TCP_CLOSE_WAIT);
		CHECK(send(s, "ans", 3, 0) == 3 && send(s, "wer", 3, 0) == 3);
		CHECK(shutdown(s, SHUT_WR) == 0);
		CHECK(comes(s, HUNG) && reaches(s, TCP_CLOSE));
	}
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	meet();
	close(s);
	// Not to read is no word to the other.
	s = joined(who);
	if (near == who) {
		CHECK(shutdown(s, SHUT_RD) == 0 && state(s) == TCP_ESTABLISHED);
		CHECK(now_events(s, EVERY) == (READ | WRITE | POLLRDHUP));
		CHECK(recv(s, c, 10, 0) == 0);
		CHECK(send(s, "still", 5, 0) == 5);
	} else {
		CHECK(recv(s, c, 5, MSG_WAITALL) == 5);
		CHECK(now_events(s, EVERY) == WRITE);
		CHECK(send(s, "spoken", 6, 0) == 6);
	}
	meet();
	if (near == who) {
		CHECK(events(s, POLLIN) == POLLIN);
		for (int i = 0, n = 0; i < 1000 && n < 6; i++, usleep(5000)) // it comes all the same
			n = recv(s, c, 100, MSG_PEEK);
		CHECK(recv(s, c, 10, 0) == 6 && recv(s, c, 10, 0) == 0);
	}
	meet();
	close(s);
	// close(2): who writes afterwards is reset.
	s = joined(who);
	if (near == who) {
		CHECK(send(s, "bye", 3, 0) == 3);
		close(s);
	} else {
		CHECK(comes(s, READ | WRITE | POLLRDHUP) && state(s) == TCP_CLOSE_WAIT);
		CHECK(send(s, "?", 1, 0) == 1 && comes(s, HUNG | POLLERR));
		CHECK(option(s, SOL_SOCKET, SO_ERROR) == EPIPE);
		FAILS(send(s, "?", 1, 0), EPIPE);
		close(s);
	}
	meet();
	// Both at once: neither hears of the other's end.
	int port;
	s = joined_at(who, &port);
	lose(port, TO_FAR | TO_NEAR);
	CHECK(shutdown(s, SHUT_WR) == 0 && state(s) == TCP_FIN_WAIT1);
	meet();
	mend(port, TO_FAR | TO_NEAR);
	CHECK(comes(s, HUNG) && reaches(s, TCP_CLOSE));
	CHECK(recv(s, c, 1, 0) == 0 && option(s, SOL_SOCKET, SO_ERROR) == 0);
	meet();
	close(s);
	// CLOSING: both ends have come, no acknowledgement of one.
	s = joined_at(who, &port);
	lose(port, to(who));
	if (near != who)
		CHECK(shutdown(s, SHUT_WR) == 0 && state(s) == TCP_FIN_WAIT1);
	meet();
	if (near == who)
		CHECK(shutdown(s, SHUT_WR) == 0 && state(s) == TCP_FIN_WAIT1);
	else
		CHECK(reaches(s, TCP_CLOSING) && comes(s, HUNG));
	meet();
	mend(port, to(who));
	CHECK(comes(s, HUNG) && reaches(s, TCP_CLOSE));
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	meet();
	close(s);
}

// Both open at once: no one listens.
static void crossing(int who)
{
	union address a = place(1), b = place(0);
	char c[10];
	int s = socket(family(), SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(bind_to(s, near ? a : b) == 0);
	lose(port_of(a), to(!who));
	if (near == who) {
		FAILS(connect_to(s, near ? b : a), EINPROGRESS);
		CHECK(state(s) == TCP_SYN_SENT);
	}
	meet();
	if (near != who)
		FAILS(connect_to(s, near ? b : a), EINPROGRESS);
	else
		CHECK(reaches(s, TCP_SYN_RECV));
	meet();
	mend(port_of(a), to(!who));
	CHECK(comes(s, WRITE) && state(s) == TCP_ESTABLISHED);
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0 && port_of(peered(s)) == port_of(near ? b : a));
	meet();
	CHECK(send(s, near ? "near" : "far!", 4, 0) == 4);
	CHECK(comes(s, READ | WRITE) && recv(s, c, 10, 0) == 4 && !memcmp(c, near ? "far!" : "near", 4));
	meet();
	close(s);
}

// Who ended first keeps the port for a while.
static void waiting(int who)
{
	union address a, b;
	int s, l, t;
	if (near == who) { // who listens ends first
		a = place_of(here());
		l = socket(family(), SOCK_STREAM, 0);
		CHECK(set(l, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && bind_to(l, a) == 0 && listen(l, 5) == 0);
		tell(&a, sizeof a);
		s = accept(l, NULL, NULL);
		close(l);
		close(s);
		meet();
		meet();
		t = socket(family(), SOCK_STREAM, 0);
		FAILS(bind_to(t, a), EADDRINUSE);
		CHECK(set(t, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && bind_to(t, a) == 0 && listen(t, 5) == 0);
		meet();
		// The same two ports again, which a new connection may have.
		CHECK(comes(t, READ));
		s = accept(t, NULL, NULL);
		CHECK(s >= 0 && state(s) == TCP_ESTABLISHED);
		meet();
		close(s);
		close(t);
	} else {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(connect_to(s, a) == 0);
		b = named(s);
		meet();
		CHECK(comes(s, READ | WRITE | POLLRDHUP));
		close(s);
		usleep(100000);
		meet();
		meet();
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(bind_to(s, b) == 0 && connect_to(s, a) == 0);
		meet();
		close(s);
	}
	meet();
	// Who connected ends first, and connects once more from the same port: time stamps
	// tell the one from the other (tcp_twsk_unique).
	if (near == who) {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(set(s, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && connect_to(s, a) == 0);
		b = named(s);
		close(s);
		meet();
		meet();
		usleep(100000);
		s = socket(family(), SOCK_STREAM, 0);
		FAILS(bind_to(s, b), EADDRINUSE);
		CHECK(set(s, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && bind_to(s, b) == 0);
		CHECK(connect_to(s, a) == 0 && port_of(named(s)) == port_of(b) && state(s) == TCP_ESTABLISHED);
		meet();
		close(s);
	} else {
		l = listener(here(), 5, &a);
		tell(&a, sizeof a);
		s = accept(l, NULL, NULL);
		meet();
		CHECK(comes(s, READ | WRITE | POLLRDHUP));
		close(s);
		meet();
		s = accept(l, NULL, NULL);
		meet();
		close(s);
		close(l);
	}
	meet();
}

// More connect than may wait: what they ask is not heard, until there is room.
static void overflow(int who)
{
	union address a;
	int s[5];
	char c[1];
	if (near == who) {
		hear(&a, sizeof a);
		for (int i = 0; i < 5; i++) {
			s[i] = socket(family(), SOCK_STREAM | SOCK_NONBLOCK, 0);
			FAILS(connect_to(s[i], a), EINPROGRESS);
			if (i < 2)
				CHECK(comes(s[i], WRITE));
			usleep(20000);
		}
		meet();
		for (int i = 2; i < 5; i++)
			CHECK(now_events(s[i], EVERY) == 0 && state(s[i]) == TCP_SYN_SENT);
		FAILS(connect_to(s[4], a), EALREADY);
		FAILS(recv(s[4], c, 1, 0), EAGAIN);
		meet();
		for (int i = 0; i < 5; i++)
			CHECK(comes(s[i], WRITE) && send(s[i], "x", 1, 0) == 1);
		meet();
		for (int i = 0; i < 5; i++)
			close(s[i]);
	} else {
		int l = listener(here(), 1, &a);
		tell(&a, sizeof a);
		meet();
		CHECK(comes(l, READ));
		meet();
		for (int i = 0; i < 5; i++) {
			s[i] = accept(l, NULL, NULL);
			CHECK(s[i] >= 0 && recv(s[i], c, 1, 0) == 1);
		}
		meet();
		for (int i = 0; i < 5; i++)
			close(s[i]);
		close(l);
	}
	meet();
}

int main(int argc, char **argv)
{
	ends(argc, argv);
	for (six = 0; six < 2; six++) {
		for (int who = 0; who < 2; who++) {
			opening(who);
			refused(who);
			resets(who);
			halves(who);
			crossing(who);
			waiting(who);
			overflow(who);
		}
		nobody();
		told();
	}
	return finish();
}
