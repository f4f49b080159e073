#include "wk/wk_text_app.h"

#include "wk/wk_text.h"
#include "wk/wk_writer.h"

static const char error_mark[] WK_FLASH = "#error ";
static const char restart_mark[] WK_FLASH = "#restart ";
static const char too_fast[] WK_FLASH =
    "#error Lines of text at 115200 baud are for up to 200 Hz: send frames.\n";

static wk_text_format_t format(const wk_text_app_t *app)
{
    const wk_text_format_t made = {app->rate_mhz, WK_ADXL345_RANGE_G, true, app->simulated};

    return made;
}

static void print_header(wk_text_app_t *app, uint32_t now_us)
{
    const wk_text_format_t said = format(app);
    char header[WK_TEXT_HEADER_MAX];

    app->sink(app->sink_context, header, wk_text_header(&said, header, sizeof header));
    app->header_us = now_us;
}

static void print_fault(wk_text_app_t *app, const char *mark, wk_adxl345_status_t status)
{
    char line[sizeof restart_mark + WK_ADXL345_EXPLAIN_MAX + 1];
    wk_writer_t writer = wk_writer(line, sizeof line);

    wk_write_flash(&writer, mark);
    writer.len += wk_adxl345_explain(status, &app->sensor.fault, line + writer.len,
                                     WK_ADXL345_EXPLAIN_MAX);
    wk_write_char(&writer, '\n');
    app->sink(app->sink_context, line, wk_writer_len(&writer));
}

static void print_flash(wk_text_app_t *app, const char *text)
{
    char line[sizeof too_fast];
    wk_writer_t writer = wk_writer(line, sizeof line);

    wk_write_flash(&writer, text);
    app->sink(app->sink_context, line, wk_writer_len(&writer));
}

/* Attempts lie at least a second apart, so a sensor that starts and fails at once cannot flood
 * the line, while one that ran for longer is started again immediately. */
static void start(wk_text_app_t *app, uint32_t now_us)
{
    wk_adxl345_status_t status;

    if (now_us - app->attempt_us < WK_TEXT_APP_RETRY_US) {
        return;
    }
    app->attempt_us = now_us;
    if (app->rate_mhz > WK_TEXT_APP_RATE_MAX_MHZ) {
        print_flash(app, too_fast);
        return;
    }
    status = wk_adxl345_begin(&app->sensor, app->bus, app->rate_mhz, now_us);
    if (status != WK_ADXL345_OK) {
        print_fault(app, error_mark, status);
        return;
    }
    app->running = true;
    print_header(app, now_us);
}

static bool stream(wk_text_app_t *app, uint32_t now_us)
{
    const wk_text_format_t said = format(app);
    char line[WK_TEXT_SAMPLE_MAX];
    wk_sample_t sample;
    const wk_adxl345_status_t status = wk_adxl345_next(&app->sensor, now_us, &sample);

    if (status == WK_ADXL345_OK) {
        app->sink(app->sink_context, line, wk_text_sample(&said, &sample, line, sizeof line));
    } else if (status != WK_ADXL345_EMPTY) {
        print_fault(app, restart_mark, status);
        app->running = false;
        return false;
    }
    if (now_us - app->header_us >= WK_TEXT_APP_HEADER_US) {
        print_header(app, now_us);
    }
    return status == WK_ADXL345_OK;
}

void wk_text_app_begin(wk_text_app_t *out_app, const wk_bus_t *bus, wk_text_sink_t sink,
                       void *sink_context, uint32_t rate_mhz, uint32_t now_us)
{
    out_app->bus = bus;
    out_app->sink = sink;
    out_app->sink_context = sink_context;
    out_app->rate_mhz = rate_mhz;
    out_app->attempt_us = now_us - WK_TEXT_APP_RETRY_US; /* the first attempt is due at once */
    out_app->header_us = now_us;
    out_app->running = false;
    out_app->simulated = false;
}

bool wk_text_app_step(wk_text_app_t *app, uint32_t now_us)
{
    if (app->running) {
        return stream(app, now_us);
    }
    start(app, now_us);
    return false;
}
