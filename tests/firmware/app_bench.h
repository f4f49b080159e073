/* The wearable's program on a bench: a register model for a sensor, a made-up model, and a host that
 * notes what it is sent. */
#ifndef APP_BENCH_H
#define APP_BENCH_H

#include <string.h>

#include "check.h"
#include "wk/wk_app.h"
#include "wk_adxl345_pace.h"
#include "wk_adxl345_wires.h"

typedef struct {
    wk_adxl345_model_t model;
    wk_adxl345_pace_t pace;
    wk_adxl345_wires_t wires; /* with bus time: without it the 5 us rule would be broken */
    wk_i2c_t i2c;
    wk_bus_t bus;
    wk_board_t board;
    wk_app_t app;
    wk_frame_decoder_t decoder;
    uint64_t now_us;
    int next;
    bool deaf; /* send refuses */
    uint8_t to_device[512];
    size_t to_len, to_at;
    /* seen */
    uint32_t frames[0x50];
    uint16_t next_seq;
    wk_samples_t samples;
    uint32_t sample_count;
    uint32_t next_index;
    wk_hello_t hello;
    wk_stats_t stats;
    wk_ack_t ack;
    uint16_t error_code;
    char error_text[WK_ERROR_TEXT_MAX + 1];
    uint32_t flagged[8]; /* SAMPLES by their flags */
    wk_prediction_t prediction; /* its logits are gone */
    bool is_new_run; /* HELLO named another boot, and no sample of it came yet */
    uint32_t pong;
    uint32_t predictions;
    uint32_t window_first;
    int8_t logits[3];
} bench_t;

static inline uint32_t bench_now_us(void *context)
{
    return (uint32_t)((bench_t *)context)->now_us;
}

static inline void see(bench_t *bench, const wk_frame_t *frame)
{
    const uint32_t boot_id = bench->hello.boot_id;
    wk_prediction_t prediction;
    wk_error_t error;

    CHECK_EQUAL(frame->seq, bench->next_seq);
    bench->next_seq++;
    bench->frames[frame->type]++;
    if (wk_samples_decode(frame, &bench->samples)) {
        CHECK(!bench->is_new_run || bench->samples.first_index == 0);
        bench->is_new_run = false;
        bench->flagged[bench->samples.flags]++;
        if (bench->samples.first_index != 0) {
            CHECK_EQUAL(bench->samples.first_index, bench->next_index);
        }
        bench->next_index = bench->samples.first_index + bench->samples.n;
        bench->sample_count += bench->samples.n;
    } else if (wk_prediction_decode(frame, &prediction)) {
        bench->predictions++;
        bench->prediction = prediction;
        bench->window_first = prediction.window_first_index;
        CHECK_EQUAL(prediction.heads_len, 2);
        CHECK_EQUAL(prediction.heads[0].logits_len, 2);
        bench->logits[0] = prediction.heads[0].logits[0];
        bench->logits[1] = prediction.heads[0].logits[1];
        bench->logits[2] = prediction.heads[1].logits[0];
    } else if (wk_error_decode(frame, &error)) {
        bench->error_code = error.code;
        memcpy(bench->error_text, error.text, error.text_len);
        bench->error_text[error.text_len] = '\0';
    } else {
        CHECK(wk_hello_decode(frame, &bench->hello) || wk_stats_decode(frame, &bench->stats) ||
              wk_ack_decode(frame, &bench->ack) || wk_nonce_decode(frame, &bench->pong));
    }
    bench->is_new_run = bench->is_new_run || bench->hello.boot_id != boot_id;
}

static inline bool bench_send(void *context, const uint8_t *wire, size_t wire_len)
{
    bench_t *bench = context;
    wk_frame_t frame;
    size_t i;

    if (bench->deaf) {
        bench->next_seq++; /* the host sees a hole in the sequence */
        return false;
    }
    for (i = 0; i < wire_len; i++) {
        if (wk_frame_push(&bench->decoder, wire[i], &frame) == WK_FRAME_OK) {
            see(bench, &frame);
        }
    }
    return true;
}

static inline int bench_receive(void *context)
{
    bench_t *bench = context;

    return bench->to_at < bench->to_len ? bench->to_device[bench->to_at++] : -1;
}

