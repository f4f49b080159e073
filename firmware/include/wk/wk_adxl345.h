/* ADXL345 accelerometer: set up, checked, and read one FIFO entry at a time.
 *
 * The driver reaches the part only through a wk_bus_t, so that the same code runs over I2C, over
 * SPI, and against the register model of ports/host. It allocates nothing and never waits.
 * Register names and values: Analog Devices ADXL345 data sheet, Table 19 and after.
 *
 * Typical use:
 *   wk_adxl345_begin(&sensor, &bus, rate_mhz, now_us);   WK_ADXL345_OK, or explain and try again
 *   wk_adxl345_next(&sensor, now_us, &sample);           often: at the latest every 25 periods
 * After any status from WK_ADXL345_ERR_NO_ANSWER on, call wk_adxl345_begin again: how many samples
 * were lost cannot be known, so the index starts at 0 and the reader sees a new run.
 */
#ifndef WK_ADXL345_H
#define WK_ADXL345_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wk/wk_platform.h"
#include "wk/wk_sample.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WK_ADXL345_ADDRESS 0x53     /* I2C, ALT ADDRESS pin low */
#define WK_ADXL345_ADDRESS_ALT 0x1D /* I2C, ALT ADDRESS pin high */

#define WK_ADXL345_RANGE_G 2

/* Output rates are in millihertz, because the part has 6.25 and 12.5 Hz too. A program with a model
 * takes the model's; this is for one without. */
#define WK_ADXL345_DEFAULT_RATE_MHZ 50000u

/* The part's rates of 6.25, 12.5, 25, 50, 100, 200, 400 and 800 Hz. Below, a sample takes longer
 * than a reader of the link waits; above, the part drops the lowest bit at +-2 g and I2C is too
 * slow for it. */
#define WK_ADXL345_RATE_MIN_MHZ 6250u
#define WK_ADXL345_RATE_MAX_MHZ 800000u

/* No sample for ten periods, and at least for this long, is a fault: the part lost its power or its
 * settings. */
#define WK_ADXL345_STALL_US 200000u

/* How the driver reaches the registers; wk_adxl345_bus.h makes one of an I2C or SPI controller.
 * Both functions return 0 when the part acknowledged and every byte was transferred, anything else
 * when not; both must return within a bounded time.
 * `read` is one burst: reg, reg + 1, ... in a single transfer.
 * The part needs 5 us between the end of a data read (past register 0x37) and the next read of
 * FIFO_STATUS: I2C's address byte (22 us at 400 kHz) and SPI up to 1.6 MHz take longer than that;
 * a faster SPI bus must raise CS and wait before it returns. */
typedef struct {
    int (*write)(void *context, uint8_t reg, uint8_t value);
    int (*read)(void *context, uint8_t reg, uint8_t *out_bytes, uint8_t bytes_len);
    void *context;
} wk_bus_t;

typedef enum {
    WK_ADXL345_OK = 0,        /* set up, or a sample was read */
    WK_ADXL345_EMPTY,         /* no sample is waiting; not an error */
    WK_ADXL345_ERR_NO_ANSWER, /* the bus function failed */
    WK_ADXL345_ERR_ID,        /* DEVID is not 0xE5: fault.got says what it is */
    WK_ADXL345_ERR_READ_BACK, /* fault.reg was set to fault.expected but reads fault.got */
    WK_ADXL345_ERR_OVERRUN,   /* the FIFO was full: samples may have been lost */
    WK_ADXL345_ERR_STALLED,   /* no sample for ten periods, at least WK_ADXL345_STALL_US */
    WK_ADXL345_ERR_GLITCH,    /* a value that the part cannot send: bus noise or lost settings */
    WK_ADXL345_ERR_SETTINGS,  /* running, fault.reg does not read as it was set: power dip or noise */
    WK_ADXL345_ERR_MOVED,     /* self-test: the board was not still */
    WK_ADXL345_ERR_SELF_TEST, /* self-test: the axis in fault.reg (0 = x) hardly moved */
    WK_ADXL345_ERR_RATE       /* the part has no such output rate */
} wk_adxl345_status_t;

/* What the last error was about; meaningful as noted beside the status. */
typedef struct {
    uint8_t reg;
    uint8_t expected;
    uint8_t got;
} wk_adxl345_fault_t;

/* Caller-owned; written by wk_adxl345_begin, its fields are the driver's except `fault`. */
typedef struct {
    const wk_bus_t *bus;
    uint32_t next_index;
    uint32_t last_us;
    uint32_t stall_us;
    uint8_t bw_rate;
    uint8_t fifo_ctl;
    bool discard;
    wk_adxl345_fault_t fault;
} wk_adxl345_t;

