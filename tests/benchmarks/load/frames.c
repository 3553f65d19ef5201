/* Write masked frames, and take the heads out of those that a server sends. */
#include "frames.h"
#include "plan.h"
#include <string.h>

enum { FIN = 0x80, DEFLATED = 0x40, BINARY = 0x2, PING = 0x9, MASKED = 0x80 };

int write_frame(char *frame, int opcode, const char *text, int length, uint32_t key)
{
    unsigned char *end = (unsigned char *)frame, mask[4];
    memcpy(mask, &key, sizeof mask);
    *end++ = FIN | opcode;
    if (length < 126) {
        *end++ = MASKED | length;
    } else {
        *end++ = MASKED | 126;
        *end++ = length >> 8;
        *end++ = length & 255;
    }
    memcpy(end, mask, sizeof mask);
    end += sizeof mask;
    for (int i = 0; i < length; i++)
        *end++ = text[i] ^ mask[i & 3];
    return (char *)end - frame;
}

/* Take note of a frame once the whole head of it has come. */
static void take_head(struct incoming *incoming, struct frame_counts *counts)
{
    const unsigned char *head = incoming->head;
    int length = head[1] & ~MASKED;
    int whole = incoming->head_length < 2 || length < 126 ? 2 : length == 126 ? 4 : SERVER_HEAD;
    if (incoming->head_length < whole)
        return;
    incoming->left = whole == 2 ? length : 0;
    for (int i = 2; i < whole; i++)
        incoming->left = incoming->left << 8 | head[i];
    incoming->head_length = 0;
    incoming->is_deflated = head[0] == (FIN | DEFLATED | TEXT);
    if (head[0] == (FIN | PING) && !incoming->left)
        counts->pings++;
    else if (((head[0] | DEFLATED) != (FIN | DEFLATED | TEXT) && head[0] != (FIN | BINARY)) ||
             head[1] & MASKED)
        fail("the server sent a frame that begins with %02x %02x", head[0], head[1]);
    else
        counts->texts++;
}

char *take_heads(struct incoming *incoming, char *text, char *end, struct frame_counts *counts)
{
    while (text < end && !(incoming->left && incoming->is_deflated)) {
        if (incoming->left) {
            uint64_t here = end - text;
            here = here < incoming->left ? here : incoming->left;
            incoming->left -= here;
            text += here;
        } else {
            incoming->head[incoming->head_length++] = *text;
            *text++ = ' ';
            take_head(incoming, counts);
        }
    }
    return text;
}
