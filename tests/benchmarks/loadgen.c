/* Be many chat clients at once, and measure what their server does for them.
 *
 *   loadgen --port P --clients N [--OPTION VALUE]... --kind BEFORE AFTER [EXPECT SEND]...
 *
 * One thread and one epoll. The clients connect as fast as they are let in, and each goes the steps
 * of its kind to get in (wait for EXPECT, then SEND). Then the first `--talkers` of them talk for
 * `--seconds`, each with a window of messages under way: a message is delivered, and the next may
 * be said, when the sender's successor in its room has received it. At the end all that was said
 * has to arrive, and what each client received is held against what the others said. The result is
 * one line of JSON.
 *
 * What it costs to receive a message here is one memchr and five digits, so that a server that
 * sends is busier than this is; `generator_cpu` in the result says how busy this was.
 *
 * A message is 40 characters, "~SENDER SEQUENCE NANOSECONDS...", and no server writes a "~" of its
 * own followed by five digits. In the words of a kind %n stands for the client's name and %r for
 * the number of its room; \r, \n and \xHH are taken as in C.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE = 40,     /* characters of a message */
    STAMP = 28,       /* of these, what is looked at: sender, sequence, time */
    SEQUENCES = 1000000,
    TAIL = 64,        /* kept of what was received: more than a message or an EXPECT */
    MAX_STEPS = 8,
    MAX_KINDS = 16,
    MAX_WORDS = 128,  /* characters of one SEND, or around a message */
    RECEIVE = 256 * 1024,
    MAX_WAITING = 1000, /* not greeted yet; more would find the system's own queue full, which
                           sends them off for seconds, or into a connection that is none */
};

static const int64_t SECOND = 1000000000;
static const int64_t QUIET = 200000000; /* nothing for so long: all that was on its way has come */

static double port, clients = 20, talkers = -1, window = 1, rate, rooms = 1, seconds = 2,
    warmup = 0.5, deadline = 60, server_pid, watchers = 8, pingpong;

static const struct { const char *name; double *value; } OPTIONS[] = {
    {"--port", &port},
    {"--clients", &clients},
    {"--talkers", &talkers},   /* how many of them talk; all, if not given */
    {"--window", &window},     /* messages each may have under way */
    {"--rate", &rate},         /* messages a second of all together; 0: as many as they can */
    {"--rooms", &rooms},
    {"--seconds", &seconds},   /* 0: only arrive */
    {"--warmup", &warmup},     /* seconds of talk before the measured ones */
    {"--deadline", &deadline}, /* seconds after which it has failed */
    {"--pid", &server_pid},    /* the server's process, whose CPU time and memory are looked at */
    {"--watchers", &watchers}, /* so many check the order and the time of each message */
    {"--pingpong", &pingpong}, /* 1: two clients, and each answers the other */
};

struct kind {
    const char *before, *after; /* what goes around a message */
    int steps;
    struct { const char *expect, *send; } step[MAX_STEPS];
};

struct client {
    int fd, number, room;
    const struct kind *kind;
    int is_greeted;
    int step;          /* of its way in; the kind's number of steps once it is in */
    int credits;       /* messages it may say now */
    uint32_t said;
    int64_t said_at;   /* when it said the last one */
    uint32_t received; /* messages of others */
    uint64_t order;    /* a hash of those that watchers can compare, in their order */
    int tail_length;
    char tail[TAIL];
};

static struct kind kinds[MAX_KINDS];
static int kind_count;

static struct client *people;
static int count, epoll_fd, greeted, entered;
static int64_t last_input;
static uint64_t bytes, delivered, said; /* by all, so far */

static int is_talking;
static int64_t measured_from = INT64_MAX; /* messages said since then have their latency kept */
static uint32_t *next_sequence;           /* by watcher and talker */
static uint64_t out_of_order;
static uint32_t *latency; /* microseconds */
static size_t latency_count, latency_room;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) < 0)
        return -1;
    return time.tv_sec * SECOND + time.tv_nsec;
}

static int64_t now(void)
{
    static int64_t start;
    int64_t time = nanoseconds(CLOCK_MONOTONIC);
    if (!start)
        start = time;
    return time - start;
}

/* Saying something */

static void send_all(struct client *client, const char *data, int length)
{
    /* A few hundred bytes always fit, unless the server has stopped reading. */
    if (send(client->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) != length)
        fail("client %d cannot send: %s", client->number, strerror(errno));
}

