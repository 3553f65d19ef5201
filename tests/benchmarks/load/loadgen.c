/* Be many chat clients at once, and measure what their server does for them.
 *
 *   loadgen --port P --clients N [--OPTION VALUE]... --kind BEFORE AFTER [EXPECT SEND]...
 *   loadgen ... --websocket BEFORE AFTER [EXPECT SEND]...
 *
 * One thread and one epoll. The clients connect as fast as they are let in, and each goes the steps
 * of its kind to get in (wait for EXPECT, then SEND). Then the first `--talkers` of them talk for
 * `--seconds`, each with a window of messages under way: a message is delivered, and the next may
 * be said, when the sender's successor in its room has received it. At the end all that was said
 * has to arrive, and what each client received is held against what the others said. The result is
 * one line of JSON.
 *
 * To receive a message costs one memchr and five digits here. Nearly all the rest is the system's
 * part of receiving and sending, of which a server has as much, and its own work besides. How busy
 * this was, `entry_generator_cpu` and `generator_cpu` in the result say.
 *
 * A message is 40 characters, "~SENDER SEQUENCE NANOSECONDS...", and no server writes a "~" of its
 * own followed by five digits. In the words of a kind %n stands for the client's name, %r for the
 * number of its room, and %i for the number of its message, from 1 on; \r, \n and \xHH are taken as
 * in C.
 *
 * A kind given with --websocket speaks RFC 6455 once an HTTP head has ended: each SEND and each
 * message goes as one masked text frame. Of what is received, the heads of frames are read, counted
 * and overwritten with blanks; the rest is looked at as with other kinds. A compressed frame is
 * inflated, or, if another client was sent the very same bytes, what these became is looked at.
 */
#define _GNU_SOURCE
#include "frames.h"
#include "inflate.h"
#include "meter.h"
#include "plan.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    MESSAGE = 40,     /* characters of a message */
    STAMP = 28,       /* of these, what is looked at: sender, sequence, time */
    SEQUENCES = 1000000,
    TAIL = ROOM_BEFORE, /* kept of what was received: more than a message or an EXPECT */
    RECEIVE = 256 * 1024,
};

static const int64_t QUIET = SECOND / 5; /* nothing for so long: what was on its way has come */

static struct plan plan;

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
    int is_upgraded;   /* speaks WebSocket by now */
    struct incoming incoming;
    struct payload payload; /* of a compressed frame, if it came in parts */
    int tail_length;
    char tail[TAIL];
};

static struct client *people;
static int count, epoll_fd, greeted, entered;
static int64_t last_input;
static uint64_t bytes, delivered, said; /* by all, so far */
static uint64_t delivered_to_guests, frames;

static int is_talking;
static int64_t measured_from = INT64_MAX; /* messages said since then have their latency kept */
static uint32_t *next_sequence;           /* by watcher and talker */
static uint64_t out_of_order;

/* Saying something */

static void send_all(struct client *client, const char *data, int length)
{
    /* A few hundred bytes always fit, unless the server has stopped reading. */
    if (send(client->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) != length)
        fail("client %d cannot send: %s", client->number, strerror(errno));
}

static void send_frame(struct client *client, int opcode, const char *text, int length)
{
    char frame[FRAME_HEAD + MESSAGE + 2 * MAX_WORDS];
    uint32_t key = 2654435761u * (client->number + client->said + 1);
    send_all(client, frame, write_frame(frame, opcode, text, length, key));
}

