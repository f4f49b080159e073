/* A stock of good frames of every type with random contents, and a generator of random numbers. */
#ifndef LINK_STOCK_H
#define LINK_STOCK_H

#include <stdint.h>
#include <string.h>

#include "check.h"
#include "wk/wk_message.h"

#define LINK_STOCK_SIZE 4096

typedef struct {
    size_t len;
    uint8_t bytes[WK_FRAME_WIRE_MAX];
} link_wire_t;

static uint64_t link_state;
static link_wire_t link_wires[LINK_STOCK_SIZE];

/* xorshift64*, S. Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016). */
static uint32_t link_random(uint32_t below)
{
    link_state ^= link_state >> 12;
    link_state ^= link_state << 25;
    link_state ^= link_state >> 27;
    return (uint32_t)(((link_state * 0x2545F4914F6CDD1Du) >> 32) % below);
}

static uint32_t link_random_u32(void)
{
    return link_random(0x10000) << 16 | link_random(0x10000);
}

/* Like a body at rest or in motion, or the rails. */
static void link_random_counts(wk_samples_t *out_samples)
{
    const uint32_t spread = link_random(3) == 0 ? 1024 : 8;
    const int32_t base = spread == 1024 ? -512 : (int32_t)link_random(500) - 250;
    uint8_t at;

    out_samples->first_index = link_random_u32() >> link_random(32);
    out_samples->t_us = link_random_u32();
    out_samples->flags = (uint8_t)link_random(8);
    out_samples->n = (uint8_t)(1 + link_random(WK_SAMPLES_MAX));
    for (at = 0; at < 3 * out_samples->n; at++) {
        out_samples->counts[at / 3][at % 3] = (int16_t)(base + (int32_t)link_random(spread));
    }
}

static size_t link_encode_hello(uint16_t seq, uint8_t *out_wire)
{
    wk_hello_t hello;

    memset(&hello, 0, sizeof hello);
    hello.devid = 0xE5;
    hello.bw_rate = 9;
    hello.data_format = 8;
    hello.fifo_ctl = 0x8A;
    hello.heads_len = 2;
    hello.boot_id = link_random_u32();
    hello.axis_map[1] = 1;
    hello.axis_map[2] = 2 | WK_AXIS_MINUS;
    hello.lsb_per_g[0] = hello.lsb_per_g[1] = hello.lsb_per_g[2] = 256;
    hello.window = 100;
    hello.hop = 60;
    hello.input_scale_g = 1.0f / 64.0f;
    hello.model_id[0] = (uint8_t)link_random(256);
    hello.features = WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS;
    hello.classes[0] = 12;
    hello.classes[1] = 3;
    return wk_hello_encode(&hello, seq, out_wire, WK_FRAME_WIRE_MAX);
}

static size_t link_encode_prediction(uint16_t seq, uint8_t *out_wire)
{
    wk_prediction_t prediction;
    int8_t logits[15];
    uint8_t at;

    memset(&prediction, 0, sizeof prediction);
    for (at = 0; at < sizeof logits; at++) {
        logits[at] = (int8_t)((int32_t)link_random(256) - 128);
    }
    prediction.window_first_index = 60 * link_random(100000);
    prediction.window_crc = link_random_u32();
    prediction.infer_us = link_random(100000);
    prediction.heads_len = 2;
    for (at = 0; at < 2; at++) {
        prediction.heads[at].logits_len = (uint8_t)(at == 0 ? 12 : 3);
        prediction.heads[at].scale = 0.125f;
        prediction.heads[at].logits = logits + 12 * at;
    }
    return wk_prediction_encode(&prediction, seq, out_wire, WK_FRAME_WIRE_MAX);
}

static size_t link_encode_stats(uint16_t seq, uint8_t *out_wire)
{
    wk_stats_t stats;

    memset(&stats, 0, sizeof stats);
    stats.uptime_ms = link_random_u32();
    stats.samples_taken = link_random_u32();
    stats.max_infer_us = link_random(100000);
    return wk_stats_encode(&stats, seq, out_wire, WK_FRAME_WIRE_MAX);
}

static size_t link_encode_any(uint16_t seq, uint8_t *out_wire)
{
    wk_samples_t samples;
    const wk_ack_t ack = {WK_TYPE_START, seq, WK_ACK_OK};
    const wk_error_t error = {WK_ERROR_SENSOR, 9, "no answer"};
    const wk_config_t config = {3, 10};
    const wk_hello_request_t request = {1, 0, 0};

    link_random_counts(&samples);
    switch (link_random(16)) {
    case 0:
        return link_encode_hello(seq, out_wire);
    case 1:
    case 2:
        return link_encode_prediction(seq, out_wire);
    case 3:
        return link_encode_stats(seq, out_wire);
    case 4:
        return wk_error_encode(&error, seq, out_wire, WK_FRAME_WIRE_MAX);
    case 5:
        return wk_ack_encode(&ack, seq, out_wire, WK_FRAME_WIRE_MAX);
    case 6:
        return wk_nonce_encode(WK_TYPE_PING, link_random_u32(), seq, out_wire, WK_FRAME_WIRE_MAX);
    case 7:
        return wk_bare_encode(WK_TYPE_START, seq, out_wire, WK_FRAME_WIRE_MAX);
    case 8:
        return wk_config_encode(&config, seq, out_wire, WK_FRAME_WIRE_MAX);
    case 9:
        return wk_hello_request_encode(&request, seq, out_wire, WK_FRAME_WIRE_MAX);
    case 10:
        return wk_replay_encode(&samples, seq, out_wire, WK_FRAME_WIRE_MAX);
    default:
        return wk_samples_encode(&samples, seq, out_wire, WK_FRAME_WIRE_MAX);
    }
}

static void link_stock_fill(uint64_t seed)
{
    size_t at;

    link_state = seed * 2 + 1;
    for (at = 0; at < LINK_STOCK_SIZE; at++) {
        link_wires[at].len =
            link_encode_any((uint16_t)link_random(0x10000), link_wires[at].bytes);
        CHECK(link_wires[at].len > 0);
    }
}

static const link_wire_t *link_stock(void)
{
    return &link_wires[link_random(LINK_STOCK_SIZE)];
}

#endif
