/* What load there is to be, as the command line says it. */
#ifndef PLAN_H
#define PLAN_H

enum {
    MAX_STEPS = 8,
    MAX_KINDS = 16,
    MAX_WORDS = 256, /* characters of one SEND, or around a message */
};

/* A kind of client: the steps of its way in, and what goes around each of its messages. */
struct kind {
    int is_websocket; /* it sends and gets frames once its HTTP request is answered */
    const char *before, *after;
    int steps;
    struct { const char *expect, *send; } step[MAX_STEPS];
};

struct plan {
    double port;
    double web_port; /* where kinds with WebSocket connect; `port`, if not given */
    double clients;
    double guests;   /* the last so many are of the last kind, only listen, and are not measured */
    double talkers;  /* how many of them talk; all but the guests, if not given */
    double window;   /* messages each may have under way */
    double rate;     /* messages a second of all together; 0: as many as the windows allow */
    double rooms;
    double seconds;  /* of talk that are measured; 0: only arrive */
    double warmup;   /* seconds of talk before those */
    double waiting;  /* how many may wait for their greeting; more than a server's queue holds would
                        be sent off for seconds, or into a connection that is none */
    double deadline; /* seconds after which it has failed */
    double pid;      /* the server's process, whose CPU time and memory are looked at */
    double watchers; /* so many check the order and the time of each message */
    double pingpong; /* 1: two clients, and each answers the other */
    struct kind kinds[MAX_KINDS];
    int kind_count;
};

/* Read the arguments, of which the last is followed by NULL, and whose text is kept. */
struct plan read_plan(char **argument);

/* End the program, saying why in one line. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
