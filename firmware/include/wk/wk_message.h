/* Messages of wearkit link/1: what a frame's payload says (docs/protocol.md has the tables).
 *
 * wk_NAME_encode writes a whole frame, both zeros included, into out_wire and returns its length, or
 * 0 when the message is not a legal one or wire_max is too small (WK_FRAME_WIRE_MAX always
 * suffices). seq: one more than that of the frame sent before, whatever its type.
 * wk_NAME_decode is false when the frame is of another type or its values are not legal; the
 * output is then not to be used.
 */
#ifndef WK_MESSAGE_H
#define WK_MESSAGE_H

#include "wk/wk_frame.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WK_HELLO_PERIOD_MS 2000u
#define WK_STATS_PERIOD_MS 5000u

#define WK_UID_BYTES 8
#define WK_MODEL_ID_BYTES 8
#define WK_HEADS_MAX 8
#define WK_SAMPLES_MAX 32
#define WK_ERROR_TEXT_MAX 64

/* wk_hello_t.features */
#define WK_FEATURE_SAMPLES 0x01u       /* SAMPLES are being sent */
#define WK_FEATURE_PREDICTIONS 0x02u   /* PREDICTION is being sent */
#define WK_FEATURE_SIMULATED 0x04u     /* no real sensor: nobody wears this */
#define WK_FEATURE_COMMANDS 0x08u      /* host commands are answered */
#define WK_FEATURE_KNOWN_ANSWERS 0x10u /* the model gave its golden answers at boot */
#define WK_FEATURE_REPLAY 0x20u        /* REPLAY takes the sensor's place */

/* wk_samples_t.flags */
#define WK_SAMPLES_OVERRUN 0x01u   /* the FIFO overran since the last SAMPLES */
#define WK_SAMPLES_BUS_ERROR 0x02u /* a bus transfer failed since the last SAMPLES */
#define WK_SAMPLES_RAIL 0x04u      /* a count of this frame is at a rail */

/* wk_error_t.code */
#define WK_ERROR_VERSION 1 /* no minor version in common */
#define WK_ERROR_COMMAND 2 /* a command cannot be done */
#define WK_ERROR_SENSOR 3  /* the sensor cannot be started, or failed */
#define WK_ERROR_MODEL 4   /* the model did not give its golden answers */

/* wk_ack_t.status */
#define WK_ACK_OK 0
#define WK_ACK_UNSUPPORTED 1
#define WK_ACK_BAD_VALUE 2
#define WK_ACK_BUSY 3

/* Axis of the model: the sensor axis (0, 1, 2) it is, and whether with a minus sign. */
#define WK_AXIS_MINUS 0x80u

/* At boot, on request and every WK_HELLO_PERIOD_MS. devid to fifo_ctl: the sensor's registers as
 * read, not as written. axis_map: the three model axes, a permutation of 0..2, WK_AXIS_MINUS or-ed.
 * A device without a model has heads_len 0 and a model id of zeros. */
typedef struct {
    uint8_t minor; /* in use */
    uint8_t minor_min;
    uint8_t minor_max;
    uint8_t devid;
    uint8_t bw_rate;
    uint8_t data_format;
    uint8_t fifo_ctl;
    uint8_t heads_len;
    uint32_t boot_id; /* random, new at every boot */
    uint8_t uid[WK_UID_BYTES];
    uint8_t firmware[3]; /* major, minor, patch */
    uint8_t axis_map[3];
    uint16_t lsb_per_g[3]; /* of the sensor axes; 256 by the data sheet */
    uint16_t supply_mv;    /* 0: not known */
    uint16_t window;       /* samples */
    uint16_t hop;
    float input_scale_g;
    int8_t input_zero_point;
    uint8_t model_id[WK_MODEL_ID_BYTES];
    uint32_t features;
    uint8_t classes[WK_HEADS_MAX];
} wk_hello_t;

/* first_index: of samples the sensor took since the start, sent or not. t_us: this board's clock when
 * the last of these was seen. counts: sensor axes, as read. */
typedef struct {
    uint32_t first_index;
    uint32_t t_us;
    uint8_t n; /* 1..WK_SAMPLES_MAX */
    uint8_t flags;
    int16_t counts[WK_SAMPLES_MAX][3];
} wk_samples_t;

typedef struct {
    uint8_t logits_len;
    float scale;
    int8_t zero_point;
    const int8_t *logits; /* decoded: points into the frame */
} wk_head_t;

/* window_crc: wk_window_crc of the counts the model was given. */
typedef struct {
    uint32_t window_first_index;
    uint32_t window_crc;
    uint8_t model_id[WK_MODEL_ID_BYTES];
    uint32_t infer_us;
    uint8_t heads_len;
    wk_head_t heads[WK_HEADS_MAX];
} wk_prediction_t;