/* Send words or a message as the client's kind does. */
static void send_text(struct client *client, const char *text, int length)
{
    if (client->is_upgraded)
        send_frame(client, TEXT, text, length);
    else
        send_all(client, text, length);
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
        else if (words[0] == '%' && words[1] == 'i')
            end += sprintf(end, "%u", client->said + 1), words++;
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

/* Say what the window of `client` allows, up to `most` messages, each with a system call of its
 * own: a person's Enter sends one line. */
static void speak(struct client *client, int most)
{
    char text[MESSAGE + 2 * MAX_WORDS];
    for (; client->credits > 0 && most > 0; client->credits--, most--) {
        char *message = text + fill_in(client, client->kind->before, text);
        client->said_at = now();
        memcpy(message, "~SSSSS NNNNNN TTTTTTTTTTTTT ............", MESSAGE);
        write_digits(message + 6, 5, client->number);
        write_digits(message + 13, 6, client->said % SEQUENCES);
        write_digits(message + 27, 13, client->said_at);
        char *end = message + MESSAGE;
        send_text(client, text, end + fill_in(client, client->kind->after, end) - text);
        client->said++;
        said++;
    }
}

/* Receiving */

static int is_guest(const struct client *client)
{
    return client->number >= count - (int)plan.guests;
}

/* Return the client before this one in their room, whose messages it acknowledges. */
static struct client *predecessor(const struct client *client)
{
    int step = plan.rooms, number = client->number;
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

/* Look closer at a message: is it the sender's next, and how long has it been under way? */
static void watch(struct client *client, int sender, const char *message)
{
    uint32_t *expected = &next_sequence[client->number * (int)plan.talkers + sender];
    int64_t sequence = digits(message + 7, 6), said_at = digits(message + 14, 13);
    out_of_order += sequence != *expected;
    *expected = (sequence + 1) % SEQUENCES;
    if (sender >= plan.watchers)
        client->order = (client->order ^ (sender * SEQUENCES + sequence)) * 1099511628211u;
    if (plan.pingpong)
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
        if (sender >= 0 && sender < plan.talkers && sender != client->number) {
            client->received++;
            delivered++;
            delivered_to_guests += is_guest(client);
            if (sender == before->number)
                (plan.pingpong ? client : before)->credits++;
            if (client->number < plan.watchers)
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
            send_text(client, words, length);
        client->step++;
        entered += client->step == client->kind->steps;
        text = found + strlen(expect);
    }
    return text;
}

/* Look at what `client` was sent; there is room before it for what is left of earlier input. */
static void look(struct client *client, char *text, const char *end)
{
    text -= client->tail_length;
    memcpy(text, client->tail, client->tail_length);
    const char *left = take_steps(client, text, end);
    if (client->step == client->kind->steps)
        left = take_messages(client, left, end);
    client->tail_length = end - left;
    memcpy(client->tail, left, end - left);
}

/* Take the payload of a compressed frame, as far as it has come; return what is behind it. */
static char *take_deflated(struct client *client, char *text, const char *end)
{
    struct payload *payload = &client->payload;
    size_t here = end - text;
    int is_whole = here >= client->incoming.left;
    here = is_whole ? client->incoming.left : here;
    client->incoming.left -= here;
    if (!is_whole || payload->length)
        add_to_payload(payload, text, here);
    if (is_whole) {
        struct text inflated = payload->length ? inflate_payload(payload->bytes, payload->length)
                                               : inflate_payload(text, here);
        payload->length = 0;
        look(client, inflated.begin, inflated.end);
    }
    return text + here;
}

/* Take the frames in what has come. */
static void take_frames(struct client *client, char *text, char *end)
{
    struct frame_counts counts = {0, 0};
    char *rest = text;
    if (!client->is_upgraded) {
        char *begin = text - client->tail_length;
        memcpy(begin, client->tail, client->tail_length);
        char *found = memmem(begin, end - begin, "\r\n\r\n", 4);
        client->is_upgraded = found != NULL;
        rest = found ? found + 4 : end;
    }
    while (text < end) {
        rest = take_heads(&client->incoming, rest, end, &counts);
        look(client, text, rest);
        text = rest = rest < end ? take_deflated(client, rest, end) : end;
    }
    frames += counts.texts;
    for (; counts.pings; counts.pings--)
        send_frame(client, PONG, "", 0);
}

static void take(struct client *client)
{
    static char buffer[TAIL + RECEIVE];
    char *text = buffer + TAIL;
    ssize_t length = recv(client->fd, text, RECEIVE, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
        fail("the server has ended client %d: %s", client->number,
             length ? strerror(errno) : "closed");
    bytes += length;
    last_input = now();
    greeted += !client->is_greeted;
    client->is_greeted = 1;
    if (client->kind->is_websocket)
        take_frames(client, text, text + length);
    else
        look(client, text, text + length);
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
    if (is_talking && !plan.rate) {
        speak(client, plan.window);
        speak(predecessor(client), plan.window);
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
    if (now() > plan.deadline * SECOND)
        fail("not done after %g s: %d of %d are in, %llu said, %llu delivered", plan.deadline,
             entered, count, (unsigned long long)said, (unsigned long long)delivered);
}

/* The phases of a run */

static void connect_client(int number)
{
    struct client *client = &people[number];
    int kinds = plan.kind_count - (plan.guests > 0);
    client->number = number;
    client->room = number % (int)plan.rooms;
    client->kind = &plan.kinds[is_guest(client) ? kinds : number % kinds];
    client->credits = number < plan.talkers ? plan.window : 0;
    int port = client->kind->is_websocket ? plan.web_port : plan.port;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger reset = {1, 0}; /* leave no port in TIME_WAIT behind */
    int yes = 1;
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
        while (i - greeted >= plan.waiting)
            turn(plan.deadline * SECOND);
        connect_client(i);
    }
    while (entered < count)
        turn(plan.deadline * SECOND);
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
        int64_t due = plan.rate ? begin + ticks * (SECOND / plan.rate) : until;
        while (plan.rate && due <= now() && due < until) {
            speak(&people[next], 1);
            next = (next + 1) % (int)plan.talkers;
            due = begin + ++ticks * (SECOND / plan.rate);
        }
        turn(due < until ? due : until);
    }
}

static void begin_to_talk(void)
{
    is_talking = 1;
    if (plan.pingpong)
        people[1].credits = 0;
    for (int i = 0; i < plan.talkers && !plan.rate; i++)
        speak(&people[i], plan.window);
}

static int64_t *said_by_room(void)
{
    int64_t *totals = calloc(plan.rooms, sizeof *totals);
    for (int i = 0; i < plan.talkers; i++)
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
    for (int i = plan.rooms; i < plan.watchers; i++)
        if (people[i].order != people[i - (int)plan.rooms].order)
            return 0;
    return out_of_order == 0;
}

/* The result */

struct reading { int64_t time, server, generator; uint64_t delivered, said, frames, bytes; };

static struct reading read_clocks(void)
{
    int64_t server = plan.pid ? processor_time(plan.pid) : -1;
    return (struct reading){now(), server, processor_time(0), delivered - delivered_to_guests, said,
                            frames, bytes};
}

static double seconds_between(int64_t begin, int64_t end)
{
    return begin < 0 || end < 0 ? -1 : (end - begin) / (double)SECOND;
}

static void report_entry(struct reading begin, struct reading end)
{
    printf(", \"entry_seconds\": %.6f", seconds_between(begin.time, end.time));
    printf(", \"entry_bytes\": %llu", (unsigned long long)end.bytes);
    printf(", \"entry_server_cpu\": %.6f", seconds_between(begin.server, end.server));
    printf(", \"entry_generator_cpu\": %.6f", seconds_between(begin.generator, end.generator));
}

static void report_talk(struct reading begin, struct reading end)
{
    printf(", \"seconds\": %.6f", seconds_between(begin.time, end.time));
    printf(", \"said\": %llu", (unsigned long long)(end.said - begin.said));
    printf(", \"delivered\": %llu", (unsigned long long)(end.delivered - begin.delivered));
    printf(", \"frames\": %llu", (unsigned long long)(end.frames - begin.frames));
    printf(", \"bytes\": %llu", (unsigned long long)(end.bytes - begin.bytes));
    printf(", \"server_cpu\": %.6f", seconds_between(begin.server, end.server));
    printf(", \"generator_cpu\": %.6f", seconds_between(begin.generator, end.generator));
    printf(", \"samples\": %zu", count_latencies());
    printf(", \"p50_us\": %u", latency_percentile(50));
    printf(", \"p99_us\": %u", latency_percentile(99));
    printf(", \"slowest_us\": %u", latency_percentile(100));
    printf(", \"missing\": %lld", (long long)missing());
    printf(", \"wrong\": %d", count_wrong());
    printf(", \"one_order\": %s", is_one_order() ? "true" : "false");
}

static void measure_talk(void)
{
    begin_to_talk();
    talk(now() + plan.warmup * SECOND);
    measured_from = now();
    struct reading begin = read_clocks();
    talk(now() + plan.seconds * SECOND);
    struct reading end = read_clocks();
    is_talking = 0;
    for (uint64_t all = delivered + missing(); delivered < all;)
        turn(plan.deadline * SECOND);
    settle();
    report_talk(begin, end);
}

static void prepare(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    count = plan.clients;
    people = calloc(count, sizeof *people);
    next_sequence = calloc((size_t)plan.watchers * plan.talkers + 1, sizeof *next_sequence);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!people || !next_sequence || epoll_fd < 0)
        fail("cannot begin: %s", strerror(errno));
}

int main(int argument_count, char **arguments)
{
    (void)argument_count;
    plan = read_plan(arguments + 1);
    prepare();
    printf("{\"clients\": %d, \"kilobytes_before\": %ld", count, resident_kilobytes(plan.pid));
    struct reading begin = read_clocks();
    enter();
    report_entry(begin, read_clocks());
    settle();
    printf(", \"kilobytes_after\": %ld", resident_kilobytes(plan.pid));
    if (plan.seconds > 0)
        measure_talk();
    puts("}");
    return 0;
}
