/* Inflate what servers send, and keep what many clients are sent the same of. */
#include "inflate.h"
#include "plan.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { KEPT = 64, MOST = 1 << 22 };

struct inflated {
    struct payload payload;
    size_t length;
    char *text; /* behind ROOM_BEFORE bytes */
};

static struct inflated kept[KEPT];
static unsigned newest;

void add_to_payload(struct payload *payload, const char *bytes, size_t length)
{
    if (payload->length + length > payload->room) {
        payload->room = 2 * (payload->length + length);
        payload->bytes = realloc(payload->bytes, payload->room);
        if (!payload->bytes)
            fail("out of memory");
    }
    memcpy(payload->bytes + payload->length, bytes, length);
    payload->length += length;
}

static struct text text_of(const struct inflated *it)
{
    char *begin = it->text + ROOM_BEFORE;
    return (struct text){begin, begin + it->length};
}

static void inflate_one(struct inflated *it)
{
    static unsigned char inflated[MOST], tail[] = {0, 0, 0xff, 0xff};
    z_stream stream = {.next_out = inflated, .avail_out = MOST};
    if (inflateInit2(&stream, -15) != Z_OK)
        fail("out of memory");
    stream.next_in = (unsigned char *)it->payload.bytes;
    stream.avail_in = it->payload.length;
    int result = inflate(&stream, Z_SYNC_FLUSH);
    stream.next_in = tail;
    stream.avail_in = sizeof tail;
    if (result == Z_OK || result == Z_BUF_ERROR)
        result = inflate(&stream, Z_SYNC_FLUSH);
    if ((result != Z_OK && result != Z_BUF_ERROR) || stream.avail_in || !stream.avail_out)
        fail("the server sent %zu bytes that cannot be inflated", it->payload.length);
    it->length = MOST - stream.avail_out;
    inflateEnd(&stream);
    it->text = realloc(it->text, ROOM_BEFORE + it->length);
    if (!it->text)
        fail("out of memory");
    memcpy(it->text + ROOM_BEFORE, inflated, it->length);
}

struct text inflate_payload(const char *payload, size_t length)
{
    for (unsigned back = 0; back < KEPT; back++) {
        const struct inflated *it = &kept[(newest - back) % KEPT];
        if (it->payload.length == length && length && !memcmp(it->payload.bytes, payload, length))
            return text_of(it);
    }
    struct inflated *it = &kept[++newest % KEPT];
    it->payload.length = 0;
    add_to_payload(&it->payload, payload, length);
    inflate_one(it);
    return text_of(it);
}
