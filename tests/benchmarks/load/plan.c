/* Read the command line of the load generator. */
#include "plan.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

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

static int begins_kind(const char *argument)
{
    return !strcmp(argument, "--kind") || !strcmp(argument, "--websocket");
}

static char **read_kind(struct plan *plan, char **argument)
{
    int is_websocket = !strcmp(*argument++, "--websocket");
    struct kind *kind = &plan->kinds[plan->kind_count];
    if (plan->kind_count++ == MAX_KINDS || !argument[0] || !argument[1])
        fail("at most %d kinds, each with what goes before and after a message", MAX_KINDS);
    kind->is_websocket = is_websocket;
    kind->before = unescape(*argument++);
    kind->after = unescape(*argument++);
    while (*argument && !begins_kind(*argument)) {
        if (!argument[1] || kind->steps == MAX_STEPS)
            fail("at most %d steps, each with what to expect and what to send", MAX_STEPS);
        kind->step[kind->steps].expect = unescape(*argument++);
        kind->step[kind->steps++].send = unescape(*argument++);
    }
    return argument;
}

static char **read_option(struct plan *plan, char **argument)
{
    const struct { const char *name; double *value; } options[] = {
        {"--port", &plan->port},         {"--web-port", &plan->web_port},
        {"--clients", &plan->clients},   {"--guests", &plan->guests},
        {"--talkers", &plan->talkers},   {"--window", &plan->window},
        {"--rate", &plan->rate},         {"--rooms", &plan->rooms},
        {"--seconds", &plan->seconds},   {"--warmup", &plan->warmup},
        {"--waiting", &plan->waiting},   {"--deadline", &plan->deadline},
        {"--pid", &plan->pid},           {"--watchers", &plan->watchers},
        {"--pingpong", &plan->pingpong},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (argument[1] && !strcmp(*argument, options[i].name)) {
            *options[i].value = atof(argument[1]);
            return argument + 2;
        }
    fail("what is %s?", *argument);
}

struct plan read_plan(char **argument)
{
    struct plan plan = {.clients = 20, .talkers = -1, .window = 1, .rooms = 1, .seconds = 2,
                        .warmup = 0.5, .waiting = 1000, .deadline = 60, .watchers = 8};
    while (*argument)
        argument = begins_kind(*argument) ? read_kind(&plan, argument)
                                          : read_option(&plan, argument);
    double measured = plan.clients - plan.guests;
    if (plan.talkers < 0 || plan.talkers > measured)
        plan.talkers = measured;
    if (plan.watchers > measured)
        plan.watchers = measured;
    if (!plan.web_port)
        plan.web_port = plan.port;
    if (!plan.port || !plan.kind_count || plan.rooms < 1 || plan.clients < 2 * plan.rooms)
        fail("needs a --port, a --kind, and two clients for each room");
    return plan;
}
