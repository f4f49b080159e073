/* The link's frames and messages at their edges. Values of every field: link_echo and the vectors. */
#include <string.h>

#include "check.h"
#include "link_stock.h"
#include "wk/wk_crc32.h"
#include "wk/wk_message.h"

static const wk_stats_t stats = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void a_buffer_too_small_is_not_overrun(void)
{
    uint8_t guarded[WK_FRAME_WIRE_MAX + 1];
    const size_t whole = wk_stats_encode(&stats, 5, guarded, WK_FRAME_WIRE_MAX);
    size_t max;

    CHECK_EQUAL(whole, WK_FRAME_MIN + 33 + 3);
    for (max = 0; max < whole; max++) {
        memset(guarded, 0xA5, sizeof guarded);
        CHECK_EQUAL(wk_stats_encode(&stats, 5, guarded, max), 0);
        CHECK_EQUAL(guarded[max], 0xA5);
    }
    memset(guarded, 0xA5, sizeof guarded);
    CHECK_EQUAL(wk_stats_encode(&stats, 5, guarded, whole), whole);
    CHECK_EQUAL(guarded[whole], 0xA5);
}

static void the_longest_frame_fits_and_no_longer_one_is_made(void)
{
    static const uint8_t full[WK_FRAME_PAYLOAD_MAX + 1] = {0};
    uint8_t wire[WK_FRAME_WIRE_MAX + 8];
    wk_frame_writer_t writer;

    wk_frame_begin(&writer, wire, sizeof wire, 0x30, 0x0101);
    wk_frame_bytes(&writer, full, WK_FRAME_PAYLOAD_MAX);
    CHECK_EQUAL(wk_frame_end(&writer), WK_FRAME_WIRE_MAX);
    wk_frame_begin(&writer, wire, sizeof wire, 0x30, 0x0101);
    wk_frame_bytes(&writer, full, sizeof full);
    CHECK_EQUAL(wk_frame_end(&writer), 0);
}

static wk_frame_status_t fed(wk_frame_decoder_t *decoder, uint8_t byte, uint32_t count)
{
    wk_frame_t frame;
    wk_frame_status_t status = WK_FRAME_NONE;

    for (; count > 0; count--) {
        status = wk_frame_push(decoder, byte, &frame);
    }
    return status;
}

static void too_many_bytes_are_dropped_and_booked(void)
{
    wk_frame_decoder_t decoder;

    wk_frame_decoder(&decoder);
    CHECK_EQUAL(fed(&decoder, 0, 3), WK_FRAME_NONE);
    CHECK_EQUAL(fed(&decoder, 1, WK_FRAME_ENCODED_MAX), WK_FRAME_NONE);
    CHECK_EQUAL(fed(&decoder, 0, 1), WK_FRAME_BAD_SIZE);
    CHECK_EQUAL(fed(&decoder, 1, WK_FRAME_ENCODED_MAX + 1), WK_FRAME_NONE);
    CHECK_EQUAL(wk_frame_pending(&decoder), WK_FRAME_ENCODED_MAX + 1);
    CHECK_EQUAL(fed(&decoder, 0, 1), WK_FRAME_OVERLONG);
    CHECK_EQUAL(decoder.bytes.rejected, 2 * WK_FRAME_ENCODED_MAX + 1);
    CHECK_EQUAL(decoder.bytes.delimiters, 5);
    CHECK_EQUAL(wk_frame_pending(&decoder), 0);
}

static void four_gibibytes_without_a_zero_are_still_too_many(void)
{
    wk_frame_decoder_t decoder;

    wk_frame_decoder(&decoder);
    decoder.pending = decoder.bytes.received = UINT32_MAX; /* as if they had come */
    CHECK_EQUAL(fed(&decoder, 1, 4), WK_FRAME_NONE);
    CHECK(wk_frame_pending(&decoder) > WK_FRAME_ENCODED_MAX);
    CHECK_EQUAL(decoder.bytes.rejected + wk_frame_pending(&decoder), decoder.bytes.received);
    CHECK_EQUAL(fed(&decoder, 0, 1), WK_FRAME_OVERLONG);
}