/* The BW_RATE value of an output rate at normal power. False, and nothing is written, for a rate
 * that the part does not have exactly: a model must see the rate it was trained on. */
WK_MUST_CHECK bool wk_adxl345_rate_code(uint32_t rate_mhz, uint8_t *out_code);

/* Samples of 200 ms at this rate, 1 to `most`: what is sent or waited for at once. */
uint8_t wk_adxl345_batch(uint32_t rate_mhz, uint8_t most);

/* Check DEVID, configure in standby (rate_mhz, full resolution, +-2 g, no offsets, no interrupts,
 * FIFO in stream mode with a watermark of 200 ms, at most half of it), read every register back,
 * start measuring.
 * `bus` must outlive the sensor. now_us: the microsecond clock, here and in wk_adxl345_next.
 * Returns OK, ERR_RATE (the part was not touched), ERR_NO_ANSWER, ERR_ID or ERR_READ_BACK; after an
 * error nothing may be read. */
WK_MUST_CHECK wk_adxl345_status_t wk_adxl345_begin(wk_adxl345_t *out_sensor, const wk_bus_t *bus,
                                                   uint32_t rate_mhz, uint32_t now_us);

/* Read the oldest waiting sample, one 6-byte burst. The very first after begin is dropped (the
 * part's turn-on transient). t_us: k waiting samples share the time since the previous one
 * equally, so a late call does not bunch them.
 * Returns OK (out_sample is written), EMPTY, ERR_NO_ANSWER, ERR_OVERRUN, ERR_STALLED, ERR_GLITCH
 * or ERR_SETTINGS; out_sample is written only with OK. */
WK_MUST_CHECK wk_adxl345_status_t wk_adxl345_next(wk_adxl345_t *sensor, uint32_t now_us,
                                                  wk_sample_t *out_sample);

/* DEVID, BW_RATE, DATA_FORMAT, FIFO_CTL as they read now. OK or ERR_NO_ANSWER (out_values is then
 * not to be used). sensor->bus must be set. */
WK_MUST_CHECK wk_adxl345_status_t wk_adxl345_registers(const wk_adxl345_t *sensor,
                                                       uint8_t out_values[4]);

/* Supply voltage, on which the self-test's force depends (data sheet, Table 14). */
typedef enum { WK_ADXL345_2V0, WK_ADXL345_2V5, WK_ADXL345_3V3, WK_ADXL345_3V6 } wk_adxl345_supply_t;

/* The board's clock in microseconds, for the one function here that waits. */
typedef struct {
    uint32_t (*now_us)(void *context);
    void *context;
} wk_clock_t;

/* Let the part push its own proof mass and see whether it moves. The board must lie still for 0.4
 * s. Sets the part up for it (100 Hz, +-16 g, standby before and after): call wk_adxl345_begin
 * afterwards. `bus` and `clock` are used only during the call; out_sensor is written for `fault`.
 * out_change: x, y, z with SELF_TEST minus without, in 1/256 g, written with OK and ERR_SELF_TEST.
 * An axis passes when it changed in the right direction by at least the data sheet's minimum for
 * the supply; more than its maximum "is not necessarily a failure" and passes too.
 * Returns OK, ERR_NO_ANSWER, ERR_ID, ERR_READ_BACK, ERR_STALLED, ERR_GLITCH, ERR_MOVED or
 * ERR_SELF_TEST. */
WK_MUST_CHECK wk_adxl345_status_t wk_adxl345_self_test(wk_adxl345_t *out_sensor,
                                                       const wk_bus_t *bus,
                                                       const wk_clock_t *clock,
                                                       wk_adxl345_supply_t supply,
                                                       int16_t out_change[3]);

/* Read DEVID: OK, ERR_NO_ANSWER or ERR_ID. Set a register and read it back: OK, ERR_NO_ANSWER or
 * ERR_READ_BACK. Both say more in sensor->fault; sensor->bus must be set. */
WK_MUST_CHECK wk_adxl345_status_t wk_adxl345_check_id(wk_adxl345_t *sensor);
WK_MUST_CHECK wk_adxl345_status_t wk_adxl345_set(wk_adxl345_t *sensor, uint8_t reg, uint8_t value);

/* Longest sentence of wk_adxl345_explain. */
#define WK_ADXL345_EXPLAIN_MAX 128

/* One sentence, without LF, that names what is wrong and the likely physical cause. Returns its
 * length, or 0 when text_max is too small (WK_ADXL345_EXPLAIN_MAX always suffices). */
size_t wk_adxl345_explain(wk_adxl345_status_t status, const wk_adxl345_fault_t *fault,
                          char *out_text, size_t text_max);

#ifdef __cplusplus
}
#endif

#endif
