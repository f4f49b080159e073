#include "wk/wk_message.h"

#include <string.h>

#include "wk/wk_counts.h"

/* What would make a message illegal is refused on both sides, so that encode and decode agree. */

static int8_t signed_byte(uint8_t byte)
{
    return (int8_t)(byte < 0x80u ? byte : (int16_t)byte - 256);
}

static bool legal_axes(const uint8_t axis_map[3])
{
    uint8_t seen = 0;
    uint8_t axis;

    for (axis = 0; axis < 3; axis++) {
        const uint8_t source = (uint8_t)(axis_map[axis] & (uint8_t)~WK_AXIS_MINUS);

        if (source > 2) {
            return false;
        }
        seen = (uint8_t)(seen | 1u << source);
    }
    return seen == 7;
}

/* Finite and positive, by the bits: math.h need not be there. */
static bool legal_scale(float scale)
{
    return scale > 0.0f && scale <= 3.402823466e38f;
}

static bool legal_hello(const wk_hello_t *hello)
{
    uint8_t head;

    if (hello->heads_len > WK_HEADS_MAX || !legal_axes(hello->axis_map) || hello->hop == 0 ||
        hello->hop > hello->window || !legal_scale(hello->input_scale_g) ||
        hello->minor < hello->minor_min || hello->minor > hello->minor_max) {
        return false;
    }
    for (head = 0; head < hello->heads_len; head++) {
        if (hello->classes[head] == 0) {
            return false;
        }
    }
    return hello->lsb_per_g[0] > 0 && hello->lsb_per_g[1] > 0 && hello->lsb_per_g[2] > 0;
}

size_t wk_hello_encode(const wk_hello_t *hello, uint16_t seq, uint8_t *out_wire, size_t wire_max)
{
    wk_frame_writer_t writer;
    uint8_t axis;

    if (!legal_hello(hello)) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_HELLO, seq);
    wk_frame_u8(&writer, hello->minor);
    wk_frame_u8(&writer, hello->minor_min);
    wk_frame_u8(&writer, hello->minor_max);
    wk_frame_u8(&writer, hello->devid);
    wk_frame_u8(&writer, hello->bw_rate);
    wk_frame_u8(&writer, hello->data_format);
    wk_frame_u8(&writer, hello->fifo_ctl);
    wk_frame_u8(&writer, hello->heads_len);
    wk_frame_u32(&writer, hello->boot_id);
    wk_frame_bytes(&writer, hello->uid, WK_UID_BYTES);
    wk_frame_bytes(&writer, hello->firmware, 3);
    wk_frame_bytes(&writer, hello->axis_map, 3);
    for (axis = 0; axis < 3; axis++) {
        wk_frame_u16(&writer, hello->lsb_per_g[axis]);
    }
    wk_frame_u16(&writer, hello->supply_mv);
    wk_frame_u16(&writer, hello->window);
    wk_frame_u16(&writer, hello->hop);
    wk_frame_f32(&writer, hello->input_scale_g);
    wk_frame_u8(&writer, (uint8_t)hello->input_zero_point);
    wk_frame_bytes(&writer, hello->model_id, WK_MODEL_ID_BYTES);
    wk_frame_u32(&writer, hello->features);
    wk_frame_bytes(&writer, hello->classes, hello->heads_len);
    return wk_frame_end(&writer);
}

bool wk_hello_decode(const wk_frame_t *frame, wk_hello_t *out_hello)
{
    const uint8_t *payload = frame->payload;
    uint8_t axis;

    if (frame->type != WK_TYPE_HELLO) {
        return false;
    }
    memset(out_hello, 0, sizeof *out_hello);
    out_hello->minor = payload[0];
    out_hello->minor_min = payload[1];
    out_hello->minor_max = payload[2];
    out_hello->devid = payload[3];
    out_hello->bw_rate = payload[4];
    out_hello->data_format = payload[5];
    out_hello->fifo_ctl = payload[6];
    out_hello->heads_len = payload[7];
    out_hello->boot_id = wk_frame_get_u32(payload + 8);
    memcpy(out_hello->uid, payload + 12, WK_UID_BYTES);
    memcpy(out_hello->firmware, payload + 20, 3);
    memcpy(out_hello->axis_map, payload + 23, 3);
    for (axis = 0; axis < 3; axis++) {
        out_hello->lsb_per_g[axis] = wk_frame_get_u16(payload + 26 + 2 * axis);
    }
    out_hello->supply_mv = wk_frame_get_u16(payload + 32);
    out_hello->window = wk_frame_get_u16(payload + 34);
    out_hello->hop = wk_frame_get_u16(payload + 36);
    out_hello->input_scale_g = wk_frame_get_f32(payload + 38);
    out_hello->input_zero_point = signed_byte(payload[42]);
    memcpy(out_hello->model_id, payload + 43, WK_MODEL_ID_BYTES);
    out_hello->features = wk_frame_get_u32(payload + 51);
    memcpy(out_hello->classes, payload + 55, out_hello->heads_len);
    return legal_hello(out_hello);
}

