/* Means over time as running sums: add a step when it comes, and take away the one that leaves. */
#ifndef WK_MEAN_H
#define WK_MEAN_H

#include <stdint.h>

#define WK_MEAN_STEPS_MAX 255 /* as many int8 always fit an int16 sum */

/* sums[c] += column[c]. */
void wk_mean_add(int16_t *sums, const int8_t *column, uint16_t channels);

/* sums[c] += column[c] - oldest[c], then oldest[c] = column[c]. */
void wk_mean_replace(int16_t *sums, int8_t *oldest, const int8_t *column, uint16_t channels);

/* out[c] = sums[c] / steps to the nearest integer, ties away from zero. */
void wk_mean_of(const int16_t *sums, uint16_t steps, uint16_t channels, int8_t *out);

#endif