/* Every WK_STATS_PERIOD_MS; counted since boot. */
typedef struct {
    uint32_t uptime_ms;
    uint32_t samples_taken;
    uint32_t fifo_overruns;
    uint32_t tx_dropped; /* frames that did not fit the output */
    uint32_t bus_errors;
    uint32_t late_inferences; /* not done when the next window was complete */
    uint32_t max_infer_us;
    uint32_t min_free_stack_bytes;
    uint8_t reset_cause; /* the board's own number */
} wk_stats_t;

/* text: printable ASCII, not terminated; decoded: points into the frame. */
typedef struct {
    uint16_t code;
    uint8_t text_len;
    const char *text;
} wk_error_t;

typedef struct {
    uint8_t type; /* of the frame that is answered */
    uint16_t seq;
    uint8_t status;
} wk_ack_t;

typedef struct {
    uint8_t major;
    uint8_t minor_min;
    uint8_t minor_max;
} wk_hello_request_t;

/* streams: WK_FEATURE_SAMPLES, WK_FEATURE_PREDICTIONS or both. */
typedef struct {
    uint8_t streams;
    uint8_t samples_per_frame; /* 1..WK_SAMPLES_MAX */
} wk_config_t;

/* Samples from the host in the sensor's place, acknowledged one frame at a time. first_index 0
 * begins a new run. Shares wk_samples_t with SAMPLES; t_us and flags are not sent and decode as 0. */
typedef wk_samples_t wk_replay_t;

WK_MUST_CHECK size_t wk_hello_encode(const wk_hello_t *hello, uint16_t seq, uint8_t *out_wire,
                                     size_t wire_max);
WK_MUST_CHECK size_t wk_samples_encode(const wk_samples_t *samples, uint16_t seq, uint8_t *out_wire,
                                       size_t wire_max);
WK_MUST_CHECK size_t wk_prediction_encode(const wk_prediction_t *prediction, uint16_t seq,
                                          uint8_t *out_wire, size_t wire_max);
WK_MUST_CHECK size_t wk_stats_encode(const wk_stats_t *stats, uint16_t seq, uint8_t *out_wire,
                                     size_t wire_max);
WK_MUST_CHECK size_t wk_error_encode(const wk_error_t *error, uint16_t seq, uint8_t *out_wire,
                                     size_t wire_max);
WK_MUST_CHECK size_t wk_ack_encode(const wk_ack_t *ack, uint16_t seq, uint8_t *out_wire,
                                   size_t wire_max);
WK_MUST_CHECK size_t wk_hello_request_encode(const wk_hello_request_t *request, uint16_t seq,
                                             uint8_t *out_wire, size_t wire_max);
WK_MUST_CHECK size_t wk_config_encode(const wk_config_t *config, uint16_t seq, uint8_t *out_wire,
                                      size_t wire_max);
WK_MUST_CHECK size_t wk_replay_encode(const wk_replay_t *replay, uint16_t seq, uint8_t *out_wire,
                                      size_t wire_max);
/* PING and PONG, type says which: a number that comes back. */
WK_MUST_CHECK size_t wk_nonce_encode(uint8_t type, uint32_t nonce, uint16_t seq, uint8_t *out_wire,
                                     size_t wire_max);
/* START and STOP: no payload. START begins a new run with sample 0, the first of window 0. */
WK_MUST_CHECK size_t wk_bare_encode(uint8_t type, uint16_t seq, uint8_t *out_wire, size_t wire_max);

WK_MUST_CHECK bool wk_hello_decode(const wk_frame_t *frame, wk_hello_t *out_hello);
WK_MUST_CHECK bool wk_samples_decode(const wk_frame_t *frame, wk_samples_t *out_samples);
WK_MUST_CHECK bool wk_prediction_decode(const wk_frame_t *frame, wk_prediction_t *out_prediction);
WK_MUST_CHECK bool wk_stats_decode(const wk_frame_t *frame, wk_stats_t *out_stats);
WK_MUST_CHECK bool wk_error_decode(const wk_frame_t *frame, wk_error_t *out_error);
WK_MUST_CHECK bool wk_ack_decode(const wk_frame_t *frame, wk_ack_t *out_ack);
WK_MUST_CHECK bool wk_hello_request_decode(const wk_frame_t *frame,
                                           wk_hello_request_t *out_request);
WK_MUST_CHECK bool wk_config_decode(const wk_frame_t *frame, wk_config_t *out_config);
WK_MUST_CHECK bool wk_replay_decode(const wk_frame_t *frame, wk_replay_t *out_replay);
WK_MUST_CHECK bool wk_nonce_decode(const wk_frame_t *frame, uint32_t *out_nonce);

/* The highest minor version both sides speak. False when there is none: answer WK_ERROR_VERSION. */
WK_MUST_CHECK bool wk_link_choose_minor(const wk_hello_request_t *request, uint8_t *out_minor);

/* CRC-32 of a window of `samples` x, y, z counts in model axes, as little-endian int16: tells
 * "other input" from "other arithmetic" when host and device disagree. */
uint32_t wk_window_crc(const int16_t *counts, size_t samples);

#ifdef __cplusplus
}
#endif

#endif
