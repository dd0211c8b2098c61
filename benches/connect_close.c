/* The least that a client of the kernel's TCP can do: connect(), close(). */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in peer = { .sin_family = AF_INET };
	int s;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1)
		return 2;
	peer.sin_port = htons(atoi(argv[2]));
	if ((s = socket(AF_INET, SOCK_STREAM, 0)) < 0)
		return 1;
	if (connect(s, (struct sockaddr *)&peer, sizeof peer) < 0)
		return 1;
	return close(s) < 0;
}
