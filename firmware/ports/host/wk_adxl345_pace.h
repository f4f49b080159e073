/* When the model converts: its output rate with the error and jitter of its own oscillator, fed
 * from a source of samples, with faults at given times.
 *
 * The data sheet gives no tolerance for the output rate; real parts were seen between -3.6 % and
 * +1.7 %. Time is the board's, in microseconds since the beginning, 64 bits, so that it never wraps
 * here however often the board's own 32 bits do.
 */
#ifndef WK_ADXL345_PACE_H
#define WK_ADXL345_PACE_H

#include "wk_adxl345_model.h"

/* Gives the acceleration at a conversion, in 1/256 g. Returns false when there is no more: the
 * pace then stops. Only conversions at the rate of the source, source_mhz, use samples up; at any
 * other rate (self-test) the last one is held. */
typedef bool (*wk_adxl345_source_t)(void *context, int16_t out_counts[3]);

#define WK_ADXL345_FAULTS_MAX 64

/* Caller-owned. error_ppm: of the output rate, positive is faster. jitter_us: of each conversion,
 * uniform, and never accumulating. */
typedef struct {
    wk_adxl345_model_t *model;
    wk_adxl345_source_t source;
    void *source_context;
    uint32_t source_mhz; /* 50 Hz after begin */
    int32_t error_ppm;
    uint32_t jitter_us;
    uint32_t random;
    /* faults still to come */
    struct {
        uint64_t at_us;
        uint8_t kind;
        int32_t value;
    } faults[WK_ADXL345_FAULTS_MAX];
    uint8_t faults_len, faults_done;
    /* state */
    uint64_t next_ns;  /* of the next conversion without jitter; 0 while not measuring */
    uint64_t shown_ns; /* with jitter */
    uint32_t rate_mhz; /* for which next_ns was reckoned */
    int16_t counts[3];
    bool ended;
} wk_adxl345_pace_t;

void wk_adxl345_pace_begin(wk_adxl345_pace_t *out_pace, wk_adxl345_model_t *model,
                           wk_adxl345_source_t source, void *source_context);

/* Let time pass up to now_us: conversions and faults in their order. */
void wk_adxl345_pace_until(wk_adxl345_pace_t *pace, uint64_t now_us);

/* Add faults: "MS:NAME=VALUE,...", times not decreasing, VALUE decimal or 0x. Names:
 *   absent, mute, shifted, frozen (1 or 0), devid, stuck (register), noise (bits of DATAX1),
 *   refuse (transfers), brownout (1: registers as after power-on), burst (conversions at one
 *   instant, as if the board had not listened), rate (ppm: the oscillator changes)
 * Returns 0, or the place (1 for the first character) of what could not be understood. */
uint32_t wk_adxl345_pace_faults(wk_adxl345_pace_t *pace, const char *spec);

#endif
