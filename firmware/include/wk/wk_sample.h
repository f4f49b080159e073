/* One reading of the accelerometer. */
#ifndef WK_SAMPLE_H
#define WK_SAMPLE_H

#include <stdint.h>

/* index: samples the sensor took since it was started, the first delivered one being 0.
 * t_us: this board's microsecond clock when the sample was taken; wraps every 71.6 minutes.
 * counts: x, y, z in 1/256 g, sensor axes. */
typedef struct {
    uint32_t index;
    uint32_t t_us;
    int16_t counts[3];
} wk_sample_t;

#endif
