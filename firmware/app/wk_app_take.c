#include "wk/wk_app.h"
#include "wk/wk_counts.h"
#include "wk/wk_status.h"

#define STEP_MAX 16 /* samples of one push */

static bool classifies(const wk_app_t *app)
{
    return app->answers && (app->options.streams & WK_FEATURE_PREDICTIONS) != 0;
}

static bool streams_model(const wk_app_t *app)
{
    return app->options.streaming && app->classifier->step != 0;
}

static void classify(wk_app_t *app, bool streamed)
{
    const uint32_t start_us = app->board->now_us(app->board->context);
    int8_t input[3 * WK_WINDOW_MAX];
    int8_t logits[WK_LOGITS_MAX];
    uint16_t i;
    int status;

    if (streamed) {
        status = app->classifier->logits(logits);
    } else {
        for (i = 0; i < 3 * app->window.length; i++) {
            input[i] = wk_input_from_count(app->window.counts[i / 3][i % 3]);
        }
        status = app->classifier->run(input, logits);
    }
    if (status == WK_OK) {
        wk_app_send_prediction(app, logits, app->board->now_us(app->board->context) - start_us);
    }
    app->stats.late_inferences += wk_ring_len(&app->ring) >= app->window.hop;
}

/* The window's newest samples, when they make a step of the stream. */
static void stream_step(wk_app_t *app, wk_window_status_t status)
{
    const uint16_t step = app->classifier->step;
    const uint16_t first = (uint16_t)(app->window.held - step);
    int8_t input[3 * STEP_MAX];
    uint16_t i;

    if (status == WK_WINDOW_STARTED) {
        app->classifier->begin();
    }
    if (app->window.held % step != 0 || 3u * step > sizeof input) {
        return;
    }
    for (i = 0; i < 3 * step; i++) {
        input[i] = wk_input_from_count(app->window.counts[first + i / 3][i % 3]);
    }
    app->classifier->push(input);
}

static void batch(wk_app_t *app, const wk_sample_t *sample)
{
    wk_samples_t *samples = &app->batch;
    uint8_t axis;

    if (samples->n > 0 && sample->index != samples->first_index + samples->n) {
        wk_app_send_samples(app); /* a frame has no holes */
    }
    if (samples->n == 0) {
        samples->first_index = sample->index;
    }
    for (axis = 0; axis < 3; axis++) {
        const int16_t count = sample->counts[axis];

        samples->counts[samples->n][axis] = count;
        if (count <= WK_COUNT_MIN || count >= WK_COUNT_MAX) {
            samples->flags = (uint8_t)(samples->flags | WK_SAMPLES_RAIL);
        }
    }
    samples->t_us = sample->t_us;
    samples->n++;
    if (samples->n >= app->samples_per_frame) {
        wk_app_send_samples(app);
    }
}

bool wk_app_take(wk_app_t *app, const wk_sample_t *sample)
{
    wk_window_status_t status;

    batch(app, sample);
    if (!classifies(app)) {
        return false;
    }
    status = wk_window_push(&app->window, sample->index, sample->counts);
    if (status != WK_WINDOW_SKIPPED && streams_model(app)) {
        stream_step(app, status);
    }
    if (status == WK_WINDOW_FULL) {
        classify(app, streams_model(app));
    }
    return status == WK_WINDOW_FULL;
}
