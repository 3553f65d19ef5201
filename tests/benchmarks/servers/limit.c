/* The limit: a chat server that does nothing but pass lines on, in one thread, as fast as it goes.
 *
 * One epoll. Each round reads once from every client that has sent something and appends what it
 * said to a batch, one for each room; then every member is sent the batch, less their own part of
 * it, with one system call. What a client does not take is queued, and a client whose queue is
 * full is dropped. Speaks as threadchat does: "Your name: ", then lines; "/join ROOM".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NAME = 32, LINE = 512, RECEIVE = 64 * 1024, MAX_QUEUED = 256 * 1024, MAX_ROOMS = 1024 };

struct client {
    int fd, place;               /* where in its room it stands */
    struct room *room;           /* NULL until it has a name */
    int is_gone;
    char name[NAME];
    int line_length;             /* of the line that has not ended yet */
    char line[LINE];
    size_t own_begin, own_end;   /* its own part of the batch */
    char *queue;                 /* what it has not taken yet */
    size_t queued;
    struct client *next_gone;
};

struct room {
    char name[NAME];
    struct client **members;
    int count, capacity;
    char *batch;
    size_t length, batch_capacity;
};

static int epoll_fd;
static struct room rooms[MAX_ROOMS];
static int room_count;
static struct client *gone;

static void *checked(void *memory)
{
    if (!memory) {
        perror("limit");
        exit(1);
    }
    return memory;
}

/* Clients that end are taken out when the round is over: until then others may point at them. */
static void drop(struct client *client)
{
    if (!client->is_gone) {
        client->is_gone = 1;
        client->next_gone = gone;
        gone = client;
    }
}

/* Sending */

static void watch(struct client *client, int operation, unsigned events)
{
    struct epoll_event event = {events, {.ptr = client}};
    epoll_ctl(epoll_fd, operation, client->fd, &event);
}

static void enqueue(struct client *client, const char *data, size_t length)
{
    if (client->queued + length > MAX_QUEUED) {
        drop(client);
        return;
    }
    if (!client->queued)
        watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    client->queue = checked(realloc(client->queue, client->queued + length));
    memcpy(client->queue + client->queued, data, length);
    client->queued += length;
}

/* Send two pieces as one; queue what is not taken. */
static void send_pieces(struct client *client, struct iovec pieces[2])
{
    ssize_t sent = 0;
    if (!client->queued) {
        struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
        sent = sendmsg(client->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            drop(client);
            return;
        }
    }
    size_t taken = sent > 0 ? sent : 0;
    for (int i = 0; i < 2; i++) {
        size_t skip = taken < pieces[i].iov_len ? taken : pieces[i].iov_len;
        taken -= skip;
        if (skip < pieces[i].iov_len)
            enqueue(client, (char *)pieces[i].iov_base + skip, pieces[i].iov_len - skip);
    }
}

static void send_text(struct client *client, const char *text)
{
    struct iovec pieces[2] = {{(char *)text, strlen(text)}, {NULL, 0}};
    send_pieces(client, pieces);
}