/* Write `words` with their placeholders filled in; return how many characters that makes. */
static int fill_in(const struct client *client, const char *words, char *text)
{
    char *end = text;
    for (; *words; words++) {
        if (words[0] == '%' && words[1] == 'n')
            end += sprintf(end, "u%05d", client->number), words++;
        else if (words[0] == '%' && words[1] == 'r')
            end += sprintf(end, "%d", client->room), words++;
        else
            *end++ = *words;
        if (end - text > MAX_WORDS - 16)
            fail("too long: %s", words);
    }
    return end - text;
}

static void write_digits(char *end, int length, uint64_t number)
{
    for (; length; length--, number /= 10)
        *--end = '0' + number % 10;
}

/* Say what the window of `client` allows, up to `most` messages, each with a system call of its own:
 * a person's Enter sends one line. */
static void speak(struct client *client, int most)
{
    char text[MESSAGE + 2 * MAX_WORDS];
    for (; client->credits > 0 && most > 0; client->credits--, most--) {
        char *message = text + fill_in(client, client->kind->before, text);
        client->said_at = now();
        memcpy(message, "~SSSSS NNNNNN TTTTTTTTTTTTT ............", MESSAGE);
        write_digits(message + 6, 5, client->number);
        write_digits(message + 13, 6, client->said++ % SEQUENCES);
        write_digits(message + 27, 13, client->said_at);
        char *end = message + MESSAGE;
        send_all(client, text, end + fill_in(client, client->kind->after, end) - text);
        said++;
    }
}

/* Receiving */

/* Return the client before this one in their room, whose messages it acknowledges. */
static struct client *predecessor(const struct client *client)
{
    int step = rooms, number = client->number;
    return &people[number >= step ? number - step : number + (count - 1 - number) / step * step];
}

static int64_t digits(const char *text, int length)
{
    int64_t number = 0;
    for (; length; text++, length--) {
        if (*text < '0' || *text > '9')
            return -1;
        number = number * 10 + *text - '0';
    }
    return number;
}

static void keep_latency(int64_t time)
{
    if (latency_count == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 65536;
        latency = realloc(latency, latency_room * sizeof *latency);
        if (!latency)
            fail("out of memory");
    }
    latency[latency_count++] = time / 1000;
}

/* Look closer at a message: is it the sender's next, and how long has it been under way? */
static void watch(struct client *client, int sender, const char *message)
{
    uint32_t *expected = &next_sequence[client->number * (int)talkers + sender];
    int64_t sequence = digits(message + 7, 6), said_at = digits(message + 14, 13);
    out_of_order += sequence != *expected;
    *expected = (sequence + 1) % SEQUENCES;
    if (sender >= watchers)
        client->order = (client->order ^ (sender * SEQUENCES + sequence)) * 1099511628211u;
    if (pingpong)
        said_at = client->number == 0 ? client->said_at : -1; /* there and back */
    if (said_at >= measured_from)
        keep_latency(last_input - said_at);
}

/* Count the messages in what `client` received, up to `end`; return where what is left begins. */
static const char *take_messages(struct client *client, const char *text, const char *end)
{
    struct client *before = predecessor(client);
    while ((text = memchr(text, '~', end - text))) {
        if (end - text < STAMP)
            return text;
        int sender = digits(text + 1, 5);
        if (sender >= 0 && sender < talkers && sender != client->number) {
            client->received++;
            delivered++;
            if (sender == before->number)
                (pingpong ? client : before)->credits++;
            if (client->number < watchers)
                watch(client, sender, text);
        }
        text += STAMP;
    }
    return end;
}

/* Go as far on the way in as what was received allows; return where what is left begins. */
static const char *take_steps(struct client *client, const char *text, const char *end)
{
    while (client->step < client->kind->steps) {
        const char *expect = client->kind->step[client->step].expect;
        const char *found = memmem(text, end - text, expect, strlen(expect));
        if (!found)
            return text + (int)strlen(expect) > end ? text : end - strlen(expect) + 1;
        char words[MAX_WORDS];
        int length = fill_in(client, client->kind->step[client->step].send, words);
        if (length)
            send_all(client, words, length);
        client->step++;
        entered += client->step == client->kind->steps;
        text = found + strlen(expect);
    }
    return text;
}