static void what_is_too_short_or_of_another_version_is_no_frame(void)
{
    wk_frame_decoder_t decoder;
    uint8_t frame[12];
    uint8_t len;
    int i;

    wk_frame_decoder(&decoder);
    for (len = 1; len < WK_FRAME_MIN; len++) {
        CHECK_EQUAL(fed(&decoder, (uint8_t)(len + 1), 1), WK_FRAME_NONE);
        CHECK_EQUAL(fed(&decoder, 1, len), WK_FRAME_NONE);
        CHECK_EQUAL(fed(&decoder, 0, 1), WK_FRAME_BAD_SIZE);
    }
    for (i = 0; i < 2; i++) {
        const uint8_t major = i == 0 ? 0 : 2;
        uint32_t crc;
        uint8_t at;

        memset(frame, 1, sizeof frame);
        frame[0] = major;
        frame[1] = WK_TYPE_PING;
        crc = wk_crc32(0, frame, 8);
        for (at = 0; at < 4; at++) {
            frame[8 + at] = (uint8_t)((crc >> (8 * at)) & 0xFF);
            CHECK(frame[8 + at] != 0); /* one block is enough */
        }
        CHECK_EQUAL(fed(&decoder, major == 0 ? 1 : 13, 1), WK_FRAME_NONE);
        CHECK_EQUAL(fed(&decoder, major == 0 ? 12 : 2, 1), WK_FRAME_NONE);
        for (at = 1; at < 12; at++) {
            CHECK_EQUAL(fed(&decoder, frame[at], 1), WK_FRAME_NONE);
        }
        CHECK_EQUAL(fed(&decoder, 0, 1), WK_FRAME_BAD_MAJOR);
    }
}

static void a_full_block_has_one_encoding(void)
{
    wk_frame_decoder_t decoder;

    wk_frame_decoder(&decoder);
    CHECK_EQUAL(fed(&decoder, 0xFF, 1), WK_FRAME_NONE);
    CHECK_EQUAL(fed(&decoder, 1, 254), WK_FRAME_NONE);
    CHECK_EQUAL(fed(&decoder, 0, 1), WK_FRAME_BAD_CRC);
    CHECK_EQUAL(fed(&decoder, 0xFF, 1), WK_FRAME_NONE);
    CHECK_EQUAL(fed(&decoder, 1, 255), WK_FRAME_NONE);
    CHECK_EQUAL(fed(&decoder, 0, 1), WK_FRAME_BAD_COBS);
}

static void what_is_not_legal_is_not_sent(void)
{
    uint8_t wire[WK_FRAME_WIRE_MAX];
    wk_samples_t samples = {0, 0, 0, 0, {{0, 0, 0}}};
    wk_prediction_t prediction;
    const int8_t logit = 0;
    wk_error_t error = {1, 3, "a\nb"};
    wk_config_t config = {0, 10};
    const wk_hello_request_t request = {1, 1, 0};

    CHECK_EQUAL(wk_samples_encode(&samples, 0, wire, sizeof wire), 0);
    CHECK_EQUAL(wk_replay_encode(&samples, 0, wire, sizeof wire), 0);
    samples.n = WK_SAMPLES_MAX + 1;
    CHECK_EQUAL(wk_samples_encode(&samples, 0, wire, sizeof wire), 0);
    CHECK_EQUAL(wk_replay_encode(&samples, 0, wire, sizeof wire), 0);
    CHECK_EQUAL(wk_error_encode(&error, 0, wire, sizeof wire), 0);
    error.text_len = 1;
    CHECK(wk_error_encode(&error, 0, wire, sizeof wire) > 0);
    CHECK_EQUAL(wk_config_encode(&config, 0, wire, sizeof wire), 0);
    config.streams = WK_FEATURE_SAMPLES | WK_FEATURE_SIMULATED;
    CHECK_EQUAL(wk_config_encode(&config, 0, wire, sizeof wire), 0);
    CHECK_EQUAL(wk_hello_request_encode(&request, 0, wire, sizeof wire), 0);
    CHECK_EQUAL(wk_nonce_encode(WK_TYPE_START, 0, 0, wire, sizeof wire), 0);
    CHECK_EQUAL(wk_bare_encode(WK_TYPE_PING, 0, wire, sizeof wire), 0);
    memset(&prediction, 0, sizeof prediction);
    CHECK_EQUAL(wk_prediction_encode(&prediction, 0, wire, sizeof wire), 0);
    prediction.heads_len = 1;
    prediction.heads[0].logits = &logit;
    prediction.heads[0].logits_len = 1;
    CHECK_EQUAL(wk_prediction_encode(&prediction, 0, wire, sizeof wire), 0);
    prediction.heads[0].scale = 1.0f;
    CHECK(wk_prediction_encode(&prediction, 0, wire, sizeof wire) > 0);
}

