#include "wk/wk_message.h"

#include "wk/wk_crc32.h"

size_t wk_hello_request_encode(const wk_hello_request_t *request, uint16_t seq, uint8_t *out_wire,
                               size_t wire_max)
{
    wk_frame_writer_t writer;

    if (request->minor_min > request->minor_max) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_HELLO_REQUEST, seq);
    wk_frame_u8(&writer, request->major);
    wk_frame_u8(&writer, request->minor_min);
    wk_frame_u8(&writer, request->minor_max);
    return wk_frame_end(&writer);
}

static bool legal_config(const wk_config_t *config)
{
    const uint8_t streams = WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS;

    return config->streams != 0 && (config->streams & (uint8_t)~streams) == 0 &&
           config->samples_per_frame > 0 && config->samples_per_frame <= WK_SAMPLES_MAX;
}

size_t wk_config_encode(const wk_config_t *config, uint16_t seq, uint8_t *out_wire,
                        size_t wire_max)
{
    wk_frame_writer_t writer;

    if (!legal_config(config)) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_CONFIG, seq);
    wk_frame_u8(&writer, config->streams);
    wk_frame_u8(&writer, config->samples_per_frame);
    return wk_frame_end(&writer);
}

bool wk_hello_request_decode(const wk_frame_t *frame, wk_hello_request_t *out_request)
{
    if (frame->type != WK_TYPE_HELLO_REQUEST) {
        return false;
    }
    out_request->major = frame->payload[0];
    out_request->minor_min = frame->payload[1];
    out_request->minor_max = frame->payload[2];
    return out_request->minor_min <= out_request->minor_max;
}

bool wk_config_decode(const wk_frame_t *frame, wk_config_t *out_config)
{
    if (frame->type != WK_TYPE_CONFIG) {
        return false;
    }
    out_config->streams = frame->payload[0];
    out_config->samples_per_frame = frame->payload[1];
    return legal_config(out_config);
}

size_t wk_nonce_encode(uint8_t type, uint32_t nonce, uint16_t seq, uint8_t *out_wire,
                       size_t wire_max)
{
    wk_frame_writer_t writer;

    if (type != WK_TYPE_PING && type != WK_TYPE_PONG) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, type, seq);
    wk_frame_u32(&writer, nonce);
    return wk_frame_end(&writer);
}

bool wk_nonce_decode(const wk_frame_t *frame, uint32_t *out_nonce)
{
    if (frame->type != WK_TYPE_PING && frame->type != WK_TYPE_PONG) {
        return false;
    }
    *out_nonce = wk_frame_get_u32(frame->payload);
    return true;
}

size_t wk_bare_encode(uint8_t type, uint16_t seq, uint8_t *out_wire, size_t wire_max)
{
    wk_frame_writer_t writer;

    if (type != WK_TYPE_START && type != WK_TYPE_STOP) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, type, seq);
    return wk_frame_end(&writer);
}

/* Variables, because a comparison with a constant 0 is one the compiler would object to. */
static bool highest_common(const wk_hello_request_t *request, uint8_t our_min, uint8_t our_max,
                           uint8_t *out_minor)
{
    const uint8_t highest = request->minor_max < our_max ? request->minor_max : our_max;

    if (highest < our_min || highest < request->minor_min) {
        return false;
    }
    *out_minor = highest;
    return true;
}

bool wk_link_choose_minor(const wk_hello_request_t *request, uint8_t *out_minor)
{
    return request->major == WK_LINK_MAJOR &&
           highest_common(request, WK_LINK_MINOR_MIN, WK_LINK_MINOR_MAX, out_minor);
}

uint32_t wk_window_crc(const int16_t *counts, size_t samples)
{
    uint32_t crc = 0;
    size_t at;

    for (at = 0; at < 3 * samples; at++) {
        const uint16_t bits = (uint16_t)counts[at];
        const uint8_t bytes[2] = {(uint8_t)(bits & 0xFFu), (uint8_t)(bits >> 8)};

        crc = wk_crc32(crc, bytes, sizeof bytes);
    }
    return crc;
}
