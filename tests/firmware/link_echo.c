/* Bytes on stdin -> for every frame its fields in words and, on the next line, the bytes that the
 * C encoder makes of them; for everything else the reason. `link_echo constants` prints constants.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "wk/wk_message.h"

static uint8_t wire[WK_FRAME_WIRE_MAX];

static void print_bytes(const char *name, const uint8_t *bytes, size_t bytes_len)
{
    size_t at;

    printf(" %s=", name);
    for (at = 0; at < bytes_len; at++) {
        printf("%02x", bytes[at]);
    }
}

static void print_numbers(const char *name, const uint8_t *numbers, size_t numbers_len)
{
    size_t at;

    printf(" %s=", name);
    for (at = 0; at < numbers_len; at++) {
        printf(at > 0 ? ",%u" : "%u", numbers[at]);
    }
}

static void print_counts(const wk_samples_t *samples)
{
    uint8_t at;

    printf(" counts=");
    for (at = 0; at < samples->n; at++) {
        const int16_t *xyz = samples->counts[at];

        printf(at > 0 ? ",%d:%d:%d" : "%d:%d:%d", xyz[0], xyz[1], xyz[2]);
    }
}

static size_t hello(const wk_frame_t *frame)
{
    wk_hello_t said;

    if (!wk_hello_decode(frame, &said)) {
        return 0;
    }
    printf("HELLO seq=%u minor=%u minor_min=%u minor_max=%u", frame->seq, said.minor,
           said.minor_min, said.minor_max);
    printf(" devid=%u bw_rate=%u data_format=%u fifo_ctl=%u boot_id=%" PRIu32, said.devid,
           said.bw_rate, said.data_format, said.fifo_ctl, said.boot_id);
    print_bytes("uid", said.uid, WK_UID_BYTES);
    print_numbers("firmware", said.firmware, 3);
    print_bytes("axes", said.axis_map, 3);
    printf(" lsb_per_g=%u,%u,%u supply_mv=%u window=%u hop=%u", said.lsb_per_g[0],
           said.lsb_per_g[1], said.lsb_per_g[2], said.supply_mv, said.window, said.hop);
    printf(" input_scale_g=%.9g input_zero_point=%d", (double)said.input_scale_g,
           said.input_zero_point);
    print_bytes("model_id", said.model_id, WK_MODEL_ID_BYTES);
    printf(" features=%" PRIu32, said.features);
    print_numbers("classes", said.classes, said.heads_len);
    return wk_hello_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t samples(const wk_frame_t *frame)
{
    wk_samples_t said;

    if (!wk_samples_decode(frame, &said)) {
        return 0;
    }
    printf("SAMPLES seq=%u first_index=%" PRIu32 " t_us=%" PRIu32 " flags=%u", frame->seq,
           said.first_index, said.t_us, said.flags);
    print_counts(&said);
    return wk_samples_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t replay(const wk_frame_t *frame)
{
    wk_replay_t said;

    if (!wk_replay_decode(frame, &said)) {
        return 0;
    }
    printf("REPLAY seq=%u first_index=%" PRIu32, frame->seq, said.first_index);
    print_counts(&said);
    return wk_replay_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t prediction(const wk_frame_t *frame)
{
    wk_prediction_t said;
    uint8_t at;
    uint8_t logit;

    if (!wk_prediction_decode(frame, &said)) {
        return 0;
    }
    printf("PREDICTION seq=%u window_first_index=%" PRIu32 " window_crc=%" PRIu32, frame->seq,
           said.window_first_index, said.window_crc);
    print_bytes("model_id", said.model_id, WK_MODEL_ID_BYTES);
    printf(" infer_us=%" PRIu32, said.infer_us);
    for (at = 0; at < said.heads_len; at++) {
        const wk_head_t *head = &said.heads[at];

        printf(" head=%.9g:%d", (double)head->scale, head->zero_point);
        for (logit = 0; logit < head->logits_len; logit++) {
            printf(logit > 0 ? ",%d" : ":%d", head->logits[logit]);
        }
    }
    return wk_prediction_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t stats(const wk_frame_t *frame)
{
    wk_stats_t said;

    if (!wk_stats_decode(frame, &said)) {
        return 0;
    }
    printf("STATS seq=%u uptime_ms=%" PRIu32 " samples_taken=%" PRIu32 " fifo_overruns=%" PRIu32
           " tx_dropped=%" PRIu32 " bus_errors=%" PRIu32,
           frame->seq, said.uptime_ms, said.samples_taken, said.fifo_overruns, said.tx_dropped,
           said.bus_errors);
    printf(" late_inferences=%" PRIu32 " max_infer_us=%" PRIu32 " min_free_stack_bytes=%" PRIu32
           " reset_cause=%u",
           said.late_inferences, said.max_infer_us, said.min_free_stack_bytes, said.reset_cause);
    return wk_stats_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t error(const wk_frame_t *frame)
{
    wk_error_t said;

    if (!wk_error_decode(frame, &said)) {
        return 0;
    }
    printf("ERROR seq=%u code=%u text=%.*s", frame->seq, said.code, said.text_len, said.text);
    return wk_error_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t ack(const wk_frame_t *frame)
{
    wk_ack_t said;

    if (!wk_ack_decode(frame, &said)) {
        return 0;
    }
    printf("ACK seq=%u of_type=%u of_seq=%u status=%u", frame->seq, said.type, said.seq,
           said.status);
    return wk_ack_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t hello_request(const wk_frame_t *frame)
{
    wk_hello_request_t said;

    if (!wk_hello_request_decode(frame, &said)) {
        return 0;
    }
    printf("HELLO_REQUEST seq=%u major=%u minor_min=%u minor_max=%u", frame->seq, said.major,
           said.minor_min, said.minor_max);
    return wk_hello_request_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t config(const wk_frame_t *frame)
{
    wk_config_t said;

    if (!wk_config_decode(frame, &said)) {
        return 0;
    }
    printf("CONFIG seq=%u streams=%u samples_per_frame=%u", frame->seq, said.streams,
           said.samples_per_frame);
    return wk_config_encode(&said, frame->seq, wire, sizeof wire);
}

static size_t nonce(const wk_frame_t *frame)
{
    uint32_t said;

    if (!wk_nonce_decode(frame, &said)) {
        return 0;
    }
    printf("%s seq=%u nonce=%" PRIu32, frame->type == WK_TYPE_PING ? "PING" : "PONG", frame->seq,
           said);
    return wk_nonce_encode(frame->type, said, frame->seq, wire, sizeof wire);
}

static size_t bare(const wk_frame_t *frame)
{
    printf("%s seq=%u", frame->type == WK_TYPE_START ? "START" : "STOP", frame->seq);
    return wk_bare_encode(frame->type, frame->seq, wire, sizeof wire);
}

/* Prints the fields; returns the length of what the encoder made of them in `wire`. */
static size_t echo(const wk_frame_t *frame)
{
    switch (frame->type) {
    case WK_TYPE_HELLO:
        return hello(frame);
    case WK_TYPE_SAMPLES:
        return samples(frame);
    case WK_TYPE_PREDICTION:
        return prediction(frame);
    case WK_TYPE_STATS:
        return stats(frame);
    case WK_TYPE_ERROR:
        return error(frame);
    case WK_TYPE_ACK:
        return ack(frame);
    case WK_TYPE_HELLO_REQUEST:
        return hello_request(frame);
    case WK_TYPE_CONFIG:
        return config(frame);
    case WK_TYPE_REPLAY:
        return replay(frame);
    case WK_TYPE_PING:
    case WK_TYPE_PONG:
        return nonce(frame);
    default:
        return bare(frame);
    }
}

