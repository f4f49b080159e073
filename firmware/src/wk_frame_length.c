#include "wk/wk_frame.h"
#include "wk/wk_message.h"

/* Of payloads whose length their own counts do not change. */
#define PREDICTION_FIXED 21
#define PREDICTION_HEAD 6
#define SAMPLES_FIXED 10
#define REPLAY_FIXED 5
#define HELLO_FIXED 55
#define HELLO_HEADS_AT 7
#define SAMPLE_LEN 6
#define ERROR_FIXED 3

#define UNKNOWN 0xFFFFu
#define IMPOSSIBLE 0xFFFEu

static uint16_t by_count(const uint8_t *payload, uint8_t payload_len, uint8_t count_at,
                         uint8_t fixed, uint8_t each, uint8_t count_max)
{
    if (payload_len < fixed || payload[count_at] > count_max) {
        return IMPOSSIBLE;
    }
    return (uint16_t)(fixed + each * payload[count_at]);
}

static uint16_t prediction_length(const uint8_t *payload, uint8_t payload_len)
{
    uint16_t length = PREDICTION_FIXED;
    uint8_t head;

    if (payload_len < PREDICTION_FIXED || payload[PREDICTION_FIXED - 1] > WK_HEADS_MAX) {
        return IMPOSSIBLE;
    }
    for (head = 0; head < payload[PREDICTION_FIXED - 1]; head++) {
        if (length >= payload_len) {
            return IMPOSSIBLE;
        }
        length = (uint16_t)(length + PREDICTION_HEAD + payload[length]);
    }
    return length;
}

static uint16_t expected(uint8_t type, const uint8_t *payload, uint8_t payload_len)
{
    switch (type) {
    case WK_TYPE_HELLO:
        return by_count(payload, payload_len, HELLO_HEADS_AT, HELLO_FIXED, 1, WK_HEADS_MAX);
    case WK_TYPE_SAMPLES:
        return by_count(payload, payload_len, 8, SAMPLES_FIXED, SAMPLE_LEN, WK_SAMPLES_MAX);
    case WK_TYPE_REPLAY:
        return by_count(payload, payload_len, 4, REPLAY_FIXED, SAMPLE_LEN, WK_SAMPLES_MAX);
    case WK_TYPE_ERROR:
        return by_count(payload, payload_len, 2, ERROR_FIXED, 1, WK_ERROR_TEXT_MAX);
    case WK_TYPE_PREDICTION:
        return prediction_length(payload, payload_len);
    case WK_TYPE_STATS:
        return 33;
    case WK_TYPE_PING:
    case WK_TYPE_PONG:
    case WK_TYPE_ACK:
        return 4;
    case WK_TYPE_HELLO_REQUEST:
        return 3;
    case WK_TYPE_CONFIG:
        return 2;
    case WK_TYPE_START:
    case WK_TYPE_STOP:
        return 0;
    default:
        return UNKNOWN;
    }
}

wk_length_t wk_frame_length(uint8_t type, const uint8_t *payload, uint8_t payload_len)
{
    const uint16_t length = expected(type, payload, payload_len);

    if (length == UNKNOWN) {
        return WK_LENGTH_UNKNOWN_TYPE;
    }
    return length == payload_len ? WK_LENGTH_FITS : WK_LENGTH_WRONG;
}