static inline bool bench_sample(void *context, int16_t out_counts[3])
{
    bench_t *bench = context;

    out_counts[0] = (int16_t)(bench->next % 400);
    out_counts[1] = (int16_t)-out_counts[0];
    out_counts[2] = 256;
    bench->next++;
    return true;
}

/* How often the model was asked in each way, and how long it takes on the bench that waits for it. */
static uint32_t fake_runs, fake_begins, fake_steps, fake_takes_us;
static int fake_status;
static bench_t *fake_bench;

/* A model whose logits are the first, the middle and the last x of the window, as int8 inputs. */
static inline int fake_run(const int8_t *in, int8_t *out_logits)
{
    out_logits[0] = in[0];
    out_logits[1] = in[3 * 50];
    out_logits[2] = in[3 * 99];
    fake_runs++;
    if (fake_bench != NULL) {
        fake_bench->now_us += fake_takes_us;
    }
    return fake_status;
}

static int8_t streamed[400][3];
static uint16_t streamed_len;

static inline void fake_begin(void)
{
    streamed_len = 0;
    fake_begins++;
}

static inline void fake_push(const int8_t *samples)
{
    CHECK(streamed_len + 4 <= 400);
    memcpy(streamed[streamed_len], samples, 12);
    fake_steps++;
    streamed_len = (uint16_t)(streamed_len + 4);
}

static inline int fake_logits(int8_t *out_logits)
{
    if (streamed_len < 100) {
        return -3;
    }
    memmove(streamed[0], streamed[streamed_len - 100], 300);
    streamed_len = 100;
    return fake_run(streamed[0], out_logits);
}

static int16_t golden_counts[300];
static int8_t golden_logits[3];

static const wk_classifier_t fake = {
    {1, 2, 3, 4, 5, 6, 7, 8}, 100, 60, 50000, 0.015625f, 0, 2, 3,
    {{0, 2, -5, 1.0f}, {2, 1, 7, 0.5f}},
    fake_run, 4, fake_begin, fake_push, fake_logits, 1, golden_counts, golden_logits,
};

static inline void bench_begin_with(bench_t *bench, const wk_classifier_t *classifier,
                                    wk_app_options_t options, uint64_t now_us)
{
    memset(bench, 0, sizeof *bench);
    bench->now_us = now_us;
    fake_bench = NULL;
    fake_takes_us = 0;
    fake_status = 0;
    wk_adxl345_model_reset(&bench->model);
    wk_adxl345_pace_begin(&bench->pace, &bench->model, bench_sample, bench);
    wk_frame_decoder(&bench->decoder);
    bench->wires.model = &bench->model;
    bench->wires.bus_hz = WK_ADXL345_I2C_HZ_MAX;
    bench->i2c.transfer = wk_adxl345_wires_i2c;
    bench->i2c.context = &bench->wires;
    bench->i2c.address = WK_ADXL345_ADDRESS;
    bench->bus = wk_adxl345_i2c_bus(&bench->i2c);
    bench->board.bus = &bench->bus;
    bench->board.now_us = bench_now_us;
    bench->board.send = bench_send;
    bench->board.receive = bench_receive;
    bench->board.context = bench;
    bench->board.boot_id = 100;
    bench->board.simulated = true;
    bench->board.supply_mv = 2500;
    bench->board.reset_cause = 3;
    memcpy(bench->board.uid, "unit-uid", WK_UID_BYTES);
    wk_app_begin(&bench->app, &bench->board, classifier, options);
}

static inline void bench_begin(bench_t *bench, bool streaming, uint8_t streams)
{
    const wk_app_options_t options = {streams, streaming, 0};

    bench_begin_with(bench, &fake, options, 0);
}

static inline void run_steps(bench_t *bench, uint32_t steps, uint32_t step_us)
{
    while (steps-- > 0) {
        bench->now_us += step_us;
        wk_adxl345_pace_until(&bench->pace, bench->now_us);
        wk_app_step(&bench->app);
    }
}

static inline void run_ms(bench_t *bench, uint32_t ms)
{
    run_steps(bench, ms, 1000);
}

static inline void send_and_run(bench_t *bench, size_t len)
{
    CHECK(len > 0);
    bench->to_len = len;
    bench->to_at = 0;
    run_ms(bench, 2);
    CHECK_EQUAL(bench->to_at, len);
}

#endif
