/* The whole program of the text sketch: keep the sensor running, print its samples.
 *
 * The board gives two things, a register bus and somewhere to write characters, and calls
 * wk_text_app_step as often as it can (at the latest every 25 sample periods). Lines printed:
 *   header      at every start of the sensor and every WK_TEXT_APP_HEADER_US
 *   samples     wearkit text/1 with CRC-32
 *   #error S    the sensor cannot be started: S says why; tried again every second
 *   #restart S  it ran and something was lost: S says what; a header and index 0 follow
 */
#ifndef WK_TEXT_APP_H
#define WK_TEXT_APP_H

#include "wk/wk_adxl345.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WK_TEXT_APP_HEADER_US 10000000u
#define WK_TEXT_APP_RETRY_US 1000000u

/* Lines of WK_TEXT_SAMPLE_MAX bytes at 115200 baud, which is what every port here opens: at 400 Hz
 * they would need nearly twice of it. A faster rate is refused with #error. */
#define WK_TEXT_APP_RATE_MAX_MHZ 200000u

/* Must take all of `text`; may block for as long as the line needs at the baud rate. */
typedef void (*wk_text_sink_t)(void *context, const char *text, size_t text_len);

/* Caller-owned, written by wk_text_app_begin; its fields are the program's own, but for
 * `simulated`: a board without a real sensor sets it between begin and the first step. */
typedef struct {
    const wk_bus_t *bus;
    wk_text_sink_t sink;
    void *sink_context;
    wk_adxl345_t sensor;
    uint32_t rate_mhz;
    uint32_t attempt_us;
    uint32_t header_us;
    bool running;
    bool simulated;
} wk_text_app_t;

/* `bus` must outlive the program. rate_mhz: the sensor's, up to WK_TEXT_APP_RATE_MAX_MHZ. Prints
 * nothing and does not touch the sensor yet. */
void wk_text_app_begin(wk_text_app_t *out_app, const wk_bus_t *bus, wk_text_sink_t sink,
                       void *sink_context, uint32_t rate_mhz, uint32_t now_us);

/* Start the sensor, or print at most one sample: true when it did, so that another may be waiting.
 * now_us: the board's microsecond clock. */
bool wk_text_app_step(wk_text_app_t *app, uint32_t now_us);

#ifdef __cplusplus
}
#endif

#endif