static void write_counts(wk_frame_writer_t *writer, const wk_samples_t *samples)
{
    uint8_t at;
    uint8_t axis;

    for (at = 0; at < samples->n; at++) {
        for (axis = 0; axis < 3; axis++) {
            wk_frame_u16(writer, (uint16_t)samples->counts[at][axis]);
        }
    }
}

static void read_counts(const uint8_t *bytes, wk_samples_t *out_samples)
{
    uint8_t at;
    uint8_t axis;

    for (at = 0; at < out_samples->n; at++) {
        for (axis = 0; axis < 3; axis++, bytes += 2) {
            out_samples->counts[at][axis] = wk_count_from_bytes(bytes[0], bytes[1]);
        }
    }
}

size_t wk_samples_encode(const wk_samples_t *samples, uint16_t seq, uint8_t *out_wire,
                         size_t wire_max)
{
    wk_frame_writer_t writer;

    if (samples->n == 0 || samples->n > WK_SAMPLES_MAX) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_SAMPLES, seq);
    wk_frame_u32(&writer, samples->first_index);
    wk_frame_u32(&writer, samples->t_us);
    wk_frame_u8(&writer, samples->n);
    wk_frame_u8(&writer, samples->flags);
    write_counts(&writer, samples);
    return wk_frame_end(&writer);
}

bool wk_samples_decode(const wk_frame_t *frame, wk_samples_t *out_samples)
{
    const uint8_t *payload = frame->payload;

    if (frame->type != WK_TYPE_SAMPLES || payload[8] == 0) {
        return false;
    }
    out_samples->first_index = wk_frame_get_u32(payload);
    out_samples->t_us = wk_frame_get_u32(payload + 4);
    out_samples->n = payload[8];
    out_samples->flags = payload[9];
    read_counts(payload + 10, out_samples);
    return true;
}

size_t wk_replay_encode(const wk_replay_t *replay, uint16_t seq, uint8_t *out_wire,
                        size_t wire_max)
{
    wk_frame_writer_t writer;

    if (replay->n == 0 || replay->n > WK_SAMPLES_MAX) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_REPLAY, seq);
    wk_frame_u32(&writer, replay->first_index);
    wk_frame_u8(&writer, replay->n);
    write_counts(&writer, replay);
    return wk_frame_end(&writer);
}

bool wk_replay_decode(const wk_frame_t *frame, wk_replay_t *out_replay)
{
    const uint8_t *payload = frame->payload;

    if (frame->type != WK_TYPE_REPLAY || payload[4] == 0) {
        return false;
    }
    out_replay->first_index = wk_frame_get_u32(payload);
    out_replay->t_us = 0;
    out_replay->n = payload[4];
    out_replay->flags = 0;
    read_counts(payload + 5, out_replay);
    return true;
}

static bool legal_head(const wk_head_t *head)
{
    return head->logits_len > 0 && legal_scale(head->scale);
}

size_t wk_prediction_encode(const wk_prediction_t *prediction, uint16_t seq, uint8_t *out_wire,
                            size_t wire_max)
{
    wk_frame_writer_t writer;
    uint8_t at;

    if (prediction->heads_len == 0 || prediction->heads_len > WK_HEADS_MAX) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_PREDICTION, seq);
    wk_frame_u32(&writer, prediction->window_first_index);
    wk_frame_u32(&writer, prediction->window_crc);
    wk_frame_bytes(&writer, prediction->model_id, WK_MODEL_ID_BYTES);
    wk_frame_u32(&writer, prediction->infer_us);
    wk_frame_u8(&writer, prediction->heads_len);
    for (at = 0; at < prediction->heads_len; at++) {
        const wk_head_t *head = &prediction->heads[at];

        if (!legal_head(head)) {
            return 0;
        }
        wk_frame_u8(&writer, head->logits_len);
        wk_frame_f32(&writer, head->scale);
        wk_frame_u8(&writer, (uint8_t)head->zero_point);
        wk_frame_bytes(&writer, head->logits, head->logits_len);
    }
    return wk_frame_end(&writer);
}

