#include "wk/wk_app.h"

static const char model_differs[] = "The model does not give its known answers: flash it again.";

/* A model that fails its known answers still says at which rate this device was built to measure. */
static uint32_t rate_mhz(const wk_app_t *app)
{
    if (app->classifier != NULL) {
        return app->classifier->rate_mhz;
    }
    return app->options.rate_mhz != 0 ? app->options.rate_mhz : WK_ADXL345_DEFAULT_RATE_MHZ;
}

void wk_app_begin(wk_app_t *out_app, const wk_board_t *board, const wk_classifier_t *classifier,
                  wk_app_options_t options)
{
    const uint32_t now_us = board->now_us(board->context);
    static const wk_app_t nothing;

    *out_app = nothing;
    out_app->board = board;
    out_app->sensor.bus = board->bus;
    out_app->classifier = classifier;
    out_app->options = options;
    out_app->samples_per_frame = wk_adxl345_batch(rate_mhz(out_app), WK_SAMPLES_MAX);
    out_app->clock_us = out_app->hello_us = out_app->stats_us = now_us;
    out_app->attempt_us = now_us - WK_APP_RETRY_US; /* the first attempt is due at once */
    out_app->stats.reset_cause = board->reset_cause;
    wk_frame_decoder(&out_app->commands);
    out_app->answers = classifier != NULL &&
                       wk_window_begin(&out_app->window, classifier->length, classifier->hop) &&
                       wk_classifier_known_answers(classifier);
    wk_app_new_run(out_app);
    if (classifier != NULL && !out_app->answers) {
        wk_app_send_error(out_app, WK_ERROR_MODEL, model_differs, sizeof model_differs - 1);
    }
}

void wk_app_new_run(wk_app_t *app)
{
    app->window.held = 0;
    app->window.first_index = 0;
    app->batch.n = 0;
    wk_ring_begin(&app->ring);
}

static void sensor_failed(wk_app_t *app, wk_adxl345_status_t status)
{
    char text[WK_ADXL345_EXPLAIN_MAX];
    const size_t text_len =
        wk_adxl345_explain(status, &app->sensor.fault, text, WK_ADXL345_EXPLAIN_MAX);

    app->running = false;
    app->stats.fifo_overruns += status == WK_ADXL345_ERR_OVERRUN;
    app->stats.bus_errors += status != WK_ADXL345_ERR_OVERRUN;
    app->batch.flags = (uint8_t)(app->batch.flags | (status == WK_ADXL345_ERR_OVERRUN
                                                         ? WK_SAMPLES_OVERRUN
                                                         : WK_SAMPLES_BUS_ERROR));
    wk_app_send_error(app, WK_ERROR_SENSOR, text, text_len);
}

/* Attempts lie a second apart, so a sensor that starts and fails at once cannot flood the link,
 * while one that ran for longer is started again immediately. */
static void start(wk_app_t *app, uint32_t now_us)
{
    wk_adxl345_status_t status;

    if (now_us - app->attempt_us < WK_APP_RETRY_US) {
        return;
    }
    app->attempt_us = now_us;
    status = wk_adxl345_begin(&app->sensor, app->board->bus, rate_mhz(app), now_us);
    if (status != WK_ADXL345_OK) {
        sensor_failed(app, status);
        return;
    }
    if (app->batch.n > 0) {
        wk_app_send_samples(app); /* measured before the sensor failed */
    }
    app->running = true;
    app->run++;
    wk_app_new_run(app);
    app->hello_us = now_us;
    wk_app_send_hello(app);
}

/* Everything the sensor holds goes into the ring, so that the model may take its time. */
static void drain(wk_app_t *app, uint32_t now_us)
{
    wk_sample_t sample;
    wk_adxl345_status_t status = WK_ADXL345_OK;

    while (status == WK_ADXL345_OK && wk_ring_len(&app->ring) < WK_RING_MAX) {
        status = wk_adxl345_next(&app->sensor, now_us, &sample);
        if (status == WK_ADXL345_OK && wk_ring_push(&app->ring, &sample)) {
            app->stats.samples_taken++;
        }
    }
    if (status != WK_ADXL345_OK && status != WK_ADXL345_EMPTY) {
        sensor_failed(app, status);
    }
}

static void send_what_is_due(wk_app_t *app, uint32_t now_us)
{
    app->uptime_us += now_us - app->clock_us;
    app->clock_us = now_us;
    app->stats.uptime_ms += app->uptime_us / 1000u;
    app->uptime_us %= 1000u;
    if (now_us - app->hello_us >= WK_HELLO_PERIOD_MS * 1000u) {
        app->hello_us = now_us;
        wk_app_send_hello(app);
    }
    if (now_us - app->stats_us >= WK_STATS_PERIOD_MS * 1000u) {
        app->stats_us = now_us;
        wk_app_send_stats(app);
    }
}

void wk_app_step(wk_app_t *app)
{
    const uint32_t now_us = app->board->now_us(app->board->context);
    wk_sample_t sample;

    wk_app_commands(app);
    if (!app->replaying && !app->stopped) {
        if (app->running) {
            drain(app, now_us);
        } else if (wk_ring_len(&app->ring) == 0) { /* what was measured before goes out first */
            start(app, now_us);
        }
        while (wk_ring_pop(&app->ring, &sample) && !wk_app_take(app, &sample)) {
        }
    }
    send_what_is_due(app, now_us);
}
