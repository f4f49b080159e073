/* Damaged frames: link_corrupt FRAMES SEED -> for each class of damage one line with how many
 * frames were damaged, how many of these were taken for good all the same (must be 0), how many came
 * through because the damage missed them, and how many intact frames after the damage were lost
 * (must be 0: an intact frame between intact zeros is always found).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "link_stock.h"

#define STREAM_MAX 2048
#define SENTINEL_SEQ 0xBEEF

typedef struct {
    size_t len;
    uint8_t bytes[STREAM_MAX];
} stream_t;

typedef struct {
    uint32_t damaged;
    uint32_t accepted;
    uint32_t unharmed;
    uint32_t lost_after;
} outcome_t;

typedef void (*damage_t)(stream_t *stream);

static uint32_t spot(const stream_t *stream)
{
    return link_random((uint32_t)stream->len);
}

static void flip(stream_t *stream, uint32_t count)
{
    for (; count > 0; count--) {
        stream->bytes[spot(stream)] ^= (uint8_t)(1u << link_random(8));
    }
}

static void one_flip(stream_t *stream)
{
    flip(stream, 1);
}

static void two_flips(stream_t *stream)
{
    flip(stream, 2);
}

static void three_flips(stream_t *stream)
{
    flip(stream, 3);
}

static void four_flips(stream_t *stream)
{
    flip(stream, 4);
}

/* Up to 16 bits in a row, the first and the last of them changed for sure. */
static void burst(stream_t *stream)
{
    const uint32_t bits = 2 + link_random(15);
    const uint32_t first = link_random((uint32_t)stream->len * 8 - bits + 1);
    uint32_t bit;

    for (bit = 0; bit < bits; bit++) {
        if (bit == 0 || bit == bits - 1 || link_random(2) == 0) {
            stream->bytes[(first + bit) / 8] ^= (uint8_t)(1u << (first + bit) % 8);
        }
    }
}

static void erase(stream_t *stream, size_t at, size_t count)
{
    memmove(stream->bytes + at, stream->bytes + at + count, stream->len - at - count);
    stream->len -= count;
}

static void byte_lost(stream_t *stream)
{
    erase(stream, spot(stream), 1);
}

static void bytes_lost(stream_t *stream)
{
    const size_t count = 2 + link_random(7);

    erase(stream, link_random((uint32_t)(stream->len - count + 1)), count);
}

static void byte_inserted(stream_t *stream)
{
    const size_t at = link_random((uint32_t)stream->len + 1);

    memmove(stream->bytes + at + 1, stream->bytes + at, stream->len - at);
    stream->bytes[at] = (uint8_t)link_random(256);
    stream->len++;
}

static void byte_doubled(stream_t *stream)
{
    const size_t at = spot(stream);

    memmove(stream->bytes + at + 1, stream->bytes + at, stream->len - at);
    stream->len++;
}

static void eight_random(stream_t *stream)
{
    const uint32_t at = link_random((uint32_t)stream->len - 7);
    uint32_t byte;

    for (byte = at; byte < at + 8; byte++) {
        stream->bytes[byte] = (uint8_t)link_random(256);
    }
}

static void truncated(stream_t *stream)
{
    stream->len = 1 + link_random((uint32_t)stream->len - 2);
    stream->bytes[stream->len++] = 0;
}

/* The beginning of this frame and the end of another. */
static void spliced(stream_t *stream)
{
    const link_wire_t *other = link_stock();
    const size_t from = 1 + link_random((uint32_t)other->len - 2);

    stream->len = 1 + link_random((uint32_t)stream->len - 2);
    memcpy(stream->bytes + stream->len, other->bytes + from, other->len - from);
    stream->len += other->len - from;
}

/* Both zeros between this frame and the next one. */
static void delimiter_lost(stream_t *stream)
{
    const link_wire_t *other = link_stock();

    stream->len--;
    memcpy(stream->bytes + stream->len, other->bytes + 1, other->len - 1);
    stream->len += other->len - 1;
}

static void garbage(stream_t *stream)
{
    size_t at;

    stream->len = 2 + link_random(200);
    for (at = 0; at < stream->len; at++) {
        stream->bytes[at] = (uint8_t)link_random(256);
    }
}

/* Runs of FF and 00, where CRC-32 by itself is weakest. */
static void constant_runs(stream_t *stream)
{
    const uint32_t at = spot(stream);
    uint32_t count = 1 + link_random(16);

    if (at + count > stream->len) {
        count = (uint32_t)stream->len - at;
    }
    memset(stream->bytes + at, link_random(2) == 0 ? 0xFF : 0x01, count);
}

