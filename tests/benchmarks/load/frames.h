/* Frames of WebSocket (RFC 6455), as a client writes and reads them. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdint.h>

enum {
    TEXT = 0x1,
    PONG = 0xa,
    FRAME_HEAD = 8, /* the most bytes before the text of a frame that a client sends here */
    SERVER_HEAD = 10, /* the same of one that a server sends */
};

/* What is known of the frame that is being received. */
struct incoming {
    uint64_t left; /* bytes of its payload that are still to come */
    int is_deflated;
    int head_length;
    unsigned char head[SERVER_HEAD];
};

/* What has come in. */
struct frame_counts { int texts, pings; };

/* Write a masked frame of at most 65,535 bytes; return its length. */
int write_frame(char *frame, int opcode, const char *text, int length, uint32_t key);

/* Count the frames in what has come, and put blanks in place of their heads. Return `end`, or where
 * the payload of a compressed frame is to be taken, of which `left` bytes are still to come. */
char *take_heads(struct incoming *incoming, char *text, char *end, struct frame_counts *counts);

#endif
