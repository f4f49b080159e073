#include "wk/wk_app.h"

static const char no_common_version[] = "No minor version in common.";

static void acknowledge(wk_app_t *app, const wk_frame_t *frame, uint8_t status)
{
    wk_ack_t ack;
    uint8_t wire[WK_FRAME_WIRE_MAX];

    ack.type = frame->type;
    ack.seq = frame->seq;
    ack.status = status;
    wk_app_send(app, wire, wk_ack_encode(&ack, app->seq, wire, sizeof wire));
}

static void say_hello(wk_app_t *app, const wk_frame_t *frame)
{
    wk_hello_request_t request;
    uint8_t minor;

    if (wk_hello_request_decode(frame, &request) && wk_link_choose_minor(&request, &minor)) {
        wk_app_send_hello(app);
    } else {
        wk_app_send_error(app, WK_ERROR_VERSION, no_common_version, sizeof no_common_version - 1);
    }
}

static void configure(wk_app_t *app, const wk_frame_t *frame)
{
    wk_config_t config;

    if (!wk_config_decode(frame, &config)) {
        acknowledge(app, frame, WK_ACK_BAD_VALUE);
        return;
    }
    wk_app_send_samples(app);
    app->options.streams = config.streams;
    app->samples_per_frame = config.samples_per_frame;
    acknowledge(app, frame, WK_ACK_OK);
    wk_app_send_hello(app);
}

/* The sensor is started again, so that the run begins with its next sample as sample 0. */
static void start(wk_app_t *app, const wk_frame_t *frame)
{
    app->replaying = false;
    app->stopped = false;
    app->running = false;
    app->attempt_us = app->board->now_us(app->board->context) - WK_APP_RETRY_US;
    acknowledge(app, frame, WK_ACK_OK);
}

static void stop(wk_app_t *app, const wk_frame_t *frame)
{
    wk_app_send_samples(app);
    app->stopped = true;
    app->running = false;
    acknowledge(app, frame, WK_ACK_OK);
}

static void replay(wk_app_t *app, const wk_frame_t *frame)
{
    wk_replay_t given;
    wk_sample_t sample;
    uint8_t i;
    uint8_t axis;

    if (!wk_replay_decode(frame, &given)) {
        acknowledge(app, frame, WK_ACK_BAD_VALUE);
        return;
    }
    if (!app->replaying || given.first_index == 0) {
        wk_app_send_samples(app);
        wk_app_new_run(app);
    }
    app->replaying = true;
    app->running = false;
    for (i = 0; i < given.n; i++) {
        sample.index = given.first_index + i;
        sample.t_us = app->board->now_us(app->board->context);
        for (axis = 0; axis < 3; axis++) {
            sample.counts[axis] = given.counts[i][axis];
        }
        (void)wk_app_take(app, &sample);
    }
    acknowledge(app, frame, WK_ACK_OK);
}

static void answer(wk_app_t *app, const wk_frame_t *frame)
{
    uint8_t wire[WK_FRAME_WIRE_MAX];
    uint32_t nonce;

    switch (frame->type) {
    case WK_TYPE_HELLO_REQUEST:
        say_hello(app, frame);
        break;
    case WK_TYPE_CONFIG:
        configure(app, frame);
        break;
    case WK_TYPE_START:
        start(app, frame);
        break;
    case WK_TYPE_STOP:
        stop(app, frame);
        break;
    case WK_TYPE_REPLAY:
        replay(app, frame);
        break;
    case WK_TYPE_PING:
        if (wk_nonce_decode(frame, &nonce)) {
            wk_app_send(app, wire,
                        wk_nonce_encode(WK_TYPE_PONG, nonce, app->seq, wire, sizeof wire));
        }
        break;
    default: /* a device's own frame comes back when the line echoes: nothing to answer */
        break;
    }
}

void wk_app_commands(wk_app_t *app)
{
    wk_frame_t frame;
    int byte = app->board->receive(app->board->context);

    while (byte >= 0) {
        if (wk_frame_push(&app->commands, (uint8_t)byte, &frame) == WK_FRAME_OK) {
            answer(app, &frame);
            return;
        }
        byte = app->board->receive(app->board->context);
    }
}