static void print_echo(const wk_frame_t *frame)
{
    const size_t wire_len = echo(frame);
    size_t at;

    if (wire_len == 0) {
        printf("value\n");
        return;
    }
    for (at = 0; at < wire_len; at++) {
        printf(at > 0 ? " %02x" : "\n%02x", wire[at]);
    }
    printf("\n");
}

static void print_status(wk_frame_status_t status, const wk_frame_t *frame)
{
    /* In the order of wk_frame_status_t; the words of wearkit.link.frame.FrameFault. */
    static const char *const words[] = {"",    "",      "cobs",    "size",   "crc",
                                        "major", "unknown", "length", "overlong"};

    if (status == WK_FRAME_OK) {
        print_echo(frame);
    } else if (status != WK_FRAME_NONE) {
        printf("%s\n", words[status]);
    }
}

#define PRINT(name) printf("%s %lu\n", #name, (unsigned long)(name))

static void print_constants(void)
{
    PRINT(WK_LINK_MAJOR);
    PRINT(WK_LINK_MINOR_MIN);
    PRINT(WK_LINK_MINOR_MAX);
    PRINT(WK_FRAME_MIN);
    PRINT(WK_FRAME_MAX);
    PRINT(WK_FRAME_PAYLOAD_MAX);
    PRINT(WK_FRAME_ENCODED_MAX);
    PRINT(WK_FRAME_WIRE_MAX);
    PRINT(WK_TYPE_HELLO);
    PRINT(WK_TYPE_SAMPLES);
    PRINT(WK_TYPE_PREDICTION);
    PRINT(WK_TYPE_STATS);
    PRINT(WK_TYPE_ERROR);
    PRINT(WK_TYPE_PONG);
    PRINT(WK_TYPE_ACK);
    PRINT(WK_TYPE_HELLO_REQUEST);
    PRINT(WK_TYPE_CONFIG);
    PRINT(WK_TYPE_START);
    PRINT(WK_TYPE_STOP);
    PRINT(WK_TYPE_PING);
    PRINT(WK_TYPE_REPLAY);
    PRINT(WK_HELLO_PERIOD_MS);
    PRINT(WK_STATS_PERIOD_MS);
    PRINT(WK_UID_BYTES);
    PRINT(WK_MODEL_ID_BYTES);
    PRINT(WK_HEADS_MAX);
    PRINT(WK_SAMPLES_MAX);
    PRINT(WK_ERROR_TEXT_MAX);
    PRINT(WK_FEATURE_SAMPLES);
    PRINT(WK_FEATURE_PREDICTIONS);
    PRINT(WK_FEATURE_SIMULATED);
    PRINT(WK_FEATURE_COMMANDS);
    PRINT(WK_FEATURE_KNOWN_ANSWERS);
    PRINT(WK_FEATURE_REPLAY);
    PRINT(WK_SAMPLES_OVERRUN);
    PRINT(WK_SAMPLES_BUS_ERROR);
    PRINT(WK_SAMPLES_RAIL);
    PRINT(WK_ERROR_VERSION);
    PRINT(WK_ERROR_COMMAND);
    PRINT(WK_ERROR_SENSOR);
    PRINT(WK_ERROR_MODEL);
    PRINT(WK_ACK_OK);
    PRINT(WK_ACK_UNSUPPORTED);
    PRINT(WK_ACK_BAD_VALUE);
    PRINT(WK_ACK_BUSY);
    PRINT(WK_AXIS_MINUS);
}

int main(int arguments_len, char **arguments)
{
    wk_frame_decoder_t decoder;
    wk_frame_t frame;
    int byte;

    if (arguments_len == 2 && strcmp(arguments[1], "constants") == 0) {
        print_constants();
        return 0;
    }
    wk_frame_decoder(&decoder);
    while ((byte = getchar()) != EOF) {
        print_status(wk_frame_push(&decoder, (uint8_t)byte, &frame), &frame);
    }
    printf("bytes received=%" PRIu32 " frames=%" PRIu32 " unknown=%" PRIu32 " delimiters=%" PRIu32
           " rejected=%" PRIu32 " pending=%" PRIu32 "\n",
           decoder.bytes.received, decoder.bytes.frames, decoder.bytes.unknown,
           decoder.bytes.delimiters, decoder.bytes.rejected, wk_frame_pending(&decoder));
    return 0;
}
