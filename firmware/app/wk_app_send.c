#include <string.h>

#include "wk/wk_app.h"

#define LSB_PER_G 256 /* data sheet, Table 1: typical, full resolution */

void wk_app_send(wk_app_t *app, const uint8_t *wire, size_t wire_len)
{
    app->seq++;
    if (wire_len == 0 || !app->board->send(app->board->context, wire, wire_len)) {
        app->stats.tx_dropped++;
    }
}

static uint32_t features(const wk_app_t *app)
{
    uint32_t bits = WK_FEATURE_COMMANDS | WK_FEATURE_REPLAY;

    bits |= app->options.streams & WK_FEATURE_SAMPLES;
    bits |= app->board->simulated ? WK_FEATURE_SIMULATED : 0u;
    if (app->answers) {
        bits |= WK_FEATURE_KNOWN_ANSWERS | (app->options.streams & WK_FEATURE_PREDICTIONS);
    }
    return bits;
}

static void describe_model(const wk_classifier_t *model, wk_hello_t *out_hello)
{
    uint8_t head;

    out_hello->window = model->length;
    out_hello->hop = model->hop;
    out_hello->input_scale_g = model->input_scale_g;
    out_hello->input_zero_point = model->input_zero_point;
    out_hello->heads_len = model->heads_len;
    memcpy(out_hello->model_id, model->id, sizeof model->id);
    for (head = 0; head < model->heads_len; head++) {
        out_hello->classes[head] = model->heads[head].logits_len;
    }
}

/* A device without a model has no windows; the numbers only have to be legal ones. */
static void describe_no_model(wk_hello_t *out_hello)
{
    out_hello->window = 1;
    out_hello->hop = 1;
    out_hello->input_scale_g = 1.0f;
}

void wk_app_send_hello(wk_app_t *app)
{
    static const wk_hello_t nothing;
    static const uint8_t version[3] = WK_FIRMWARE_VERSION;
    wk_hello_t hello = nothing;
    uint8_t wire[WK_FRAME_WIRE_MAX];
    uint8_t axis;

    if (wk_adxl345_registers(&app->sensor, app->registers) != WK_ADXL345_OK) {
        app->stats.bus_errors++;
        memset(app->registers, 0, sizeof app->registers);
    }
    hello.minor = WK_LINK_MINOR_MAX;
    hello.minor_min = WK_LINK_MINOR_MIN;
    hello.minor_max = WK_LINK_MINOR_MAX;
    hello.devid = app->registers[0];
    hello.bw_rate = app->registers[1];
    hello.data_format = app->registers[2];
    hello.fifo_ctl = app->registers[3];
    hello.boot_id = app->board->boot_id + app->run;
    memcpy(hello.uid, app->board->uid, sizeof hello.uid);
    memcpy(hello.firmware, version, sizeof hello.firmware);
    for (axis = 0; axis < 3; axis++) {
        hello.axis_map[axis] = axis;
        hello.lsb_per_g[axis] = LSB_PER_G;
    }
    hello.supply_mv = app->board->supply_mv;
    hello.features = features(app);
    if (app->answers) {
        describe_model(app->classifier, &hello);
    } else {
        describe_no_model(&hello);
    }
    wk_app_send(app, wire, wk_hello_encode(&hello, app->seq, wire, sizeof wire));
}

void wk_app_send_samples(wk_app_t *app)
{
    uint8_t wire[WK_FRAME_WIRE_MAX];

    if (app->batch.n > 0 && (app->options.streams & WK_FEATURE_SAMPLES) != 0) {
        wk_app_send(app, wire, wk_samples_encode(&app->batch, app->seq, wire, sizeof wire));
    }
    app->batch.n = 0;
    app->batch.flags = 0;
}

void wk_app_send_prediction(wk_app_t *app, const int8_t *logits, uint32_t infer_us)
{
    const wk_classifier_t *model = app->classifier;
    wk_prediction_t prediction;
    uint8_t wire[WK_FRAME_WIRE_MAX];
    uint8_t head;

    prediction.window_first_index = app->window.first_index;
    prediction.window_crc = wk_window_crc(app->window.counts[0], app->window.length);
    memcpy(prediction.model_id, model->id, sizeof prediction.model_id);
    prediction.infer_us = infer_us;
    prediction.heads_len = model->heads_len;
    for (head = 0; head < model->heads_len; head++) {
        prediction.heads[head].logits_len = model->heads[head].logits_len;
        prediction.heads[head].scale = model->heads[head].scale;
        prediction.heads[head].zero_point = model->heads[head].zero_point;
        prediction.heads[head].logits = logits + model->heads[head].first;
    }
    if (infer_us > app->stats.max_infer_us) {
        app->stats.max_infer_us = infer_us;
    }
    wk_app_send(app, wire, wk_prediction_encode(&prediction, app->seq, wire, sizeof wire));
}

void wk_app_send_stats(wk_app_t *app)
{
    uint8_t wire[WK_FRAME_WIRE_MAX];

    if (app->board->free_stack_bytes != NULL) {
        app->stats.min_free_stack_bytes = app->board->free_stack_bytes(app->board->context);
    }
    wk_app_send(app, wire, wk_stats_encode(&app->stats, app->seq, wire, sizeof wire));
}

void wk_app_send_error(wk_app_t *app, uint16_t code, const char *text, size_t text_len)
{
    wk_error_t error;
    uint8_t wire[WK_FRAME_WIRE_MAX];

    error.code = code;
    error.text = text;
    if (text_len > WK_ERROR_TEXT_MAX) { /* what does not fit goes from the last whole word on */
        text_len = WK_ERROR_TEXT_MAX;
        while (text_len > 1 && text[text_len] != ' ') {
            text_len--;
        }
    }
    error.text_len = (uint8_t)text_len;
    wk_app_send(app, wire, wk_error_encode(&error, app->seq, wire, sizeof wire));
}