static void a_frame_is_only_decoded_as_its_own_type(void)
{
    const wk_frame_t frame = {WK_TYPE_START, 0, 0, NULL};
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

    CHECK(!wk_hello_decode(&frame, &said.hello));
    CHECK(!wk_samples_decode(&frame, &said.samples));
    CHECK(!wk_replay_decode(&frame, &said.samples));
    CHECK(!wk_prediction_decode(&frame, &said.prediction));
    CHECK(!wk_stats_decode(&frame, &said.stats));
    CHECK(!wk_error_decode(&frame, &said.error));
    CHECK(!wk_ack_decode(&frame, &said.ack));
    CHECK(!wk_hello_request_decode(&frame, &said.request));
    CHECK(!wk_config_decode(&frame, &said.config));
    CHECK(!wk_nonce_decode(&frame, &said.nonce));
}

static void the_highest_common_minor_is_chosen(void)
{
    wk_hello_request_t request = {WK_LINK_MAJOR, 0, 9};
    uint8_t minor = 77;

    CHECK(wk_link_choose_minor(&request, &minor));
    CHECK_EQUAL(minor, WK_LINK_MINOR_MAX);
    request.minor_min = WK_LINK_MINOR_MAX + 1;
    CHECK(!wk_link_choose_minor(&request, &minor));
    request.minor_min = 0;
    request.major = WK_LINK_MAJOR + 1;
    CHECK(!wk_link_choose_minor(&request, &minor));
    CHECK_EQUAL(minor, WK_LINK_MINOR_MAX);
}

static void a_window_s_crc_is_that_of_its_little_endian_bytes(void)
{
    static const int16_t counts[6] = {1, -2, 256, -512, 511, 0};
    static const uint8_t bytes[12] = {1, 0, 0xFE, 0xFF, 0, 1, 0, 0xFE, 0xFF, 1, 0, 0};

    CHECK_EQUAL(wk_window_crc(counts, 2), wk_crc32(0, bytes, sizeof bytes));
}

static void good_frames_come_through_and_nothing_else(void)
{
    wk_frame_decoder_t decoder;
    wk_frame_t frame;
    size_t at;
    size_t byte;

    link_stock_fill(3);
    wk_frame_decoder(&decoder);
    for (at = 0; at < LINK_STOCK_SIZE; at++) {
        const link_wire_t *wire = link_stock();
        uint8_t found = 0;

        for (byte = 0; byte < wire->len; byte++) {
            const wk_frame_status_t status = wk_frame_push(&decoder, wire->bytes[byte], &frame);

            CHECK(status == WK_FRAME_NONE || status == WK_FRAME_OK);
            found = (uint8_t)(found + (status == WK_FRAME_OK));
        }
        CHECK_EQUAL(found, 1);
    }
    CHECK_EQUAL(decoder.bytes.rejected + decoder.bytes.unknown, 0);
}

int main(void)
{
    a_buffer_too_small_is_not_overrun();
    the_longest_frame_fits_and_no_longer_one_is_made();
    too_many_bytes_are_dropped_and_booked();
    four_gibibytes_without_a_zero_are_still_too_many();
    what_is_too_short_or_of_another_version_is_no_frame();
    a_full_block_has_one_encoding();
    what_is_not_legal_is_not_sent();
    a_frame_is_only_decoded_as_its_own_type();
    the_highest_common_minor_is_chosen();
    a_window_s_crc_is_that_of_its_little_endian_bytes();
    good_frames_come_through_and_nothing_else();
    printf("frames: all passed\n");
    return 0;
}
