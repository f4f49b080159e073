/* The wearable's program: sensor -> ring -> window grid -> model -> frames, and host commands.
 *
 * A board gives a wk_board_t and calls wk_app_step as often as it can (at the latest every 25
 * sample periods: 500 ms at 50 Hz).
 * What is sent is docs/protocol.md. When samples may have been lost (overrun, bus error, power dip)
 * the sensor is started again, an ERROR says why, and a new run begins with sample 0 and a boot_id
 * one higher, because how many were lost cannot be known.
 */
#ifndef WK_APP_H
#define WK_APP_H

#include "wk/wk_adxl345.h"
#include "wk/wk_classifier.h"
#include "wk/wk_message.h"
#include "wk/wk_ring.h"
#include "wk/wk_window.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WK_FIRMWARE_VERSION {0, 3, 0} /* that of wearkit; HELLO says it */
#define WK_APP_RETRY_US 1000000u    /* between two attempts to start the sensor */

/* What a board provides; must outlive the program. `send` takes a whole frame or nothing and returns
 * whether it did; `receive` gives the next byte from the host, or -1; `free_stack_bytes` the least
 * there ever was (NULL: not known). boot_id: random at every boot. */
typedef struct {
    const wk_bus_t *bus;
    uint32_t (*now_us)(void *context);
    bool (*send)(void *context, const uint8_t *wire, size_t wire_len);
    int (*receive)(void *context);
    uint32_t (*free_stack_bytes)(void *context);
    void *context;
    uint32_t boot_id;
    uint8_t uid[WK_UID_BYTES];
    uint16_t supply_mv; /* 0: not known */
    uint8_t reset_cause;
    bool simulated;
} wk_board_t;

/* streams: WK_FEATURE_SAMPLES, WK_FEATURE_PREDICTIONS or both. streaming: ask the model sample by
 * sample where it can, instead of a window at once. rate_mhz: the sensor's in a program without a
 * model, 0 for WK_ADXL345_DEFAULT_RATE_MHZ; a model brings its own. */
typedef struct {
    uint8_t streams;
    bool streaming;
    uint32_t rate_mhz;
} wk_app_options_t;

/* Caller-owned, written by wk_app_begin; its fields are the program's own. */
typedef struct {
    const wk_board_t *board;
    const wk_classifier_t *classifier;
    wk_app_options_t options;
    wk_adxl345_t sensor;
    wk_ring_t ring;
    wk_window_t window;
    wk_frame_decoder_t commands;
    wk_samples_t batch;
    wk_stats_t stats;
    uint8_t registers[4]; /* DEVID, BW_RATE, DATA_FORMAT, FIFO_CTL as last read */
    uint8_t samples_per_frame; /* 200 ms of them; CONFIG changes it */
    uint32_t run; /* added to boot_id */
    uint32_t clock_us, attempt_us, hello_us, stats_us;
    uint32_t uptime_us; /* below a millisecond */
    uint16_t seq;
    bool running;   /* the sensor is */
    bool stopped;   /* by the host */
    bool replaying; /* the host gives the samples */
    bool answers;   /* the model's are the known ones */
} wk_app_t;

/* Check the model's known answers. classifier may be NULL: samples only. A model that
 * fails is reported and never asked again. */
void wk_app_begin(wk_app_t *out_app, const wk_board_t *board, const wk_classifier_t *classifier,
                  wk_app_options_t options);

/* One turn: commands, what the sensor has, at most one window, what is due to be sent. */
void wk_app_step(wk_app_t *app);

/* --- between the program's own files ------------------------------------------------------------ */

/* Forget the window and what was batched; the next sample has index 0. */
void wk_app_new_run(wk_app_t *app);
/* Put one sample into batch and window, and ask the model when that is full: true when it was. */
bool wk_app_take(wk_app_t *app, const wk_sample_t *sample);
/* Do what the host asked for; at most one frame. */
void wk_app_commands(wk_app_t *app);
/* Frames. A frame that the board does not take is counted in stats.tx_dropped. */
void wk_app_send_hello(wk_app_t *app);
void wk_app_send_samples(wk_app_t *app);
void wk_app_send_prediction(wk_app_t *app, const int8_t *logits, uint32_t infer_us);
void wk_app_send_stats(wk_app_t *app);
void wk_app_send_error(wk_app_t *app, uint16_t code, const char *text, size_t text_len);
void wk_app_send(wk_app_t *app, const uint8_t *wire, size_t wire_len);

#ifdef __cplusplus
}
#endif

#endif
