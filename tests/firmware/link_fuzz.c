/* The frame decoder under bytes that somebody else chose. What must hold of any input:
 *   - every byte is booked once;
 *   - an accepted frame is the one and only encoding of itself, and so is its message.
 * clang -fsanitize=fuzzer uses LLVMFuzzerTestOneInput; with LINK_FUZZ_MAIN the program makes its
 * own streams: link_fuzz STREAMS SEED -> one line of counts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "wk/wk_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_len);

static wk_frame_bytes_t total;
static uint64_t total_bytes, accepted, legal;

/* What the encoder makes of the decoded message; 0 when the message is not legal. */
static size_t encoded_again(const wk_frame_t *frame, uint8_t *out_wire)
{
    union {
        wk_hello_t hello;
        wk_samples_t samples;
        wk_prediction_t prediction;
        wk_stats_t stats;
        wk_error_t error;
        wk_ack_t ack;
        wk_hello_request_t request;
        wk_config_t config;
        uint32_t nonce;
    } said;
    const size_t max = WK_FRAME_WIRE_MAX;

#define AGAIN(name, field)                                                                         \
    return wk_##name##_decode(frame, &said.field)                                                  \
               ? wk_##name##_encode(&said.field, frame->seq, out_wire, max)                        \
               : 0
    switch (frame->type) {
    case WK_TYPE_HELLO:
        AGAIN(hello, hello);
    case WK_TYPE_SAMPLES:
        AGAIN(samples, samples);
    case WK_TYPE_REPLAY:
        AGAIN(replay, samples);
    case WK_TYPE_PREDICTION:
        AGAIN(prediction, prediction);
    case WK_TYPE_STATS:
        AGAIN(stats, stats);
    case WK_TYPE_ERROR:
        AGAIN(error, error);
    case WK_TYPE_ACK:
        AGAIN(ack, ack);
    case WK_TYPE_HELLO_REQUEST:
        AGAIN(hello_request, request);
    case WK_TYPE_CONFIG:
        AGAIN(config, config);
    case WK_TYPE_PING:
    case WK_TYPE_PONG:
        CHECK(wk_nonce_decode(frame, &said.nonce));
        return wk_nonce_encode(frame->type, said.nonce, frame->seq, out_wire, max);
    default:
        return wk_bare_encode(frame->type, frame->seq, out_wire, max);
    }
#undef AGAIN
}

/* encoded: what came between two zeros. */
static void check_frame(const wk_frame_t *frame, const uint8_t *encoded, size_t encoded_len)
{
    uint8_t wire[WK_FRAME_WIRE_MAX];
    wk_frame_writer_t writer;
    size_t wire_len;

    wk_frame_begin(&writer, wire, sizeof wire, frame->type, frame->seq);
    wk_frame_bytes(&writer, frame->payload, frame->payload_len);
    CHECK_EQUAL(wk_frame_end(&writer), encoded_len + 2);
    CHECK(memcmp(wire + 1, encoded, encoded_len) == 0);
    accepted++;
    wire_len = encoded_again(frame, wire);
    if (wire_len > 0) {
        CHECK_EQUAL(wire_len, encoded_len + 2);
        CHECK(memcmp(wire + 1, encoded, encoded_len) == 0);
        legal++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_len)
{
    /* On the heap, so that the sanitizer sees a step past the end. */
    wk_frame_decoder_t *decoder = malloc(sizeof *decoder);
    const wk_frame_bytes_t *booked = &decoder->bytes;
    size_t begin = 0;
    size_t at;

    CHECK(decoder != NULL);
    wk_frame_decoder(decoder);
    for (at = 0; at < bytes_len; at++) {
        wk_frame_t frame;

        if (wk_frame_push(decoder, bytes[at], &frame) == WK_FRAME_OK) {
            check_frame(&frame, bytes + begin, at - begin);
        }
        if (bytes[at] == 0) {
            begin = at + 1;
        }
    }
    CHECK_EQUAL(booked->received, bytes_len);
    CHECK_EQUAL(booked->frames + booked->unknown + booked->delimiters + booked->rejected +
                    wk_frame_pending(decoder),
                bytes_len);
    CHECK_EQUAL(wk_frame_pending(decoder), bytes_len - begin);
    total_bytes += bytes_len;
    total.frames += booked->frames;
    total.rejected += booked->rejected;
    free(decoder);
    return 0;
}

#ifdef LINK_FUZZ_MAIN
#include "link_stock.h"

#define STREAM_MAX 1024

static size_t add(uint8_t *stream, size_t len, const uint8_t *bytes, size_t bytes_len)
{
    if (bytes_len > STREAM_MAX - len) {
        bytes_len = STREAM_MAX - len;
    }
    memcpy(stream + len, bytes, bytes_len);
    return len + bytes_len;
}

/* Pieces of good frames and of noise, then some bytes changed. */
static size_t make_stream(uint8_t *stream)
{
    uint8_t noise[64];
    size_t len = 0;
    uint32_t pieces = link_random(6);
    uint32_t changes = link_random(2) == 0 ? 0 : link_random(8);
    size_t at;

    for (; pieces > 0; pieces--) {
        const link_wire_t *wire = link_stock();
        const size_t from = link_random(4) == 0 ? link_random((uint32_t)wire->len) : 0;
        const size_t to = link_random(4) == 0 ? link_random((uint32_t)wire->len + 1) : wire->len;

        if (from < to) {
            len = add(stream, len, wire->bytes + from, to - from);
        }
        if (link_random(3) == 0) {
            for (at = 0; at < sizeof noise; at++) {
                noise[at] = (uint8_t)link_random(link_random(2) == 0 ? 3 : 256);
            }
            len = add(stream, len, noise, link_random(sizeof noise));
        }
    }
    for (; changes > 0 && len > 0; changes--) {
        stream[link_random((uint32_t)len)] = (uint8_t)link_random(256);
    }
    return len;
}

int main(int arguments_len, char **arguments)
{
    uint32_t streams, left;

    CHECK_EQUAL(arguments_len, 3);
    streams = (uint32_t)strtoul(arguments[1], NULL, 10);
    link_stock_fill(strtoul(arguments[2], NULL, 10));
    for (left = streams; left > 0; left--) {
        uint8_t stream[STREAM_MAX];

        (void)LLVMFuzzerTestOneInput(stream, make_stream(stream));
    }
    printf("streams=%" PRIu32 " bytes=%" PRIu64 " frames=%" PRIu64 " messages=%" PRIu64 "\n",
           streams, total_bytes, accepted, legal);
    return 0;
}
#endif