static const struct {
    const char *name;
    damage_t damage;
} classes[] = {
    {"1 bit flipped", one_flip},
    {"2 bits flipped", two_flips},
    {"3 bits flipped", three_flips},
    {"4 bits flipped", four_flips},
    {"burst of 2 to 16 bits", burst},
    {"1 byte lost", byte_lost},
    {"2 to 8 bytes lost", bytes_lost},
    {"1 byte inserted", byte_inserted},
    {"1 byte doubled", byte_doubled},
    {"8 random bytes", eight_random},
    {"run of FF or 01", constant_runs},
    {"cut off", truncated},
    {"spliced with another", spliced},
    {"zeros between two lost", delimiter_lost},
    {"random bytes", garbage},
};

/* The frame an accepted one is, as bytes on the wire. */
static size_t wire_of(const wk_frame_t *frame, uint8_t *out_wire)
{
    wk_frame_writer_t writer;

    wk_frame_begin(&writer, out_wire, WK_FRAME_WIRE_MAX, frame->type, frame->seq);
    wk_frame_bytes(&writer, frame->payload, frame->payload_len);
    return wk_frame_end(&writer);
}

static bool same(const wk_frame_t *frame, const link_wire_t *wire)
{
    uint8_t bytes[WK_FRAME_WIRE_MAX];
    const size_t len = wire_of(frame, bytes);

    return len == wire->len && memcmp(bytes, wire->bytes, len) == 0;
}

/* Whether an accepted frame is one that was sent: the first one, or one of the stock that a splice
 * carried whole. */
static bool was_sent(const wk_frame_t *frame, const link_wire_t *first)
{
    size_t at;

    if (same(frame, first)) {
        return true;
    }
    for (at = 0; at < LINK_STOCK_SIZE; at++) {
        if (same(frame, &link_wires[at])) {
            return true;
        }
    }
    return false;
}

static void push_damaged(wk_frame_decoder_t *decoder, const stream_t *stream,
                         const link_wire_t *sent, outcome_t *outcome)
{
    wk_frame_t frame;
    size_t at;

    for (at = 0; at < stream->len; at++) {
        if (wk_frame_push(decoder, stream->bytes[at], &frame) == WK_FRAME_OK) {
            *(was_sent(&frame, sent) ? &outcome->unharmed : &outcome->accepted) += 1;
        }
    }
}

/* Its first zero may still end the frame before. */
static void push_sentinel(wk_frame_decoder_t *decoder, const link_wire_t *sentinel,
                          const link_wire_t *sent, outcome_t *outcome)
{
    stream_t zero = {1, {0}};
    uint32_t found = 0;
    wk_frame_t frame;
    size_t at;

    push_damaged(decoder, &zero, sent, outcome);
    for (at = 1; at < sentinel->len; at++) {
        if (wk_frame_push(decoder, sentinel->bytes[at], &frame) == WK_FRAME_OK) {
            *(same(&frame, sentinel) ? &found : &outcome->accepted) += 1;
        }
    }
    outcome->lost_after += found != 1;
}

static outcome_t measure(damage_t damage, uint32_t frames)
{
    outcome_t outcome = {0, 0, 0, 0};
    link_wire_t sentinel;
    wk_frame_decoder_t decoder;

    sentinel.len = wk_nonce_encode(WK_TYPE_PONG, 0x12345678u, SENTINEL_SEQ, sentinel.bytes,
                                   sizeof sentinel.bytes);
    wk_frame_decoder(&decoder);
    while (outcome.damaged < frames) {
        const link_wire_t *sent = link_stock();
        stream_t stream;

        stream.len = sent->len;
        memcpy(stream.bytes, sent->bytes, sent->len);
        damage(&stream);
        if (stream.len == sent->len && memcmp(stream.bytes, sent->bytes, sent->len) == 0) {
            continue; /* changed back again */
        }
        outcome.damaged++;
        push_damaged(&decoder, &stream, sent, &outcome);
        push_sentinel(&decoder, &sentinel, sent, &outcome);
        CHECK_EQUAL(decoder.bytes.frames + decoder.bytes.unknown + decoder.bytes.delimiters +
                        decoder.bytes.rejected + wk_frame_pending(&decoder),
                    decoder.bytes.received);
    }
    return outcome;
}

int main(int arguments_len, char **arguments)
{
    bool failed = false;
    size_t at;

    CHECK_EQUAL(arguments_len, 3);
    link_stock_fill(strtoul(arguments[2], NULL, 10));
    for (at = 0; at < sizeof classes / sizeof classes[0]; at++) {
        const outcome_t outcome =
            measure(classes[at].damage, (uint32_t)strtoul(arguments[1], NULL, 10));

        printf("%s: damaged=%" PRIu32 " accepted=%" PRIu32 " unharmed=%" PRIu32
               " lost_after=%" PRIu32 "\n",
               classes[at].name, outcome.damaged, outcome.accepted, outcome.unharmed,
               outcome.lost_after);
        fflush(stdout);
        failed = failed || outcome.accepted > 0 || outcome.lost_after > 0;
    }
    return failed;
}