static void take(struct client *client)
{
    static char buffer[TAIL + RECEIVE];
    memcpy(buffer, client->tail, client->tail_length);
    ssize_t length = recv(client->fd, buffer + client->tail_length, RECEIVE, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
        fail("the server has ended client %d: %s", client->number,
             length ? strerror(errno) : "closed");
    bytes += length;
    last_input = now();
    greeted += !client->is_greeted;
    client->is_greeted = 1;
    const char *end = buffer + client->tail_length + length;
    const char *left = take_steps(client, buffer, end);
    if (client->step == client->kind->steps)
        left = take_messages(client, left, end);
    client->tail_length = end - left;
    memcpy(client->tail, left, end - left);
}

static void take_event(const struct epoll_event *event)
{
    struct client *client = &people[event->data.u32];
    if (event->events & EPOLLOUT) { /* connected: kinds that speak first do so now */
        struct epoll_event readable = {EPOLLIN, {.u32 = client->number}};
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client->fd, &readable);
        take_steps(client, "", "");
    }
    if (event->events & ~EPOLLOUT)
        take(client);
    if (is_talking && !rate) {
        speak(client, window);
        speak(predecessor(client), window);
    }
}

/* Wait for input until `until` at the longest, and take what has come. */
static void turn(int64_t until)
{
    struct epoll_event events[1024];
    int64_t left = until - now();
    struct timespec wait = {left / SECOND, left % SECOND};
    if (left <= 0)
        wait = (struct timespec){0, 0};
    int ready = epoll_pwait2(epoll_fd, events, 1024, &wait, NULL);
    for (int i = 0; i < ready; i++)
        take_event(&events[i]);
    if (now() > deadline * SECOND)
        fail("not done after %g s: %d of %d are in, %llu said, %llu delivered", deadline, entered,
             count, (unsigned long long)said, (unsigned long long)delivered);
}

/* The phases of a run */

static void connect_client(int number)
{
    struct client *client = &people[number];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger reset = {1, 0}; /* leave no port in TIME_WAIT behind */
    int yes = 1;
    client->number = number;
    client->room = number % (int)rooms;
    client->kind = &kinds[number % kind_count];
    client->credits = number < talkers ? window : 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        fail("no socket for client %d: %s", number, strerror(errno));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) < 0 &&
        errno != EINPROGRESS)
        fail("client %d cannot connect: %s", number, strerror(errno));
    struct epoll_event event = {EPOLLIN | EPOLLOUT, {.u32 = number}};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
}

static void enter(void)
{
    for (int i = 0; i < count; i++) {
        connect_client(i);
        while (i - greeted > MAX_WAITING)
            turn(deadline * SECOND);
    }
    while (entered < count)
        turn(deadline * SECOND);
}

static void settle(void)
{
    while (now() - last_input < QUIET)
        turn(last_input + QUIET);
}

/* Talk until `until`: as the windows allow, or one after the other at the rate asked for. */
static void talk(int64_t until)
{
    static int next;
    int64_t begin = now();
    for (int64_t ticks = 0; now() < until;) {
        int64_t due = rate ? begin + ticks * (SECOND / rate) : until;
        while (rate && due <= now() && due < until) {
            speak(&people[next], 1);
            next = (next + 1) % (int)talkers;
            due = begin + ++ticks * (SECOND / rate);
        }
        turn(due < until ? due : until);
    }
}

static void begin_to_talk(void)
{
    is_talking = 1;
    if (pingpong)
        people[1].credits = 0;
    for (int i = 0; i < talkers && !rate; i++)
        speak(&people[i], window);
}

static int64_t *said_by_room(void)
{
    int64_t *totals = calloc(rooms, sizeof *totals);
    for (int i = 0; i < talkers; i++)
        totals[people[i].room] += people[i].said;
    return totals;
}

/* Return how many messages are still to come, or, below 0, came too often. */
static int64_t missing(void)
{
    int64_t *totals = said_by_room(), sum = 0;
    for (int i = 0; i < count; i++)
        sum += totals[people[i].room] - people[i].said;
    free(totals);
    return sum - (int64_t)delivered;
}

/* Return how many clients received something else than what the others in their room said. */
static int count_wrong(void)
{
    int64_t *totals = said_by_room();
    int wrong = 0;
    for (int i = 0; i < count; i++)
        wrong += people[i].received != totals[people[i].room] - people[i].said;
    free(totals);
    return wrong;
}

static int is_one_order(void)
{
    for (int i = rooms; i < watchers; i++)
        if (people[i].order != people[i - (int)rooms].order)
            return 0;
    return out_of_order == 0;
}

/* The result */

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Return the latency that `percent` of the messages did not exceed (nearest rank). */
static uint32_t percentile(double percent)
{
    if (!latency_count)
        return 0;
    size_t rank = percent * latency_count / 100;
    rank += rank < percent * latency_count / 100;
    return latency[rank ? rank - 1 : 0];
}

static long resident_kilobytes(void)
{
    char path[64], line[256];
    long kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)server_pid);
    FILE *file = server_pid ? fopen(path, "r") : NULL;
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmRSS: %ld", &kilobytes);
    if (file)
        fclose(file);
    return kilobytes;
}