static void flush(struct client *client)
{
    ssize_t sent = send(client->fd, client->queue, client->queued, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        drop(client);
    if (sent <= 0)
        return;
    client->queued -= sent;
    memmove(client->queue, client->queue + sent, client->queued);
    if (!client->queued)
        watch(client, EPOLL_CTL_MOD, EPOLLIN);
}

static void deliver(struct room *room)
{
    for (int i = 0; i < room->count; i++) {
        struct client *member = room->members[i];
        struct iovec pieces[2] = {
            {room->batch, member->own_begin},
            {room->batch + member->own_end, room->length - member->own_end},
        };
        if (pieces[0].iov_len + pieces[1].iov_len && !member->is_gone)
            send_pieces(member, pieces);
        member->own_begin = member->own_end = 0;
    }
    room->length = 0;
}

/* Rooms */

static struct room *find_room(const char *name)
{
    int i = 0;
    while (i < room_count && strcmp(rooms[i].name, name))
        i++;
    if (i == MAX_ROOMS)
        return &rooms[0];
    if (i == room_count)
        snprintf(rooms[room_count++].name, NAME, "%s", name);
    return &rooms[i];
}

static void join(struct client *client, struct room *room)
{
    if (room->count == room->capacity) {
        room->capacity = room->capacity ? 2 * room->capacity : 16;
        room->members = checked(realloc(room->members, room->capacity * sizeof *room->members));
    }
    client->room = room;
    client->place = room->count;
    room->members[room->count++] = client;
}

static void leave(struct client *client)
{
    struct room *room = client->room;
    if (room) {
        struct client *last = room->members[--room->count];
        room->members[client->place] = last;
        last->place = client->place;
        client->own_begin = client->own_end = 0;
    }
}

/* Receiving */

static void say(struct client *client, const char *text, int length)
{
    struct room *room = client->room;
    size_t needed = room->length + NAME + length + 4;
    if (needed > room->batch_capacity) {
        room->batch_capacity = 2 * needed;
        room->batch = checked(realloc(room->batch, room->batch_capacity));
    }
    /* A client is read once a round, so what it says in one stands together. */
    if (client->own_begin == client->own_end)
        client->own_begin = room->length;
    char *end = stpcpy(room->batch + room->length, client->name);
    end = stpcpy(end, ": ");
    end = stpcpy(mempcpy(end, text, length), "\r\n");
    room->length = client->own_end = end - room->batch;
}

static void obey(struct client *client, char *line, int length)
{
    char answer[LINE];
    if (length && line[length - 1] == '\r')
        length--;
    line[length] = 0;
    if (!client->room) {
        snprintf(client->name, NAME, "%.*s", NAME - 1, line);
        snprintf(answer, sizeof answer, "Welcome, %s.\r\n", client->name);
        send_text(client, answer);
        join(client, find_room("lobby"));
    } else if (!strncmp(line, "/join ", 6)) {
        leave(client);
        join(client, find_room(line + 6));
        snprintf(answer, sizeof answer, "You are in %s.\r\n", client->room->name);
        send_text(client, answer);
    } else {
        say(client, line, length);
    }
}

static void receive(struct client *client)
{
    static char buffer[LINE + RECEIVE + 1];
    memcpy(buffer, client->line, client->line_length);
    ssize_t length = recv(client->fd, buffer + client->line_length, RECEIVE, 0);
    if (length <= 0) {
        if (!length || errno != EAGAIN)
            drop(client);
        return;
    }
    char *line = buffer, *end = buffer + client->line_length + length, *newline;
    for (; (newline = memchr(line, '\n', end - line)); line = newline + 1)
        obey(client, line, newline - line);
    client->line_length = end - line < LINE ? end - line : 0; /* too long a line is forgotten */
    memcpy(client->line, line, client->line_length);
}

static void accept_all(int listener)
{
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct client *client = checked(calloc(1, sizeof *client));
        client->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(client, EPOLL_CTL_ADD, EPOLLIN);
        send_text(client, "Hello.\r\nYour name: ");
    }
}

static void sweep(void)
{
    while (gone) {
        struct client *client = gone;
        gone = client->next_gone;
        leave(client);
        close(client->fd);
        free(client->queue);
        free(client);
    }
}

static int listen_on_any_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
        perror("limit");
        exit(1);
    }
    printf("127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = listen_on_any_port();
    struct epoll_event events[1024], readable = {EPOLLIN, {.ptr = NULL}};
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &readable);
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, 1024, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (!client)
                accept_all(listener);
            else if (events[i].events & EPOLLOUT)
                flush(client);
            if (client && events[i].events & ~EPOLLOUT && !client->is_gone)
                receive(client);
        }
        for (int i = 0; i < room_count; i++)
            if (rooms[i].length)
                deliver(&rooms[i]);
        sweep();
    }
}