bool wk_prediction_decode(const wk_frame_t *frame, wk_prediction_t *out_prediction)
{
    const uint8_t *payload = frame->payload;
    uint8_t at;

    if (frame->type != WK_TYPE_PREDICTION || payload[20] == 0) {
        return false;
    }
    out_prediction->window_first_index = wk_frame_get_u32(payload);
    out_prediction->window_crc = wk_frame_get_u32(payload + 4);
    memcpy(out_prediction->model_id, payload + 8, WK_MODEL_ID_BYTES);
    out_prediction->infer_us = wk_frame_get_u32(payload + 16);
    out_prediction->heads_len = payload[20];
    payload += 21;
    for (at = 0; at < out_prediction->heads_len; at++) {
        wk_head_t *head = &out_prediction->heads[at];

        head->logits_len = payload[0];
        head->scale = wk_frame_get_f32(payload + 1);
        head->zero_point = signed_byte(payload[5]);
        head->logits = (const int8_t *)(payload + 6);
        payload += 6 + head->logits_len;
        if (!legal_head(head)) {
            return false;
        }
    }
    return true;
}

size_t wk_stats_encode(const wk_stats_t *stats, uint16_t seq, uint8_t *out_wire, size_t wire_max)
{
    wk_frame_writer_t writer;

    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_STATS, seq);
    wk_frame_u32(&writer, stats->uptime_ms);
    wk_frame_u32(&writer, stats->samples_taken);
    wk_frame_u32(&writer, stats->fifo_overruns);
    wk_frame_u32(&writer, stats->tx_dropped);
    wk_frame_u32(&writer, stats->bus_errors);
    wk_frame_u32(&writer, stats->late_inferences);
    wk_frame_u32(&writer, stats->max_infer_us);
    wk_frame_u32(&writer, stats->min_free_stack_bytes);
    wk_frame_u8(&writer, stats->reset_cause);
    return wk_frame_end(&writer);
}

bool wk_stats_decode(const wk_frame_t *frame, wk_stats_t *out_stats)
{
    const uint8_t *payload = frame->payload;

    if (frame->type != WK_TYPE_STATS) {
        return false;
    }
    out_stats->uptime_ms = wk_frame_get_u32(payload);
    out_stats->samples_taken = wk_frame_get_u32(payload + 4);
    out_stats->fifo_overruns = wk_frame_get_u32(payload + 8);
    out_stats->tx_dropped = wk_frame_get_u32(payload + 12);
    out_stats->bus_errors = wk_frame_get_u32(payload + 16);
    out_stats->late_inferences = wk_frame_get_u32(payload + 20);
    out_stats->max_infer_us = wk_frame_get_u32(payload + 24);
    out_stats->min_free_stack_bytes = wk_frame_get_u32(payload + 28);
    out_stats->reset_cause = payload[32];
    return true;
}

static bool legal_text(const uint8_t *text, uint8_t text_len)
{
    uint8_t at;

    for (at = 0; at < text_len; at++) {
        if (text[at] < 0x20 || text[at] > 0x7E) {
            return false;
        }
    }
    return text_len <= WK_ERROR_TEXT_MAX;
}

size_t wk_error_encode(const wk_error_t *error, uint16_t seq, uint8_t *out_wire, size_t wire_max)
{
    wk_frame_writer_t writer;

    if (!legal_text((const uint8_t *)error->text, error->text_len)) {
        return 0;
    }
    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_ERROR, seq);
    wk_frame_u16(&writer, error->code);
    wk_frame_u8(&writer, error->text_len);
    wk_frame_bytes(&writer, error->text, error->text_len);
    return wk_frame_end(&writer);
}

bool wk_error_decode(const wk_frame_t *frame, wk_error_t *out_error)
{
    if (frame->type != WK_TYPE_ERROR) {
        return false;
    }
    out_error->code = wk_frame_get_u16(frame->payload);
    out_error->text_len = frame->payload[2];
    out_error->text = (const char *)(frame->payload + 3);
    return legal_text(frame->payload + 3, out_error->text_len);
}

size_t wk_ack_encode(const wk_ack_t *ack, uint16_t seq, uint8_t *out_wire, size_t wire_max)
{
    wk_frame_writer_t writer;

    wk_frame_begin(&writer, out_wire, wire_max, WK_TYPE_ACK, seq);
    wk_frame_u8(&writer, ack->type);
    wk_frame_u16(&writer, ack->seq);
    wk_frame_u8(&writer, ack->status);
    return wk_frame_end(&writer);
}

bool wk_ack_decode(const wk_frame_t *frame, wk_ack_t *out_ack)
{
    if (frame->type != WK_TYPE_ACK) {
        return false;
    }
    out_ack->type = frame->payload[0];
    out_ack->seq = wk_frame_get_u16(frame->payload + 1);
    out_ack->status = frame->payload[3];
    return true;
}
