/* Payloads of compressed frames (RFC 7692), each for itself: without context takeover. */
#ifndef INFLATE_H
#define INFLATE_H

#include <stddef.h>

enum { ROOM_BEFORE = 64 }; /* bytes of room before an inflated text, for whoever reads it */

struct text { char *begin, *end; };

/* The payload of one client's frame while it comes in. */
struct payload { char *bytes; size_t length, room; };

void add_to_payload(struct payload *payload, const char *bytes, size_t length);

/* Return a whole payload inflated, until this is called again often. What is the same, byte for
 * byte, as another client's of late is inflated once. */
struct text inflate_payload(const char *payload, size_t length);

#endif