struct reading { int64_t time, server, generator; uint64_t delivered, said; };

static struct reading read_clocks(void)
{
    clockid_t server;
    struct reading reading = {now(), -1, nanoseconds(CLOCK_PROCESS_CPUTIME_ID), delivered, said};
    if (server_pid && !clock_getcpuclockid(server_pid, &server))
        reading.server = nanoseconds(server);
    return reading;
}

static void report_talk(struct reading begin, struct reading end)
{
    double elapsed = (end.time - begin.time) / (double)SECOND;
    qsort(latency, latency_count, sizeof *latency, compare);
    printf(", \"seconds\": %.6f, \"said\": %llu, \"delivered\": %llu", elapsed,
           (unsigned long long)(end.said - begin.said),
           (unsigned long long)(end.delivered - begin.delivered));
    printf(", \"server_cpu\": %.6f, \"generator_cpu\": %.6f",
           begin.server < 0 || end.server < 0 ? -1 : (end.server - begin.server) / (double)SECOND,
           (end.generator - begin.generator) / (double)SECOND);
    printf(", \"samples\": %zu, \"p50_us\": %u, \"p99_us\": %u, \"slowest_us\": %u", latency_count,
           percentile(50), percentile(99), percentile(100));
    printf(", \"missing\": %lld, \"wrong\": %d, \"one_order\": %s", (long long)missing(),
           count_wrong(), is_one_order() ? "true" : "false");
}

static void measure_talk(void)
{
    begin_to_talk();
    talk(now() + warmup * SECOND);
    measured_from = now();
    struct reading begin = read_clocks();
    talk(now() + seconds * SECOND);
    struct reading end = read_clocks();
    is_talking = 0;
    while (missing() > 0)
        turn(deadline * SECOND);
    settle();
    report_talk(begin, end);
}

/* The command line */

/* Take the escapes in an argument for what they stand for, in place. */
static char *unescape(char *words)
{
    char *from = words, *to = words;
    for (; *from; from++) {
        unsigned code;
        if (from[0] == '\\' && (from[1] == 'r' || from[1] == 'n'))
            *to++ = *++from == 'r' ? '\r' : '\n';
        else if (sscanf(from, "\\x%2x", &code) == 1)
            *to++ = code, from += 3;
        else
            *to++ = *from;
    }
    *to = 0;
    return words;
}

static char **read_kind(char **argument)
{
    struct kind *kind = &kinds[kind_count++];
    if (kind_count > MAX_KINDS || !argument[0] || !argument[1])
        fail("at most %d kinds, each with what goes before and after a message", MAX_KINDS);
    kind->before = unescape(*argument++);
    kind->after = unescape(*argument++);
    while (*argument && strcmp(*argument, "--kind")) {
        if (!argument[1] || kind->steps == MAX_STEPS)
            fail("at most %d steps, each with what to expect and what to send", MAX_STEPS);
        kind->step[kind->steps].expect = unescape(*argument++);
        kind->step[kind->steps++].send = unescape(*argument++);
    }
    return argument;
}

static char **read_option(char **argument)
{
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++)
        if (argument[1] && !strcmp(*argument, OPTIONS[i].name)) {
            *OPTIONS[i].value = atof(argument[1]);
            return argument + 2;
        }
    fail("what is %s?", *argument);
    return NULL;
}

static void read_arguments(char **argument)
{
    while (*argument)
        argument = strcmp(*argument, "--kind") ? read_option(argument) : read_kind(argument + 1);
    count = clients;
    if (talkers < 0 || talkers > count)
        talkers = count;
    if (watchers > count)
        watchers = count;
    if (!port || !kind_count || count < 2 * rooms || rooms < 1 || window < 1)
        fail("needs a --port, a --kind, a window of 1 or more, and two clients a room");
}

int main(int argument_count, char **arguments)
{
    (void)argument_count;
    read_arguments(arguments + 1);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    people = calloc(count, sizeof *people);
    next_sequence = calloc((size_t)watchers * talkers + 1, sizeof *next_sequence);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!people || !next_sequence || epoll_fd < 0)
        fail("cannot begin: %s", strerror(errno));

    long empty = resident_kilobytes();
    int64_t begin = now();
    enter();
    printf("{\"clients\": %d, \"entry_seconds\": %.6f, \"entry_bytes\": %llu", count,
           (now() - begin) / (double)SECOND, (unsigned long long)bytes);
    settle();
    printf(", \"kilobytes_before\": %ld, \"kilobytes_after\": %ld", empty, resident_kilobytes());
    if (seconds > 0)
        measure_talk();
    puts("}");
    return 0;
}
